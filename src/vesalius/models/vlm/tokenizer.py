"""The tokenizer of a compact vision-language model: byte pairs of the corpus, digits apart, and a chat template.

Case, line breaks and every script are kept, so that what is written is what was read. A pretrained language model
brings its own; it is given an image token, and a template where it has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vesalius.errors import ConfigError, DataError
from vesalius.models.vlm.language import language_source
from vesalius.models.vlm.settings import VisionLanguageConfig

__all__ = ["CHAT_TEMPLATE", "IMAGE_TOKEN", "chat_tokenizer", "image_token_of", "train_chat_tokenizer"]

IMAGE_TOKEN = "<|image|>"
"""Stands where a token of a medium will be."""

_PAD, _END = "<|pad|>", "<|end|>"
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
_SPECIAL = (_PAD, _END, *_ROLES, IMAGE_TOKEN)

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}" + IMAGE_TOKEN + "{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Jinja: role, parts, end; nothing between the turns."""

_WORDS = r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""Words with the space before them, single digits, marks, spaces."""


def train_chat_tokenizer(texts: Iterable[str], *, vocabulary: int) -> PreTrainedTokenizerFast:
    """Train on texts, such as all turns of the training conversations; the same texts give the same tokenizer.

    Args:
        texts: read once.
        vocabulary: most tokens; all 256 bytes and the special tokens are always there.

    Raises:
        DataError: there was no text with a word in it.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocabulary, 256 + len(_SPECIAL)),
        special_tokens=list(_SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    seen = _Counted(texts)
    tokenizer.train_from_iterator(seen, trainer=trainer)
    if not seen.count:
        raise DataError("no tokenizer can be trained: the conversations hold no word")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_PAD,
        eos_token=_END,
        additional_special_tokens=[*_ROLES, IMAGE_TOKEN],
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def chat_tokenizer(settings: VisionLanguageConfig, texts: Iterable[str]) -> PreTrainedTokenizerBase:
    """Return the tokenizer of the language model with an image token, or train one where it starts at random."""
    source = language_source(settings)
    if source is None:
        return train_chat_tokenizer(texts, vocabulary=settings.vocabulary)
    name, _, revision = source.partition("@")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, revision=revision or "main")
    except (OSError, ValueError) as error:
        raise ConfigError(f"language model {source!r} has no tokenizer that can be loaded: {error}") from None
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE_TOKEN]}, replace_extra_special_tokens=False)
    if tokenizer.chat_template is None:
        tokenizer.add_special_tokens(
            {"additional_special_tokens": [*_ROLES, _END]}, replace_extra_special_tokens=False
        )
        tokenizer.eos_token = _END
        tokenizer.chat_template = CHAT_TEMPLATE
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def image_token_of(tokenizer: Any) -> int:
    """Return the number of the image token."""
    return int(tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))


class _Counted:
    """Texts with a word in them, counted as they go by."""

    def __init__(self, texts: Iterable[str]):
        self.count = 0
        self._texts = texts

    def __iter__(self) -> Any:
        for text in self._texts:
            if text.strip():
                self.count += 1
                yield text
