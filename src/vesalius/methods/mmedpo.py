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
from vesalius.paper import Paper

__all__ = ["METHOD", "PAPER", "SETTINGS", "MMedPO", "MMedPOConfig", "build"]

PAPER = Paper(
    slug="mmedpo",
    title="MMedPO: Aligning Medical Vision-Language Models with Clinical-Aware Multimodal Preference Optimization",
    year=2025,
    arxiv="2412.06141",
    venue="ICML 2025",
    code="aiming-lab/MMedPO, Apache-2.0",
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
