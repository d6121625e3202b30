"""One evaluation of a benchmark of N made-up questions in a process of its own; its figures on stdout as JSON.

Usage: python _answering_worker.py FOLDER N ask|score|page|kill
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time

from vesalius.benchmarks.base import Benchmark, Item, Mark
from vesalius.data.messages import Message
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request
from vesalius.tasks.answers import score_choice

OPTIONS = {"A": "effusion", "B": "pneumonia", "C": "normal lungs", "D": "fracture"}
REPLIES = ("The answer is B.", "C", "I think (A), since nothing else fits", "normal lungs", "A or B", "")
AT_ONCE = 16


class Made(Benchmark):
    """Questions with four options, three a patient, two parts, two fields."""

    name = "made"
    parts = ("first", "second")

    def __init__(self, count: int) -> None:
        self.count = count

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        for number in range(self.count if split == "test" else 0):
            part = self.parts[number % 2]
            if part in parts:
                yield Item(
                    id=str(number), part=part, kind="choice", question=f"What does picture {number} show?",
                    options=OPTIONS, truth="ABCD"[number * 7 % 4], cluster=str(number // 3),
                    fields={"modality": ("CT", "MR", "DX")[number % 3], "organ": ("lung", "heart")[number % 2]},
                )  # fmt: skip

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        raise NotImplementedError

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        words = item.question + "".join(f"\n{letter}. {text}" for letter, text in item.options.items())
        return None if said else Request(id=item.id, messages=(Message(role="user", parts=(words,)),))

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        scored = score_choice(item.truth, said[0].text, options=item.options)
        parsed = scored.parsed
        return Mark(
            values={"accuracy": scored.correct}, status=parsed.status, said=str(parsed.value or ""), rule=parsed.rule
        )


class Instant(BasePredictor):
    """Answers at once, several requests taken before the first answer as an endpoint does; may kill its process."""

    name = "instant"
    capabilities = frozenset({"generate"})

    def __init__(self, *, kill_after: int = 0) -> None:
        self.kill_after = kill_after
        self.made = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        waiting: list[Request] = []
        for request in requests:
            waiting.append(request)
            self.made += 1
            if len(waiting) == AT_ONCE:
                yield self._answered(waiting.pop(0))
        yield from (self._answered(request) for request in waiting)

    def _answered(self, request: Request) -> Reply:
        if self.kill_after and self.made > self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return Reply(id=request.id, text=REPLIES[int(request.id.split("/")[0]) % len(REPLIES)])


def main() -> None:
    """Evaluate once in the asked way."""
    folder, count, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = Instant(kill_after=count // 2 if what == "kill" else 0)
    start, used = perf_counter(), process_time()
    done = answer_benchmark(
        model, on=Made(count), data=folder, out=folder / f"out-{count}", controls=False, safety_items=0,
        report=what == "page", rescore=what in ("score", "page"),
    )  # fmt: skip
    figures = {
        "seconds": perf_counter() - start,
        "processor_seconds": process_time() - used,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "before_mib": before / 1024,
        "requests": model.made,
        "accuracy": done.scores[0]["value"],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
