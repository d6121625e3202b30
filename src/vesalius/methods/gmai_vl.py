"""GMAI-VL: a LLaVA-shaped model trained in three stages, from the projector alone to everything.

Paper: Li et al., AAAI 2026 (preprint 2024), arXiv 2411.14522. Code: uni-medical/GMAI-VL (training on XTuner).
New: stage I trains the projector, stage II projector and vision encoder with the language model frozen, stage III
everything; the corpus's texts are written from the annotations (`vesalius.curation.gmai_vl`).
Differs here: any vision encoder and language model stand in for CLIP ViT-L/14-336 and InternLM2.5-7B.
"""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import PLANT, Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "GmaiVL", "GmaiVLConfig", "build"]

_ALL = ["vision", "connector", "language"]

PAPER = Paper(
    slug="gmai-vl",
    title="GMAI-VL & GMAI-VL-5.5M: A Large Vision-Language Model and A Comprehensive Multimodal Dataset Towards "
    "General Medical AI",
    year=2024,
    arxiv="2411.14522",
    venue="AAAI 2026",
    code="uni-medical/GMAI-VL: training code on XTuner, licence file present",
    claims=(
        Claim(
            name="facts",
            sentence="Texts that are written from the annotation teach more than those of a writer who guesses.",
            factor=PLANT,
            on="",
            off="guessed",
            task="corpus.instruct",
            metric="accuracy",
            label="all",
            published="shown by examples in the paper, without figures",
            settings=("data.sources.caption.family=caption",),
            data=ClaimData(plant="annotated"),
            control=PositiveControl(
                sentence="Signs fill the picture, and the guessing writer names the right one in four of ten.",
                data=ClaimData(plant="annotated_signs"),
                task="corpus.caption",
            ),
        ),
        Claim(
            name="stages",
            sentence="Projector first, then the encoder with it, then everything, answers better than everything "
            "from the first step, at as many steps.",
            factor="stages I and II",
            on={"stages.shallow.learns": ["connector"], "stages.deep.learns": ["vision", "connector"]},
            off={
                "stages.shallow.learns": _ALL,
                "stages.shallow.mixture": {"caption": 1, "instruct": 1},
                "stages.deep.learns": _ALL,
                "stages.deep.mixture": {"caption": 1, "instruct": 1},
            },
            task="corpus.instruct",
            metric="accuracy",
            label="all",
            published="no ablation of the stages at hand",
            data=ClaimData(questions=("presence",)),
            control=PositiveControl(
                sentence="The language model starts at random: until it learns, signs that fill the picture cannot "
                "be named, so that everything from the first step must be ahead.",
                data=ClaimData(plant="annotated_signs"),
                settings=("data.sources.caption.family=caption",),
                task="corpus.caption",
                direction="lower",
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class GmaiVLConfig(ConversingConfig):
    """Settings: none beside those of the stages."""


class GmaiVL(ConversingMethod):
    """Every answer token alike; what is new stands in the stages."""

    settings: GmaiVLConfig


METHOD, SETTINGS = GmaiVL, GmaiVLConfig


def build(settings: GmaiVLConfig, model: VisionLanguageModel) -> GmaiVL:
    """Build the method on a vision-language model."""
    return GmaiVL(settings, model)
