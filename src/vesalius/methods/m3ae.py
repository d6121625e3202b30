"""M3AE: hidden pixels and hidden words are rebuilt from each other by an encoder that reads image and text together.

Paper: Chen et al., MICCAI 2022, arXiv 2209.07098. Code: zhjohnchan/M3AE, no licence file; on METER and ViLT.
New: three tasks see the pair in three ways. A quarter of the patches and the whole text give back the pixels (MIM),
from the middle of the fusion; the whole image and 85 % of the words give back the others (MLM), from its end; both
whole say whether they belong together (ITM).
Differs here: each side is encoded whole once and masked once, where the authors' three passes encode six times;
without dropout the numbers are equal. MIM runs the layers up to the middle alone, MLM leaves the image stream out of
the last. Whole words are hidden with any tokenizer. A negative image is another study's, and never one with the same
text; variant "release" hides single tokens and may draw the own image as a negative, as the code does. What is masked
follows from study and step, so that a piece of a batch sees what the whole would. Encoders that cannot drop patches
see them grey.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal

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
from vesalius.models.convert import load_whole
from vesalius.models.dual import DualEncoder, ImageFeatures, TextFeatures
from vesalius.models.fusion.heads import MaskedWordHead, MatchingHead
from vesalius.models.fusion.pixels import PixelDecoder
from vesalius.models.fusion.published import published_state
from vesalius.models.fusion.streams import Fusion, FusionConfig, image_stream, text_stream
from vesalius.objectives.masked import (
    Masking,
    hide_highest,
    mask_units,
    patchify,
    pixel_errors,
    random_scores,
    restored,
)
from vesalius.objectives.matching import Pairing, halves, matching_loss
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["M3AE", "METHOD", "PAPER", "SETTINGS", "M3AEConfig", "build", "load_published"]

# B batch, L tokens, P patches, V visible ones, F width of an encoder, D width of the fusion, W values of a patch

_COMPACT = (
    "model.width=64",
    "model.depth=2",
    "model.text_length=48",
)
"""Encoders and fusion for pictures of 64 pixels."""

PAPER = Paper(
    slug="m3ae",
    title="Multi-Modal Masked Autoencoders for Medical Vision-and-Language Pre-Training",
    year=2022,
    arxiv="2209.07098",
    venue="MICCAI",
    code="zhjohnchan/M3AE, no licence file",
    claims=(
        Claim(
            name="pixels",
            sentence="Beside hidden words and matching, rebuilding hidden pixels makes better features.",
            factor="method.image_weight",
            on=1.0,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="VQA-RAD, SLAKE, MedVQA-2019: accuracy 77.0 / 83.2 / 79.9 with all three (from memory)",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="A sign that no report tells can be learned from the pixels alone.",
                data=ClaimData(plant="signs_untold"),
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class M3AEConfig(MethodConfig):
    """Settings of M3AE; with encoders of 768 the sizes that are not given are the paper's."""

    variant: Literal["paper", "release"] = "paper"
    """"release" hides tokens instead of words and may draw the own image as a negative, as the authors' code does."""
    image_share: float = 0.75
    """Share of the patches that is hidden (paper)."""
    text_share: float = 0.15
    """Share of the tokens that is hidden (paper)."""
    image_weight: float = 1.0
    """Weight of MIM (paper). 0 leaves it out."""
    text_weight: float = 1.0
    """Weight of MLM (paper). 0 leaves it out."""
    matching_weight: float = 1.0
    """Weight of ITM (paper). 0 leaves it out, and the model cannot match then."""
    width: int | None = None
    """Width of the fusion; that of the wider encoder where not given (paper: 768, as both encoders)."""
    layers: int = 6
    """Co-attention layers of each stream (paper)."""
    heads: int | None = None
    """Attention heads; one for every 64 of the width where not given (paper: 12)."""
    dropout: float = 0.1
    """In the fusion (authors' code)."""
    middle: int = 3
    """Layers after which pixels are rebuilt (paper); `layers` rebuilds them at the end."""
    decoder_width: int | None = None
    """Of the decoder of pixels; half of the fusion's where not given (paper: 384)."""
    decoder_depth: int = 4
    """Its blocks (paper; the code's setting of 4 makes 4)."""
    decoder_heads: int | None = None
    """Its heads; one for every 64 of its width where not given (paper: 6)."""
    view: ViewConfig = field(default_factory=ViewConfig)
    """Random view of the image; none where not given (authors' code)."""

    def __post_init__(self) -> None:
        for name in ("image_share", "text_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be between 0 and 1, found {getattr(self, name)}")
        weights = [getattr(self, f"{name}_weight") for name in ("image", "text", "matching")]
        if min(weights) < 0 or not any(weights):
            raise ValueError(f"image_weight, text_weight and matching_weight are {weights}: none below 0, one above")
        if not 1 <= self.middle <= self.layers:
            raise ValueError(f"middle {self.middle} is no layer from 1 to {self.layers}")

    def fusion(self, *widths: int) -> FusionConfig:
        """Return the fusion's settings for encoders of these widths."""
        width = self.width or max(widths)
        heads = self.heads or max(1, width // 64)
        return FusionConfig(width=width, layers=self.layers, heads=heads, dropout=self.dropout, middle=self.middle)


class M3AE(Method):
    """Masked pixels, masked words and matching on co-attention streams."""

    unshared = frozenset({"image_tokens", "text_tokens", "text_keep"})

    def __init__(self, settings: M3AEConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings
        chosen = settings.fusion(model.text.width, model.vision.width)
        self.fusion = Fusion(chosen, text_width=model.text.width, image_width=model.vision.width)
        if settings.image_weight:
            width = settings.decoder_width or max(1, chosen.width // 2)
            heads = settings.decoder_heads or max(1, width // 64)
            patch = self._patch(model.settings.size)
            values = model.settings.channels * prod(patch)
            self.pixels = PixelDecoder(
                chosen.width, width=width, depth=settings.decoder_depth, heads=heads, values=values, quick=True
            )
        if settings.text_weight:
            self.words_head = MaskedWordHead(chosen.width, vocabulary=_vocabulary(model))
        if settings.matching_weight:
            self.matching = MatchingHead(2 * chosen.width)
        self.capabilities = frozenset({"embed_image"} | ({"match"} if settings.matching_weight else set()))
        self._freeze_unused()

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Number the units that are hidden whole, ``units`` (B, L), and tell mask and size of the tokenizer, (B, 2).

        Raises:
            DataError: the tokenizer has no mask token.
        """
        if not self.chosen.text_weight:
            return {}
        mask = reading.tokenizer.mask_token_id
        if mask is None:
            raise DataError("the tokenizer has no mask token, and words cannot be hidden: take that of a BERT")
        units = word_numbers(reading.tokens)
        if self.chosen.variant == "release":
            units = np.where(units >= 0, np.arange(units.shape[1]), -1)
        return {"units": units, "mask_token": np.tile([mask, len(reading.tokenizer)], (len(units), 1))}

    def encode(self, batch: Batch) -> Representations:
        """Tokens of both sides for matching, and each sample's errors of pixels and words."""
        pixels, keep, index = batch["pixel_values"], batch["attention_mask"].bool(), batch["index"]
        for part in (self.fusion, getattr(self, "pixels", self.fusion)):
            part.recompute = self.model.recompute
        text = text_stream(self.model.encode_text(batch["input_ids"], batch["attention_mask"], project=False))
        out = {"index": index, "same_text": text_numbers(batch["input_ids"], batch["attention_mask"])}
        if self.chosen.image_weight:
            out["image_error"] = self._image_error(pixels, text, keep, index)
        if self.chosen.text_weight or self.chosen.matching_weight:
            image = image_stream(self.model.encode_image(pixels, project=False))
            if self.chosen.text_weight:
                out |= self._text_error(batch, image)
            if self.chosen.matching_weight:
                out |= {"image_tokens": image, "text_tokens": text, "text_keep": batch["attention_mask"]}
        return out

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum of the tasks, and each that has a weight: pixels, words, matching."""
        parts = {}
        share = batch_share(representations, "index")
        if self.chosen.image_weight:
            parts["pixels"] = share * representations["image_error"].mean()
        if self.chosen.text_weight:
            hidden = of_all(representations, "num_hidden").sum().clamp(min=1)
            scale = len(of_all(representations, "num_hidden")) / len(representations["num_hidden"]) * share
            parts["words"] = scale * representations["text_error"].sum() / hidden
        if self.chosen.matching_weight:
            parts["matching"] = share * self._matching_loss(representations)
        chosen = self.chosen
        weights = {"pixels": chosen.image_weight, "words": chosen.text_weight, "matching": chosen.matching_weight}
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def match(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Logit (B,) that each image shows what its text says: log-odds of the matching head."""
        if not self.chosen.matching_weight:
            return super().match(image, text, attention_mask)
        return self.matching.log_odds(self.fused(image, text, attention_mask))

    @property
    def fused_width(self) -> int:
        """Both pooled streams."""
        return 2 * self.fusion.settings.width

    def fused(self, image: ImageFeatures, text: TextFeatures, attention_mask: Tensor) -> Tensor:
        """Both pooled streams of each pair, (B, 2 D)."""
        return self.fusion.pooled(
            self.fusion(text_stream(text), image_stream(image), text_keep=attention_mask.bool())
        )

    def masking(self, index: Tensor, grid: tuple[int, ...]) -> Masking:
        """Draw which patches of each study are hidden; the same at the same step, whatever stands beside it."""
        scores = [random_scores(1, prod(grid), generator=draw) for draw in self._draws(index, task=0)]
        return hide_highest(torch.cat(scores).to(index.device), self.chosen.image_share)

    def _image_error(self, pixels: Tensor, text: Tensor, keep: Tensor, index: Tensor) -> Tensor:
        """MIM: mean squared error over the hidden patches of each study, (B,)."""
        grid = self.model.image_grid(pixels.shape[2:])
        masking = self.masking(index, grid)
        image = image_stream(self.model.encode_image(pixels, project=False, kept=masking.kept))
        fused = self.fusion(text, image, text_keep=keep, upto=self.chosen.middle, sides="image")
        assert fused.image is not None
        found = self.pixels(fused.image, lambda seen, hidden: restored(seen, masking, hidden), grid)
        target = patchify(pixels, self._patch(tuple(pixels.shape[2:])))
        errors = pixel_errors(_raised(found), _raised(target)) * masking.hidden
        return errors.sum(dim=1) / masking.hidden.sum(dim=1)

    def _text_error(self, batch: Batch, image: Tensor) -> dict[str, Tensor]:
        """MLM: summed cross-entropy of each text and how many tokens it is over, (B,) each."""
        if "units" not in batch:
            raise DataError("M3AE needs units and mask_token in the batch: give its `annotate` to the collator")
        shown, labels = self._hidden_words(batch)
        text = text_stream(self.model.encode_text(shown, batch["attention_mask"], project=False))
        fused = self.fusion(text, image, text_keep=batch["attention_mask"].bool(), sides="text")
        assert fused.text is not None
        rows, places = torch.nonzero(labels >= 0, as_tuple=True)
        logits = self.words_head(fused.text[rows, places])
        errors = functional.cross_entropy(_raised(logits), labels[rows, places], reduction="none")
        summed = errors.new_zeros(len(labels)).index_add(0, rows, errors)
        return {"text_error": summed, "num_hidden": (labels >= 0).sum(dim=1)}

    def _hidden_words(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Texts with hidden units and the labels of these, (B, L) each."""
        rows = []
        for row, draw in enumerate(self._draws(batch["index"], task=1)):
            mask, size = batch["mask_token"][row].tolist()
            ids, units = batch["input_ids"][row : row + 1].cpu(), batch["units"][row : row + 1].cpu()
            share = self.chosen.text_share
            rows.append(mask_units(ids, units, share=share, mask_id=mask, vocabulary=size, generator=draw))
        shown, labels = (torch.cat(side).to(batch["input_ids"].device) for side in zip(*rows, strict=True))
        return shown, labels

    def _matching_loss(self, representations: Representations) -> Tensor:
        """ITM: half of the texts keep their image, the others get another one's."""
        text, image = representations["text_tokens"], representations["image_tokens"]
        pairs = self._pairs(representations)
        chosen = pairs.image.to(image.device)
        fused = self.fusion(text, image[chosen], text_keep=representations["text_keep"].bool())
        return matching_loss(_raised(self.matching(self.fusion.pooled(fused))), pairs.label)

    def _pairs(self, representations: Representations) -> Pairing:
        """Which image goes with each text."""
        index = representations["index"]
        draw = next(self._draws(index.sum()[None], task=2))
        if self.chosen.variant == "paper":
            return halves(len(index), generator=draw, groups=representations["same_text"])
        label = (torch.randperm(len(index), generator=draw) < len(index) // 2).long()
        drawn = torch.randint(len(index), (len(index),), generator=draw)
        return Pairing(torch.where(label == 1, torch.arange(len(index)), drawn), label)

    def _draws(self, index: Tensor, *, task: int) -> Iterator[torch.Generator]:
        """Yield a generator for each study, which hangs on study, step and task; in validation not on the step."""
        step = self.progress.step + 1 if self.training else 0
        for row in index.tolist():
            seed = np.random.SeedSequence([row, step, task]).generate_state(1, np.uint64)[0]
            yield torch.Generator().manual_seed(int(seed >> np.uint64(1)))

    def _patch(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Pixels of a patch along each axis; `patchify` refuses what does not fit."""
        return tuple(side // count for side, count in zip(size, self.model.image_grid(size), strict=True))

    def _freeze_unused(self) -> None:
        """Freeze what no task reaches: the joint space, and parts of the fusion whose tasks have no weight."""
        chosen, fusion = self.chosen, self.fusion
        unused: list[nn.Module | None] = [self.model.vision_head, self.model.text_head, self.model.text_pool]
        if not chosen.matching_weight:
            unused += [fusion.text_pool, fusion.image_pool]
            to_end = chosen.image_weight and chosen.middle == chosen.layers
            unused += [] if to_end else [fusion.image_layers[-1]]
            if not chosen.text_weight:
                unused += [*fusion.text_layers[chosen.middle - 1 :], *fusion.image_layers[chosen.middle :]]
        for part in unused:
            if part is not None:
                part.requires_grad_(False)
        for scale in (self.model.logit_scale, self.model.logit_bias):
            if scale is not None:
                scale.requires_grad_(False)


def load_published(method: M3AE, state: Mapping[str, Tensor]) -> None:
    """Load the weights of the authors' checkpoint, by their names, into the method with a compact ViT and a BERT.

    The settings must be those of the checkpoint: ``vision_pool=cls``, ``embedding_norm``, ``quick_gelu``,
    ``projection=none``, 11 blocks (their transformer makes one block less than it is told), and its image size.

    Raises:
        CheckpointError: keys are unknown, missing or of another shape; they are named.
    """
    own = {name: value for name, value in method.state_dict().items() if name.startswith("model.logit_")}
    load_whole(method, {**published_state(state, where="M3AE"), **own}, where="M3AE")


def _raised(values: Tensor) -> Tensor:
    """At least float32."""
    return values if values.dtype == torch.float64 else values.float()


def _vocabulary(model: DualEncoder) -> int:
    tower = getattr(model.text, "model", None)
    return model.settings.vocabulary if tower is None else int(tower.config.vocab_size)


METHOD = M3AE
SETTINGS = M3AEConfig


def build(settings: M3AEConfig, model: DualEncoder) -> M3AE:
    """Put the method around a model."""
    return M3AE(settings, model)
