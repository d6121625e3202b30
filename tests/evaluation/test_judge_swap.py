"""A judge asked in both orders: the mean counts, their agreement is told, and the very same is not asked twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from choosing import OPTIONS, Pairs, Sure

from vesalius.benchmarks.base import Benchmark, Item, Mark
from vesalius.data.messages import Message
from vesalius.errors import ConfigError
from vesalius.evaluation.answering import job
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.results import Evaluation
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request

SAID = ["heart", "cardiac", "lung", "aorta"] * 5


class Words(Benchmark):
    """Twenty open questions whose right answer is the heart."""

    name = "words"
    parts = ("one",)

    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        for number in range(len(SAID) if split == "test" else 0):
            yield Item(id=str(number), part="one", kind="open", question="?", truth="heart", cluster=str(number))

    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        raise NotImplementedError

    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        return None if said else Request(id=item.id, messages=(Message(role="user", parts=(f"question {item.id}",)),))

    def right(self, item: Item, said: Sequence[Reply]) -> str:
        return str(item.truth)

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        return Mark(values={"accuracy": float(said[0].text == item.truth)})

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        asked = f"Does {said[0].text} mean {item.truth}?"
        return Request(id=item.id, messages=(Message(role="user", parts=(asked,)),))

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        return replace(mark, values={**mark.values, "accuracy": float(verdict.text == "yes")})


class Speaking(BasePredictor):
    """Says the words of `SAID`; as a judge takes cardiac for heart, and heart for the aorta but not the reverse."""

    capabilities = frozenset({"generate"})

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[str] = []

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            words = request.messages[-1].text
            self.asked.append(words)
            if not words.startswith("Does"):
                yield Reply(id=request.id, text=SAID[int(words.split()[1])])
            else:
                same = words == "Does heart mean heart?" or "cardiac" in words or words == "Does heart mean aorta?"
                yield Reply(id=request.id, text="yes" if same else "no")


def judged(folder: Path, judge: Speaking, monkeypatch: pytest.MonkeyPatch, *, swap: bool) -> Evaluation:
    monkeypatch.setattr(job, "open_predictor", lambda spec, device: judge if spec == "judge" else spec)
    return answer_benchmark(
        Speaking("model"), on=Words(), data=folder, out=folder / "out", resamples=50, judge="judge", judge_swap=swap,
        controls=False, safety_items=0,
    )  # fmt: skip


def value(done: Evaluation, metric: str) -> float:
    score = done.score("words.one", metric, "all")
    assert score is not None
    return float(score["value"])


def test_the_mean_of_both_orders_counts_and_their_agreement_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Speaking("judge")
    done = judged(tmp_path, judge, monkeypatch, swap=True)
    assert sorted(set(judge.asked)) == [
        "Does aorta mean heart?", "Does cardiac mean heart?", "Does heart mean aorta?", "Does heart mean cardiac?",
        "Does heart mean heart?", "Does heart mean lung?", "Does lung mean heart?",
    ]  # fmt: skip
    # heart 1, cardiac 1, lung 0, aorta (0 + 1) / 2; heart stands in its own place and is asked once.
    assert value(done, "accuracy") == 0.625
    assert value(done, "judge_order_agreement") == pytest.approx(2 / 3)
    assert len(judge.asked) == 20 + 15
    passport = next(iter(done.document["passports"].values()))
    assert passport["task"]["judge_order"] == "both"
    again = judged(tmp_path, judge, monkeypatch, swap=True)
    assert len(judge.asked) == 35, "verdicts are kept"
    assert again.scores == done.scores
    once = judged(tmp_path, judge, monkeypatch, swap=False)
    assert value(once, "accuracy") == 0.5
    assert once.score("words.one", "judge_order_agreement", "all") is None


def test_options_stand_in_the_other_order(tmp_path: Path) -> None:
    bench = Pairs(tmp_path)
    item = next(bench.items(tmp_path, parts=("near",), split="test"))
    said = (Reply(id="", text="red"),)
    other = bench.turned(item, said)
    assert other is not None
    assert dict(other[0].options) == {"A": "blue", "B": "red"}
    assert other[0].options[other[0].truth] == OPTIONS[item.truth]
    assert bench.turned(replace(item, kind="report", options={}), said) is None
    assert bench.turned(replace(item, kind="open", options={}), (Reply(id="", text=" "),)) is None


def test_both_orders_need_a_judge(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="judge_swap needs a judge"):
        answer_benchmark(Sure(), on=Pairs(tmp_path), data=tmp_path, out=tmp_path / "out", judge_swap=True)
