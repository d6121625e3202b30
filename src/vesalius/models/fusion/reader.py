"""A text that looks at an image: does it belong to it? BERT layers with cross-attention, a head of "no" and "yes".

Source: the image-grounded text encoder of Li et al. 2022 (BLIP, arXiv 2201.12086, section 3.1), on the tokens of a
text encoder that has not seen the image.
Legend: B pairs, L tokens, P patches, F width of the image encoder, D width of the text encoder.
"""

from __future__ import annotations

from torch import Tensor, nn

from vesalius.models.fusion.streams import CoAttentionLayer, FusionConfig, initialise_normal

__all__ = ["GroundedReader"]


class GroundedReader(nn.Module):
    """Layers in which the words look at each other and at the patches; the first token answers."""

    def __init__(self, settings: FusionConfig, *, image_width: int):
        """Build layers of the settings' width D, which is the text encoder's."""
        super().__init__()
        self.image = nn.Linear(image_width, settings.width)
        self.layers = nn.ModuleList(CoAttentionLayer(settings) for _ in range(settings.layers))
        self.head = nn.Linear(settings.width, 2)
        initialise_normal(self)

    def forward(self, text: Tensor, image: Tensor, keep: Tensor) -> Tensor:
        """Logits of "no" and "yes", (B, 2).

        Args:
            text: tokens of each text, (B, L, D).
            image: patches of the image that it is held against, (B, P, F).
            keep: True where a token is real, (B, L).
        """
        seen, last = self.image(image), len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            text = layer(text, seen, keep=keep, first=number == last)
        logits: Tensor = self.head(text[:, 0])
        return logits
