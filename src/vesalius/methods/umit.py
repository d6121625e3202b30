"""UMIT: five tasks in two languages as instructions of one model, trained in two stages.

Paper: "UMIT: Unifying Medical Imaging Tasks via Vision-Language Models", 2025, arXiv 2503.15892. Code: dz-osamu/UMIT,
links to data and weights alone.
New: questions, detection, reports, classification and landmarks are one task of writing, each with a sentence that
fixes the form of its answer, in English and Chinese; captions align before instructions tune.
Differs here: any model stands in for Qwen2-VL; what the release does not state (rates, wordings) is ours; some of its
published checkpoints are tuned for one task, here one model does all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from vesalius.data.conversations.records import Located
from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.metrics.measurement import LANDMARK_MM
from vesalius.metrics.pointing import landmark_errors_mm
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = [
    "CEPHALOMETRIC", "CEPHALOMETRIC_MM", "METHOD", "PAPER", "SETTINGS", "Umit", "UmitConfig", "build",
    "landmark_scores",
]  # fmt: skip

_MIXTURE = "stages.instruction.mixture."
_SOURCES = ("presence", "presence_zh", "classification", "detection", "report")
_PLAIN = (f"{_MIXTURE}presence_zh=0", f"{_MIXTURE}classification=0")
"""Settings of arms on planted things, which have no Chinese names and are too few to choose from."""

PAPER = Paper(
    slug="umit",
    title="UMIT: Unifying Medical Imaging Tasks via Vision-Language Models",
    year=2025,
    arxiv="2503.15892",
    code="dz-osamu/UMIT: no model code, no licence stated",
    claims=(
        Claim(
            name="alignment",
            sentence="Aligning on captions first answers better than training all parts on everything at once.",
            factor="first stage",
            on={"stages.alignment.learns": ["vision", "connector"], "stages.alignment.mixture.presence": 0},
            off={
                "stages.alignment.learns": ["vision", "connector", "language"],
                "stages.alignment.mixture.presence": 1,
            },
            task="corpus.presence",
            metric="accuracy",
            label="all",
            published="two stages are the paper's own; no figure of one alone is known to us",
            settings=_PLAIN,
            data=ClaimData(),
            control=PositiveControl(
                sentence="The language model starts at random, and the first stage takes most of the steps: where it "
                "is frozen there, too few are left to name the sign of a picture.",
                data=ClaimData(plant="finding_signs"),
                settings=("stages.alignment.optimisation.steps=380", "stages.instruction.optimisation.steps=100"),
                task="corpus.caption",
                direction="lower",
            ),
        ),
        Claim(
            name="form",
            sentence="A sentence that fixes the form of the answer makes answers right more often.",
            factor="data.wording.form",
            on=True,
            off=False,
            task="corpus.presence",
            metric="accuracy",
            label="all",
            published="templates are the paper's own; no figure without them is known to us",
            settings=_PLAIN,
            data=ClaimData(),
            control=PositiveControl(
                sentence="All tasks ask by the name alone, so that nothing but the sentence tells which task it is.",
                data=ClaimData(plant="placed_signs"),
                settings=("data.wording.pool=terse",),
            ),
        ),
        Claim(
            name="joint",
            sentence="One model of all tasks answers better than one trained as long on a single task.",
            factor="tasks of the second stage",
            on={f"{_MIXTURE}detection": 1, f"{_MIXTURE}report": 1},
            off={f"{_MIXTURE}detection": 0, f"{_MIXTURE}report": 0},
            task="corpus.presence",
            metric="accuracy",
            label="all",
            published="one model for five tasks; some published checkpoints are tuned for one task",
            settings=_PLAIN,
            data=ClaimData(),
            control=PositiveControl(
                sentence="The model of one task never finds a disc, the joint one does.",
                data=ClaimData(plant="discs"),
                task="corpus.detection",
                metric="iou",
            ),
        ),
    ),
)

CEPHALOMETRIC = (
    "sella", "nasion", "orbitale", "porion", "subspinale", "supramentale", "pogonion", "menton", "gnathion", "gonion",
    "incision inferius", "incision superius", "upper lip", "lower lip", "subnasale", "soft tissue pogonion",
    "posterior nasal spine", "anterior nasal spine", "articulare",
)  # fmt: skip
"""The 19 landmarks of the ISBI 2015 challenge of lateral radiographs of the head (Wang et al. 2016), in its order."""
CEPHALOMETRIC_MM = 0.1
"""Distance of its pixels."""


@dataclass(frozen=True, kw_only=True)
class UmitConfig(ConversingConfig):
    """Settings: none beside those of the stages, the words of tasks and the views."""


class Umit(ConversingMethod):
    """Every answer token alike; what is new stands in the tasks' words and in the stages."""

    settings: UmitConfig


def landmark_scores(
    said: Sequence[Sequence[Located]],
    truths: Sequence[Mapping[str, tuple[float, float]]],
    *,
    spacing_mm: float = CEPHALOMETRIC_MM,
) -> Mapping[str, float]:
    """Score landmarks of pictures by their names.

    Args:
        said: named points of each answer, pixels; empty where it could not be read.
        truths: column and row of each landmark of each picture.
        spacing_mm: of the pixels.

    Returns:
        ``radial_error_mm`` and ``radial_sd_mm`` over the landmarks that are there, the share ``missing``, and
        ``within_2_mm`` and so on over all: a missing one is outside every radius.
    """
    found = [
        landmark_errors_mm(
            {one.name: one.points[0] for one in objects if one.points}, truth, spacing_mm=(spacing_mm, spacing_mm)
        )
        for objects, truth in zip(said, truths, strict=True)
    ]
    apart = np.concatenate(found) if found else np.zeros(0)
    known = apart[np.isfinite(apart)]
    reached = np.nan_to_num(apart, nan=np.inf)
    values = {
        "radial_error_mm": float(known.mean()) if len(known) else float("nan"),
        "radial_sd_mm": float(known.std()) if len(known) else float("nan"),
        "missing": float(1 - len(known) / len(apart)) if len(apart) else float("nan"),
        **{f"within_{radius:g}_mm": float((reached <= radius + 1e-9).mean()) for radius in LANDMARK_MM},
    }
    return MappingProxyType(values)


METHOD, SETTINGS = Umit, UmitConfig


def build(settings: UmitConfig, model: VisionLanguageModel) -> Umit:
    """Build the method on a vision-language model."""
    return Umit(settings, model)
