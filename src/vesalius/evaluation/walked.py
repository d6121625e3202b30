"""A tree of questions asked of a model about one study, from the top, with its own answers before each question."""

from __future__ import annotations

from collections.abc import Sequence

from vesalius.data.messages import Media, Message
from vesalius.errors import DataError
from vesalius.inference.predictor import Predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.tasks.answers.tree import Question, Said, Turns, walk
from vesalius.tasks.instructions.families.reasoned import OPTIONS, SEPARATOR, SEVERAL

__all__ = ["walked"]

_LONGEST = 96


def walked(
    predictor: Predictor, tree: Sequence[Question], media: Sequence[Media], *, id: str, known: Said | None = None
) -> dict[str, tuple[str, ...]]:
    """Return a model's answers to the questions of a tree that it comes to; after its "no" nothing below is asked.

    What it says beside the options is no answer.

    Args:
        predictor: answers requests in words.
        tree: the questions.
        media: what the study shows.
        id: of the study, for messages of errors.
        known: right answers; where given they stand before each question, as in training.

    Raises:
        DataError: the model failed.
    """

    def answer(before: Turns, question: Question) -> tuple[str, ...]:
        request = _request(f"{id}/{question.path}", media, before, question)
        reply = next(iter(predictor.generate([request])))
        if reply.finish == "error":
            raise DataError(f"{request.id}: {reply.error}")
        said = {part.strip() for part in reply.text.split(SEPARATOR.strip())}
        return tuple(option for option in question.options if option in said)

    return walk(tree, answer, known=known)


def _request(name: str, media: Sequence[Media], before: Turns, question: Question) -> Request:
    """The question as families of trees word it (`tasks.instructions.families.reasoned`)."""
    lead = SEVERAL if question.several else OPTIONS
    texts = [part for asked, said in before for part in (asked, SEPARATOR.join(said))]
    texts.append(f"{question.text}\n{lead}{SEPARATOR.join(question.options)}")
    messages = tuple(
        Message(role="assistant" if place % 2 else "user", parts=(*(() if place else media), text))
        for place, text in enumerate(texts)
    )
    return Request(id=name, messages=messages, decoding=Decoding(max_tokens=_LONGEST))
