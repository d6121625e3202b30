"""Neighbouring tokens in the plane of a view become one.

Legend: N views, P tokens of a view, F width, k neighbours along rows and along columns.
"""

from __future__ import annotations

import math

from torch import Tensor

from vesalius.errors import DataError

__all__ = ["merged", "merged_grid"]


def merged_grid(grid: tuple[int, ...], merge: int) -> tuple[int, ...]:
    """Return the grid after merging along its last two axes, rows and columns.

    Raises:
        DataError: one of them is not a multiple of `merge`.
    """
    *before, rows, columns = grid
    if rows % merge or columns % merge:
        raise DataError(
            f"a grid of {grid} tokens cannot be merged by {merge} × {merge}; choose views whose rows and columns "
            f"are multiples of patch × {merge}"
        )
    return (*before, rows // merge, columns // merge)


def merged(tokens: Tensor, grid: tuple[int, ...], *, merge: int, mean: bool) -> Tensor:
    """Merge k × k neighbours.

    Args:
        tokens: (N, P, F), row-major.
        grid: tokens along each axis; P is their product.
        merge: k.
        mean: take their mean, which for k 2 is also what bilinear resizing to half the size gives; otherwise they
            stand behind each other, row-major.

    Returns:
        (N, P / k², F), or (N, P / k², k² · F).
    """
    if merge == 1:
        return tokens
    rows, columns = merged_grid(grid, merge)[-2:]
    above, width = math.prod(grid[:-2]), tokens.shape[-1]
    blocks = tokens.reshape(len(tokens), above, rows, merge, columns, merge, width).transpose(3, 4)
    blocks = blocks.reshape(len(tokens), above * rows * columns, merge * merge, width)
    return blocks.mean(dim=2) if mean else blocks.flatten(2)
