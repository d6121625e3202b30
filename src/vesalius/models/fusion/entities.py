"""A third stream of entities: they look at each other and at the image, and the words that name them take them in.

Source: Chen et al. 2022 (ARL, section 3.3), after the authors' code.

Legend: B batch, L tokens, P patches, S entities, D width of the fusion, E width of an entity.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.models.fusion.streams import Attention, FusionConfig, ThirdStream, initialise_normal

__all__ = ["EntityStream"]

_NORM_FLOOR = 1e-12


class EntityStream(nn.Module):
    """One layer of entities for each layer of the fusion."""

    def __init__(self, settings: FusionConfig, *, width: int, heads: int, hidden: int | None = None):
        """Build it.

        Args:
            settings: of the fusion.
            width: E.
            heads: of the entities' attention.
            hidden: width inside their perceptrons; four times E where not given.
        """
        super().__init__()
        self.layers = nn.ModuleList(
            _EntityLayer(settings, width=width, heads=heads, hidden=hidden or 4 * width)
            for _ in range(settings.layers)
        )
        initialise_normal(self)

    def freeze_unread(self, num_layers: int) -> None:
        """Freeze what no word reads where so many layers run: the layers after, and the last one's perceptron."""
        unread: list[nn.Module] = [*self.layers[num_layers:]]
        if num_layers:
            last: _EntityLayer = self.layers[num_layers - 1]  # type: ignore[assignment]
            unread += [last.expand, last.contract, last.norm]
        for part in unread:
            part.requires_grad_(False)

    def over(self, entities: Tensor, places: Tensor, keep: Tensor) -> ThirdStream:
        """Return the third stream of a batch.

        Args:
            entities: vectors, (B, S, E).
            places: which tokens name each entity, (B, S, L); a token that names two takes in their sum.
            keep: True where an entity is there, (B, S); the others reach no word.
        """
        # Kept by layer, so that a layer that is computed again on the way back starts where it did.
        states = {0: entities}
        told = (places & keep[..., None]).to(entities.dtype).transpose(1, 2)

        def third(number: int, text: Tensor, image: Tensor) -> Tensor:
            layer = self.layers[number]
            changed: Tensor
            changed, states[number + 1] = layer(text, image, states[number], told=told, keep=keep)
            return changed

        return third


class _EntityLayer(nn.Module):
    def __init__(self, settings: FusionConfig, *, width: int, heads: int, hidden: int):
        super().__init__()
        self.self_attention = Attention(width, heads=heads, dropout=settings.dropout)
        self.image_project = nn.Linear(settings.width, width)
        self.cross_attention = Attention(width, heads=heads, dropout=settings.dropout)
        self.text_project = nn.Linear(width, settings.width)
        self.fuse = nn.Linear(settings.width, settings.width)
        self.fuse_norm = nn.LayerNorm(settings.width, eps=_NORM_FLOOR)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, eps=_NORM_FLOOR)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(
        self, text: Tensor, image: Tensor, entities: Tensor, *, told: Tensor, keep: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Text (B, L, D) and entities (B, S, E) to the same; `told` is 1 where a token names an entity, (B, L, S)."""
        entities = self.self_attention(entities, keep=keep)
        entities = self.cross_attention(entities, self.image_project(image))
        taken = torch.bmm(told[:, : text.shape[1]].to(entities.dtype), self.text_project(entities))
        text = self.fuse_norm(text + self.dropout(self.fuse(text + taken)))
        inner = self.contract(functional.gelu(self.expand(entities)))
        return text, self.norm(entities + self.dropout(inner))
