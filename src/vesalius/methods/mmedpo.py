"""MMedPO: preference pairs that are wrong in a clinically plausible way, weighted by how much the error matters.

Paper: Zhu et al., ICML 2025 (preprint 2024), arXiv 2412.06141. Code: aiming-lab/MMedPO, Apache-2.0.
New: worse answers that hallucinate, and worse pictures whose lesion is destroyed (the same answer on both sides), in
a DPO whose loss is multiplied by the clinical relevance of the pair.
Differs here: rules write the hallucinations and rate them, for GPT-4o and three medical language models; lesions are
those of the corpus's masks and boxes, for the attention of MedKLIP. The authors' code noises with numbers that wrap
round (`noise: wrapped`) and multiplies by raw scores (`normalised: false`).
"""

from __future__ import annotations

from dataclasses import dataclass

from vesalius.methods._preferring import PreferringConfig, PreferringMethod
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["METHOD", "PAPER", "SETTINGS", "MMedPO", "MMedPOConfig", "build"]

_TEXT, _VISUAL = "data.sources.text_pairs.pairs", "data.sources.visual_pairs.pairs"
_SIGNS = ClaimData(plant="finding_signs")

PAPER = Paper(
    slug="mmedpo",
    title="MMedPO: Aligning Medical Vision-Language Models with Clinical-Aware Multimodal Preference Optimization",
    year=2025,
    arxiv="2412.06141",
    venue="ICML 2025",
    code="aiming-lab/MMedPO, Apache-2.0",
    claims=(
        Claim(
            name="preferences",
            sentence="Weighted pairs of texts and of pictures make a model's answers truer than more supervised "
            "training does.",
            factor="stages.preference.supervised",
            on=False,
            off=True,
            task="corpus.answers",
            metric="fact_f1",
            label="all",
            published="SLAKE closed, after supervised training: 65.62 → 75.24",
            control=PositiveControl(
                sentence="One sign, which the report tells as a finding; answers of the model that name another one "
                "are its worse sides.",
                data=_SIGNS,
            ),
        ),
        Claim(
            name="weights",
            sentence="Pairs weighted by their clinical relevance teach more than pairs that all count alike.",
            factor=f"{_TEXT}.weights",
            on="urgency",
            off="none",
            task="corpus.answers",
            metric="fact_f1",
            label="all",
            published="SLAKE 55.65 → 57.62 with text pairs, IU X-Ray 19.30 → 25.00 with visual pairs",
            control=PositiveControl(
                sentence="Four of ten text pairs are turned round, and the weight of these is 0.",
                data=_SIGNS,
                settings=(f"{_TEXT}.turned=0.4", f"{_TEXT}.normalised=false"),
            ),
        ),
        Claim(
            name="with-pictures",
            sentence="Pairs of texts and of pictures teach more than as many pairs of texts alone.",
            factor=f"{_VISUAL}.maker",
            on="noised",
            off="hallucinated",
            task="corpus.answers",
            metric="fact_f1",
            label="all",
            published="SLAKE closed, DPO to MMedPO: 62.02 → 73.08",
            control=PositiveControl(sentence="One sign with its box, whose loss is seen.", data=_SIGNS),
        ),
        Claim(
            name="with-texts",
            sentence="Pairs of texts and of pictures teach more than as many pairs of pictures alone.",
            factor=f"{_TEXT}.maker, with its weights",
            on={f"{_TEXT}.maker": "hallucinated", f"{_TEXT}.weights": "urgency"},
            off={f"{_TEXT}.maker": "noised", f"{_TEXT}.weights": "none"},
            task="corpus.answers",
            metric="fact_f1",
            label="all",
            published="SLAKE closed, DPO to MMedPO: 62.02 → 73.08",
            control=PositiveControl(
                sentence="One of eight signs: that a picture shows one teaches nothing of which one it is.",
                data=_SIGNS,
            ),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class MMedPOConfig(PreferringConfig):
    """Settings: those of DPO; how worse sides and weights are made stands with the sources of pairs."""


class MMedPO(PreferringMethod):
    """Prefers the true answer, and the picture that shows the lesion."""

    settings: MMedPOConfig


METHOD, SETTINGS = MMedPO, MMedPOConfig


def build(settings: MMedPOConfig, model: VisionLanguageModel) -> MMedPO:
    """Build the method on a vision-language model."""
    return MMedPO(settings, model)
