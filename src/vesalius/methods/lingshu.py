"""Lingshu: a generalist trained in stages on cleaned, synthesised and widely mixed data.

Paper: 2025, arXiv 2506.07044. Code: alibaba-damo-academy/MedEvalKit, evaluation alone; no training code.
New: the data: collected, cleaned of copies and of what benchmarks hold, captions and questions synthesised from
labels and regions, text drawn into pictures, reasons kept if they end right (`curation`: least_size,
exact_duplicates, near_duplicate_images, decontaminate, contradicted_captions, checked_reasons, instructions,
drawn_rows); and the stages: shallow alignment of encoder and projector, deep alignment and instruction tuning of all.
Differs here: a compact encoder at nearly native size with merging of 2 × 2 stands in for that of Qwen2.5-VL, which
the recipe `paper` loads whole. Long captions come from rules where the paper has a strong model. The fourth stage,
reinforcement learning with verifiable rewards, which the authors found to bring little, is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "Lingshu", "LingshuConfig", "build"]


PAPER = Paper(
    slug="lingshu",
    title="Lingshu: A Generalist Foundation Model for Unified Multimodal Medical Understanding and Reasoning",
    year=2025,
    arxiv="2506.07044",
    code="alibaba-damo-academy/MedEvalKit: evaluation alone",
    claims=(
        Claim(
            name="captions",
            sentence="Without captions in the mixture answers are worse; questions stand in their place.",
            factor="data.sources.captions.family",
            on="report",
            off="presence",
            task="corpus.instruct",
            metric="accuracy",
            label="all",
            published="removing curated captions or medical text hurts most (ablation; figures not known here)",
            data=ClaimData(),
            control=PositiveControl(
                sentence="Captions alone name the sign that is asked for; without them nothing does.",
                data=ClaimData(plant="signs"),
                task="corpus.asked",
            ),
        ),
        Claim(
            name="reasons",
            sentence="Without reasons in the mixture answers are worse; the same questions without them stand there.",
            factor="data.sources.reasons.family",
            on="reasoned",
            off="vqa",
            task="corpus.instruct",
            metric="accuracy",
            label="all",
            settings=tuple(f"data.sources.{name}.family=vqa" for name in ("instruct", "captions", "asked")),
            data=ClaimData(questions=("all",)),
            control=PositiveControl(
                sentence="Which sign it is must be seen before it can be said whether it is the one that is named; "
                "the reason says which.",
                data=ClaimData(plant="asked_signs"),
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class LingshuConfig(ConversingConfig):
    """Settings: none beside those of data and stages."""


class Lingshu(ConversingMethod):
    """Every answer token alike; what is new stands in the data and the stages."""

    settings: LingshuConfig


METHOD, SETTINGS = Lingshu, LingshuConfig


def build(settings: LingshuConfig, model: Any) -> Lingshu:
    """Build the method on a vision-language model of parts, or on a whole one of transformers."""
    return Lingshu(settings, model)
