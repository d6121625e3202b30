"""Pictures as sheets of frames that a page can show one by one, with overlays of what is marked.

N frames, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vesalius.virtual.picture import Mark, Picture

__all__ = ["Sheet", "sheet_of"]

_WINDOWS = {"CHEST": (1500.0, -600.0), "HEAD": (80.0, 40.0), "": (400.0, 40.0)}
"""CT windows (width, level) by body part."""
_SUV = 8.0
_DEPTH_MM = 120.0
_FINDING_COLOURS = ((255, 96, 64), (255, 200, 0), (64, 220, 120), (80, 170, 255), (230, 110, 255), (255, 255, 255))
_ORGAN_COLOUR = (120, 190, 255)
Colours = NDArray[np.uint8]


class Sheet:
    """Frames of one picture, one below the other, with two overlays of the same size.

    Attributes:
        frames: (N, H, W, 3).
        findings: (N, H, W, 4), transparent where nothing is.
        organs: (N, H, W, 4).
    """

    def __init__(self, frames: Colours, findings: Colours, organs: Colours) -> None:
        self.frames, self.findings, self.organs = frames, findings, organs

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of frames, rows and columns."""
        count, rows, columns = self.frames.shape[:3]
        return count, rows, columns

    def image(self, layer: str) -> Image.Image:
        """Return a layer (frames, findings or organs) as one tall picture."""
        pixels: Colours = getattr(self, layer)
        return Image.fromarray(pixels.reshape(-1, *pixels.shape[2:]))


def sheet_of(picture: Picture, *, most: int = 24, side: int = 256) -> Sheet:
    """Return at most `most` frames of a picture at a size of about `side` pixels, with its marks."""
    pixels = _displayed(picture)
    count = len(pixels)
    chosen = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))
    steps = _steps(picture)
    shape = _shape(pixels.shape[1:3], steps, side)
    frames = np.stack([_resized(pixels[number], shape) for number in chosen])
    findings = [mark for mark in picture.marks if mark.concept]
    organs = [mark for mark in picture.marks if not mark.concept]
    layers = [_layer(picture, marks, chosen, shape) for marks in (findings, organs)]
    return Sheet(frames, layers[0], layers[1])


def _displayed(picture: Picture) -> Colours:
    """Return all frames (N, H, W, 3) with the grey scale of their unit."""
    pixels = picture.pixels if picture.kind != "image" else picture.pixels[None]
    if picture.axes.endswith("C"):
        return pixels.astype(np.uint8, copy=False)
    grey = pixels.astype(np.float32)
    if picture.units == "HU":
        width, level = _WINDOWS.get(picture.body_part, _WINDOWS[""])
        share = (grey - (level - width / 2)) / width
    elif picture.units == "SUV":
        share = 1 - grey / _SUV
    elif picture.units == "mm":
        share = 1 - grey / (100 * _DEPTH_MM)
    elif picture.units == "display":
        share = grey / 255
    else:
        low, high = np.percentile(grey, (1, 99.7))
        share = (grey - low) / max(float(high - low), 1e-6)
    shown = (np.clip(share, 0, 1) * 255).astype(np.uint8)
    return np.repeat(shown[..., None], 3, axis=-1)


def _steps(picture: Picture) -> tuple[float, float]:
    """Spacing of rows and columns; 1 where none is stated."""
    steps = picture.spacing_mm[-2:] if len(picture.spacing_mm) >= 2 else (1.0, 1.0)
    return (float(steps[0]), float(steps[1])) if np.all(np.isfinite(steps)) else (1.0, 1.0)


def _shape(shape: Sequence[int], steps: tuple[float, float], side: int) -> tuple[int, int]:
    height, width = shape[0] * steps[0], shape[1] * steps[1]
    scale = side / max(height, width)
    return max(8, round(height * scale)), max(8, round(width * scale))


def _resized(frame: Colours, shape: tuple[int, int]) -> Colours:
    return np.asarray(Image.fromarray(frame).resize((shape[1], shape[0]), Image.Resampling.BILINEAR), np.uint8)


def _layer(picture: Picture, marks: Sequence[Mark], chosen: NDArray[np.int_], shape: tuple[int, int]) -> Colours:
    layer = np.zeros((len(chosen), *shape, 4), np.uint8)
    names = list(dict.fromkeys(mark.concept or mark.anatomy for mark in marks))
    for mark in marks:
        colour = (
            _FINDING_COLOURS[names.index(mark.concept) % len(_FINDING_COLOURS)] if mark.concept else _ORGAN_COLOUR
        )
        for place, number in enumerate(chosen):
            _draw(layer[place], picture, mark, int(number), colour)
    return layer


def _draw(canvas: Colours, picture: Picture, mark: Mark, number: int, colour: tuple[int, int, int]) -> None:
    """Draw one mark on one frame (H, W, 4): the rim of its mask, its contour or its points."""
    if mark.frame is not None and mark.frame != number:
        return
    if mark.mask is not None:
        mask = mark.mask if mark.mask.ndim == 2 else mark.mask[number]
        if mask.any():
            _draw_mask(canvas, mask, colour, filled=bool(mark.concept))
        return
    scale = canvas.shape[1] / picture.shape[-1], canvas.shape[0] / picture.shape[-2]
    points = [
        (point[0] * scale[0], point[1] * scale[1]) for point in mark.points if _on_frame(point, picture, number)
    ]
    image = Image.fromarray(canvas)
    pen = ImageDraw.Draw(image)
    if mark.contour and len(points) > 2:
        pen.line([*points, points[0]], fill=(*colour, 255), width=1)
    else:
        for x, y in points:
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), outline=(*colour, 255))
    canvas[:] = np.asarray(image)


def _on_frame(point: tuple[float, ...], picture: Picture, number: int) -> bool:
    return len(point) < 3 or picture.kind != "volume" or abs(point[2] - number) <= 1


def _draw_mask(canvas: Colours, mask: NDArray[np.bool_], colour: tuple[int, int, int], *, filled: bool) -> None:
    size = (canvas.shape[1], canvas.shape[0])
    inside = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST), np.bool_)
    padded = np.pad(inside, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    if filled:
        canvas[inside & core] = (*colour, 50)
    canvas[inside & ~core] = (*colour, 230)
