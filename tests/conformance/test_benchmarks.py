"""What every benchmark of questions must do: its twin is asked end to end, and no reply of a model breaks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from vesalius.benchmarks.base import Benchmark, Item, benchmark, question_benchmarks
from vesalius.data.messages import text_of
from vesalius.data.readers import Pixels
from vesalius.evaluation.answering.facts import headlines_of
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.answering.survey import twin_of
from vesalius.evaluation.paired import LOWER_IS_BETTER
from vesalius.inference.choosing import choose
from vesalius.inference.mock import MockEndpoint, MockSettings
from vesalius.inference.predictor import BasePredictor, ImageEmbeddings, unit_rows
from vesalius.inference.requests import Reply, Request

PATIENTS = 24
OF_A_KIND = 2
HOSTILE = {
    "empty": "",
    "blank": " \n\t ",
    "endless": "the lung " * 2_000,
    "foreign": "是的，左肺有积液。 نعم",
    "html": "<html><body><p>yes</p></body></html>",
    "json": 'Here you are: {"answer": "A", "score": 4, "box": [9, 9, 1, 1]} as asked.',
    "letters": "A or B",
    "negation": "not abnormal",
    "refusal": "I'm sorry, but I cannot interpret medical images.",
    "numbers": "-3.5e400 mm or 12,7 cm",
    "controls": "\x00\x1b[31m\ud83d",
}


@pytest.fixture(scope="module", params=question_benchmarks())
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Benchmark, Path]:
    bench = benchmark(request.param)
    return bench, twin_of(bench, tmp_path_factory.mktemp("twins") / bench.name, patients=PATIENTS, seed=0)


def items(bench: Benchmark, root: Path) -> list[Item]:
    return list(bench.items(root, parts=bench.parts, split="test"))


def some(bench: Benchmark, root: Path) -> list[Item]:
    """A few items of every part and kind of answer."""
    found: dict[tuple[str, str], list[Item]] = {}
    for item in items(bench, root):
        found.setdefault((item.part, item.kind), []).append(item)
    return [item for group in found.values() for item in group[:OF_A_KIND]]


def requests(bench: Benchmark, item: Item, arm: str) -> Iterator[tuple[Request, list[Reply]]]:
    said: list[Reply] = []
    for _ in range(bench.turns):
        asked = bench.ask(item, said, arm=arm, shots=())
        if asked is None:
            return
        yield asked, list(said)
        said.append(Reply(id=item.id, text=bench.right(item, said)))


def test_items_are_whole(case: tuple[Benchmark, Path]) -> None:
    bench, root = case
    found = items(bench, root)
    assert len({item.id for item in found}) == len(found) >= 10
    assert {item.part for item in found} == set(bench.parts)
    for item in found:
        assert item.question.strip()
        assert item.cluster
        assert all(Path(media.path).is_absolute() and Path(media.path).exists() for media in item.media), item.id
        assert "/" not in item.id, "requests are named item/turn"
    again = items(bench, root)
    assert again == found


def test_every_arm_asks_without_the_answer_and_without_pictures(case: tuple[Benchmark, Path]) -> None:
    from dataclasses import replace

    bench, root = case
    for item in some(bench, root):
        for arm in bench.arms:
            asked = list(requests(bench, item, arm.name))
            assert asked, f"{item.id}: arm {arm.name} asks nothing"
            for request, _ in asked:
                assert text_of(request.messages).strip()
            for request, _ in requests(bench, replace(item, media=()), arm.name):
                assert not [media for media in request.messages[-1].media if media in item.media]


def test_hostile_replies_are_marked_and_never_right_by_accident(case: tuple[Benchmark, Path]) -> None:
    bench, root = case
    for item in some(bench, root):
        for name, words in HOSTILE.items():
            for convention in bench.conventions:
                said = [Reply(id=item.id, text=words) for _ in range(bench.turns)]
                mark = bench.mark(item, said[: _turns(bench, item, words)], convention=convention)
                assert mark.values, f"{item.id}: {name} under {convention} has no value"
                assert all(np.isfinite(value) or np.isnan(value) for value in mark.values.values())
                if convention == next(iter(bench.conventions)) and name in ("empty", "blank"):
                    assert mark.status != "answered", f"{item.id}: a reply of nothing counts as an answer"
                    assert not mark.values.get("accuracy", 0), f"{item.id}: a reply of nothing is right"


def _turns(bench: Benchmark, item: Item, words: str) -> int:
    """Messages that a model which always says the same comes to write."""
    said: list[Reply] = []
    while len(said) < bench.turns and bench.ask(item, said, arm=bench.arms[0].name, shots=()) is not None:
        said.append(Reply(id=item.id, text=words))
    return len(said)


def test_the_oracle_is_best(case: tuple[Benchmark, Path], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    bench, root = case
    claim = "its twin is written, asked and scored end to end; no answer beats the right one"
    request.node.add_marker(pytest.mark.evidence(bench.name.replace("_", "-"), "L1", claim))
    done = {
        name: answer_benchmark(
            f"control:{name}",
            on=bench,
            data=root,
            out=tmp_path / name,
            resamples=20,
            conventions=("all",),
            report=False,
        )
        for name in ("oracle", "majority", "random")
    }
    for task, metric, label, words in headlines_of(bench, bench.parts):
        scores = {name: one.score(task, metric, label) for name, one in done.items()}
        if scores["oracle"] is None:
            continue
        values = {name: score["value"] for name, score in scores.items() if score and score["value"] is not None}
        sign = -1 if metric.startswith(LOWER_IS_BETTER) else 1
        best = max(values.values(), key=lambda value: sign * value)
        assert values["oracle"] == pytest.approx(best), f"{words}: {values}"
    failed = [row for row in done["oracle"].scores if row["metric"] == "failed" and row["value"]]
    assert not failed


def test_an_endpoint_that_stumbles_is_asked_to_the_end(case: tuple[Benchmark, Path], tmp_path: Path) -> None:
    bench, root = case
    settings = MockSettings(faults={"429": 0.1, "broken": 0.1, "dropped": 0.1}, fault_tries=1)
    with MockEndpoint(answer="letter", settings=settings) as mock:
        done = answer_benchmark(
            f"openai:{mock.address}#mock?backoff_s=0.01", on=bench, data=root, out=tmp_path, resamples=20, limit=12,
            controls=False, safety_items=0, report=False,
        )  # fmt: skip
    assert mock.counts["ok"] >= 12
    assert {row["value"] for row in done.scores if row["metric"] == "failed"} == {0.0}


class Comparing(BasePredictor):
    """Compares pictures with options by vectors that their bytes draw, as an untrained dual encoder would."""

    name = "comparing"
    capabilities = frozenset({"generate", "embed_image", "embed_text"})
    temperature = 0.1

    def encode_image(self, images: Sequence[Pixels]) -> ImageEmbeddings:
        rows = unit_rows(np.stack([self._drawn(np.ascontiguousarray(one.array).tobytes()) for one in images]))
        return ImageEmbeddings(rows, rows)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return unit_rows(np.stack([self._drawn(text.encode()) for text in texts]))

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        return choose(self, requests, volumes=False)

    @staticmethod
    def _drawn(content: bytes) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=8)


def test_a_model_that_compares_says_what_it_cannot_answer(case: tuple[Benchmark, Path], tmp_path: Path) -> None:
    bench, root = case
    done = answer_benchmark(
        Comparing(), on=bench, data=root, out=tmp_path, resamples=20, limit=12, controls=False, safety_items=0,
        report=False,
    )  # fmt: skip
    rows = done.predictions(label="failed")
    failed = [row for row in rows.to_pylist() if row["score"] and "@" not in row["task"]]
    told = " ".join(done.document["warnings"])
    assert all(json.loads(row["detail"])["rule"] for row in failed)
    assert bool(failed) == ("failed (" in told), told
    # Choices with a picture are answered; what is asked of a model that writes is told apart by its reason.
    assert {json.loads(row["detail"])["rule"] for row in failed} <= {
        "comparing compares and cannot write: it chooses among stated options only", "no picture to compare with",
    }  # fmt: skip
