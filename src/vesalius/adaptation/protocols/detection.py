"""Boxes of findings: an anchor-free head over the encoder's maps, the encoder tuned or frozen.

MGCA (Wang et al., NeurIPS 2022) fits YOLOv3's head on a frozen ResNet; this head, FCOS, takes any encoder's maps.
Views change values only: boxes are not moved.
Legend: B batch, T boxes of a picture, N examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from vesalius.adaptation.examples import Example, Examples, Target
from vesalius.adaptation.protocols.base import Outputs, Protocol
from vesalius.adaptation.settings import FitSettings
from vesalius.adaptation.trunk import Trunk
from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.data.views import ViewConfig
from vesalius.metrics.boxes import average_precision, matches, ranked_of
from vesalius.models.dense.boxes import BoxHead, Said, kept_boxes

__all__ = ["PROTOCOL", "SETTINGS", "Detection", "DetectionSettings"]

_MOST = 32
"""Boxes of a picture that are learnt from; further ones are left out, largest first in line."""


@dataclass(frozen=True, kw_only=True)
class DetectionSettings(FitSettings):
    """Ours: a size for two cores."""

    head_width: int = 64
    """Of the head's maps; 256 in FCOS."""
    most: int = 20
    """Boxes that are answered for a picture."""
    optimiser: Literal["adamw", "sgd"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    batch: int = 16
    steps: int = 400
    view: ViewConfig = field(default_factory=lambda: ViewConfig(brightness=(0.9, 1.1), contrast=(0.9, 1.1)))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.view.moves:
            raise ValueError("view moves pixels, and boxes would stay behind: leave out crop, flip, rotation, zoom")


class Detection(Protocol):
    """Boxes with a score for each concept."""

    task: ClassVar[str] = "detection"
    capability: ClassVar[str] = "detect"
    settings: DetectionSettings

    def __init__(self, settings: DetectionSettings, trunk: Trunk, concepts: Sequence[str]) -> None:
        super().__init__(settings, trunk, concepts)
        self.head = BoxHead(trunk.map_widths(), classes=len(concepts), width=settings.head_width)

    @classmethod
    def concepts_of(cls, corpus: Corpus, *, at_least: int) -> tuple[str, ...]:
        """Return the concepts that are boxed in so many studies."""
        counts: Counter[str] = Counter()
        for study in corpus:
            counts.update({region.concept for region in study.regions if region.box is not None and region.concept})
        return tuple(sorted(name for name, count in counts.items() if count >= at_least))

    @classmethod
    def fits(cls, study: Study) -> bool:
        """A picture with its size stated; one without a box is an example of nothing found."""
        return len(study.main_image.shape) == 2

    def target(self, example: Example, corpus: Corpus) -> Target:
        """Return boxes on the plane of the model, (T, 4), and their concepts, -1 behind the last, (T,)."""
        del corpus
        boxes, labels = self._truth(example)
        place = self.trunk.processor.placement(*example.image.shape)
        out, names = np.zeros((_MOST, 4), dtype=np.float32), np.full(_MOST, -1, dtype=np.int64)
        order = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")[:_MOST]
        out[: len(order)], names[: len(order)] = place.boxes(boxes[order]), labels[order]
        return {"boxes": out, "labels": names}

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Loss of classes, sides and centre-ness."""
        return self.head.loss(self._said(batch), batch["boxes"], batch["labels"])

    def outputs(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Boxes on the plane of the model: x0, y0, x1, y1, score, concept, (B, most, 6)."""
        return {"boxes": kept_boxes(self._said(batch), most=self.settings.most)}

    def validation(self, examples: Examples, outputs: Outputs) -> float:
        """Mean over concepts of AP at an overlap of one half."""
        found = self.measured(examples, outputs)
        areas = []
        for number in range(len(self.concepts)):
            own = [boxes[boxes[:, 5] == number] for boxes in found["found"]]
            truths = [boxes[boxes[:, 4] == number, :4] for boxes in found["truth"]]
            hits = [matches(a[:, :4], a[:, 4], b, threshold=0.5) for a, b in zip(own, truths, strict=True)]
            ranked = ranked_of(hits, [boxes[:, 4] for boxes in own], [len(boxes) for boxes in truths])
            areas.append(average_precision(ranked))
        return float(np.nanmean(areas)) if np.isfinite(areas).any() else float("nan")

    def measured(self, examples: Examples, outputs: Outputs) -> Outputs:
        """Return boxes in the picture's own pixels: `found` (D, 6) and `truth` (T, 5) of each example."""
        found, truth = np.empty(len(examples), dtype=object), np.empty(len(examples), dtype=object)
        for number, rows in enumerate(outputs["boxes"]):
            example = examples.chosen[number]
            kept = rows[rows[:, 4] > 0].astype(np.float64)
            height, width = example.image.shape
            moved = examples.processor.placement(height, width).original_boxes(kept[:, :4])
            kept[:, :4] = np.clip(moved, 0, [width, height, width, height])
            boxes, labels = self._truth(example)
            found[number], truth[number] = kept, np.column_stack([boxes, labels])
        return {"found": found, "truth": truth}

    def _said(self, batch: Mapping[str, Tensor]) -> Said:
        pixels = batch["pixel_values"]
        said: Said = self.head(self.trunk.maps(pixels), (int(pixels.shape[-2]), int(pixels.shape[-1])))
        return said

    def _truth(self, example: Example) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (T, 4) in the picture's pixels and the number of each one's concept, (T,)."""
        own = [
            (tuple(region.box), self.concepts.index(region.concept))
            for region in example.known.regions
            if region.box is not None and region.image == example.image.id and region.concept in self.concepts
        ]
        boxes = np.array([box for box, _ in own], dtype=np.float64).reshape(-1, 4)
        return boxes, np.array([label for _, label in own], dtype=np.int64)


PROTOCOL = Detection
SETTINGS = DetectionSettings
