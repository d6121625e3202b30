"""How pictures, volumes and clips are cut into views, a part of a recipe. No torch: a recipe is checked at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vesalius.config import Config
from vesalius.data.grid import require_orientation
from vesalius.errors import ConfigError

__all__ = ["ClipViews", "PictureViews", "TooMany", "ViewSettings", "VolumeViews"]

TooMany = Literal["error", "spread"]
"""What becomes of a medium that asks for more slices or frames than `most`: an error that names the numbers, or
`most` of them, evenly spread from the first to the last."""

_GRIDS = ((1, 4), (2, 2), (4, 1), (1, 5), (5, 1), (1, 6), (2, 3), (3, 2), (6, 1), (1, 7), (7, 1), (1, 8), (2, 4),
          (4, 2), (8, 1))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PictureViews(Config):
    """What a picture becomes."""

    policy: Literal["resize", "tiles", "native"] = "resize"
    """One square view; tiles of a grid that is chosen by the picture's size; or one view of nearly its own size."""
    fit: Literal["pad", "stretch"] = "pad"
    """With "resize": keep the shape and add black, or fill the square."""
    rule: Literal["effective", "ratio"] = "effective"
    """With "tiles". "effective": of `grids` the one that keeps most pixels, then wastes fewest; shape kept, black
    around (LLaVA-NeXT). "ratio": of all grids of `fewest` to `most` tiles the one nearest in shape; stretched
    (InternVL)."""
    grids: tuple[tuple[int, int], ...] = _GRIDS
    """Columns and rows of the grids of "effective", in the order in which equals are taken (PA-LLaVA's)."""
    fewest: int = 1
    most: int = 12
    """Tiles of the grids of "ratio"."""
    overview: bool = True
    """With "tiles": view 0 is the whole picture, stretched to a square. A single tile of "ratio" has none."""

    def __post_init__(self) -> None:
        if not self.grids or any(min(grid) < 1 for grid in self.grids):
            raise ValueError(f"grids must be pairs of columns and rows of at least 1, found {self.grids}")
        if not 1 <= self.fewest <= self.most:
            raise ValueError(f"fewest {self.fewest} and most {self.most}: expected 1 <= fewest <= most")
        tiled, effective = self.policy == "tiles", self.rule == "effective"
        without = {
            "fit": self.policy != "resize" and self.fit != "pad",
            "rule": not tiled and not effective,
            "grids": self.grids != _GRIDS and not (tiled and effective),
            "fewest and most": (self.fewest, self.most) != (1, 12) and not (tiled and not effective),
            "overview": not tiled and not self.overview,
        }
        for name, vain in without.items():
            if vain:
                raise ValueError(f"{name} has no effect with policy {self.policy!r} and rule {self.rule!r}")


@dataclass(frozen=True, kw_only=True)
class VolumeViews(Config):
    """What a volume becomes: slices one after the other, or one view of three axes."""

    policy: Literal["slices", "grid"] = "slices"
    plane: Literal["square", "native"] = "square"
    """Slices are padded to a square, or keep nearly their own size, see `ViewSettings.factor`."""
    slices: int | None = 32
    """Evenly spread from the first to the last; all where there are not so many. Or `every_mm`."""
    every_mm: float | None = None
    """The slice nearest to each multiple of this distance from the first, each once."""
    most: int = 512
    """Slices that `every_mm` may give."""
    too_many: TooMany = "error"
    windows: tuple[tuple[float, float], ...] = ()
    """Values shown as 0 and as 1, in the file's units: one window, or one for each channel."""
    percentiles: tuple[float, float] | None = None
    """Shown as 0 and as 1 instead of a window, of the whole volume. With neither, what the file states."""
    orientation: str = ""
    """Where slices, rows and columns grow to, such as "IPL" for axial slices from the head down; empty keeps the
    file's."""
    spacing_mm: tuple[float, float, float] | None = None
    """With "grid": of slices, rows and columns."""
    shape: tuple[int, int, int] | None = None
    """With "grid": D, H and W, filled with the lowest value or cut about the centre."""

    def __post_init__(self) -> None:
        try:
            if self.orientation:
                require_orientation(self.orientation)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if self.policy == "grid":
            self._check_grid()
        elif self.spacing_mm or self.shape:
            raise ValueError("spacing_mm and shape have no effect with policy 'slices'; expected policy 'grid'")
        elif (self.slices is None) == (self.every_mm is None):
            raise ValueError(f"slices {self.slices} and every_mm {self.every_mm}: give one and set the other to null")
        if _not_positive(self.slices, self.every_mm, self.most):
            raise ValueError(f"slices {self.slices}, every_mm {self.every_mm} and most {self.most} must be above 0")
        if self.windows and self.percentiles:
            raise ValueError("windows and percentiles both say what is shown; give one")
        pairs = [*self.windows, *([self.percentiles] if self.percentiles else [])]
        if any(not low < high for low, high in pairs):
            raise ValueError(f"windows and percentiles are pairs of rising values, found {pairs}")
        if self.percentiles and not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ValueError(f"percentiles lie between 0 and 100, found {self.percentiles}")

    def _check_grid(self) -> None:
        if self.spacing_mm is None or self.shape is None:
            raise ValueError("policy 'grid' needs spacing_mm and shape, three numbers each")
        if min(self.spacing_mm) <= 0 or min(self.shape) < 1:
            raise ValueError(f"spacing_mm {self.spacing_mm} and shape {self.shape} must be above 0")
        if self.every_mm is not None or self.slices not in (None, 32) or self.plane != "square":
            raise ValueError("slices, every_mm and plane have no effect with policy 'grid'")


