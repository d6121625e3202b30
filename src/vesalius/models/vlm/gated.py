"""A language model that reads with an encoder and writes with a decoder; its states look at media through a gate.

Media take no place among the words: the image tokens, one a medium, say which row shows what and are left out before
the encoder reads. Source: Gai et al. 2024 (MedThink, arXiv 2404.12372, section 3.3), after Zhang et al. 2023
(Multimodal-CoT, arXiv 2302.00923, section 4.2): A = softmax(H Vᵀ / √d) V, g = σ(W_g [H; A]), H' = (1 − g) H + g A.

Legend: R rows, L tokens of a row, S tokens that the encoder reads, A tokens of an answer, T tokens of a medium,
D width, N answer tokens of all rows, W words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.modeling_outputs import BaseModelOutput

from vesalius.errors import ConfigError, DataError
from vesalius.models.vlm.language import language_source
from vesalius.models.vlm.model import IGNORED, AnswerLogits, VisionLanguageFile, VisionLanguageModel
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.tokenizer import IMAGE_TOKEN, train_chat_tokenizer
from vesalius.models.vlm.views import Layout

__all__ = ["PLAIN_TEMPLATE", "GatedFusion", "GatedModel", "VisionEncoderDecoderFile"]

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if not loop.first and message.role != 'assistant' and loop.previtem.role != 'assistant' %}\n{% endif %}"
    "{{ message.content }}{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)
"""Jinja: the texts alone, as T5 reads them; an answer ends, and two turns in a row stand on lines of their own."""


class Sources(NamedTuple):
    """What the encoder reads."""

    ids: Tensor
    """Padded at the right, (R, S)."""
    mask: Tensor
    """1 where a token is real, (R, S)."""


class GatedFusion(nn.Module):
    """States of words take in what media show, each as far as its gate lets it."""

    def __init__(self, width: int):
        super().__init__()
        self.gate_words = nn.Linear(width, width)
        self.gate_media = nn.Linear(width, width, bias=False)

    def forward(self, states: Tensor, media: Tensor, keep: Tensor) -> Tensor:
        """Fuse.

        Args:
            states: of the encoder, (R, S, D).
            media: tokens of each row's media, (R, T, D); keys and values are the same.
            keep: True where a token is there, (R, T); a row without any stays as it is.

        Returns:
            (R, S, D).
        """
        weights = (states @ media.transpose(1, 2) / states.shape[-1] ** 0.5).masked_fill(
            ~keep[:, None], float("-inf")
        )
        shown = keep.any(dim=1)[:, None, None]
        attended = weights.masked_fill(~shown, 0.0).softmax(dim=-1) @ media
        gate = torch.sigmoid(self.gate_words(states) + self.gate_media(attended))
        return torch.where(shown, (1 - gate) * states + gate * attended, states)


class VisionEncoderDecoderFile(VisionLanguageFile):
    """What `config.json` holds."""

    model_type = "vesalius_vision_encoder_decoder"
    is_encoder_decoder: bool = True


class GatedModel(VisionLanguageModel):
    """Vision encoder, connector, gated fusion and an encoder-decoder; the last answer of a conversation is written.

    Earlier answers are read, and none but the last is learnt.
    """

    config_class = VisionEncoderDecoderFile
    _no_split_modules = ["Block", "T5Block"]  # noqa: RUF012 - as transformers reads it
    unpackable = "the encoder of such a model reads one conversation a row"

    def __init__(self, config: VisionLanguageFile):
        super().__init__(config)
        if not self.language.config.is_encoder_decoder:
            raise ConfigError(
                f"model.language: {self.language.config.model_type} has no encoder of its own; with fusion gated one "
                "such as t5 is expected"
            )
        self.fusion = GatedFusion(int(self.language.config.hidden_size))
        self.post_init()

    @staticmethod
    def new_words(settings: VisionLanguageConfig, texts: Iterable[str]) -> Any:
        """Return the language model's tokenizer with an image token, or one trained on texts; it writes no roles."""
        source = language_source(settings)
        if source is None:
            words: Any = train_chat_tokenizer(texts, vocabulary=settings.vocabulary)
        else:
            name, _, revision = source.partition("@")
            try:
                words = AutoTokenizer.from_pretrained(name, revision=revision or "main")
            except (OSError, ValueError) as error:
                raise ConfigError(f"language model {source!r} has no tokenizer that can be loaded: {error}") from None
            words.add_special_tokens({"additional_special_tokens": [IMAGE_TOKEN]}, replace_extra_special_tokens=False)
        words.chat_template = PLAIN_TEMPLATE
        return words

    @staticmethod
    def part_of(name: str) -> str:
        """Return the part that a weight belongs to; the gate is the connector's."""
        return "connector" if name.startswith("fusion.") else VisionLanguageModel.part_of(name)

    def count(self, layout: Layout) -> int:
        """Return 1: a medium takes one token of a row, which the encoder never reads."""
        del layout
        return 1

    def sources(self, input_ids: Tensor, real: Tensor) -> Sources:
        """Take out image tokens and padding, and end each text.

        Args:
            input_ids: token numbers, (R, L).
            real: True where a token is read, (R, L).
        """
        end = input_ids.new_tensor([int(self.language.config.eos_token_id)])
        kept = real & (input_ids != self.image_token)
        rows = [torch.cat([row[keep], end]) for row, keep in zip(input_ids, kept, strict=True)]
        ids = pad_sequence(rows, batch_first=True, padding_value=int(self.language.config.pad_token_id))
        lengths = torch.tensor([len(row) for row in rows], device=ids.device)
        return Sources(ids, (torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]).long())

    def read(
        self, sources: Sources, shown: Tensor, views: Sequence[Tensor], layouts: Sequence[Layout],
        *, media: Sequence[Tensor] = (),
    ) -> Tensor:  # fmt: skip
        """States of what the encoder reads, media taken in, (R, S, D).

        Args:
            sources: see above.
            shown: media of each row, (R,).
            views: of all media, row by row.
            layouts: of all media.
            media: their tokens where they are known, (T, D) each; views are then not looked at.

        Raises:
            DataError: there are not as many media as the rows show.
        """
        states: Tensor = self.language.get_encoder()(
            input_ids=sources.ids, attention_mask=sources.mask
        ).last_hidden_state
        tokens = list(media or (self.media_tokens(views, layouts) if views else ()))
        if int(shown.sum()) != len(tokens):
            raise DataError(f"{int(shown.sum())} image tokens for {len(tokens)} media: were some left out?")
        if not tokens:
            return states
        each = iter(tokens)
        empty = states.new_zeros(0, states.shape[-1])
        rows = [torch.cat([empty, *(next(each).to(states.dtype) for _ in range(int(count)))]) for count in shown]
        lengths = torch.tensor([len(row) for row in rows], device=states.device)
        joined = pad_sequence(rows, batch_first=True)
        keep = torch.arange(joined.shape[1], device=states.device) < lengths[:, None]
        fused: Tensor = self.fusion(states, joined, keep)
        return fused

    def answer_logits(
        self,
        input_ids: Tensor,
        labels: Tensor,
        *,
        segments: Tensor,
        positions: Tensor,
        views: Sequence[Tensor],
        layouts: Sequence[Layout],
        media: Sequence[Tensor] = (),
    ) -> AnswerLogits:
        """Logits of the last answer of each row; see `VisionLanguageModel.answer_logits`.

        Raises:
            DataError: two conversations share a row.
        """
        del positions
        if bool((segments > 1).any()):
            raise DataError(f"two conversations share a row, and {self.unpackable}; set data.pack=false")
        learnt = last_answers(labels)
        before = learnt.long().cummax(dim=1).values == 0
        sources = self.sources(input_ids, (segments > 0) & before)
        shown = ((input_ids == self.image_token) & (segments > 0)).sum(dim=1)
        states = self.read(sources, shown, views, layouts, media=media)
        targets = pad_sequence(
            [row[keep] for row, keep in zip(labels, learnt, strict=True)], batch_first=True, padding_value=IGNORED
        )
        logits = self.language(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), attention_mask=sources.mask, labels=targets,
        ).logits  # fmt: skip
        row, place = learnt.nonzero(as_tuple=True)
        return AnswerLogits(logits[targets != IGNORED], targets[targets != IGNORED], row, place)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        views: Sequence[Tensor] = (),
        layouts: Sequence[Layout] = (),
        decoder_input_ids: Tensor | None = None,
    ) -> Any:
        """Logits (R, A, W) of what follows `decoder_input_ids` (R, A), as models of transformers give them."""
        states, mask = self._encoded_text(input_ids, attention_mask, views, layouts, media=())
        return self.language(encoder_outputs=states, attention_mask=mask, decoder_input_ids=decoder_input_ids)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        views: Sequence[Tensor] = (),
        layouts: Sequence[Layout] = (),
        *,
        media: Sequence[Tensor] = (),
        **options: Any,
    ) -> Any:
        """Write answers to prompts (R, L); the first token of what is returned is the decoder's own."""
        states, mask = self._encoded_text(input_ids, attention_mask, views, layouts, media=media)
        return self.language.generate(encoder_outputs=states, attention_mask=mask, **options)

    def _encoded_text(
        self, input_ids: Tensor, mask: Tensor | None, views: Sequence[Tensor], layouts: Sequence[Layout],
        *, media: Sequence[Tensor],
    ) -> tuple[BaseModelOutput, Tensor]:  # fmt: skip
        real = torch.ones_like(input_ids, dtype=torch.bool) if mask is None else mask.bool()
        sources = self.sources(input_ids, real)
        shown = ((input_ids == self.image_token) & real).sum(dim=1)
        states = self.read(sources, shown, views, layouts, media=media)
        return BaseModelOutput(last_hidden_state=states), sources.mask


def last_answers(labels: Tensor) -> Tensor:
    """Return where the last answer of each row stands, of labels (R, L) that are -100 elsewhere, (R, L)."""
    learnt = labels != IGNORED
    begins = learnt.clone()
    begins[:, 1:] &= ~learnt[:, :-1]
    number = begins.long().cumsum(dim=1)
    return learnt & (number == number[:, -1:])


AutoConfig.register(VisionEncoderDecoderFile.model_type, VisionEncoderDecoderFile, exist_ok=True)
AutoModel.register(VisionEncoderDecoderFile, GatedModel, exist_ok=True)
