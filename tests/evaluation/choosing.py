"""A benchmark of pairs of choices, and models for it: what several tests of the harness ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from vesalius.benchmarks.base import Benchmark, Headline, Item, Mark, Ratio
from vesalius.data.messages import Media, Message
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request
from vesalius.tasks.answers import score_choice

OPTIONS = {"A": "red", "B": "blue"}


class Pairs(Benchmark):
    """Two questions a pair about one picture; a pair is right where both are."""

    name = "pairs"
    parts: tuple[str, ...] = ("near", "far", "bare")
    conventions = MappingProxyType({"strict": "the one parser", "kind": "everything is right"})
    headlines: tuple[Headline, ...] = (Headline(metric="accuracy"), Headline(metric="set_accuracy", part="near"))
    ratios: tuple[Ratio, ...] = (Ratio(name="shift", metric="accuracy", over="far", under="near"),)

    def __init__(self, folder: Path, *, pairs: int = 20) -> None:
        self.pairs = pairs
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (200, 0, 0)).save(folder / "one.png")

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        for part in parts if split == "test" else ():
            for number in range(2 * self.pairs if part != "bare" else 0):
                yield Item(
                    id=f"{part}-{number}", part=part, kind="choice", question=f"Which colour has {number}?",
                    truth="AB"[number % 2], options=OPTIONS, cluster=str(number // 2),
                    media=(Media(path=str(root / "one.png")),), more={"pair": number // 2},
                )  # fmt: skip

    def group(self, item: Item) -> str:
        return f"{item.part}-{item.more['pair']}"

    def gather(self, marks: Iterable[tuple[Item, Mark]], *, convention: str) -> Iterator[tuple[Item, Mark]]:
        before: tuple[Item, Mark] | None = None
        for item, mark in marks:
            yield item, mark
            if before is not None and before[0].more == item.more:
                both = before[1].values["accuracy"] * mark.values["accuracy"]
                yield replace(item, id=f"{item.id}-pair"), Mark(values={"set_accuracy": both})
                before = None
            else:
                before = (item, mark)

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        raise NotImplementedError

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        words = item.question + "".join(f"\n{letter}. {text}" for letter, text in item.options.items())
        message = Message(role="user", parts=(*item.media, words))
        return None if said else Request(id=item.id, messages=(message,))

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        scored = score_choice(item.truth, said[0].text, options=item.options)
        parsed = scored.parsed
        right = 1.0 if convention == "kind" else scored.correct
        return Mark(values={"accuracy": right}, status=parsed.status, said=str(parsed.value or ""), rule=parsed.rule)


class Sure(BasePredictor):
    """Right with a chance that it states: sure of the first half of the items, unsure of the second."""

    capabilities = frozenset({"generate"})

    def __init__(self, name: str = "sure", *, seed: int = 0) -> None:
        self.name = name
        self.seed = seed
        self.asked = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            self.asked += 1
            part, number = request.id.split("/")[0].split("-")
            chance = 0.95 if int(number) % 4 < 2 else 0.55
            draw = np.random.default_rng([int(number), self.seed, len(part)]).random()
            right = "AB"[int(number) % 2]
            letter = right if draw < chance else "BA"["AB".index(right)]
            yield Reply(id=request.id, text=f"{letter}. Confidence: {chance:.0%}")
