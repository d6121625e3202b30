"""From masks to boxes, areas and lengths; rows and columns of the array, boxes with the maximum exclusive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.curation.base import Files
from vesalius.data import readers
from vesalius.data.records import Box, Region, Study
from vesalius.errors import DataError

__all__ = [
    "Component", "Ellipse", "FlatMask", "box_of", "components", "ellipse", "largest_slice", "position", "read_mask",
]  # fmt: skip

Mask = NDArray[np.bool_]


class Component(NamedTuple):
    """One connected part of a mask."""

    box: Box
    area: int
    """Pixels."""
    mask: Mask
    """Of the whole picture, (rows, columns)."""


class FlatMask(NamedTuple):
    """A mask of one slice or picture."""

    mask: Mask
    """(rows, columns)."""
    frame: int | None
    """Slice or frame of the image, None for a plain picture."""


class Ellipse(NamedTuple):
    """The ellipse with the same second moments as a mask; of a filled ellipse it is that ellipse."""

    major: float
    """Full length of the longer axis."""
    minor: float
    ends: tuple[tuple[float, float], tuple[float, float]]
    """Both ends of the major axis as (x, y) in pixels."""


def read_mask(study: Study, region: Region, files: Files) -> FlatMask:
    """Open the mask of a region, of a volume or clip the slice where it is largest.

    Raises:
        DataError: the region has no mask file, or the file is of another grid than the image.
    """
    if region.kind != "mask":
        raise DataError(f"study {study.id!r}: region of {region.concept!r} is a {region.kind}, expected a mask")
    pixels = readers.read(files.path(region.mask))
    image = study.image(region.image)
    values = pixels.array if pixels.axes[-1] != "C" else pixels.array[..., 0]
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    whole: NDArray[np.bool_] = np.asarray(values == region.mask_value)
    if image.shape and image.shape[-2:] != whole.shape[-2:]:
        raise DataError(
            f"study {study.id!r}: mask {region.mask} has {whole.shape[-2:]} rows and columns, its image {image.shape}"
        )
    if whole.ndim == 2:
        return FlatMask(whole, region.frame)
    return largest_slice(whole)


def largest_slice(volume: Mask) -> FlatMask:
    """Return the slice (rows, columns) of a mask (slices, rows, columns) with the most pixels, the first if equal."""
    number = int(volume.sum(axis=(1, 2)).argmax())
    return FlatMask(volume[number], number)


def box_of(mask: Mask) -> Box | None:
    """Return the smallest box around a mask (rows, columns), or None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def position(box: Box, shape: Sequence[int]) -> str:
    """Return where the middle of a box lies on a grid of three by three: "left-upper", "centre", "right-centre", …

    Left and right are those of the picture as it is stored, which is the viewer's.

    Args:
        box: in pixels.
        shape: (rows, columns).
    """
    rows, columns = shape[-2:]
    across = ("left", "centre", "right")[min(2, int(3 * (box.x_min + box.x_max) / 2 / columns))]
    down = ("upper", "centre", "lower")[min(2, int(3 * (box.y_min + box.y_max) / 2 / rows))]
    if across == down == "centre":
        return "centre"
    return f"{across}-{down}"


def components(mask: Mask) -> list[Component]:
    """Return the parts of a mask (rows, columns) that touch by an edge or a corner, the largest first.

    Parts of equal area come in the order of their upper left corner.
    """
    labels = _labelled(mask)
    found = []
    for number in range(1, int(labels.max(initial=0)) + 1):
        part = labels == number
        box = box_of(part)
        assert box is not None
        found.append(Component(box, int(part.sum()), part))
    return sorted(found, key=lambda part: (-part.area, part.box.y_min, part.box.x_min))


def _labelled(mask: Mask) -> NDArray[np.int64]:
    """Number the components from 1, by runs of each row joined with the runs that they touch in the row above."""
    labels = np.zeros(mask.shape, np.int64)
    parent: list[int] = [0]

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    previous: list[tuple[int, int, int]] = []
    for row in range(len(mask)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask[row].astype(np.int8), [0]])))
        current = []
        for start, stop in edges.reshape(-1, 2).tolist():
            touching = [root(number) for first, last, number in previous if first <= stop and start <= last]
            number = min(touching, default=len(parent))
            if not touching:
                parent.append(number)
            for other in touching:
                parent[other] = number
            current.append((start, stop, number))
            labels[row, start:stop] = number
        previous = current
    roots = np.array([root(number) for number in range(len(parent))])
    _, compact = np.unique(roots, return_inverse=True)
    return np.asarray(compact[labels], np.int64)


def ellipse(mask: Mask, spacing: tuple[float, float] = (1.0, 1.0)) -> Ellipse:
    """Return the axes of a mask (rows, columns) in the unit of `spacing`.

    A full axis is 4 standard deviations along it (the moments of a filled ellipse); pixels count as areas, which adds
    a twelfth of their squared size to each variance.

    Args:
        mask: not empty.
        spacing: of rows and of columns.
    """
    rows, columns = np.nonzero(mask)
    if not len(rows):
        raise DataError("an empty mask has no axes")
    points = np.column_stack([rows * spacing[0], columns * spacing[1]])
    covariance = np.cov(points.T, bias=True).reshape(2, 2) + np.diag(np.square(spacing) / 12)
    lengths, axes = np.linalg.eigh(covariance)
    minor, major = (4 * np.sqrt(lengths)).tolist()
    middle = points.mean(axis=0)
    ends = [middle + sign * axes[:, 1] * major / 2 for sign in (-1, 1)]
    places = sorted((float(end[1] / spacing[1]) + 0.5, float(end[0] / spacing[0]) + 0.5) for end in ends)
    return Ellipse(major, minor, (places[0], places[1]))
