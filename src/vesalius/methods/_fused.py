"""What fusion methods that hide words and patches share: streams, heads, what is hidden, the errors of each study.

Source: M3AE, Chen et al. 2022 (arXiv 2209.07098), whose skeleton later methods of its authors keep. What is hidden
hangs on the study, the step and the task alone, so that pieces of a batch see what the whole would.

Legend: B batch, L tokens, P patches, F width of an encoder, D width of the fusion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vesalius.data import views
from vesalius.data.collator import Reading
from vesalius.data.views import ViewConfig
from vesalius.data.words import word_numbers
from vesalius.errors import DataError
from vesalius.methods.base import Batch, Method, MethodConfig, Representations, batch_share, of_all, text_numbers
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.models.exact import exact
from vesalius.models.fusion.heads import MaskedWordHead, MatchingHead
from vesalius.models.fusion.pixels import PixelDecoder
from vesalius.models.fusion.streams import Fused, Fusion, FusionConfig, ThirdStream, image_stream, text_stream
from vesalius.objectives.masked import (
    IGNORED,
    Masking,
    hide_highest,
    mask_units,
    patchify,
    pixel_errors,
    random_scores,
    restored,
    row_chances,
)
from vesalius.objectives.matching import Pairing, halves, matching_loss

__all__ = ["FusedConfig", "FusedMethod"]

_PIXELS, _WORDS, _PAIRS = range(3)
"""Tasks that draw."""


@dataclass(frozen=True, kw_only=True)
class FusedConfig(MethodConfig):
    """Settings of the skeleton; with encoders of 768 the sizes that are not given are the papers'."""

    word_weight: float = 1.0
    """Of the hidden words. 0 leaves a task out."""
    pixel_weight: float = 1.0
    """Of the hidden patches."""
    match_weight: float = 1.0
    """Of matching, without which the model cannot match."""
    word_share: float = 0.15
    """Of the words that is hidden (authors' code)."""
    pixel_share: float = 0.75
    """Of the patches that is hidden (authors' code)."""
    width: int | None = None
    """Of the fusion; that of the wider encoder where not given (papers: 768)."""
    layers: int = 6
    """Co-attention layers of each stream (papers)."""
    heads: int | None = None
    """Attention heads; one for every 64 of the width where not given (papers: 12)."""
    dropout: float = 0.1
    """In the fusion (authors' code)."""
    middle: int = 3
    """Layers after which pixels are rebuilt (authors' code)."""
    decoder_width: int | None = None
    """Of the decoder of pixels; half of the fusion's where not given (papers: 384)."""
    decoder_depth: int = 4
    """Its blocks (papers)."""
    decoder_heads: int | None = None
    """Its heads; one for every 64 of its width where not given (papers: 6)."""
    view: ViewConfig = field(default_factory=ViewConfig)
    """Random view of the image; none where not given."""

    def __post_init__(self) -> None:
        for name in ("word_share", "pixel_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be between 0 and 1, found {getattr(self, name)}")
        weights = {name: value for name, value in vars(self).items() if name.endswith("_weight")}
        if min(weights.values()) < 0 or not any(weights.values()):
            raise ValueError(f"{', '.join(weights)} are {list(weights.values())}: none below 0, one above")
        if not 1 <= self.middle <= self.layers:
            raise ValueError(f"middle {self.middle} is no layer from 1 to {self.layers}")

    def fusion(self, *widths: int) -> FusionConfig:
        """Return the fusion's settings for encoders of these widths."""
        width = self.width or max(widths)
        heads = self.heads or max(1, width // 64)
        return FusionConfig(width=width, layers=self.layers, heads=heads, dropout=self.dropout, middle=self.middle)


class FusedMethod(Method):
    """Co-attention streams with heads for hidden words, hidden pixels and matching."""

    unshared = frozenset({"image_tokens", "text_tokens", "text_keep"})

    def __init__(
        self, settings: FusedConfig, model: DualEncoder, *, words: bool = False, pixels: bool = False,
        pooled: bool = False,
    ):  # fmt: skip
        """Build the fusion and the heads of the tasks that have a weight.

        Args:
            settings: of the method.
            model: the encoders.
            words: a further task finds hidden words.
            pixels: a further task rebuilds hidden pixels.
            pooled: a further task reads both pooled streams.
        """
        super().__init__(settings, model)
        self.skeleton = settings
        words, pixels = words or bool(settings.word_weight), pixels or bool(settings.pixel_weight)
        chosen = settings.fusion(model.text.width, model.vision.width)
        self.fusion = Fusion(chosen, text_width=model.text.width, image_width=model.vision.width)
        if pixels:
            width = settings.decoder_width or max(4, chosen.width // 2)
            self.pixels_head = PixelDecoder(
                chosen.width, width=width, depth=settings.decoder_depth, quick=True,
                values=model.settings.channels * prod(self._patch(model.settings.size)),
                heads=settings.decoder_heads or max(1, width // 64),
            )  # fmt: skip
        if words:
            self.words_head = MaskedWordHead(chosen.width, vocabulary=model.vocabulary)
        if settings.match_weight:
            self.match_head = MatchingHead(2 * chosen.width)
        self.capabilities = frozenset({"embed_image"} | ({"match"} if settings.match_weight else set()))
        self.num_read = self._freeze_unread(words=words, pixels=pixels, pooled=pooled or bool(settings.match_weight))

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.skeleton.view, rng=rng)

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Number the words, ``units`` (B, L), and tell the tokenizer's mask and size, ``mask_token`` (B, 2)."""
        if not hasattr(self, "words_head"):
            return {}
        mask = reading.tokenizer.mask_token_id
        if mask is None:
            raise DataError("the tokenizer has no mask token, and words cannot be hidden: take that of a BERT")
        units = word_numbers(reading.tokens)
        return {"units": units, "mask_token": np.tile([mask, len(reading.tokenizer)], (len(units), 1))}

    def match(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Return the logit (B,) that each image shows what its text says: log-odds of the matching head."""
        if "match" not in self.capabilities:
            return super().match(image, text, attention_mask)
        return self.match_head.log_odds(self.fused(image, text, attention_mask))

    @property
    def fused_width(self) -> int:
        """Both pooled streams."""
        return 2 * self.fusion.settings.width

    def fused(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Both pooled streams of each pair, (B, 2 D)."""
        return self.fusion.pooled(
            self.fusion(text_stream(text), image_stream(image), text_keep=attention_mask.bool(), first=True)
        )

    def third(self, made: Representations, labels: Tensor | None = None) -> ThirdStream | None:
        """Return what runs beside the text inside the fusion, such as knowledge; `labels` (B, L) are hidden words."""
        del made, labels
        return None

    def pair_tokens(self, batch: Batch, *, image: bool = True) -> Representations:
        """Encode both sides whole, or the text alone: what the tasks read, with one row a study."""
        for part in (self.fusion, getattr(self, "pixels_head", self.fusion)):
            part.recompute = self.model.recompute
        ids, mask = batch["input_ids"], batch["attention_mask"]
        made = {
            "index": batch["index"],
            "same_text": text_numbers(ids, mask),
            "text_tokens": text_stream(self.model.encode_text(ids, mask, project=False)),
            "text_keep": mask.bool(),
        }
        if image:
            made["image_tokens"] = image_stream(self.model.encode_image(batch["pixel_values"], project=False))
        return made

    def carried(self, made: Representations) -> Representations:
        """Return what the loss reads: tokens where there is matching."""
        return {name: made[name] for name in made if self.skeleton.match_weight or name not in self.unshared}

    def weighed(self, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the sum of tasks by their weights, and the tasks, each by the name of its weight."""
        loss = torch.stack([getattr(self.skeleton, f"{name}_weight") * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def word_errors(self, batch: Batch, made: Representations) -> Representations:
        """Sum of the cross-entropies of each text's hidden words, and how many they are, (B,) each."""
        if "units" not in batch:
            name = type(self).__name__
            raise DataError(f"{name} needs units and mask_token in the batch: give its `annotate` to the collator")
        shown, labels = self.hidden_words(batch)
        text = text_stream(self.model.encode_text(shown, batch["attention_mask"], project=False))
        return self.read_words(text, made["image_tokens"], labels, made)

    def read_words(self, text: Tensor, image: Tensor, labels: Tensor, made: Representations) -> Representations:
        """The same of streams: hidden words (B, L, F), an image (B, 1 + P, F), labels (B, L)."""
        fused = self.fusion(text, image, text_keep=made["text_keep"], third=self.third(made, labels), sides="text")
        assert fused.text is not None
        rows, places = torch.nonzero(labels != IGNORED, as_tuple=True)
        logits = self.words_head(fused.text[rows, places])
        errors = functional.cross_entropy(exact(logits), labels[rows, places], reduction="none")
        summed = errors.new_zeros(len(labels)).index_add(0, rows, errors)
        return {"word_error": summed, "num_hidden": (labels != IGNORED).sum(dim=1)}

    def hidden_words(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Texts with hidden units and the labels of these, (B, L) each."""
        units, shares = self.units(batch).cpu(), self.word_shares(batch)
        rows = []
        ids, tokens = batch["input_ids"].cpu(), batch["mask_token"].tolist()
        for row, draw in enumerate(self._draws(batch["index"], task=_WORDS)):
            mask, size = tokens[row]
            here = slice(row, row + 1)
            rows.append(
                mask_units(ids[here], units[here], share=shares[here], mask_id=mask, vocabulary=size, generator=draw)
            )
        shown, labels = (torch.cat(side).to(batch["input_ids"].device) for side in zip(*rows, strict=True))
        return shown, labels

    def units(self, batch: Batch) -> Tensor:
        """Return what is hidden as one, (B, L): words."""
        return batch["units"]

    def word_shares(self, batch: Batch) -> Tensor:
        """Return the share of each text's words that is hidden, (B,) float64."""
        return torch.full((len(batch["units"]),), self.skeleton.word_share, dtype=torch.float64)

    def masking(self, index: Tensor, grid: tuple[int, ...]) -> Masking:
        """Draw which patches of each study are hidden; the same at the same step, whatever stands beside it."""
        scores = [random_scores(1, prod(grid), generator=draw) for draw in self._draws(index, task=_PIXELS)]
        return hide_highest(torch.cat(scores).to(index.device), self.skeleton.pixel_share)

    def patch_errors(
        self, batch: Batch, text: Tensor, text_keep: Tensor | None, third: ThirdStream | None = None
    ) -> Tensor:
        """Mean squared error over the hidden patches of each study, (B,), beside a text (B, L, F)."""
        pixels = batch["pixel_values"]
        grid = self.model.image_grid(pixels.shape[2:])
        masking = self.masking(batch["index"], grid)
        image = image_stream(self.model.encode_image(pixels, project=False, kept=masking.kept))
        fused = self.fusion(text, image, text_keep=text_keep, third=third, upto=self.skeleton.middle, sides="image")
        assert fused.image is not None
        found = self.pixels_head(fused.image, lambda seen, hidden: restored(seen, masking, hidden), grid)
        target = patchify(pixels, self._patch(tuple(pixels.shape[2:])))
        errors = pixel_errors(exact(found), exact(target)) * masking.hidden
        return errors.sum(dim=1) / masking.hidden.sum(dim=1).clamp(min=1)

    def matching(self, made: Representations, rows: Tensor | None = None) -> Tensor:
        """Cross-entropy of texts of which half keep their image and the others get another study's.

        Args:
            made: what `pair_tokens` gave.
            rows: numbers of the studies that are pairs, (N,); all where not given.
        """
        chosen = made if rows is None else {name: made[name][rows] for name in made if made[name].ndim}
        if not len(chosen["index"]):
            return chosen["text_tokens"].sum() * 0
        pairs = self.pairs(chosen)
        image = chosen["image_tokens"][pairs.image.to(chosen["image_tokens"].device)]
        fused: Fused = self.fusion(
            chosen["text_tokens"], image, text_keep=chosen["text_keep"], third=self.third(chosen), first=True
        )
        return matching_loss(exact(self.match_head(self.fusion.pooled(fused))), pairs.label)

    def mean_over(self, made: Representations, error: str, count: str) -> Tensor:
        """Sum of the studies' errors over the sum of their counts, whose mean over processes is that of all."""
        counts, every = made[count], of_all(made, count)
        processes = batch_share(made, count) * len(every) / len(counts)
        return processes * made[error].sum() / every.sum().clamp(min=1)

    def pairs(self, made: Representations) -> Pairing:
        """Draw which image goes with each text."""
        return halves(len(made["index"]), generator=self.pair_chance(made), groups=made["same_text"])

    def pair_chance(self, made: Representations) -> torch.Generator:
        """Return what pairs are drawn by."""
        return self._draws(made["index"].sum()[None], task=_PAIRS)[0]

    def _draws(self, index: Tensor, *, task: int) -> list[torch.Generator]:
        """Return a generator for each study, which hangs on study, step and task; in validation not on the step."""
        return row_chances(index, step=self.progress.step + 1 if self.training else 0, task=task)

    def _patch(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Pixels of a patch along each axis; `patchify` refuses what does not fit."""
        return tuple(side // count for side, count in zip(size, self.model.image_grid(size), strict=True))

    def _freeze_unread(self, *, words: bool, pixels: bool, pooled: bool) -> int:
        """Freeze the joint space and the layers of the fusion that no task reaches; return how many of the text's do.

        Hidden words are read from the last layer of the text, pixels from the middle one of the image.
        """
        model, fusion, layers, middle = self.model, self.fusion, self.skeleton.layers, self.skeleton.middle
        text = layers if words or pooled else (middle - 1) * pixels
        image = layers if pooled else max((layers - 1) * words, middle * pixels)
        self._still([model.vision_head, model.text_head, model.text_pool])
        self._still([*fusion.text_layers[text:], *fusion.image_layers[image:]])
        self._still([] if pooled else [fusion.text_pool, fusion.image_pool])
        for scale in (model.logit_scale, model.logit_bias):
            if scale is not None:
                scale.requires_grad_(False)
        return text

    def _still(self, parts: list[Any]) -> None:
        """Freeze parts that no task reaches."""
        for part in parts:
            if isinstance(part, nn.Module):
                part.requires_grad_(False)
