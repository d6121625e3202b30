"""A judge beside the rule: asked once, kept, and how far both agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vesalius.benchmarks.base import Benchmark, Item, Mark
from vesalius.data.messages import Message
from vesalius.errors import ConfigError
from vesalius.evaluation.answering import job
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request

ITEMS = 20


class Words(Benchmark):
    """Twenty open questions."""

    name = "words"
    parts = ("one",)

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        for number in range(ITEMS if split == "test" else 0):
            yield Item(id=str(number), part="one", kind="open", question="?", truth="heart", cluster=str(number))

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        raise NotImplementedError

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        message = Message(role="user", parts=(f"question {item.id}",))
        return None if said else Request(id=item.id, messages=(message,))

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        return Mark(values={"accuracy": float(said[0].text == item.truth)})

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        asked = f"Does {said[0].text} mean {item.truth}?"
        return Request(id=item.id, messages=(Message(role="user", parts=(asked,)),))

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        return replace(mark, values={**mark.values, "accuracy": float(verdict.text == "yes")})


class Fixed(BasePredictor):
    """Says heart to 8, cardiac to 6 and lung to 6 questions; as a judge, takes cardiac for heart, too."""

    capabilities = frozenset({"generate"})

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            self.asked += 1
            words = request.messages[-1].text
            if words.startswith("Does"):
                yield Reply(id=request.id, text="no" if "lung" in words else "yes")
            else:
                number = int(words.split()[1])
                yield Reply(id=request.id, text="heart" if number < 8 else "cardiac" if number < 14 else "lung")


def test_credentialed_parts_stay_on_this_machine(tmp_path: Path) -> None:
    class Guarded(Words):
        credentialed = ("one",)

    class Elsewhere(Fixed):
        address = "https://api.example.org/v1"

        @property
        def identity(self) -> Mapping[str, Any]:
            return {"name": self.name, "address": self.address}

    class Here(Elsewhere):
        address = "http://127.0.0.1:8000/v1"

    def ask(model: Fixed, **settings: bool) -> int:
        answer_benchmark(
            model, on=Guarded(), data=tmp_path, out=tmp_path / "out", resamples=20, controls=False, safety_items=0,
            report=False, **settings,
        )  # fmt: skip
        return model.asked

    model = Elsewhere("model")
    with pytest.raises(ConfigError, match="one may be had under an agreement only"):
        ask(model)
    assert model.asked == 0
    assert ask(model, allow_upload=True) == ITEMS
    (tmp_path / "out" / "replies.jsonl").unlink()
    assert ask(Here("model")) == ITEMS


def test_the_judge_is_asked_once_and_its_agreement_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Fixed("judge")
    monkeypatch.setattr(job, "open_predictor", lambda spec, device: judge if spec == "judge" else spec)
    for _ in range(2):
        done = answer_benchmark(
            Fixed("model"), on=Words(), data=tmp_path, out=tmp_path / "out", resamples=50, judge="judge",
            controls=False, safety_items=0,
        )  # fmt: skip
        assert judge.asked == ITEMS

    def value(metric: str) -> float:
        score = done.score("words.one", metric, "all")
        assert score is not None
        return float(score["value"])

    assert value("accuracy") == 0.7
    assert value("accuracy_by_rule") == 0.4
    # Agreement 14/20 = .7; by chance .4 * .7 + .6 * .3 = .46; kappa = .24 / .54.
    assert value("judge_kappa") == pytest.approx(0.24 / 0.54)
    assert done.document["warnings"] == []
    unjudged = answer_benchmark(
        Fixed("model"), on=Words(), data=tmp_path, out=tmp_path / "out", resamples=50, rescore=True, controls=False,
        safety_items=0,
    )  # fmt: skip
    assert "holds 20 verdicts that are not used; name their judge by --judge" in unjudged.document["warnings"][0]
    assert judge.asked == ITEMS


def test_the_judge_is_opened_once_for_all_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def open_one(spec: object, device: str) -> object:
        opened.append(spec)
        return Fixed("judge") if spec == "judge" else spec

    monkeypatch.setattr(job, "open_predictor", open_one)
    done = answer_benchmark(
        Fixed("model"), on=Words(), data=tmp_path, out=tmp_path / "out", resamples=20, judge="judge", report=False
    )
    assert {row["control"] for row in done.controls} == {"majority", "random"}
    assert opened.count("judge") == 1
