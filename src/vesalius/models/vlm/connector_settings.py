"""Settings of the connector, a part of a recipe. No torch here: a recipe is checked at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal

from vesalius.config import Config
from vesalius.errors import did_you_mean

__all__ = ["USES", "ConnectorConfig"]

_MERGE = ("merge", "merge_by", "whole_pictures")
_PERCEPTRON = ("layers", "hidden", "norm")
USES = MappingProxyType(
    {
        "linear": (*_MERGE, "unpermuted"),
        "mlp": (*_MERGE, *_PERCEPTRON),
        "pool": ("pooled", *_PERCEPTRON),
        "perceiver": ("queries", "depth", "heads"),
        "query": ("queries", "depth", "heads"),
        "tiles": ("depth", "heads", "without_tiles", "padded_tile_seen"),
        "mean_tiles": (),
    }
)
"""Which settings each connector takes beside `positions` and `tile_codes`, by its name."""


@dataclass(frozen=True, kw_only=True)
class ConnectorConfig(Config):
    """Which connector, and of what size. A setting that the connector does not take is an error."""

    kind: str = "mlp"
    """Name of a file in `vesalius.models.vlm.connectors`."""
    positions: Literal["none", "sinusoidal", "learned"] = "none"
    """What tells slices and frames apart: nothing; sines and cosines of the position in mm or s; or a learned matrix
    of these, zero at the start. Added to the encoder's tokens."""
    tile_codes: bool = False
    """Sines and cosines of row and column tell the tiles of a picture apart; added to the encoder's tokens."""

    merge: int = 1
    """So many neighbours along each axis of a view become one token."""
    merge_by: Literal["join", "mean"] = "join"
    """Neighbours stand behind each other in one longer token (pixel shuffle of InternVL, merger of Qwen-VL), or their
    mean is taken (Hulu-Med)."""
    whole_pictures: bool = False
    """Neighbours are merged in volumes and clips alone; pictures keep all their tokens (Hulu-Med)."""
    unpermuted: bool = False
    """Compatibility: a map (F, rows, columns) is read as tokens without moving its first axis, as RetinaVLM's release
    does: each token then mixes features and places."""

    layers: int = 2
    """Linear layers of the perceptron, GELU between them."""
    hidden: int | None = None
    """Width between them; the language model's where not given."""
    norm: bool = False
    """Layer norm before the perceptron, as InternVL has it."""
    pooled: int = 12
    """Tokens along each axis of a view after adaptive average pooling."""

    queries: int = 64
    """Learned queries: of a medium in "perceiver", of each view in "query"."""
    depth: int = 6
    """Attention blocks."""
    heads: int | None = None
    """Attention heads; one for every 64 of the encoder's width where not given."""
    without_tiles: bool = False
    """Compatibility: the blocks lack cross-attention, as in PA-LLaVA's release, so that tiles have no influence."""
    padded_tile_seen: bool = False
    """Compatibility: of media with fewer tiles than the batch's most, one empty tile is looked at, as in PA-LLaVA's
    release. Tokens then depend on the other media of the batch."""

    def __post_init__(self) -> None:
        if self.kind not in USES:
            raise ValueError(f"connector {self.kind!r} is unknown{did_you_mean(self.kind, USES)}")
        for name in ("merge", "layers", "pooled", "queries", "depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("hidden", "heads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1 or null, found {value}")
        taken = {"kind", "positions", "tile_codes", *USES[self.kind]}
        for field in fields(self):
            if field.name not in taken and getattr(self, field.name) != field.default:
                raise ValueError(f"{field.name} has no effect on the connector {self.kind!r}")
        if self.layers == 1 and self.hidden is not None:
            raise ValueError("hidden has no effect on a perceptron of one layer")
        if self.merge == 1 and self.merge_by != "join":
            raise ValueError("merge_by has no effect without merge")
        if self.whole_pictures and (self.merge == 1 or self.merge_by != "mean" or self.unpermuted):
            raise ValueError(
                "whole_pictures needs merge above 1, merge_by mean and no unpermuted: single and merged tokens go "
                "through the same weights"
            )
        if self.without_tiles and (self.padded_tile_seen or self.tile_codes):
            raise ValueError("padded_tile_seen and tile_codes have no effect without_tiles")
