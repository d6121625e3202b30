"""Which findings are in the picture: a linear layer on the pooled features, fitted with the encoder.

Source of the numbers: BenchX (Zhou et al., NeurIPS 2024), classification settings of the authors' code: SGD with
momentum 0.9, encoder at a tenth of the head's rate, warm-up of 50 steps and cosine to the last, clipped to norm 1,
head drawn from a truncated normal. Steps are fewer here: 3000 there.
Legend: B batch, K concepts, F width, N examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from vesalius.adaptation.examples import Example, Examples, Target
from vesalius.adaptation.protocols.base import Outputs, Protocol
from vesalius.adaptation.settings import FitSettings
from vesalius.adaptation.trunk import Trunk
from vesalius.data.corpus import Corpus
from vesalius.data.views import ViewConfig
from vesalius.metrics.classification import auroc

__all__ = ["PROTOCOL", "SETTINGS", "Classification", "ClassificationSettings"]


@dataclass(frozen=True, kw_only=True)
class ClassificationSettings(FitSettings):
    """Numbers of BenchX; its mirror images are left out, for they turn a left lung into a right one."""

    optimiser: Literal["adamw", "sgd", "adamax"] = "sgd"
    lr: float = 1e-2
    encoder_factor: float = 0.1
    weight_decay: float = 0.0
    batch: int = 32
    steps: int = 600
    warmup: int = 50
    clip: float = 1.0
    norm: bool = False
    """Layer norm on the features, which BenchX has for some encoders."""
    view: ViewConfig = field(default_factory=lambda: ViewConfig(crop=(0.6, 1.0), ratio=(3 / 4, 4 / 3)))


class Classification(Protocol):
    """One logit a concept."""

    task: ClassVar[str] = "classification"
    capability: ClassVar[str] = "classify"
    reads_validation: ClassVar[bool] = True

    def __init__(self, settings: ClassificationSettings, trunk: Trunk, concepts: Sequence[str]) -> None:
        super().__init__(settings, trunk, concepts)
        layer = nn.Linear(trunk.width, len(concepts))
        nn.init.trunc_normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)
        self.head = nn.Sequential(nn.LayerNorm(trunk.width), layer) if settings.norm else nn.Sequential(layer)

    def target(self, example: Example, corpus: Corpus) -> Target:
        """Return the labels, NaN where not known, (K,)."""
        del corpus
        return {"labels": example.labels}

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Binary cross-entropy, averaged over what is known; 0 where nothing is."""
        logits = self.head(self.trunk.pooled(batch["pixel_values"]))
        known = batch["labels"].isfinite()
        each = functional.binary_cross_entropy_with_logits(
            logits.float(), batch["labels"].nan_to_num(), reduction="none"
        )
        return (each * known).sum() / known.sum().clamp(min=1)

    def outputs(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits, (B, K)."""
        return {"logits": self.head(self.trunk.pooled(batch["pixel_values"]))}

    def validation(self, examples: Examples, outputs: Outputs) -> float:
        """Mean AUROC over the concepts of which both classes are there."""
        labels, logits = examples.labels(), outputs["logits"]
        areas = []
        for truth, score in zip(labels.T, logits.T, strict=True):
            known = np.isfinite(truth)
            if len(np.unique(truth[known])) == 2:
                areas.append(auroc(truth[known], score[known]))
        return float(np.mean(areas)) if areas else float("nan")


PROTOCOL = Classification
SETTINGS = ClassificationSettings
