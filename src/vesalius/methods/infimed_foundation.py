"""InfiMed-Foundation: few tokens of small pictures first and more later, in packed rows, after a gate of five axes.

Paper: 2025, arXiv 2509.22261. Code: none released, weights InfiX-ai/InfiMed-Foundation-4B.
New: samples that a rubric of five axes scores low are left out (`vesalius.curation.quality`); pretraining goes from
few tokens of a picture to all of them; fine-tuning goes from general to medical to mixed sources.
Differs here: the names of the axes are not beyond doubt and rules give the scores; sizes and rates are not known. The
patches are pooled to windows that overlap, so that the same weights serve every number of tokens. Which sources are
general and which medical is the recipe's choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import PLANT, Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "InfiMedFoundation", "InfiMedFoundationConfig", "build"]

_FIXED = {"connector": {"pooled": 8}, "views": {"size": 64}}
"""All tokens of the full picture, from the first step."""

PAPER = Paper(
    slug="infimed-foundation",
    title="InfiMed-Foundation: Pioneering Advanced Multimodal Medical Models with Compute-Efficient Pre-Training and "
    "Multi-Stage Fine-Tuning",
    year=2025,
    arxiv="2509.22261",
    code="none released; weights InfiX-ai/InfiMed-Foundation-4B",
    claims=(
        Claim(
            name="gate",
            sentence="Of samples three of ten of which tell another patient, those that the gate leaves teach more "
            "than as many drawn at random.",
            factor=PLANT,
            on="gated",
            off="gated_at_random",
            task="corpus.medical",
            metric="accuracy",
            label="all",
            published="no ablation of the filter in the paper",
            data=ClaimData(plant="mislabelled", questions=("presence",)),
            control=PositiveControl(
                sentence="Signs fill the picture, and three of ten are told of another study: rules see it.",
                data=ClaimData(plant="mislabelled_signs"),
            ),
        ),
        Claim(
            name="gate-or-all",
            sentence="They teach more than all samples, noise among them.",
            factor=PLANT,
            on="gated",
            off="",
            task="corpus.medical",
            metric="accuracy",
            label="all",
            published="no ablation of the filter in the paper",
            data=ClaimData(plant="mislabelled", questions=("presence",)),
            control=PositiveControl(
                sentence="Signs fill the picture, and three of ten are told of another study: rules see it.",
                data=ClaimData(plant="mislabelled_signs"),
            ),
        ),
        Claim(
            name="schedule",
            sentence="Few tokens of small pictures first, and more later, answer as well as all of them all along.",
            factor="resolution of pretraining",
            on={
                "stages.few.model": {"connector": {"pooled": 2}, "views": {"size": 32}},
                "stages.more.model": {"connector": {"pooled": 4}, "views": {"size": 64}},
            },
            off={"stages.few.model": _FIXED, "stages.more.model": _FIXED},
            task="corpus.medical",
            metric="accuracy",
            label="all",
            direction="equal",
            margin=0.05,
            published="no figures for what the schedule saves or costs in the paper",
            data=ClaimData(questions=("presence",)),
            control=PositiveControl(
                sentence="A grain is lost where the picture is halved, and encoder and connector learn in the first "
                "stage alone, which takes nearly all steps: those that saw halved pictures there are behind.",
                data=ClaimData(plant="grains"),
                settings=(
                    "data.sources.general.family=caption",
                    "stages.few.optimisation.steps=440",
                    "stages.more.optimisation.steps=10",
                    "stages.general.optimisation.steps=10",
                    "stages.medical.optimisation.steps=10",
                    "stages.mix.optimisation.steps=10",
                    "stages.more.learns=[language]",
                    "stages.general.learns=[language]",
                    "stages.medical.learns=[language]",
                    "stages.mix.learns=[language]",
                ),
                direction="lower",
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class InfiMedFoundationConfig(ConversingConfig):
    """Settings: none beside those of model and stages."""


class InfiMedFoundation(ConversingMethod):
    """Every answer token alike; what is new stands in the data, the stages and their resolution."""

    settings: InfiMedFoundationConfig


METHOD, SETTINGS = InfiMedFoundation, InfiMedFoundationConfig


def build(settings: InfiMedFoundationConfig, model: VisionLanguageModel) -> InfiMedFoundation:
    """Build the method on a vision-language model."""
    return InfiMedFoundation(settings, model)
