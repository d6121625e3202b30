"""Answers of models that write nothing: the option whose words fit the picture best.

A dual encoder compares the picture with "question option" for each option; a model that reads image and text together
gives the logit that they belong together. An open question has no options and stays unanswered.
Legend: K options, P pictures, D joint width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesalius.data.messages import Media, media_of
from vesalius.data.readers import read
from vesalius.data.readers.pixels import Pixels, Presentation
from vesalius.errors import DataError
from vesalius.inference.requests import Reply, Request
from vesalius.models.media import shown

if TYPE_CHECKING:
    from vesalius.inference.predictor import Predictor

__all__ = ["bare_question", "choose", "pixels_of"]

_PLANES = 8
_ALIKE = 1e-5
"""Logits nearer than this are those of equal texts: a cosine in float32 is rounded by 1e-7, and 0.01 is the lowest
usual temperature."""


def choose(predictor: Predictor, requests: Iterable[Request], *, volumes: bool) -> Iterator[Reply]:
    """Answer requests that state what their options say, one by one; the others with an error.

    Args:
        predictor: embeds images and texts, or matches them.
        requests: with `option_texts`, and `question` where the messages hold more than the bare question.
        volumes: whether the model takes a volume whole; else its planes are shown, and their mean counts.
    """
    for request in requests:
        if not request.option_texts:
            yield _failed(
                request, f"{predictor.name} compares and cannot write: it chooses among stated options only"
            )
            continue
        try:
            pictures = [part for media in media_of(request.messages) for part in pixels_of(media, volumes=volumes)]
            yield (
                _chosen(predictor, request, pictures) if pictures else _failed(request, "no picture to compare with")
            )
        except DataError:
            yield _failed(request, "a picture of the request cannot be read by this model")


def pixels_of(media: Media, *, volumes: bool) -> list[Pixels]:
    """Read what is shown for an encoder: as it is stored, or, edited or cut into planes, as a viewer shows it.

    Raises:
        DataError: it cannot be read; or a volume that is taken whole is edited.
    """
    if media.kind == "volume" and volumes and media.frame is None:
        if media.edits:
            raise DataError("a volume that a model takes whole is not edited")
        return [read(media.path)]
    if media.kind == "image" and not media.edits:
        return [read(media.path, frame=media.frame)]
    as_shown = Presentation(white=255.0)
    return [
        Pixels(array=picture, axes="YXC", units="rgb", source=media.kind, presentation=as_shown)
        for picture in shown(media, planes=_PLANES)
    ]


def bare_question(request: Request) -> str:
    """Return the question without instructions, or all that the last message says where it is not told apart."""
    return request.question or request.messages[-1].text.strip()


def _chosen(predictor: Predictor, request: Request, pictures: list[Pixels]) -> Reply:
    letters = list(request.option_texts)
    texts = [f"{bare_question(request)} {text}" for text in request.option_texts.values()]
    logits = _logits(predictor, pictures, texts)
    if len(letters) > 1 and np.ptp(logits) < _ALIKE:
        return _failed(request, "all options look alike to the model: its texts end before they differ")
    chances = logits - np.logaddexp.reduce(logits)
    return Reply(
        id=request.id,
        text=letters[int(np.argmax(logits))],
        log_probabilities={letter: float(value) for letter, value in zip(letters, chances, strict=True)},
    )


def _logits(predictor: Predictor, pictures: list[Pixels], texts: list[str]) -> NDArray[np.float64]:
    """Mean over P pictures of the logit of each of K texts, (K,): cosine by temperature, or that of matching."""
    if "embed_text" not in predictor.capabilities:
        matched: NDArray[np.float64] = predictor.match(pictures, texts).astype(np.float64).mean(axis=0)
        return matched
    cosine = predictor.embed_image(pictures).astype(np.float64) @ predictor.embed_text(texts).T
    logits: NDArray[np.float64] = cosine.mean(axis=0) / predictor.temperature
    return logits


def _failed(request: Request, error: str) -> Reply:
    return Reply(id=request.id, finish="error", error=error)
