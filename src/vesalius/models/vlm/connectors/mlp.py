"""A perceptron with GELU on every token of the encoder, or on every block of neighbours.

Sources: Liu et al. 2024 (LLaVA-1.5, arXiv 2310.03744), two layers; with merging Chen et al. 2024 (InternVL 1.5, arXiv
2404.16821), Wang et al. 2024 (Qwen2-VL, arXiv 2409.12191) and Lin et al. 2024 (VILA, arXiv 2312.07533).
"""

from __future__ import annotations

from torch import nn

from vesalius.models.vlm.connectors.base import perceptron
from vesalius.models.vlm.connectors.linear import Linear

__all__ = ["CONNECTOR", "Perceptron"]


class Perceptron(Linear):
    """Merging, then linear layers with GELU between them."""

    def build(self, width: int) -> nn.Module:
        """Return the perceptron for merged tokens of a width."""
        return perceptron(width, settings=self.settings, outputs=self.language_width)


CONNECTOR = Perceptron
