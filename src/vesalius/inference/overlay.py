"""Similarity maps, boxes and points laid over the picture that they are of.

Letters: H and W rows and columns of the picture, h and w of the patch grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vesalius.data.conversations.records import Located
    from vesalius.data.readers import Pixels
    from vesalius.data.records import Box

__all__ = ["heat_map", "marked", "model_frame", "picture", "sees_padded"]

_STOPS = np.array([[150, 40, 20], [226, 110, 30], [250, 190, 60], [255, 238, 150]], dtype=np.float32)
"""Colours of a map from low to high: dark red, orange, amber, light yellow; the lowest are not seen at all."""


def picture(pixels: Pixels) -> NDArray[np.float32]:
    """Return a greyscale or colour picture of 0..1, (H, W) or (H, W, 3); the middle slice of a volume."""
    shown = pixels.display()
    planes = shown.ndim - (1 if pixels.axes.endswith("C") else 0)
    while planes > 2:
        shown = shown[shown.shape[0] // 2]
        planes -= 1
    return shown


def sees_padded(identity: Mapping[str, Any]) -> bool:
    """Say whether a model of this identity gets pictures padded to its input's shape; else they are stretched."""
    prepared = identity.get("preprocessing", {}).get("image")
    return isinstance(prepared, Mapping) and prepared.get("resize") == "pad"


def model_frame(shown: NDArray[np.float32], grid: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of the patch grid that hold the picture, where it was padded."""
    height, width = shown.shape[:2]
    rows, columns = grid[-2:]
    scale = min(rows / height, columns / width)
    inner = (height * scale, width * scale)
    top, left = (rows - inner[0]) / 2, (columns - inner[1]) / 2
    return slice(round(top), rows - round(top)), slice(round(left), columns - round(left))


def heat_map(
    shown: NDArray[np.float32],
    similarity: NDArray[np.float32],
    *,
    boxes: Sequence[Box] = (),
    padded: bool = True,
    strength: float = 0.6,
) -> NDArray[np.float32]:
    """Lay a similarity map over a picture, with outlines of what the corpus marks.

    Args:
        shown: picture of 0..1, (H, W) or (H, W, 3).
        similarity: cosine of each patch with a sentence, (h, w); coloured from its median to its largest value.
        boxes: outlines in pixels of the picture.
        padded: the model saw the picture padded to its input's shape, not stretched.
        strength: share of colour where the similarity is largest.

    Returns:
        Colour picture of 0..1, (H, W, 3).
    """
    from PIL import Image

    plane = similarity if similarity.ndim == 2 else similarity[similarity.shape[0] // 2]
    if padded:
        plane = plane[model_frame(shown, plane.shape)]
    middle, high = float(np.median(plane)), float(plane.max())
    scaled = np.clip((plane - middle) / (high - middle), 0, 1) if high > middle else np.zeros_like(plane)
    height, width = shown.shape[:2]
    smooth = Image.fromarray(scaled.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    level = np.clip(np.asarray(smooth), 0, 1)[..., None]
    grey = shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, axis=2)
    share = strength * level
    mixed: NDArray[np.float32] = (1 - share) * grey + share * _colours(level[..., 0])
    for box in boxes:
        _outline(mixed, box)
    return mixed


_PENS = ((255, 176, 0), (72, 202, 228), (255, 99, 132), (144, 238, 144), (200, 160, 255), (255, 255, 255))
"""Colours of named objects, in turn."""


def marked(shown: NDArray[np.float32], objects: Sequence[Located]) -> NDArray[np.float32]:
    """Draw boxes and points with their names.

    Args:
        shown: picture of 0..1, (H, W) or (H, W, 3).
        objects: in pixels of the picture.

    Returns:
        Colour picture of 0..1, (H, W, 3).
    """
    from PIL import Image, ImageDraw, ImageFont

    colour = shown if shown.ndim == 3 else np.repeat(shown[..., None], 3, axis=2)
    canvas = Image.fromarray((np.clip(colour, 0, 1) * 255).round().astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    thick = max(1, round(max(canvas.size) / 200))
    height = max(10, 6 * thick)
    font = ImageFont.load_default(size=height)
    for place, one in enumerate(objects):
        ink = _PENS[place % len(_PENS)]
        corners = [(box.x_min, box.y_min, box.x_max, box.y_max) for box in one.boxes]
        corners += [(x - 2 * thick, y - 2 * thick, x + 2 * thick, y + 2 * thick) for x, y in one.points]
        for left, top, right, bottom in corners:
            pen.rectangle((left, top, right, bottom), outline=ink, width=thick)
            above = top - height - thick
            pen.text((left, above if above >= 0 else top + thick), one.name, fill=ink, font=font)
    drawn: NDArray[np.float32] = np.asarray(canvas, dtype=np.float32) / np.float32(255)
    return drawn


def _colours(level: NDArray[Any]) -> NDArray[np.float32]:
    place = level * (len(_STOPS) - 1)
    below = np.minimum(place.astype(int), len(_STOPS) - 2)
    share = (place - below)[..., None]
    mixed: NDArray[np.float32] = ((1 - share) * _STOPS[below] + share * _STOPS[below + 1]) / 255
    return mixed


def _outline(image: NDArray[np.float32], box: Box) -> None:
    height, width = image.shape[:2]
    thick = max(1, round(max(height, width) / 160))
    left, right = (int(np.clip(round(value), 0, width - 1)) for value in (box.x_min, box.x_max))
    top, bottom = (int(np.clip(round(value), 0, height - 1)) for value in (box.y_min, box.y_max))
    white = np.ones(3, dtype=np.float32)
    image[top : top + thick, left : right + 1] = white
    image[max(bottom - thick, 0) : bottom, left : right + 1] = white
    image[top : bottom + 1, left : left + thick] = white
    image[top : bottom + 1, max(right - thick, 0) : right] = white
