"""The control that repeats the last demonstration: beside the model where demonstrations are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from choosing import Pairs, Sure

from vesalius.benchmarks.base import Item
from vesalius.data.messages import Message
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.results import Evaluation
from vesalius.inference.requests import Reply, Request


class Shown(Pairs):
    """The pairs with training items, all of which have the answer B, and demonstrations as turns."""

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        for item in super().items(root, parts=parts, split="test"):
            trained = replace(item, id=f"train {item.id}", cluster=f"train {item.cluster}", truth="B")
            yield item if split == "test" else trained

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        asked = super().ask(item, said, arm=arm, shots=())
        if asked is None:
            return None
        turns = [
            Message(role=role, parts=(words,))
            for shot in shots
            for role, words in (("user", shot.question), ("assistant", str(shot.truth)))
        ]
        return replace(asked, messages=(*turns, *asked.messages))


def evaluated(folder: Path, **settings: Any) -> Evaluation:
    return answer_benchmark(
        Sure(), on=Shown(folder), data=folder, out=folder / "out", parts=("near",), resamples=20, safety_items=0,
        control_names=(), **settings,
    )  # fmt: skip


def test_it_repeats_the_last_demonstration(tmp_path: Path) -> None:
    """Every demonstration ends with B, which is right for every second item: one half."""
    done = evaluated(tmp_path, shots=2)
    score = done.score("pairs.near", "accuracy", "all", control="copy-last")
    assert score is not None
    assert score["value"] == 0.5
    assert "last demonstration" in done.document["control_notes"]["copy-last"]


def test_without_demonstrations_it_is_not_asked(tmp_path: Path) -> None:
    assert "copy-last" not in evaluated(tmp_path).document["control_notes"]
