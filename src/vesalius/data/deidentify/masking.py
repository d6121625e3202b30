"""Burned-in text: looked for in every frame, and covered with the brightness of its own margin."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.bands import find_text_in_bands
from vesalius.data.deidentify.ocr import find_text_by_network
from vesalius.data.deidentify.pixel_rules import Expectation
from vesalius.data.deidentify.strokes import Box, find_text, grey

__all__ = ["NO_LOOK", "Look", "Palette", "boxes_of", "doubts_of", "finder", "mask", "mask_all"]

_ALL_FRAMES = 64
"""Of a longer clip every sixteenth frame is looked at, and the brightest and darkest values of each block."""
_BLOCK = 16
_WIDER = 3
"""Pixels by which a box of the second round is larger at every side: edges of a mask hide in it."""
_NEAR = 0.05
"""Part of the weight of a blur that pixels beside the masks must have for its value to stand in a masked pixel."""
_BORDER, _SIDE = 0.1, 0.05
"""Part of the height in which, and of the width at which, lines of text begin that a scanner draws beside a slice."""
_EVEN, _LONG = 16.0, 4.0
"""Spread of brightness of air with its noise, of 255; and length of a line beyond doubt on anatomy, by its height."""
_BOXES = 64
"""Of one image are told to the page of what needs a look."""
Finder = Callable[..., list[Box]]
Palette = Callable[[NDArray[Any]], NDArray[Any]]
"""Gives the colours (..., 3) of indices; text stands in the colours and not in the order of the indices."""


class Look(NamedTuple):
    """What people should look at in one output image."""

    review: str = ""
    """Why; empty where nobody needs to look."""
    masked: tuple[Box, ...] = ()
    doubtful: tuple[Box, ...] = ()
    """What may be text and was not masked."""

    def told(self) -> dict[str, Any]:
        """Return reason and the first boxes, as an entry of the journal holds them."""
        masked, doubtful = ([list(box) for box in group[:_BOXES]] for group in (self.masked, self.doubtful))
        return {"review": self.review, "masked": masked, "doubtful": doubtful}


NO_LOOK = Look()


def finder(name: str) -> Finder:
    """Return the finder of text that an option names; every finder takes what `strokes` and `bands` find as well."""
    return partial(_found_by, network=name == "ocr")


def _found_by(frame: NDArray[Any], *, sensitive: bool = False, network: bool) -> list[Box]:
    """Return what all finders find, and what is written upwards or downwards in sharp letters."""
    found = {*find_text(frame, sensitive=sensitive), *find_text_in_bands(frame, sensitive=sensitive)}
    found.update(_upright(frame, find_text))
    if network:
        found.update(find_text_by_network(frame, sensitive=sensitive))
    return sorted(found)


def _upright(frame: NDArray[Any], find: Callable[[NDArray[Any]], list[Box]]) -> Iterator[Box]:
    """Yield what a finder of lines finds in a frame that is turned by a quarter, in the frame as it stands.

    Row r and column c of the turned frame are row c and column W - 1 - r of the frame.
    """
    width = frame.shape[1]
    for box in find(np.rot90(frame)):
        yield Box(box.left, width - box.bottom, box.right, width - box.top)


def _beyond_doubt(frame: NDArray[Any], *, find: Finder) -> list[Box]:
    """Return what is beyond doubt in either direction of writing, and what the network finds if it is asked."""
    found = {*_agreed(frame), *_upright(frame, _agreed)}
    if getattr(find, "keywords", {}).get("network"):
        found.update(find_text_by_network(frame))
    return sorted(found)


def _agreed(frame: NDArray[Any]) -> list[Box]:
    """Return lines that two ways of looking agree to be text, and those at the border that one of them tells."""
    (height, width), picture = frame.shape[:2], grey(frame)
    bands = [box for box in find_text_in_bands(frame) if _on_ground(picture, box) or _is_long(box)]
    found = set(bands)
    for box in find_text(frame):
        level = box.bottom <= _BORDER * height or box.top >= (1 - _BORDER) * height
        side = box.left <= _SIDE * width or box.right >= (1 - _SIDE) * width
        if ((level or side) and _on_ground(picture, box)) or any(_meet(box, other) for other in bands):
            found.add(box)
    return sorted(found)


def _on_ground(picture: NDArray[Any], box: Box) -> bool:
    """Say whether the pixels around a box are as even as the air beside a patient; a picture of 0 to 255."""
    ring = _margin_pixels(picture, (box.top, box.left, box.bottom, box.right))
    low, high = np.percentile(ring, [10, 90]) if ring.size else (0.0, 0.0)
    return bool(high - low <= _EVEN)


def _is_long(box: Box) -> bool:
    return box.right - box.left >= _LONG * (box.bottom - box.top)


def _meet(one: Box, other: Box) -> bool:
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right


def doubts_of(
    frames: NDArray[Any], expected: Expectation, masked: Iterable[Box], *, palette: Palette | None = None
) -> tuple[Box, ...]:  # fmt: skip
    """Return long lines that only a sensitive look takes for text, and no mask covers.

    For images whose tags tell nothing; in the others all that is found so is masked, or nothing of it.
    """
    if expected.likely or expected.unlikely:
        return ()
    masks = tuple(masked)
    looked_at = _looked_at(frames, palette)
    found = {box for frame in looked_at for box in find_text(frame, sensitive=True) if _is_long(box)}
    return tuple(sorted(box for box in found if not any(_meet(box, other) for other in masks)))


def boxes_of(
    frames: NDArray[Any], expected: Expectation, *, find: Finder, palette: Palette | None = None,
    gone: Sequence[Box] = (),
) -> list[Box]:  # fmt: skip
    """Return the boxes to mask in every frame.

    Args:
        frames: (T, H, W) or (T, H, W, 3).
        expected: what the tags tell.
        find: finder of text in one frame.
        palette: of frames of indices.
        gone: what is masked already.
    """
    look = partial(_beyond_doubt, find=find) if expected.unlikely else partial(find, sensitive=expected.likely)
    found: set[Box] = set(_outside(expected.kept, frames.shape[1:3]))
    for frame in _looked_at(frames, palette):
        found.update(look(_blended(frame, gone) if gone else frame))
    return sorted(found)


def _blended(frame: NDArray[Any], boxes: Sequence[Box]) -> NDArray[np.float32]:
    """Return a frame whose boxes go over into what is around them, as the edges of an even mask look like letters.

    From the sides inwards every pixel takes a mean of what lies near, over ever wider neighbourhoods.
    """
    from scipy import ndimage

    shown = frame.astype(np.float32)
    left = np.zeros(frame.shape[:2], dtype=bool)
    for box in boxes:
        left[max(0, box.top) : box.bottom, max(0, box.left) : box.right] = True
    width = 1.0
    while left.any() and not left.all():
        spread = (width, width) + (0.0,) * (frame.ndim - 2)
        weight = ndimage.gaussian_filter((~left).astype(np.float32), width)
        inked = np.where(left if frame.ndim == 2 else left[..., None], np.float32(0.0), shown)
        near = left & (weight > _NEAR)
        mean = ndimage.gaussian_filter(inked, spread)[near]
        shown[near] = mean / (weight[near] if frame.ndim == 2 else weight[near][:, None])
        left &= ~near
        width *= 2.0
    return shown


def _looked_at(frames: NDArray[Any], palette: Palette | None) -> Iterable[NDArray[Any]]:
    if len(frames) <= _ALL_FRAMES:
        yield from frames if palette is None else map(palette, frames)
        return
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        block = block if palette is None else palette(block)
        yield block[0]
        yield block.max(axis=0)
        yield block.min(axis=0)


def _outside(kept: tuple[tuple[int, int, int, int], ...], shape: tuple[int, ...]) -> Iterable[Box]:
    """Yield boxes that cover everything outside the kept regions: whole rows, then runs between the regions."""
    if not kept:
        return
    rows = sorted({0, shape[0], *(min(edge, shape[0]) for top, _, bottom, _ in kept for edge in (top, bottom))})
    for top, bottom in itertools.pairwise(rows):
        at = 0
        here = sorted((left, right) for t, left, b, right in kept if t <= top and b >= bottom)
        for left, right in [*here, (shape[1], shape[1])]:
            if left > at:
                yield Box(top, at, bottom, min(left, shape[1]))
            at = max(at, right)


def mask_all(
    frames: NDArray[Any], expected: Expectation, *, find: Finder, palette: Palette | None = None
) -> tuple[NDArray[Any], tuple[Box, ...]]:  # fmt: skip
    """Mask text, look again, and mask what has shown; return the frames and the boxes.

    A line may show only when its neighbour is gone, so that the result is looked at again, no longer sensitively, and
    boxes of the second round are larger. What is left then is for the second scan, which looks by other means.
    """
    first = boxes_of(frames, expected, find=find, palette=palette)
    if not first:
        return frames, ()
    indexed = palette is not None
    frames = mask(frames, first, indexed=indexed)
    rest = Expectation(False, (), expected.unlikely)
    again = [
        Box(box.top - _WIDER, box.left - _WIDER, box.bottom + _WIDER, box.right + _WIDER)
        for box in boxes_of(frames, rest, find=find, palette=palette, gone=first)
    ]
    return mask(frames, again, indexed=indexed), (*first, *again)


def mask(frames: NDArray[Any], boxes: Iterable[Box], *, indexed: bool = False) -> NDArray[Any]:
    """Return a copy with every box filled, in every frame.

    A box takes the median of the line of pixels around it, frame by frame and channel by channel, or the most
    frequent value where values are `indexed` colours.

    Args:
        frames: (T, H, W) or (T, H, W, 3).
        boxes: to fill; edges beyond the frame are cut.
        indexed: values are indices of a palette.
    """
    result = frames.copy()
    for box in boxes:
        top, left = max(0, box.top), max(0, box.left)
        bottom, right = min(frames.shape[1], box.bottom), min(frames.shape[2], box.right)
        if bottom <= top or right <= left:
            continue
        for source, target in zip(frames, result, strict=True):
            target[top:bottom, left:right] = _margin_value(source, (top, left, bottom, right), indexed)
    return result


def _margin_pixels(frame: NDArray[Any], box: tuple[int, int, int, int]) -> NDArray[Any]:
    """Return the line of pixels around a box, of the frame's kind; empty where the box is the whole frame."""
    top, left, bottom, right = box
    height, width = frame.shape[:2]
    lines = []
    if top > 0:
        lines.append(frame[top - 1, left:right])
    if bottom < height:
        lines.append(frame[bottom, left:right])
    if left > 0:
        lines.append(frame[top:bottom, left - 1])
    if right < width:
        lines.append(frame[top:bottom, right])
    return np.concatenate(lines) if lines else frame[:0, 0]


def _margin_value(frame: NDArray[Any], box: tuple[int, int, int, int], indexed: bool) -> Any:
    margin = _margin_pixels(frame, box)
    if not len(margin):
        return np.zeros(frame.shape[2:], dtype=frame.dtype)
    if indexed:
        values, counts = np.unique(margin, axis=0, return_counts=True)
        return values[np.argmax(counts)]
    return np.median(margin, axis=0).astype(frame.dtype)
