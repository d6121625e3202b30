"""A whole vision-language model of transformers with the surface of `VisionLanguageModel`: Qwen-VL, LLaVA, InternVL.

Its own processor reads for it (`vesalius.models.vlm.whole_reading`). Several conversations share a row where its
attention is causal: positions, those of three axes too, are counted in each conversation by itself.

Legend: R rows, L tokens of a row, S conversations, N answer tokens, W words of the vocabulary, D width.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, PreTrainedConfig, PreTrainedModel

from vesalius.errors import CheckpointError, ConfigError, DataError
from vesalius.models.vlm.bases import base_configuration, base_precision, base_source
from vesalius.models.vlm.model import IGNORED, AnswerLogits
from vesalius.models.vlm.packed import block_mask
from vesalius.models.vlm.processors import open_processor
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.views import Layout
from vesalius.models.vlm.whole_reading import PictureLooker, WholeReader
from vesalius.optional import require
from vesalius.tasks.grammar import Grammar

__all__ = ["WholeModel"]

Medium = Mapping[str, Tensor]
"""What a processor makes of the pictures of one medium, by the names of the model's arguments."""

_VISION = ("vision_tower", "visual", "vision_model")
_CONNECTOR = ("multi_modal_projector", "connector", "image_newline", "qformer", "query_tokens", "language_projection")
_MERGERS = ("merger", "deepstack_merger_list")
"""Connectors that stand inside a vision encoder."""
_LANGUAGE = ("language_model", "text_model", "lm_head")

_IN_LINE = frozenset({"llava", "llava_next", "internvl", "idefics3"})
"""Types whose attention is causal over words and pictures, and whose positions count tokens."""
_IN_SPACE = frozenset({"qwen2_vl", "qwen2_5_vl", "qwen3_vl"})
"""Causal types whose positions have three axes: time, row and column."""
_BY_SAMPLE = frozenset({"idefics2", "idefics3", "smolvlm"})
"""Types whose pictures come with an axis for samples before that of pictures."""
_PREFIX = frozenset({"paligemma"})
"""Types that read all of a prompt both ways."""

_SCALED = ("final_logit_softcapping", "logits_scaling", "logit_scale")


