"""RetinaVLM: an adapter between a frozen encoder of tomograms and a frozen language model, taught by a curriculum.

Paper: Holland et al., npj Digital Medicine 2025 (preprint 2024), arXiv 2407.08410. Code: RobbieHolland/SpecialistVLMs
(no licence file).
New: specialists name what must be known; part 1 of the curriculum asks what tables state of very many scans, part 2
in ten modules what specialists' reports teach (`tasks.instructions.families.macular`); only the connector learns.
Answers are scored in two steps (`evaluation.described_choice`), and a sentence's gradient by the encoder's map tells
where it comes from (`models.vlm.saliency`).
Differs here: rules write the questions, where the paper has language models (what those write is read and checked by
`curation.question_blocks`); compact parts start from random weights, so that a stage `foundation` teaches encoder and
language model before they are frozen, in place of BYOL and Llama-3's own training; `model.vision_from` names a
trained encoder instead. Tokens are places: the release reads its map as tokens without moving the channels first,
which is `connector.unpermuted`. Pictures are not augmented, and an epoch shows every question once instead of one of
each picture. The description stands before the choice as a turn of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "RetinaVLM", "RetinaVLMConfig", "build"]

_MACULAE = ClaimData(
    preset="oct", settings=("prevalence.age_related_macular_degeneration=0.6", "prevalence.macular_oedema=0.05")
)
_STAGED = ClaimData(preset="oct", plant="staged_signs")

PAPER = Paper(
    slug="retinavlm",
    title="Specialist vision-language models for clinical ophthalmology",
    year=2024,
    arxiv="2407.08410",
    venue="npj Digital Medicine 2025",
    code="RobbieHolland/SpecialistVLMs, no licence file",
    claims=(
        Claim(
            name="both-parts",
            sentence="Staging is better after both parts of the curriculum than after tables alone.",
            factor="data.sources.reports.family",
            on="macular_reports",
            off="macular_tables",
            task="corpus.staging",
            metric="accuracy",
            label="all",
            published="F1 of staging 0.63 after both parts (abstract)",
            data=_MACULAE,
            control=PositiveControl(
                sentence="Every stage has a sign of its own all over the scan, which reports name and tables do not.",
                data=_STAGED,
            ),
        ),
        Claim(
            name="guidelines",
            sentence="Staging is better with the guidelines in the question than without.",
            factor="data.sources.staging.family",
            on="macular_staging_guided",
            off="macular_staging",
            task="corpus.staging",
            metric="accuracy",
            label="all",
            data=_MACULAE,
            control=PositiveControl(
                sentence="A model that was never asked for the stage without the guidelines misses them.",
                data=_STAGED,
                settings=("data.sources.reports.family=macular_staging_guided",),
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class RetinaVLMConfig(ConversingConfig):
    """Settings: none beside those of model and stages."""


class RetinaVLM(ConversingMethod):
    """Every answer token alike; what is new stands in the curriculum and in what learns."""

    settings: RetinaVLMConfig


METHOD, SETTINGS = RetinaVLM, RetinaVLMConfig


def build(settings: RetinaVLMConfig, model: VisionLanguageModel) -> RetinaVLM:
    """Build the method on a vision-language model."""
    return RetinaVLM(settings, model)
