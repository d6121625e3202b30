"""Sizes and grids for a picture of any size: which grid of tiles, which native size, where the picture lies on it.

Rows come before columns in sizes, columns before rows in grids, as in the papers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from vesalius.data.transforms import Placement
from vesalius.errors import DataError

__all__ = ["closest_grid", "effective_grid", "native_size", "padded"]

_MOST_RATIO = 200
"""Longer side to shorter side that Qwen2-VL still takes."""


def effective_grid(rows: int, columns: int, *, tile: int, grids: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Choose the grid on which a picture keeps most of its pixels, then the one that leaves fewest empty.

    Source: Liu et al. 2024 (LLaVA-NeXT), "any resolution". Pixels that enlarging adds do not count.

    Args:
        rows: of the picture.
        columns: of the picture.
        tile: side of a tile in pixels.
        grids: columns and rows in tiles; of equals the first is taken.

    Returns:
        Columns and rows.
    """

    def merit(grid: tuple[int, int]) -> tuple[int, int]:
        width, height = grid[0] * tile, grid[1] * tile
        scale = min(width / columns, height / rows)
        effective = min(int(columns * scale) * int(rows * scale), columns * rows)
        return effective, effective - width * height

    return max(grids, key=merit)


def closest_grid(rows: int, columns: int, *, tile: int, fewest: int, most: int) -> tuple[int, int]:
    """Choose the grid nearest in shape to the picture; of equals the larger while it at most doubles the area.

    Source: Chen et al. 2024 (InternVL 1.5, arXiv 2404.16821), section 3.3.

    Args:
        rows: of the picture.
        columns: of the picture.
        tile: side of a tile in pixels.
        fewest: tiles that a grid has at least.
        most: tiles that a grid has at most.

    Returns:
        Columns and rows.
    """
    best, least = (1, 1), math.inf
    for grid in _grids(fewest, most):
        difference = abs(columns / rows - grid[0] / grid[1])
        small = rows * columns <= 0.5 * tile * tile * grid[0] * grid[1]
        if difference < least or (difference == least and not small):
            best, least = grid, difference
    return best


@lru_cache(maxsize=16)
def _grids(fewest: int, most: int) -> tuple[tuple[int, int], ...]:
    """All grids of so many tiles, the smaller first."""
    sides = range(1, most + 1)
    fitting = [(x, y) for x in sides for y in sides if fewest <= x * y <= most]
    return tuple(sorted(fitting, key=lambda grid: grid[0] * grid[1]))


def native_size(rows: int, columns: int, *, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """Round rows and columns to multiples of `factor`, shape kept as well as can be, within bounds of the area.

    Source: Wang et al. 2024 (Qwen2-VL, arXiv 2409.12191), its "smart resize".

    Args:
        rows: of the picture.
        columns: of the picture.
        factor: patch × merge.
        min_pixels: a smaller picture is enlarged.
        max_pixels: a larger picture is shrunk.

    Raises:
        DataError: one side is more than 200 times the other.
    """
    if max(rows, columns) > _MOST_RATIO * min(rows, columns):
        raise DataError(
            f"a picture of {rows} rows and {columns} columns is longer than {_MOST_RATIO} times its width; cut it, "
            "or show it with the policy 'resize'"
        )
    height, width = round(rows / factor) * factor, round(columns / factor) * factor
    if height * width > max_pixels:
        shrink = math.sqrt(rows * columns / max_pixels)
        height = max(factor, math.floor(rows / shrink / factor) * factor)
        width = max(factor, math.floor(columns / shrink / factor) * factor)
    elif height * width < min_pixels:
        grow = math.sqrt(min_pixels / (rows * columns))
        height = math.ceil(rows * grow / factor) * factor
        width = math.ceil(columns * grow / factor) * factor
    return height, width


def padded(rows: int, columns: int, *, height: int, width: int) -> Placement:
    """Lay a picture in the middle of a canvas, as large as it fits with its shape kept, sizes rounded up."""
    scale_y, scale_x = height / rows, width / columns
    if scale_x < scale_y:
        new_rows, new_columns = min(math.ceil(rows * scale_x), height), width
    else:
        new_rows, new_columns = height, min(math.ceil(columns * scale_y), width)
    top, left = (height - new_rows) // 2, (width - new_columns) // 2
    return Placement(new_rows, new_columns, top, left, new_rows / rows, new_columns / columns)
