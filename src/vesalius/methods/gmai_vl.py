"""GMAI-VL: a LLaVA-shaped model trained in three stages, from the projector alone to everything.

Paper: Li et al., AAAI 2026 (preprint 2024), arXiv 2411.14522. Code: uni-medical/GMAI-VL (training on XTuner).
New: stage I trains the projector, stage II projector and vision encoder with the language model frozen, stage III
everything; the corpus's texts are written from the annotations (see `vesalius.curation.annotated`).
Differs here: any vision encoder and language model stand in for CLIP ViT-L/14-336 and InternLM2.5-7B.
"""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Paper

__all__ = ["METHOD", "PAPER", "SETTINGS", "GmaiVL", "GmaiVLConfig", "build"]

PAPER = Paper(
    slug="gmai-vl",
    title="GMAI-VL & GMAI-VL-5.5M: A Large Vision-Language Model and A Comprehensive Multimodal Dataset Towards "
    "General Medical AI",
    year=2024,
    arxiv="2411.14522",
    venue="AAAI 2026",
    code="uni-medical/GMAI-VL: training code on XTuner, licence file present",
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