@dataclass(frozen=True, kw_only=True)
class ClipViews(Config):
    """What a clip becomes: frames one after the other."""

    plane: Literal["square", "native"] = "square"
    """Frames are padded to a square, or keep nearly their own size, see `ViewSettings.factor`."""
    frames: int | None = 8
    """The middle ones of so many equal parts of the duration; all where there are not so many. Or `per_second`."""
    per_second: float | None = None
    """Frames a second, from the first."""
    most: int = 512
    """Frames that `per_second` may give."""
    too_many: TooMany = "error"

    def __post_init__(self) -> None:
        if (self.frames is None) == (self.per_second is None):
            raise ValueError(
                f"frames {self.frames} and per_second {self.per_second}: give one and set the other to null"
            )
        if _not_positive(self.frames, self.per_second, self.most):
            raise ValueError(
                f"frames {self.frames}, per_second {self.per_second} and most {self.most} must be above 0"
            )


@dataclass(frozen=True, kw_only=True)
class ViewSettings(Config):
    """How every medium becomes views; saved beside the weights, so that serving does the same."""

    size: int = 224
    """Rows and columns of a square view and of a tile."""
    channels: Literal[1, 3] = 3
    mean: float | tuple[float, ...] = 0.5
    """Subtracted from values of 0 black to 1 white, before the division by `std`; one number or one per channel."""
    std: float | tuple[float, ...] = 0.5
    factor: int = 28
    """Native views have rows and columns that are multiples of this: patch × merge of encoder and connector."""
    min_pixels: int = 56 * 56
    """A native view has no fewer pixels; Qwen2-VL's."""
    max_pixels: int = 768 * 28 * 28
    """A native view is shrunk, shape kept, to no more pixels than this (UMIT: 602 112)."""
    picture: PictureViews = field(default_factory=PictureViews)
    volume: VolumeViews = field(default_factory=VolumeViews)
    clip: ClipViews = field(default_factory=ClipViews)

    def __post_init__(self) -> None:
        for name in ("size", "factor", "min_pixels", "max_pixels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        if max(self.min_pixels, self.factor**2) > self.max_pixels:
            raise ValueError(
                f"max_pixels {self.max_pixels} is below min_pixels {self.min_pixels} or factor² {self.factor**2}"
            )
        for name in ("mean", "std"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.channels:
                raise ValueError(f"{name} has {len(value)} numbers for {self.channels} channels")
        if any(value <= 0 for value in (self.std if isinstance(self.std, tuple) else (self.std,))):
            raise ValueError(f"std must be above 0, found {self.std}")
        if len(self.volume.windows) not in (0, 1, self.channels):
            raise ValueError(f"{len(self.volume.windows)} windows for {self.channels} channels; expected one each")


def _not_positive(*values: float | None) -> bool:
    return any(value is not None and value <= 0 for value in values)