class WholeModel(nn.Module):
    """A model of transformers that sees and writes, base weights or trained ones."""

    supports_gradient_checkpointing = True

    def __init__(self, whole: PreTrainedModel, settings: VisionLanguageConfig) -> None:
        """Take a model.

        Raises:
            ConfigError: its parts cannot be told apart, or it has an encoder for words of its own.
        """
        super().__init__()
        self.whole: Any = whole
        self.settings = settings
        if whole.config.is_encoder_decoder:
            raise ConfigError(
                f"model.base: {whole.config.model_type} has an encoder and a decoder of words; expected one that "
                "writes on from its prompt, such as llava, internvl or qwen2_5_vl"
            )
        strange = sorted({name for name, _ in whole.named_parameters() if not _part(name)})
        if strange:
            raise ConfigError(f"model.base: {whole.config.model_type} has weights of no known part: {strange[:3]}")

    @classmethod
    def of(cls, settings: VisionLanguageConfig, words: Any) -> WholeModel:
        """Build the base that the settings name, with its weights unless `pretrained` is false.

        Raises:
            ConfigError: no such base, or an option that it does not have. CheckpointError: its weights are unfit.
        """
        del words
        name, revision = base_source(settings)
        config = base_configuration(settings)
        if not settings.pretrained:
            return cls(AutoModelForImageTextToText.from_config(config), settings)
        try:
            whole = AutoModelForImageTextToText.from_pretrained(
                name, config=config, revision=revision, use_safetensors=True, **base_precision(settings)
            )
        except (OSError, ValueError) as error:
            raise CheckpointError(f"model.base: the weights of {name} cannot be loaded: {error}") from None
        return cls(whole, settings)

    @classmethod
    def from_pretrained(
        cls, folder: Path, *, settings: VisionLanguageConfig | None = None, **options: Any
    ) -> WholeModel | tuple[WholeModel, Any]:
        """Load what `save_pretrained` wrote; with `output_loading_info`, also what was amiss with the weights."""
        settings = settings or VisionLanguageConfig(base=f"hf:{folder}")
        loaded = AutoModelForImageTextToText.from_pretrained(folder, dtype="auto", **options)
        if options.get("output_loading_info"):
            return cls(loaded[0], settings), loaded[1]
        return cls(loaded, settings)

    @staticmethod
    def new_words(settings: VisionLanguageConfig, texts: Iterable[str]) -> Any:
        """Return the base's processor; nothing is learnt from the texts.

        Raises:
            ConfigError: it cannot be had.
        """
        del texts
        name, revision = base_source(settings)
        try:
            return open_processor(name, config=base_configuration(settings), revision=revision)
        except (OSError, ValueError, ImportError) as error:
            raise ConfigError(f"model.base: {name} has no processor that can be opened: {error}") from None

    @staticmethod
    def saved_words(folder: Path) -> Any:
        """Open a processor that was written to a folder."""
        return open_processor(str(folder), local=True)

    @property
    def unpackable(self) -> str:
        """Why conversations cannot share a row, or nothing."""
        text = self.config.get_text_config()
        kind = self.config.model_type
        if kind not in _IN_LINE | _IN_SPACE:
            return f"{kind} does not read words and pictures strictly from left to right, or is not known to"
        window = getattr(text, "sliding_window", None) if _slides(text) else None
        if window and window < self.settings.context:
            return (
                f"{kind} sees no further than {window} tokens back, fewer than model.context {self.settings.context}"
            )
        return ""

    @property
    def bare(self) -> Any:
        """Return the model of transformers itself, adapters inside its layers."""
        return self.whole.get_base_model() if hasattr(self.whole, "peft_config") else self.whole

    @property
    def config(self) -> PreTrainedConfig:
        """Return the configuration of transformers."""
        return self.bare.config

    @property
    def dtype(self) -> torch.dtype:
        """Return the precision of the weights."""
        found: torch.dtype = self.bare.dtype
        return found

    def reader(self, words: Any, *, context: int, grammar: Grammar) -> WholeReader:
        """Return what reads conversations for the model with its processor."""
        looker = PictureLooker(words, planes=self.settings.planes)
        return WholeReader(words, looker=looker, context=context, grammar=grammar, ends=self._ends())

    @staticmethod
    def part_of(name: str) -> str:
        """Return the part that a weight or module belongs to, by its name in this model."""
        return _part(name) or "own"

    def holder_of(self, part: str) -> str:
        """Return the attribute that adapters of a part are put on: one model holds all parts."""
        del part
        return "whole"

    def merged_plain(self, adapted: Any) -> Any:
        """Return the base in bfloat16 with what adapters learnt on it in four bits, which cannot hold it.

        Args:
            adapted: the base with adapters of peft.
        """
        peft = require("peft", purpose="adapters")
        plain = self.of(replace(self.settings, base_precision="bf16"), None).whole
        with TemporaryDirectory(prefix="vesalius-adapters-") as folder:
            adapted.save_pretrained(folder)
            return peft.PeftModel.from_pretrained(plain, folder).merge_and_unload()

    def settle(self) -> None:
        """Keep parts in which nothing learns as they are in use, with their statistics and without dropout."""
        learn = {self.part_of(name) for name, weight in self.named_parameters() if weight.requires_grad}
        for name, module in self.named_modules():
            if _part(name) and _part(name) not in learn:
                module.training = False

    def recompute(self) -> None:
        """Keep only the inputs of blocks for the gradient: slower, less memory."""
        self.bare.activation_checkpointing_enable({"use_reentrant": False})

    def change(self, settings: VisionLanguageConfig) -> None:
        """Take the settings of a stage.

        Raises:
            ConfigError: it would see otherwise, which the base's processor alone decides.
        """
        if (settings.views, settings.connector) != (self.settings.views, self.settings.connector):
            raise ConfigError("model.views and model.connector have no effect on a base; its processor decides")
        self.settings = settings

    def answer_logits(
        self,
        input_ids: Tensor,
        labels: Tensor,
        *,
        segments: Tensor,
        positions: Tensor,
        views: Sequence[Medium],
        layouts: Sequence[Layout],
    ) -> AnswerLogits:
        """Logits where answers stand.

        Args:
            input_ids: token numbers, (R, L).
            labels: the same where an answer is learnt, else -100, (R, L).
            segments: number of the conversation in its row from 1, 0 for padding, (R, L).
            positions: place of each token in its own conversation, (R, L).
            views: of all media, row by row, what the processor made of each.
            layouts: of all media; the processor's tensors say all that is needed.

        Raises:
            DataError: there are not as many image tokens as features, or a row is packed that must not be.
        """
        del layouts
        media = self._media(views)
        if self.unpackable:
            if int(segments.max()) > 1:
                raise DataError(f"a row holds {int(segments.max())} conversations, but {self.unpackable}")
            rest: dict[str, Any] = {"attention_mask": (segments > 0).long(), **self._kinds(input_ids, labels)}
        else:
            rest = {
                "attention_mask": block_mask(segments, self.bare),
                "position_ids": self._positions(input_ids, segments, positions, media),
            }
        try:
            hidden = self.bare.model(input_ids=input_ids, **rest, **media, use_cache=False).last_hidden_state
        except ValueError as error:
            raise DataError(
                f"the model refuses {len(views)} media among {int((input_ids == self._image).sum())} image tokens: "
                f"{str(error).splitlines()[0]}"
            ) from None
        row, place = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        return AnswerLogits(self._words(hidden[row, place]), labels[row, place + 1], row, place + 1)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        views: Sequence[Medium] = (),
        layouts: Sequence[Layout] = (),
        **options: Any,
    ) -> Any:
        """Go on writing, as `generate` of transformers does: the prompt (R, L), padded at the left, stands before."""
        del layouts
        if getattr(self.bare.model, "rope_deltas", None) is not None:
            self.bare.model.rope_deltas = None
        kinds = self._kinds(input_ids, None)
        return self.bare.generate(
            input_ids=input_ids, attention_mask=attention_mask, **kinds, **self._media(views), **options
        )

    def save_pretrained(self, folder: Path, *, state_dict: Mapping[str, Tensor] | None = None) -> None:
        """Write what transformers alone loads, adapters not among it: merge them before."""
        weights = self.state_dict() if state_dict is None else state_dict
        whole = {name.removeprefix("whole."): value for name, value in weights.items()}
        self.bare.save_pretrained(folder, state_dict=whole)

    @property
    def generation_config(self) -> Any:
        """Settings of generation."""
        return self.bare.generation_config

    @generation_config.setter
    def generation_config(self, value: Any) -> None:
        self.bare.generation_config = value

    @cached_property
    def _image(self) -> int:
        config: Any = self.config
        found = getattr(config, "image_token_id", None)
        return int(config.image_token_index if found is None else found)

    @cached_property
    def _takes(self) -> frozenset[str]:
        return frozenset(inspect.signature(self.bare.forward).parameters)

    def _ends(self) -> tuple[int, ...]:
        """Numbers of the tokens that end an answer."""
        ends = self.bare.generation_config.eos_token_id
        return () if ends is None else (ends,) if isinstance(ends, int) else tuple(ends)

    def _media(self, views: Sequence[Medium]) -> dict[str, Tensor]:
        """Join what the processor made of all media."""
        if not views:
            return {}
        axis = 1 if self.config.model_type in _BY_SAMPLE else 0
        joined = {name: _joined([view[name] for view in views], axis=axis) for name in views[0]}
        return {name: part.to(self.dtype) if part.is_floating_point() else part for name, part in joined.items()}

    def _kinds(self, input_ids: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """What a token is, where the model asks for it: a picture's, or of the answer."""
        shown = (input_ids == self._image).long()
        kinds = {}
        if "mm_token_type_ids" in self._takes:
            kinds["mm_token_type_ids"] = shown
        if "token_type_ids" in self._takes:
            kinds["token_type_ids"] = shown
        if self.config.model_type in _PREFIX:
            answered = torch.zeros_like(shown) if labels is None else (labels != IGNORED).long().cummax(dim=1).values
            kinds["token_type_ids"] = answered
        return kinds

    def _positions(self, input_ids: Tensor, segments: Tensor, positions: Tensor, media: Medium) -> Tensor:
        """Positions of each conversation by itself: (R, L), or (4, R, L): places, then time, row and column."""
        if self.config.model_type not in _IN_SPACE:
            return positions
        real = segments > 0
        row = torch.arange(len(segments), device=segments.device)[:, None] * (int(segments.max()) + 1)
        _, own = torch.unique((row + segments)[real], return_inverse=True)
        shape = (int(own.max()) + 1, int(positions.max()) + 1)
        alone = torch.zeros(shape, dtype=input_ids.dtype, device=input_ids.device)
        there = torch.zeros_like(alone)
        alone[own, positions[real]], there[own, positions[real]] = input_ids[real], 1
        found, _ = self.bare.model.get_rope_index(
            alone,
            mm_token_type_ids=(alone == self._image).int(),
            image_grid_thw=media.get("image_grid_thw"),
            attention_mask=there,
        )
        spread = torch.zeros(4, *segments.shape, dtype=found.dtype, device=found.device)
        spread[0] = positions
        spread[1:, real] = found[:, own, positions[real]]
        return spread

    def _words(self, hidden: Tensor) -> Tensor:
        """Logits (N, W) of states (N, D)."""
        text = self.config.get_text_config()
        scaled = [name for name in _SCALED if getattr(text, name, None)]
        if scaled and scaled != ["final_logit_softcapping"]:
            raise ConfigError(
                f"model.base: {self.config.model_type} scales its logits ({scaled[0]}), which is not known"
            )
        logits: Tensor = self.bare.get_output_embeddings()(hidden)
        cap = getattr(text, "final_logit_softcapping", None)
        return torch.tanh(logits / cap) * cap if cap else logits


def _part(name: str) -> str:
    """Return vision, connector or language by the first telling piece of a name, or nothing."""
    pieces = name.split(".")
    for place, piece in enumerate(pieces):
        if piece in _VISION:
            return "connector" if pieces[place + 1 : place + 2] and pieces[place + 1] in _MERGERS else "vision"
        if piece in _CONNECTOR:
            return "connector"
        if piece in _LANGUAGE:
            return "language"
    return ""


def _slides(text: Any) -> bool:
    kinds = getattr(text, "layer_types", None)
    return "sliding_attention" in kinds if kinds else bool(getattr(text, "use_sliding_window", True))


def _joined(parts: Sequence[Tensor], *, axis: int) -> Tensor:
    """Join along an axis; where the others differ, as numbers of tiles do, zeros stand behind."""
    most = [max(part.shape[place] for part in parts) for place in range(parts[0].ndim)]
    padded = []
    for part in parts:
        missing = [(0, 0 if place == axis else most[place] - part.shape[place]) for place in range(part.ndim)]
        flat = [number for pair in reversed(missing) for number in pair]
        padded.append(nn.functional.pad(part, flat) if any(flat) else part)
    return torch.cat(padded, dim=axis)
