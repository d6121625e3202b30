"""What every way to write regions shares: coordinates of a convention, and format, parse and pattern.

Letters: n boxes or points. Boxes are (x1, y1, x2, y2) and points (x, y), origin at the upper left corner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.conversations.records import Located
from vesalius.data.records import Box
from vesalius.errors import DataError
from vesalius.tasks.answers.regions import SCALES, Scale, parse_regions, placed_regions
from vesalius.tasks.answers.reply import Parsed

__all__ = ["COUNTED", "NONE", "Coordinates", "Grammar", "Plane", "located"]

Floats = NDArray[np.float64]

COUNTED = ("counting", "cnt_and_point", "count_and_box")
"""Task families whose answers state how many there are."""
NONE = "none"
"""What stands for no region at all outside JSON."""


class Plane(NamedTuple):
    """Width and height of a picture, in pixels."""

    original: tuple[int, int]
    """Of the file."""
    shown: tuple[int, int] | None = None
    """Of what the model is shown, where the whole picture is resized; None for the same."""


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """What the numbers of a convention mean."""

    scale: Scale
    of: Literal["original", "shown"] = "original"
    """Whose pixels; all the same where coordinates are shares of the sides."""
    decimals: int = 0

    def size(self, plane: Plane) -> tuple[int, int]:
        """Return width and height of the picture that coordinates are of."""
        return (plane.shown or plane.original) if self.of == "shown" else plane.original

    def written(self, values: Sequence[float], plane: Plane) -> list[float]:
        """Return pixels of the original file, x and y in turn, as a text has them.

        Raises:
            DataError: they lie outside the picture.
        """
        pixels = np.asarray(values, dtype=np.float64).reshape(-1, 2)
        edge = np.array(plane.original, dtype=np.float64)
        if (pixels < 0).any() or (pixels > edge).any():
            raise DataError(
                f"region {[float(value) for value in values]} lies outside its picture of {plane.original[0]} × "
                f"{plane.original[1]} pixels (width × height)"
            )
        longest = np.array(self.size(plane) if self.scale == "pixel" else (SCALES[self.scale],) * 2)
        found = np.round(pixels / edge * longest, self.decimals).ravel().tolist()
        return [int(value) if value == int(value) else value for value in found]

    def placed(self, rows: Sequence[Sequence[float]], plane: Plane, *, form: str) -> Parsed:
        """Return numbers of a text, n rows of 4 or 2, as pixels of the original file, (n, 4) or (n, 2)."""
        found = np.array(rows, dtype=np.float64)
        return self._original(placed_regions(found, size=self.size(plane), scale=self.scale, form=form), plane)

    def read(self, reply: str, plane: Plane, *, numbers: int) -> Parsed:
        """Read boxes (`numbers` 4) or points (2) in any form as pixels of the original file."""
        found = parse_regions(reply, size=self.size(plane), scale=self.scale, numbers=numbers)
        return self._original(found, plane)

    @property
    def pattern(self) -> str:
        """Regular expression of one coordinate."""
        if self.scale == "999":
            return r"\d{1,3}"
        if self.scale == "thousand":
            return r"(?:1000|\d{1,3})"
        return r"(?:0|[1-9]\d{0,4})" + (rf"(?:\.\d{{1,{self.decimals}}})?" if self.decimals else "")

    def _original(self, found: Parsed, plane: Plane) -> Parsed:
        size = self.size(plane)
        if found.value is None or size == plane.original:
            return found
        ratio = np.tile(np.array(plane.original) / np.array(size), found.value.shape[1] // 2)
        return replace(found, value=found.value * ratio)


@dataclass(frozen=True, kw_only=True)
class Grammar(ABC):
    """A way to write regions: parse(format(x)) is x where x lies on the convention's grid."""

    name: str
    about: str
    coordinates: Coordinates

    @property
    def marks(self) -> tuple[str, ...]:
        """Return what stands around names and numbers, which a tokenizer may hold as tokens of its own."""
        return ()

    @abstractmethod
    def format(self, objects: Sequence[Located], plane: Plane, *, task: str = "") -> str:
        """Return objects of one picture as an answer of their own.

        Args:
            objects: in pixels of the original file.
            plane: sizes of the picture.
            task: family, which says whether boxes, points or counts are asked for; else all that objects have.

        Raises:
            DataError: a region outside the picture.
        """

    def inline(self, objects: Sequence[Located], plane: Plane) -> str:
        """Return objects as they stand among words."""
        return self.format(objects, plane)

    @abstractmethod
    def parse(self, reply: str, plane: Plane, *, task: str = "") -> Parsed:
        """Read a tuple of `Located`, in pixels of the original file, from an answer.

        What is partly outside the picture is cut at its edge, what is wholly outside is dropped; a reply with
        regions in another form than this one gives them without names. `rule` says so.
        """

    @abstractmethod
    def pattern(self, *, task: str = "") -> str:
        """Return a regular expression of all answers that `format` writes, without look-around."""

    def schema(self, *, task: str = "") -> Mapping[str, Any] | None:
        """Return a JSON schema of what stands in the fence; None where answers are no JSON."""
        return None

    def _plain(self, reply: str, plane: Plane, *, task: str) -> Parsed:
        """Read regions without names, as any form has them."""
        numbers = 2 if task in ("pointing", "cnt_and_point", "landmark") else 4
        found = self.coordinates.read(reply, plane, numbers=numbers)
        if found.value is None:
            return found
        value = (located("", found.value),) if len(found.value) else ()
        return replace(found, value=value, rule=f"{found.rule}, no names")


def located(name: str, rows: Floats, *, number: int | None = None) -> Located:
    """Return boxes, (n, 4), or points, (n, 2), under a name."""
    if rows.shape[1] == 4:
        return Located(name=name, boxes=tuple(Box(*map(float, row)) for row in rows), number=number)
    return Located(name=name, points=tuple((float(x), float(y)) for x, y in rows), number=number)
