"""A corpus as a benchmark of questions: families of tasks ask about its studies what models were taught to answer.

Every part is a family. Words are compared in their plain form, yes and no as they are read anywhere, regions by what
they cover and where they lie, reports also by the facts that they tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from vesalius.benchmarks.base import Benchmark, Headline, Item, Mark, Status
from vesalius.data.conversations.base import Source
from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.conversations.objects import media_size
from vesalius.data.conversations.records import Conversation, Located
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.errors import ConfigError, DataError
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.metrics.answers import answer_words, plain_answer, word_overlap
from vesalius.metrics.boxes import union_iou
from vesalius.metrics.report_facts import read_facts
from vesalius.tasks.answers.parse import parse_closed
from vesalius.tasks.grammar import Grammar, Plane, grammar, write
from vesalius.tasks.instructions.families import families

__all__ = ["CorpusQuestions"]

_REPORTS = frozenset({"report", "findings", "impression", "caption", "grounded_report"})
_LONGEST = {True: 256, False: 96}
"""Tokens of an answer: of a report, of any other."""
_NEAR = 0.05
"""Share of the longer side within which a point counts as found."""


class CorpusQuestions(Benchmark):
    """Families of tasks over one corpus."""

    name = "corpus"
    parts: tuple[str, ...] = ()
    headlines = (Headline(metric="accuracy"),)

    def __init__(
        self, corpus: Corpus, *, asked: Mapping[str, tuple[str, str]], how: str = "medrega", seed: int = 0
    ) -> None:
        """Choose what is asked.

        Args:
            corpus: with the split that is asked about.
            asked: part to family and language.
            how: grammar in which regions are written, that of the model's training.
            seed: of what families draw.
        """
        self.parts = tuple(asked)
        self.conventions = MappingProxyType({"plain": "words in their plain form; regions by what they cover"})
        self._corpus, self._asked, self._seed = corpus, dict(asked), seed
        self._grammar: Grammar = grammar(how)

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the questions about the studies of a split, family by family."""
        view = self._corpus.split(split)
        for part in parts:
            family, language = self._asked[part]
            source = _opened(view, family, language, name=part, seed=self._seed)
            for row in range(len(source) if source is not None else 0):
                assert source is not None
                yield self._item(source.conversation(row), part)

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """A corpus has no twin: it is written by `vesalius virtual make`."""
        raise ConfigError("a corpus has no twin; make one of virtual patients by: vesalius virtual make --out FOLDER")

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Put the conversation up to its last answer."""
        if said:
            return None
        media = iter(item.media)
        turns: tuple[Message, ...] = item.more["turns"]
        messages = tuple(replace(turn, parts=_shown(turn, media)) for turn in turns)
        longest = _LONGEST[item.kind == "report"]
        return Request(id=item.id, messages=messages, decoding=Decoding(max_tokens=longest))

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the answer of the conversation."""
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Compare the reply with the answer."""
        reply = said[0].text.strip()
        status: Status = "answered" if reply else "empty"
        if item.more["objects"]:
            values, read = self._regions(item, reply)
            return Mark(values=values, status=status if read is not None else "unparsed", said=read or "")
        truth = str(item.truth)
        overlap = word_overlap(answer_words(reply), answer_words(truth))
        if item.kind == "report":
            facts = _fact_f1(reply, truth)
            values = {"accuracy": float(plain_answer(reply) == plain_answer(truth)), "f1": overlap.f1, "fact_f1": facts}
            return Mark(values=values, status=status, said=reply, written=reply, references=(truth,))
        if item.kind == "closed":
            parsed = parse_closed(reply)
            right = float(parsed.value == plain_answer(truth).split(" ")[0])
            return Mark(values={"accuracy": right}, status=parsed.status, said=str(parsed.value or ""))
        right = float(plain_answer(reply) == plain_answer(truth))
        return Mark(values={"accuracy": right, "f1": overlap.f1}, status=status, said=reply)

    def _item(self, conversation: Conversation, part: str) -> Item:
        planes = [Plane(media_size(media.path)) for media in conversation.media]
        written = write(conversation, self._grammar, planes) if conversation.objects else conversation
        turns, truth = written.messages[:-1], written.messages[-1].text
        objects = conversation.objects if _is_located(conversation) else ()
        return Item(
            id=f"{part}/{conversation.id}",
            part=part,
            kind=_kind(conversation, truth, objects),
            question=turns[-1].text.strip(),
            truth=truth,
            cluster=conversation.patient or conversation.id,
            media=conversation.media,
            language=conversation.language,
            more={"turns": turns, "objects": objects, "planes": planes, "task": conversation.task},
        )

    def _regions(self, item: Item, reply: str) -> tuple[dict[str, float], str | None]:
        """Return what boxes and points of a reply are worth, and what was read; None where nothing could be."""
        objects: tuple[Located, ...] = item.more["objects"]
        plane: Plane = item.more["planes"][objects[0].medium]
        try:
            parsed = self._grammar.parse(reply, plane, task=item.more["task"])
        except DataError:
            parsed = None
        found: tuple[Located, ...] = () if parsed is None or parsed.value is None else tuple(parsed.value)
        values = _compared(found, objects, plane)
        return values, None if parsed is None or parsed.value is None else reply


def _shown(turn: Message, media: Iterator[Media]) -> tuple[str | Media, ...]:
    """Return the parts of a turn with the media that the item has now; a control may have taken them all."""
    parts = (next(media, None) if isinstance(part, Media) else part for part in turn.parts)
    return tuple(part for part in parts if part is not None) or ("",)


def _opened(view: Corpus, family: str, language: str, *, name: str, seed: int) -> Source | None:
    try:
        return CorpusSource(view, families([family], language=language), name=name, seed=seed)
    except DataError:
        return None


def _is_located(conversation: Conversation) -> bool:
    """Whether the answer is regions, and not words about regions of the question."""
    answer = conversation.messages[-1].text
    return "<objects:" in answer


def _kind(conversation: Conversation, truth: str, objects: Sequence[Located]) -> str:
    if objects:
        return "points" if any(one.points for one in objects) else "box"
    if conversation.task in _REPORTS:
        return "report"
    return "closed" if plain_answer(truth) in ("yes", "no") else "open"


def _fact_f1(reply: str, truth: str) -> float:
    """F1 of the facts that a report tells, denials among them; 1 where both tell none."""
    said, true = (set(read_facts(text).facts) for text in (reply, truth))
    if not said and not true:
        return 1.0
    return 2 * len(said & true) / (len(said) + len(true))


def _compared(found: Sequence[Located], truth: Sequence[Located], plane: Plane) -> dict[str, float]:
    """IoU of all that is covered, points within reach of a true one and the other way round, error of the count."""
    boxes = [np.array([tuple(box) for one in side for box in one.boxes]).reshape(-1, 4) for side in (found, truth)]
    points = [np.array([point for one in side for point in one.points]).reshape(-1, 2) for side in (found, truth)]
    values: dict[str, float] = {}
    if len(boxes[1]):
        shared = union_iou(boxes[0], boxes[1]) if len(boxes[0]) else 0.0
        values |= {"iou": shared, "iou_50": float(shared >= 0.5), "accuracy": float(shared >= 0.5)}
    if len(points[1]):
        reach = _NEAR * max(plane.original)
        apart = np.linalg.norm(points[0][:, None] - points[1][None], axis=-1)
        hits = (apart <= reach).any(axis=1).sum() + (apart <= reach).any(axis=0).sum() if apart.size else 0
        f1 = float(hits) / (len(points[0]) + len(points[1]))
        values |= {"point_f1": f1, "accuracy": float(f1 == 1.0)}
    counts = [sum(one.count for one in side) for side in (found, truth)]
    return {**values, "count_error": float(abs(counts[0] - counts[1]))}
