"""Does an answer stay when the same thing lies in a larger picture: the scale test of models that see tiles.

A model that sees a picture resized as a whole sees less of it the larger it is; one that sees tiles should not.
Source: the connector of PA-LLaVA (Dai et al. 2024, arXiv 2408.09530) is called scale-invariant; the test is ours.
Letters: Y rows, X columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.messages import Media
from vesalius.data.readers import read
from vesalius.errors import DataError
from vesalius.inference.predictor import Predictor
from vesalius.inference.requests import Request
from vesalius.metrics.answers import plain_answer

__all__ = ["SizeConsistency", "enlarged", "size_consistency"]


class SizeConsistency(NamedTuple):
    """Answers to the same questions about pictures and about larger ones that hold them."""

    same: NDArray[np.bool_]
    """By request, (n,)."""
    small: tuple[str, ...]
    """Answers about the pictures as they are."""
    large: tuple[str, ...]
    """Answers about the larger ones."""

    @property
    def share(self) -> float:
        """Share of the answers that stayed."""
        return float(self.same.mean())


def enlarged(picture: NDArray[np.uint8], *, factor: int = 2) -> NDArray[np.uint8]:
    """Return a picture (Y, X) or (Y, X, 3), pixel for pixel, in the middle of one `factor` times as wide and high.

    What is around it has its median value.
    """
    rows, columns = picture.shape[:2]
    canvas = np.empty((factor * rows, factor * columns, *picture.shape[2:]), np.uint8)
    canvas[...] = np.median(picture, axis=(0, 1)).astype(np.uint8)
    top, left = (factor - 1) * rows // 2, (factor - 1) * columns // 2
    canvas[top : top + rows, left : left + columns] = picture
    return canvas


def size_consistency(
    model: Predictor, requests: Sequence[Request], *, folder: Path, factor: int = 2
) -> SizeConsistency:
    """Ask about pictures, and the same about larger ones that hold them.

    Args:
        model: that answers.
        requests: each with at least one picture.
        folder: where the larger pictures are written.
        factor: of width and height.

    Raises:
        DataError: no request, one without a picture or with a volume or clip, or one that was not answered.
    """
    if not requests:
        raise DataError("no question was asked; expected at least one request with a picture")
    folder.mkdir(parents=True, exist_ok=True)
    larger = [_larger(request, folder, number, factor) for number, request in enumerate(requests)]
    small, large = _answers(model, requests), _answers(model, larger)
    same = [plain_answer(one) == plain_answer(other) for one, other in zip(small, large, strict=True)]
    return SizeConsistency(np.array(same), small, large)


def _larger(request: Request, folder: Path, number: int, factor: int) -> Request:
    shown = [media for message in request.messages for media in message.media]
    if not shown or any(media.kind != "image" or media.edits for media in shown):
        raise DataError(f"request {request.id!r} must show pictures, as they are in their files, and nothing else")
    paths = {media: folder / f"{number}-{place}.png" for place, media in enumerate(shown)}
    for media, path in paths.items():
        _write(media, path, factor)
    messages = tuple(
        replace(
            message,
            parts=tuple(
                replace(part, path=str(paths[part]), frame=None) if isinstance(part, Media) else part
                for part in message.parts
            ),
        )
        for message in request.messages
    )
    return replace(request, messages=messages)


def _write(media: Media, path: Path, factor: int) -> None:
    from PIL import Image

    eight = np.round(255 * read(media.path, frame=media.frame).display()).astype(np.uint8)
    Image.fromarray(enlarged(eight, factor=factor)).save(path)


def _answers(model: Predictor, requests: Sequence[Request]) -> tuple[str, ...]:
    replies = {reply.id: reply for reply in model.generate(requests)}
    for request in requests:
        if request.id not in replies or replies[request.id].error:
            why = replies[request.id].error if request.id in replies else "no reply came"
            raise DataError(f"request {request.id!r} was not answered: {why}")
    return tuple(replies[request.id].text for request in requests)
