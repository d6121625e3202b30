"""LLaVA: visual instruction tuning of a vision encoder, a projector and a language model.

Paper: Liu et al., NeurIPS 2023, arXiv 2304.08485. Code: haotian-liu/LLaVA (Apache-2.0).
New: conversations about pictures as training data; stage 1 trains the projector alone, stage 2 projector and language
model, the vision encoder stays frozen; the loss is on the answers.
Differs here: any vision encoder and language model stand in for CLIP ViT-L/14 and Vicuna, or a whole model of
transformers (`model.base`), which is then tuned through adapters on its users' own pairs: recipe `instruct`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vesalius.methods.conversing import ConversingConfig, ConversingMethod
from vesalius.paper import Paper

__all__ = ["METHOD", "PAPER", "SETTINGS", "Llava", "LlavaConfig", "build"]

PAPER = Paper(
    slug="llava",
    title="Visual Instruction Tuning",
    year=2023,
    arxiv="2304.08485",
    venue="NeurIPS 2023",
    code="haotian-liu/LLaVA: training and evaluation code, Apache-2.0",
)


@dataclass(frozen=True, kw_only=True)
class LlavaConfig(ConversingConfig):
    """Settings: none beside those of the stages."""


class Llava(ConversingMethod):
    """Every answer token alike; what is new stands in the data and the stages."""

    settings: LlavaConfig


METHOD, SETTINGS = Llava, LlavaConfig


def build(settings: LlavaConfig, model: Any) -> Llava:
    """Build the method on a vision-language model of parts, or on a whole one of transformers."""
    return Llava(settings, model)
