"""BiMediX2: one model for Arabic and English, words and pictures, that answers in the language of the question.

Paper: Mullappilly et al., EMNLP Findings 2025 (preprint 2024), arXiv 2412.07769. Code: mbzuai-oryx/BiMediX2, README
only (CC-BY-NC-SA 4.0).
New: an instruction set in both languages, its Arabic half translated by a machine and checked (see
`vesalius.curation.translation`), turns with and without pictures in one conversation, and a judged benchmark in both.
Differs here: any vision encoder and language model stand in for CLIP ViT-L/14-336 and Llama-3.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from vesalius.curation.translation import script_of
from vesalius.errors import DataError
from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "BiMediX2", "BiMediX2Config", "Rated", "build", "follow_rate",
           "relative_scores"]  # fmt: skip

_ARABIC = "stages.instruction.mixture.arabic"
_PLAIN = ClaimData(settings=("prevalence.pleural_effusion=0.5", "prevalence.cardiomegaly=0.5"))

PAPER = Paper(
    slug="bimedix2",
    title="BiMediX2: Bio-Medical EXpert LMM for Diverse Medical Modalities",
    year=2024,
    arxiv="2412.07769",
    venue="EMNLP Findings 2025",
    code="mbzuai-oryx/BiMediX2: README only, CC-BY-NC-SA 4.0",
    claims=(
        Claim(
            name="arabic",
            sentence="Instructions in both languages make a model that answers in Arabic as well.",
            factor=_ARABIC,
            on=1.0,
            off=0.0,
            task="corpus.arabic",
            metric="accuracy",
            label="all",
            published="+20 % on the Arabic half of BiMed-MBench over the best model before",
            data=_PLAIN,
            control=PositiveControl(
                sentence="Answers in Arabic have words that English ones have not: who never learnt them cannot say "
                "them, so that the share that is right must differ where findings are plain.",
                data=ClaimData(
                    settings=(
                        "prevalence.pleural_effusion=0.5",
                        "prevalence.cardiomegaly=0.5",
                        "prevalence.pneumothorax=0.4",
                    )
                ),
            ),
        ),
        Claim(
            name="english",
            sentence="Half of the instructions in Arabic cost nothing in English at equal steps.",
            factor=_ARABIC,
            on=1.0,
            off=0.0,
            task="corpus.english",
            metric="accuracy",
            label="all",
            direction="equal",
            margin=0.05,
            published="best or near best in English as well",
            data=_PLAIN,
            control=PositiveControl(
                sentence="The same models are asked in Arabic: there the mixture must make a difference.",
                data=_PLAIN,
                task="corpus.arabic",
                direction="higher",
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class BiMediX2Config(ConversingConfig):
    """Settings: none beside those of the stages and sources."""


class BiMediX2(ConversingMethod):
    """Every answer token alike, in either language; what is new stands in the sources and their mixture."""

    settings: BiMediX2Config


METHOD, SETTINGS = BiMediX2, BiMediX2Config


def build(settings: BiMediX2Config, model: VisionLanguageModel) -> BiMediX2:
    """Build the method on a vision-language model."""
    return BiMediX2(settings, model)


@dataclass(frozen=True, kw_only=True)
class Rated:
    """What a judge gave the reference and the candidate, 1 to 10 each."""

    reference: float
    candidate: float
    groups: Mapping[str, str]
    """Question type, modality, language and the like, by the name of the grouping."""


def relative_scores(rated: Sequence[Rated]) -> dict[str, float]:
    """Return 100 × the sum of the candidate's ratings over that of the reference's (BiMed-MBench).

    Overall as "all", and for each value of each grouping as ``grouping=value``. It is relative to the reference and
    no accuracy, and moves with the judge.

    Raises:
        DataError: nothing is rated, or a rating is not from 1 to 10.
    """
    if not rated:
        raise DataError("no rated answer: the score of a judge needs at least one")
    for place, one in enumerate(rated):
        if not all(isfinite(value) and 1 <= value <= 10 for value in (one.reference, one.candidate)):
            raise DataError(f"answer {place}: ratings {one.reference} and {one.candidate}, expected 1 to 10")
    names = sorted({(key, value) for one in rated for key, value in one.groups.items()})
    parts = {"all": list(rated)}
    parts |= {f"{key}={value}": [one for one in rated if one.groups.get(key) == value] for key, value in names}
    return {
        name: 100 * sum(one.candidate for one in part) / sum(one.reference for one in part)
        for name, part in parts.items()
    }


def follow_rate(questions: Sequence[str], answers: Sequence[str]) -> float:
    """Return the share of answers in the script of their question; those without a letter, such as numbers, count.

    Raises:
        DataError: no answer, or not as many as questions.
    """
    if len(questions) != len(answers) or not answers:
        raise DataError(f"{len(answers)} answers to {len(questions)} questions; expected one each, at least one")
    pairs = zip(map(script_of, questions), map(script_of, answers), strict=True)
    return sum(said in ("", asked) for asked, said in pairs) / len(answers)
