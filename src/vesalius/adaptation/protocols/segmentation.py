"""Where each finding lies: a decoder from the encoder's maps to masks, the encoder tuned or frozen.

Source of the numbers: BenchX (Zhou et al., NeurIPS 2024): UPerNet, AdamW with 1e-4 and decay 0.05, batch 8, and MGCA
(Wang et al., NeurIPS 2022), which fits a U-Net on a ResNet and SETR on a ViT. Classes may overlap, so the loss is
binary cross-entropy and soft Dice of each.
Legend: B batch, K concepts, H rows, W columns, N examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vesalius.adaptation.examples import Example, Examples, Target
from vesalius.adaptation.protocols.base import Outputs, Protocol, moved, shaded
from vesalius.adaptation.settings import FitSettings
from vesalius.adaptation.trunk import Trunk
from vesalius.data.corpus import Corpus
from vesalius.data.masks import concept_masks, masked_concepts
from vesalius.data.records import Study
from vesalius.data.views import ViewConfig, view
from vesalius.models.dense.decoders import DECODERS

__all__ = ["PROTOCOL", "SETTINGS", "Segmentation", "SegmentationSettings"]

HALF = 128
"""Probability, in steps of 1/255, from which a pixel belongs to a mask."""


@dataclass(frozen=True, kw_only=True)
class SegmentationSettings(FitSettings):
    """Numbers of BenchX; steps are fewer here: 20 000 there."""

    decoder: Literal["unet", "upernet", "setr"] = "upernet"
    decoder_width: int = 64
    """Width of the decoder's maps; 512 in UPerNet's paper."""
    optimiser: Literal["adamw", "sgd", "adamax"] = "adamw"
    lr: float = 1e-3
    encoder_factor: float = 0.1
    weight_decay: float = 0.05
    batch: int = 8
    steps: int = 400
    view: ViewConfig = field(default_factory=lambda: ViewConfig(crop=(0.6, 1.0), brightness=(0.9, 1.1)))


class Segmentation(Protocol):
    """One mask a concept."""

    task: ClassVar[str] = "segmentation"
    capability: ClassVar[str] = "segment"
    settings: SegmentationSettings

    def __init__(self, settings: SegmentationSettings, trunk: Trunk, concepts: Sequence[str]) -> None:
        super().__init__(settings, trunk, concepts)
        self.head = DECODERS[settings.decoder](
            trunk.map_widths(), classes=len(concepts), width=settings.decoder_width
        )

    @classmethod
    def concepts_of(cls, corpus: Corpus, *, at_least: int) -> tuple[str, ...]:
        """Return the concepts that are outlined often enough."""
        return masked_concepts(corpus, at_least=at_least)

    @classmethod
    def fits(cls, study: Study) -> bool:
        """A picture with its size stated; one without a mask is an example of nothing found."""
        return len(study.main_image.shape) == 2

    def target(self, example: Example, corpus: Corpus) -> Target:
        """Return the masks on the plane of the model, bool, (K, H, W)."""
        masks = concept_masks(example.known, example.image, corpus, self.concepts)
        processor = self.trunk.processor
        return {"masks": np.stack([processor.mask(mask) for mask in masks])}

    def augmented(
        self, picture: NDArray[np.float32], target: Target, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], Target]:
        """Move picture and masks alike; change the values of the picture alone."""
        channels = len(picture)
        stack = np.concatenate([picture, target["masks"].astype(np.float32)])
        stack = view(stack, moved(self.settings.view), rng=rng)
        picture = view(stack[:channels], shaded(self.settings.view), rng=rng)
        return picture, {"masks": stack[channels:] >= 0.5}

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Binary cross-entropy plus one minus soft Dice over each concept of the batch."""
        truth = batch["masks"]
        logits = self._logits(batch["pixel_values"]).float()
        share = logits.sigmoid()
        both, either = (share * truth).sum(dim=(0, 2, 3)), (share + truth).sum(dim=(0, 2, 3))
        dice = (2 * both + 1) / (either + 1)
        return functional.binary_cross_entropy_with_logits(logits, truth) + (1 - dice).mean()

    def outputs(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Probabilities on the plane of the model in steps of 1/255, uint8, (B, K, H, W)."""
        return {"masks": (self._logits(batch["pixel_values"]).float().sigmoid() * 255).round().to(torch.uint8)}

    def validation(self, examples: Examples, outputs: Outputs) -> float:
        """Mean Dice over concepts, each over all pixels of the split together."""
        both, total = np.zeros(len(self.concepts)), np.zeros(len(self.concepts))
        for number, said in enumerate(outputs["masks"] >= HALF):
            truth = examples.target(number)["masks"]
            both += (said & truth).sum(axis=(1, 2))
            total += said.sum(axis=(1, 2)) + truth.sum(axis=(1, 2))
        return float(np.mean(2 * both[total > 0] / total[total > 0])) if (total > 0).any() else float("nan")

    def measured(self, examples: Examples, outputs: Outputs) -> Outputs:
        """Count pixels on the grid of the picture: of both masks, of the answer, of the truth, (N, K, 3)."""
        counts = np.zeros((len(examples), len(self.concepts), 3))
        for number, planes in enumerate(outputs["masks"]):
            example = examples.chosen[number]
            truth = concept_masks(example.known, example.image, examples.corpus, self.concepts)
            rows, columns = truth.shape[1:]
            said = np.stack([examples.processor.original_plane(plane, rows, columns) >= HALF for plane in planes])
            counts[number] = np.stack([part.sum(axis=(1, 2)) for part in (said & truth, said, truth)], axis=1)
        return {"pixels": counts}

    def _logits(self, pixel_values: Tensor) -> Tensor:
        logits: Tensor = self.head(self.trunk.maps(pixel_values), tuple(pixel_values.shape[-2:]))
        return logits


PROTOCOL = Segmentation
SETTINGS = SegmentationSettings
