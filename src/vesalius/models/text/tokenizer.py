"""A tokenizer trained on the corpus: lower-case byte pairs with the special tokens of a text encoder.

Byte pairs and not WordPiece, whose trainer in `tokenizers` breaks ties by the order of a hash table: two runs
on the same texts would number the tokens differently.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vesalius.errors import ConfigError, DataError
from vesalius.models import foreign
from vesalius.models.settings import DualEncoderConfig

__all__ = ["SPECIAL_TOKENS", "tokenizer_for", "train_tokenizer"]

SPECIAL_TOKENS = ("[PAD]", "[CLS]", "[UNK]", "[SEP]", "[MASK]")
"""In order of their numbers, from 0."""


def train_tokenizer(texts: Iterable[str], *, vocabulary: int) -> PreTrainedTokenizerFast:
    """Train on texts, such as every sentence of the training split.

    The same texts in the same order give the same tokenizer.

    Args:
        texts: read once.
        vocabulary: most tokens, with the five special ones; a small corpus gives fewer.

    Raises:
        DataError: there was no text with a word in it.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=list(SPECIAL_TOKENS), show_progress=False)
    tokenizer.train_from_iterator((text for text in texts if text.strip()), trainer=trainer)
    if tokenizer.get_vocab_size() <= len(SPECIAL_TOKENS):
        raise DataError("no tokenizer can be trained: the texts hold no word")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 1))
    tokenizer.decoder = decoders.ByteLevel()
    names = ("pad_token", "cls_token", "unk_token", "sep_token", "mask_token")
    special: dict[str, Any] = dict(zip(names, SPECIAL_TOKENS, strict=True))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="[CLS]", eos_token="[SEP]", padding_side="right", **special
    )


def tokenizer_for(settings: DualEncoderConfig, texts: Iterable[str]) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a pretrained text encoder, or train one for an encoder of random weights."""
    source = foreign.pretrained_source(settings, side="text")
    if source is None:
        return train_tokenizer(texts, vocabulary=settings.vocabulary)
    name, _, revision = source.partition("@")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name, revision=revision or "main")
    except (OSError, ValueError) as error:
        raise ConfigError(f"text encoder {source!r} has no tokenizer that can be loaded: {error}") from None
    return tokenizer
