"""What every connector is, and the skeleton of those that work on each view alone.

Legend: V views of a medium, P tokens of a view, F width of the encoder, T tokens that come out, D width of the
language model, N views of all media together, G width after gathering.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vesalius.errors import ConfigError, DataError
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors._positions import ViewCodes
from vesalius.models.vlm.views import Layout

__all__ = ["Connector", "PerView", "Seen", "grouped", "heads_of", "perceptron", "require_whole"]


class Seen(NamedTuple):
    """What the encoder saw of one medium."""

    tokens: Tensor
    """(V, P, F), places of a view in row-major order, without class token."""
    grid: tuple[int, ...]
    """Tokens along each axis of one view, slowest first; P is their product."""
    layout: Layout


class Connector(nn.Module, ABC):
    """Turns the encoder's tokens of each medium into T tokens of the language model's width.

    What comes out for a medium does not depend on the others of the batch.
    """

    def __init__(self, settings: ConnectorConfig, *, vision_width: int, language_width: int):
        """Build; the arguments are those of `build_connector`."""
        super().__init__()
        self.settings = settings
        self.vision_width, self.language_width = vision_width, language_width
        self.codes = ViewCodes(vision_width, positions=settings.positions, tiles=settings.tile_codes)

    def forward(self, media: Sequence[Seen]) -> list[Tensor]:
        """Connect.

        Args:
            media: of any kinds and sizes.

        Returns:
            Tokens of each medium in their order, (T, D); T is what `count` says.

        Raises:
            DataError: the tokens do not fit the layout.
        """
        for seen in media:
            expected = (seen.layout.views, math.prod(seen.grid), self.vision_width)
            if tuple(seen.tokens.shape) != expected:
                raise DataError(
                    f"the encoder made tokens {tuple(seen.tokens.shape)} of a {seen.layout.kind} of "
                    f"{seen.layout.views} views on a grid {seen.grid}; expected {expected}"
                )
        return self.connect([seen._replace(tokens=self.codes(seen.tokens, seen.layout)) for seen in media])

    @abstractmethod
    def connect(self, media: Sequence[Seen]) -> list[Tensor]:
        """Do the work of `forward`; shapes are checked and positions added."""

    @abstractmethod
    def count(self, layout: Layout, grid: tuple[int, ...]) -> int:
        """Return T of a medium before anything runs.

        Args:
            layout: of the medium.
            grid: tokens that the encoder will make along each axis of a view.
        """

    def places(self, grid: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return how many tokens stand for places of a view along each axis; None where they stand for none.

        Where they do, the pixels can decide which of them stay, see `vesalius.models.vlm.reduction`.
        """
        return None


class PerView(Connector):
    """A connector that makes as many tokens of every view, and reads them one after the other."""

    @abstractmethod
    def gather(self, tokens: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Bring neighbours together: views (N, P, F) to (N, T, G)."""

    @abstractmethod
    def project(self, tokens: Tensor) -> Tensor:
        """Take single tokens (…, G) to the language model's width, (…, D)."""

    @abstractmethod
    def of_view(self, grid: tuple[int, ...]) -> int:
        """Return how many tokens one view becomes."""

    def is_whole(self, layout: Layout) -> bool:
        """Whether the neighbours of a medium are not brought together: all its tokens go on as they are."""
        return False

    def connect(self, media: Sequence[Seen]) -> list[Tensor]:
        """Views of one grid go through together, then the tokens of all media that stay."""
        counts = [self.count(seen.layout, seen.grid) for seen in media]

        def gathered(group: Sequence[Seen]) -> list[Tensor]:
            tokens, first = torch.cat([seen.tokens for seen in group]), group[0]
            tokens = tokens if self.is_whole(first.layout) else self.gather(tokens, first.grid)
            parts = torch.split(tokens, [seen.layout.views for seen in group])
            return [_staying(part, seen.layout) for part, seen in zip(parts, group, strict=True)]

        kept = grouped(media, by=lambda seen: (seen.grid, self.is_whole(seen.layout)), work=gathered)
        return list(torch.split(self.project(torch.cat(kept)), counts)) if kept else []

    def count(self, layout: Layout, grid: tuple[int, ...]) -> int:
        """Return the tokens of all views, less those that are dropped or merged."""
        each = math.prod(grid) if self.is_whole(layout) else self.of_view(grid)
        if layout.kept is None:
            return -(-layout.views // layout.merged) * each
        if self.places(grid) is None:
            raise DataError(
                f"tokens were chosen by the pixels, but those of the connector {self.settings.kind!r} stand for no "
                "places; use linear, mlp or pool, or no reduction"
            )
        if layout.kept.shape[1] != each:
            raise DataError(
                f"tokens were chosen among {layout.kept.shape[1]} of a view, the connector makes {each} of a view "
                f"with the grid {grid}; choose them on the grid of Connector.places"
            )
        return int(layout.kept.sum())


def _staying(tokens: Tensor, layout: Layout) -> Tensor:
    """Views (V, T, G) to the tokens that stay, (count, G)."""
    if layout.kept is not None:
        return tokens[torch.from_numpy(layout.kept).to(tokens.device)]
    if layout.merged > 1:
        tokens = torch.stack([part.mean(dim=0) for part in torch.split(tokens, layout.merged)])
    return tokens.flatten(0, 1)


def grouped(
    media: Sequence[Seen], *, by: Callable[[Seen], Hashable], work: Callable[[Sequence[Seen]], Sequence[Tensor]]
) -> list[Tensor]:
    """Work on all media of one kind at once, and return the results in the order of the media."""
    results: dict[int, Tensor] = {}
    for key in dict.fromkeys(map(by, media)):
        places = [place for place, seen in enumerate(media) if by(seen) == key]
        results.update(zip(places, work([media[place] for place in places]), strict=True))
    return [results[place] for place in range(len(media))]


def require_whole(layout: Layout, *, kind: str) -> None:
    """Refuse a layout whose tokens were reduced before a connector that reads all of them together."""
    if layout.kept is not None or layout.merged > 1:
        raise DataError(
            f"the connector {kind!r} makes one set of tokens of all views; a token reduction before it has no meaning"
        )


def heads_of(settings: ConnectorConfig, width: int) -> int:
    """Return the attention heads for a width.

    Raises:
        ConfigError: the width cannot be shared by them.
    """
    heads = settings.heads or max(1, width // 64)
    if width % heads:
        raise ConfigError(f"connector {settings.kind!r}: width {width} cannot be shared by {heads} heads; set heads")
    return heads


def perceptron(inputs: int, *, settings: ConnectorConfig, outputs: int) -> nn.Sequential:
    """Linear layers with GELU between them, behind a layer norm where the settings ask for it."""
    hidden = settings.hidden or outputs
    widths = [inputs, *[hidden] * (settings.layers - 1), outputs]
    parts: list[nn.Module] = [nn.LayerNorm(inputs)] if settings.norm else []
    for place, (here, there) in enumerate(pairwise(widths)):
        parts.extend([nn.GELU()] if place else [])
        parts.append(nn.Linear(here, there))
    return nn.Sequential(*parts)
