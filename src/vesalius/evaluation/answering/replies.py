"""Ask a model every question of a benchmark and keep each reply as it comes, so that a killed run loses none.

A file holds one JSON object a line: the reply, and the key of the request that it answers. A line counts only while
the request is the same; a changed prompt is asked again. A last line that a kill cut off is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vesalius.benchmarks.base import Benchmark, Item
from vesalius.data.disk import not_full
from vesalius.errors import DataError
from vesalius.evaluation.scoring import advancing
from vesalius.inference.predictor import Predictor, Progress
from vesalius.inference.requests import Decoding, Reply, Request

__all__ = ["Exam", "Replies", "collect", "request_of", "said_so_far"]


class Replies:
    """The replies of one model in a file; only where each one lies is held in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[str, int] = {}
        """Where the line of each request begins, by its id."""
        if path.is_file():
            self._scan()

    def __len__(self) -> int:
        return len(self._places)

    def get(self, request: Request) -> Reply | None:
        """Return the stored reply to a request of the same content, a failed one too, or None."""
        place = self._places.get(request.id)
        if place is None:
            return None
        with self.path.open("rb") as file:
            file.seek(place)
            stored = json.loads(file.readline())
        return Reply.of(stored["reply"]) if stored["key"] == request.key else None

    def done(self, request: Request) -> bool:
        """Say whether the request has a reply that did not fail."""
        reply = self.get(request)
        return reply is not None and reply.finish != "error"

    def add(self, request: Request, reply: Reply) -> None:
        """Append a reply; it is on its way to the disk when this returns."""
        line = json.dumps({"key": request.key, "reply": reply.document()}) + "\n"
        with not_full(self.path, kept="every reply before this one is kept"), self.path.open("ab") as file:
            place = file.tell()
            file.write(line.encode())
        self._places[request.id] = place

    def _scan(self) -> None:
        good = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    stored = json.loads(line)
                    self._places[_named(stored)] = good
                except (ValueError, KeyError, TypeError):
                    raise DataError(
                        f"{self.path}: line at byte {good} is no stored reply; take it out or name another folder"
                    ) from None
                good += len(line)
        if good < self.path.stat().st_size:
            with self.path.open("r+b") as file:
                file.truncate(good)


def _named(stored: Mapping[str, Any]) -> str:
    """Return the id of the request that a stored line answers, by a key."""
    if not isinstance(stored["key"], str) or not isinstance(stored["reply"]["id"], str):
        raise TypeError("key and id are texts")
    return str(stored["reply"]["id"])


@dataclass(frozen=True, kw_only=True)
class Exam:
    """One way to put the questions of a benchmark: what all systems of an evaluation are asked alike."""

    benchmark: Benchmark
    items: Callable[[], Iterable[Item]]
    """Yields the items anew at every call."""
    count: int
    arm: str
    arm_of: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Arm of a part that is not asked by `arm`."""
    shots: tuple[Item, ...] = ()
    """Demonstrations; an item gets those of its part that are of another cluster."""
    search: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """How the arms were chosen, for the passport."""
    decoding: Decoding | None = None
    """Laid over what the benchmark asks for; None for the benchmark's own."""
    drawn: int = 0
    """Seed of an answer that is drawn by chance; 0 for the benchmark's own decoding."""
    closing: str = ""
    """Words after the last message, such as those that ask for a confidence."""
    weighs: bool = False
    """Whether the log-probability of every token of an answer is asked for."""
    change: Callable[[Item], Item] = field(default=lambda item: item)
    """What a control or probe does to an item before it is put and marked."""

    def request(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Return what is asked of an item next, named by the item and the turn.

        Models that follow no words are told the bare question and what the letters stand for, where the benchmark
        has not told them.
        """
        shots = [shot for shot in self.shots if shot.cluster != item.cluster and shot.part == item.part]
        arm = self.arm_of.get(item.part, self.arm)
        changed = self.change(item)
        request = self.benchmark.ask(changed, said, arm=arm, shots=shots)
        if request is None:
            return None
        if not said and not request.question:
            request = replace(request, question=changed.question)
        if not said and not request.option_texts:
            request = replace(request, option_texts=changed.options)
        if self.closing:
            *before, last = request.messages
            request = replace(request, messages=(*before, replace(last, parts=(*last.parts, self.closing))))
        if self.drawn:
            request = replace(request, decoding=replace(request.decoding, temperature=1.0, seed=self.drawn))
        named = request_of(request, item, len(said), self.decoding)
        return replace(named, decoding=replace(named.decoding, log_probabilities=True)) if self.weighs else named


def request_of(request: Request, item: Item, turn: int, decoding: Decoding | None) -> Request:
    """Name a request by its item and turn, and lay other decoding over it."""
    named = replace(request, id=f"{item.id}/{turn}")
    return named if decoding is None else replace(named, decoding=decoding)


def collect(exam: Exam, predictor: Predictor, replies: Replies, *, title: str, progress: Progress | None) -> int:
    """Ask all that is not answered yet, turn by turn; return how many requests were made.

    Raises:
        DataError: a model answers what it was not asked.
        EndpointError: the model cannot be asked at all; what came before is kept.
    """
    made = 0
    for turn in range(exam.benchmark.turns):
        with advancing(progress, f"{title}, turn {turn + 1}" if turn else title, exam.count) as advance:
            asked: dict[str, Request] = {}
            with ExitStack() as stack:
                answers = predictor.generate(_waiting(exam, replies, turn, asked, advance))
                stack.callback(getattr(answers, "close", _nothing))
                for reply in answers:
                    if reply.id not in asked:
                        raise DataError(f"model {predictor.name!r} answered {reply.id!r}, which it was not asked")
                    replies.add(asked.pop(reply.id), reply)
                    made += 1
                    advance(1)
    return made


def said_so_far(exam: Exam, replies: Replies, item: Item) -> list[Reply]:
    """Return the stored replies to an item, turn by turn, up to the first that is missing or failed (included)."""
    said: list[Reply] = []
    for _ in range(exam.benchmark.turns):
        request = exam.request(item, said)
        reply = None if request is None else replies.get(request)
        if reply is None:
            break
        said.append(reply)
        if reply.finish == "error":
            break
    return said


def _waiting(
    exam: Exam, replies: Replies, turn: int, asked: dict[str, Request], advance: Callable[[int], Any]
) -> Iterator[Request]:
    for item in exam.items():
        said = [reply for reply in said_so_far(exam, replies, item) if reply.finish != "error"]
        request = exam.request(item, said) if len(said) == turn else None
        if request is None:
            advance(1)
        else:
            asked[request.id] = request
            yield request


def _nothing() -> None:
    return None
