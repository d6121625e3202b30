"""A corpus as a benchmark of questions: families of tasks ask about its studies what models were taught to answer.

Every part is a family. Words are compared in their plain form, yes and no as they are read anywhere, regions by what
they cover and where they lie, reports also by the facts that they tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from types import MappingProxyType

from vesalius.benchmarks.base import Benchmark, Headline, Item, Mark, Status
from vesalius.data.conversations.base import Source
from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.conversations.objects import media_size
from vesalius.data.conversations.records import Conversation, Located
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.region_marks import region_values
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.metrics.answers import answer_words, plain_answer, word_overlap
from vesalius.metrics.report_facts import read_facts
from vesalius.tasks.answers.parse import parse_closed
from vesalius.tasks.answers.reply import final_content
from vesalius.tasks.grammar import Grammar, Plane, grammar, parse_statements, write
from vesalius.tasks.instructions import BUILT_IN, Wording
from vesalius.tasks.instructions.families import families

__all__ = ["CorpusQuestions"]

_REPORTS = frozenset({"report", "findings", "impression", "caption", "grounded_report"})
_LONGEST = {True: 256, False: 96}
"""Tokens of an answer: of a report, of any other."""


class CorpusQuestions(Benchmark):
    """Families of tasks over one corpus."""

    name = "corpus"
    parts: tuple[str, ...] = ()
    headlines = (Headline(metric="accuracy"),)

    def __init__(
        self,
        corpus: Corpus,
        *,
        asked: Mapping[str, tuple[str, str]],
        how: str = "medrega",
        wording: Wording = BUILT_IN,
        seed: int = 0,
    ) -> None:
        """Choose what is asked.

        Args:
            corpus: with the split that is asked about.
            asked: part to family and language.
            how: grammar in which regions are written, that of the model's training.
            wording: words of the questions, those of the model's training.
            seed: of what families draw.
        """
        self.parts = tuple(asked)
        self.conventions = MappingProxyType({"plain": "words in their plain form; regions by what they cover"})
        self._corpus, self._asked, self._seed = corpus, dict(asked), seed
        self._grammar: Grammar = grammar(how)
        self._wording = wording
        self._sources: dict[tuple[str, str], Source | None] = {}

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the questions about the studies of a split, family by family."""
        for part in parts:
            source = self._source(part, split)
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
        if item.more["located"]:
            values, read = self._regions(item, reply)
            return Mark(values=values, status=status if read is not None else "unparsed", said=read or "")
        truth = str(item.truth)
        if item.kind != "report":
            reply = final_content(reply).text
        overlap = word_overlap(answer_words(reply), answer_words(truth))
        if item.kind == "report":
            facts = _fact_f1(reply, truth)
            values = {
                "accuracy": float(plain_answer(reply) == plain_answer(truth)),
                "f1": overlap.f1,
                "fact_f1": facts,
            }
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
        located = "<objects:" in conversation.messages[-1].text
        objects = conversation.objects if located else ()
        return Item(
            id=f"{part}/{conversation.id}",
            part=part,
            kind=_kind(conversation, truth, objects),
            question=turns[-1].text.strip(),
            truth=truth,
            cluster=conversation.patient or conversation.id,
            media=conversation.media,
            language=conversation.language,
            more={
                "turns": turns,
                "objects": objects,
                "located": located,
                "planes": planes,
                "task": conversation.task,
                "spacing_mm": self._spacing_mm(conversation) if conversation.task == "landmark" else None,
            },
        )

    def _regions(self, item: Item, reply: str) -> tuple[dict[str, float], str | None]:
        """Return what boxes and points of a reply are worth, and what was read; None where nothing could be."""
        objects: tuple[Located, ...] = item.more["objects"]
        plane: Plane = item.more["planes"][objects[0].medium if objects else 0]
        task: str = item.more["task"]
        try:
            parsed = self._grammar.parse(reply, plane, task=task)
        except DataError:
            parsed = None
        read = parsed is not None and parsed.value is not None
        found: tuple[Located, ...] = tuple(parsed.value) if parsed is not None and parsed.value is not None else ()
        values = region_values(found if read else None, objects, plane, task=task, spacing_mm=item.more["spacing_mm"])
        if task == "grounded_report":
            values["fact_f1"] = _fact_f1(self._words(reply, plane), self._words(str(item.truth), plane))
        return values, reply if read else None

    def _words(self, report: str, plane: Plane) -> str:
        """Return the sentences of a grounded report."""
        return "\n".join(one.text for one in parse_statements(report, self._grammar, plane).value or ())

    def _spacing_mm(self, conversation: Conversation) -> tuple[float, float] | None:
        """Return the distance of columns and of rows of what is shown first, where the corpus states it."""
        study = self._corpus.study(conversation.id.rsplit("/", 2)[0])
        path = conversation.media[0].path
        image = next((image for image in study.images if str(self._corpus.path(image.path)) == path), None)
        spacing = image.spacing_mm[-2:] if image is not None else ()
        return (spacing[1], spacing[0]) if len(spacing) == 2 and all(map(isfinite, spacing)) else None

    def _source(self, part: str, split: str) -> Source | None:
        """Open a part, once for all systems that are asked; None where the studies of a split have nothing to ask."""
        if (part, split) not in self._sources:
            family, language = self._asked[part]
            try:
                asked = families([family], language=language, wording=self._wording)
                found = CorpusSource(self._corpus.split(split), asked, name=part, seed=self._seed)
            except DataError:
                found = None
            self._sources[part, split] = found
        return self._sources[part, split]


def _shown(turn: Message, media: Iterator[Media]) -> tuple[str | Media, ...]:
    """Return the parts of a turn with the media that the item has now; a control may have taken them all."""
    parts = (next(media, None) if isinstance(part, Media) else part for part in turn.parts)
    return tuple(part for part in parts if part is not None) or ("",)


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
