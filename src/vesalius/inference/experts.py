"""A model that may call experts: its tag is read, the expert works on the media, and the model goes on from there.

At most one call an answer. What the user writes cannot call anything: tags in it are neutralised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vesalius.data.messages import Media, Message, media_of
from vesalius.errors import DataError
from vesalius.inference.predictor import BasePredictor, Predictor
from vesalius.inference.requests import Reply, Request
from vesalius.models.media import as_png
from vesalius.tasks.grammar.calls import EVERYTHING, Call, neutralised, parse_call
from vesalius.tasks.instructions.guidance import ExpertCard, cards_text, classified, legend, result_text

__all__ = ["CallingPredictor", "Classifier", "ExpertModel", "Result", "Segmenter", "ensemble"]

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (255, 0, 0), "green": (0, 160, 0), "blue": (0, 80, 255), "yellow": (255, 220, 0),
    "magenta": (255, 0, 255), "cyan": (0, 220, 220), "orange": (255, 140, 0), "purple": (128, 0, 160),
}  # fmt: skip
"""Of overlays, in the order in which labels take them."""


class Result(NamedTuple):
    """What an expert gives back."""

    words: str
    shown: tuple[Media, ...] = ()


class ExpertModel(Protocol):
    """Something that a model may call."""

    card: ExpertCard

    def work(self, media: Sequence[Media], argument: str) -> Result:
        """Look at the media of the conversation.

        Raises:
            DataError: they are not what the expert reads.
        """


@dataclass(frozen=True)
class Classifier:
    """Says yes or no to every label."""

    card: ExpertCard
    scores: Callable[[Media], Mapping[str, float]]
    """Label to probability."""

    def work(self, media: Sequence[Media], argument: str) -> Result:
        """Classify the first medium."""
        del argument
        return Result(classified(self.scores(_first(media))))


@dataclass(frozen=True)
class Segmenter:
    """Draws what it finds over the picture, with a legend of what is there."""

    card: ExpertCard
    segment: Callable[[Media, str], tuple[NDArray[np.uint8], Mapping[str, NDArray[np.bool_]]]]
    """Gives the slice (H, W, 3) and a mask (H, W) for each label of a group."""
    folder: Path
    """Where overlays are written."""

    def work(self, media: Sequence[Media], argument: str) -> Result:
        """Segment the first medium; labels without a pixel on the slice are not in the legend."""
        source = _first(media)
        plane, masks = self.segment(source, argument)
        here = {label: mask for label, mask in masks.items() if mask.any()}
        if not here:
            return Result(f"The results show no {argument if argument != EVERYTHING else 'finding'}.")
        if len(here) > len(COLOURS):
            raise DataError(f"{len(here)} labels on one slice; an overlay has {len(COLOURS)} colours")
        colours = dict(zip(COLOURS, here, strict=False))
        drawn = plane.copy()
        for colour, label in colours.items():
            drawn[here[label]] = COLOURS[colour]
        name = hashlib.sha256(f"{source}/{argument}".encode()).hexdigest()[:16]
        path = self.folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_png(drawn))
        words = f"The results are shown. The colors in this image describe {legend(colours)}."
        return Result(words, (Media(path=str(path.absolute())),))


def ensemble(
    members: Mapping[str, Mapping[str, float]], *, of_label: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Average, for each label, the scores of its own fixed list of members.

    Args:
        members: name of a model to its scores by label.
        of_label: label to the members that count for it.

    Raises:
        DataError: a member that counts is not there, or does not know the label.
    """
    found = {}
    for label, names in of_label.items():
        missing = [name for name in names if label not in members.get(name, {})]
        if missing or not names:
            raise DataError(f"label {label!r}: no score of {', '.join(missing) or 'any member'}")
        found[label] = float(np.mean([members[name][label] for name in names]))
    return found


class CallingPredictor(BasePredictor):
    """A model that writes, and the experts that it may call."""

    capabilities = frozenset({"generate"})

    def __init__(self, inner: Predictor, experts: Sequence[ExpertModel]) -> None:
        """Take a model and its experts."""
        self.inner, self.name = inner, inner.name
        self._experts = {expert.card.expert.name: expert for expert in experts}
        self._cards = [expert.card for expert in experts]
        self.calls: dict[str, int] = {}
        """How often each expert was called, and "none"."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What a passport says: the model and its experts."""
        return {**self.inner.identity, "experts": sorted(self._experts)}

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer requests; where the first answer is one call, the second one counts."""
        for request in requests:
            first = next(iter(self.inner.generate([self._with_cards(request)])))
            call = self._called(first)
            self.calls[call.expert if call else "none"] = self.calls.get(call.expert if call else "none", 0) + 1
            if call is None:
                yield replace(first, id=request.id)
                continue
            try:
                result = self._experts[call.expert].work(media_of(request.messages), call.argument)
            except DataError as error:
                yield Reply(id=request.id, finish="error", error=f"expert {call.expert}: {error}")
                continue
            yield replace(next(iter(self.inner.generate([self._again(request, first, result)]))), id=request.id)

    def _called(self, reply: Reply) -> Call | None:
        parsed = parse_call(reply.text, [card.expert for card in self._cards])
        return parsed.value if isinstance(parsed.value, Call) else None

    def _with_cards(self, request: Request) -> Request:
        """Put the list of experts before the first words of the user, whose own tags call nothing."""
        messages, told = [], False
        for message in request.messages:
            parts: list[str | Media] = []
            for part in message.parts:
                if not isinstance(part, str) or message.role != "user":
                    parts.append(part)
                    continue
                words = neutralised(part)
                parts.append(words if told else f"\n{cards_text(self._cards)}{words.lstrip()}")
                told = True
            messages.append(replace(message, parts=tuple(parts)))
        return replace(request, messages=tuple(messages))

    def _again(self, request: Request, first: Reply, result: Result) -> Request:
        question = neutralised(request.messages[-1].text.strip())
        told = self._with_cards(request)
        return replace(
            told,
            messages=(
                *told.messages,
                Message(role="assistant", parts=(first.text,)),
                Message(role="user", parts=(*result.shown, result_text(result.words, question))),
            ),
        )


def _first(media: Sequence[Media]) -> Media:
    if not media:
        raise DataError("nothing is shown that it could look at")
    return media[0]
