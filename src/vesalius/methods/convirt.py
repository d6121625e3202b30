"""ConVIRT: images and reports contrasted in pairs, with the image's side weighing more.

Paper: Zhang et al., MLHC 2022 (preprint 2020), arXiv 2010.00747. Code: evaluation lists, no training code.
New: InfoNCE in both directions with weights λ and 1 - λ; one sentence of the report, drawn anew each step.
Differs here: any encoders of `vesalius.models` may stand in for ResNet-50 and ClinicalBERT; crop, flip and
affine map are one resampling. Variant "mgca": what was measured under this name by Wang et al. 2022 (MGCA,
arXiv 2210.06044), a re-implementation that differs from the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vesalius.data import views
from vesalius.data.views import Pair, ViewConfig
from vesalius.methods.base import (
    Batch,
    Method,
    MethodConfig,
    Representations,
    keys_of,
    spoken,
    text_groups,
    text_numbers,
)
from vesalius.models.dual import DualEncoder
from vesalius.objectives.contrastive import ContrastConfig, contrast
from vesalius.paper import PLANT, Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "ConVIRT", "ConVIRTConfig", "ConVIRTView", "build"]

_COMPACT = (
    "model.vision_width=128",
    "model.width=64",
    "model.projection_dim=64",
    "model.text_length=48",
)
"""Encoders for pictures of 64 pixels; half a minute a run on one core."""

PAPER = Paper(
    slug="convirt",
    title="Contrastive Learning of Medical Visual Representations from Paired Images and Text",
    year=2022,
    arxiv="2010.00747",
    venue="MLHC",
    code="yuhaozhang/convirt: lists of the retrieval evaluation, no training code, no licence file",
    claims=(
        Claim(
            name="pairs",
            sentence="Images contrasted with their own reports make features that need few labels.",
            factor=PLANT,
            on="",
            off="shuffled_texts",
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="RSNA linear probe at 1 / 10 / 100 % of labels: AUC 90.7 / 91.7 / 92.1 (from memory)",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="A sign at a random place is named by each report and is all that is asked for.",
                data=ClaimData(plant="signs"),
            ),
        ),
        Claim(
            name="sentence",
            sentence="One sentence of the report, drawn anew each step, serves better than the whole report.",
            factor="method.sampling",
            on="sentence",
            off="report",
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="the paper's choice, without a figure of its own",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="The report names the sign in its last sentence, behind more words than the text encoder "
                "reads: only an arm that draws sentences can learn it. The sign is woven all through the picture, "
                "so that every seed learns it in the steps there are.",
                data=ClaimData(plant="woven_signs_told_last"),
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class ConVIRTView(ViewConfig):
    """Random view t_v with the paper's values; a recipe that names one step leaves the others as they are."""

    crop: Pair | None = (0.6, 1.0)
    flip: float = 0.5
    rotation: float = 20.0
    translation: float = 0.1
    zoom: Pair | None = (0.95, 1.05)
    brightness: Pair | None = (0.6, 1.4)
    contrast: Pair | None = (0.6, 1.4)
    blur: Pair | None = (0.1, 3.0)


_MGCA_SIDE = 224 / 256
_MGCA_VIEW = ConVIRTView(
    crop=(_MGCA_SIDE**2, _MGCA_SIDE**2),
    flip=0.0,
    rotation=0.0,
    translation=0.0,
    zoom=None,
    brightness=None,
    contrast=None,
    blur=None,
)
"""A square of 224 cut from 256."""

_VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "paper": {},
    "mgca": {
        "image_weight": 1.0,
        "text_weight": 1.0,
        "temperature": 0.07,
        "sampling": "report",
        "view": _MGCA_VIEW,
    },
}


@dataclass(frozen=True, kw_only=True)
class ConVIRTConfig(MethodConfig):
    """Settings of ConVIRT; heads, pooling and frozen layers are the model's."""

    variant: Literal["paper", "mgca"] = "paper"
    """"mgca" fixes both weights at 1, the temperature at 0.07, whole reports, and a crop as the only view."""
    image_weight: float = 0.75
    """Weight λ of image → text (paper: 0.75)."""
    text_weight: float | None = None
    """Weight of text → image; 1 - λ where not given (paper)."""
    temperature: float | None = 0.1
    """Fixed softmax temperature τ (paper: 0.1); None leaves the model's own, learned one."""
    sampling: Literal["sentence", "report"] = "sentence"
    """One sentence drawn uniformly (paper), or the whole report."""
    duplicates_are_positives: bool = False
    """Equal sentences in a batch belong together. The paper takes them for negatives, normal ones too."""
    view: ConVIRTView = field(default_factory=ConVIRTView)
    """Random view of the image (paper's values)."""

    def __post_init__(self) -> None:
        usual = {part.name: part.default for part in fields(ConVIRTConfig)} | {"view": ConVIRTView()}
        for name, value in _VARIANTS[self.variant].items():
            if getattr(self, name) not in (usual[name], value):
                raise ValueError(f"variant {self.variant!r} fixes {name} at {value}: leave it out, or use 'paper'")

    @property
    def resolved(self) -> ConVIRTConfig:
        """These settings with the variant's values in place."""
        return replace(self, **_VARIANTS[self.variant])


class ConVIRT(Method):
    """Weighted two-way contrast between a view of the image and a sentence of the report."""

    def __init__(self, settings: ConVIRTConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen = settings.resolved
        weight = self.chosen.text_weight
        self.contrast = ContrastConfig(
            image_weight=self.chosen.image_weight,
            text_weight=1 - self.chosen.image_weight if weight is None else weight,
        )
        if self.chosen.temperature is not None:
            model.fix_temperature(self.chosen.temperature)

    def view(self, image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a view t_v of an image (C, …) with values 0 to 1."""
        return views.view(image, self.chosen.view, rng=rng)

    def words(self, sentences: Sequence[str], rng: np.random.Generator) -> str:
        """Draw one sentence t_u uniformly; a variant may read the whole report."""
        kept = spoken(sentences)
        if self.chosen.sampling == "report":
            return " ".join(kept)
        return kept[int(rng.integers(len(kept)))]

    def encode(self, batch: Batch) -> Representations:
        """Joint vectors of both sides (B, D), and the texts' numbers (B,) where duplicates count."""
        out = super().encode(batch)
        if self.chosen.duplicates_are_positives:
            out["text_number"] = text_numbers(batch["input_ids"], batch["attention_mask"])
        return out

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return λ · image → text + (1 - λ) · text → image and both parts."""
        value = contrast(
            representations["image"],
            representations["text"],
            logit_scale=self.model.scale(),
            settings=self.contrast,
            keys=keys_of(representations),
            targets=text_groups(representations),
        )
        return {
            "loss": value.loss,
            "image_to_text": value.image_to_text,
            "text_to_image": value.text_to_image,
        }


METHOD = ConVIRT
SETTINGS = ConVIRTConfig


def build(settings: ConVIRTConfig, model: DualEncoder) -> ConVIRT:
    """Put the method around a model."""
    return ConVIRT(settings, model)
