"""A pair as it is and fine-tuned alike: one budget, validation chooses, the gap closes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choosing import OPTIONS, Pairs
from tests.inference.writers import saved
from typer.testing import CliRunner

from vesalius.benchmarks.base import Item
from vesalius.benchmarks.limited_impact_adaptation import BENCHMARK
from vesalius.cli.contest import app
from vesalius.data.conversations.jsonl import JsonLines
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.contest import Budget, Contest, contest, contest_text
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request

GRID = Budget(rates=(1e-4, 1e-5), labels=(8, 40, 0), validation=40)


class Splits(Pairs):
    """The pairs with training and validation items of other clusters."""

    def items(self, root: Path, *, parts: Any, split: str) -> Iterator[Item]:
        from dataclasses import replace

        for item in super().items(root, parts=parts, split="test"):
            yield replace(item, id=f"{split}_{item.id}", cluster=f"{split}-{item.cluster}")


class Skilled(BasePredictor):
    """Right with a chance, drawn for each question alone: equal skills give equal answers."""

    capabilities = frozenset({"generate"})

    def __init__(self, name: str, skill: float) -> None:
        self.name, self.skill = name, skill

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            number = int(request.id.split("/")[0].rpartition("-")[2])
            right = "AB"[number % 2]
            lucky = np.random.default_rng([number, len(request.id)]).random() < self.skill
            yield Reply(id=request.id, text=right if lucky else "BA"["AB".index(right)])


class Learner:
    """Fine-tuning in words: skill grows towards 0.95 with the rows; the high rate spoils it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float, bytes, bytes, Budget]] = []

    def __call__(self, model: Any, *, rows: Path, check: Path, rate: float, budget: Budget, out: Path) -> Skilled:
        self.calls.append((model.name, rate, rows.read_bytes(), check.read_bytes(), budget))
        learnt = min(len(rows.read_text(encoding="utf-8").splitlines()) / 200, 1.0)
        skill = model.skill + (0.95 - model.skill) * learnt
        return Skilled(model.name, skill if rate == 1e-5 else 0.5)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Contest, Learner, Path]:
    root, out, learner = tmp_path_factory.mktemp("release"), tmp_path_factory.mktemp("out"), Learner()
    found = contest(
        Skilled("medical", 0.9), Skilled("general", 0.6), on=Splits(root, pairs=100), data=root, out=out, budget=GRID,
        fit=learner, parts=("near",), resamples=500,
    )  # fmt: skip
    return found, learner, out


@pytest.mark.evidence("limited-impact-adaptation", "L2", "both members get the same pairs, grid, seed and choice")
def test_both_get_the_same_pairs_rates_and_rule(done: tuple[Contest, Learner, Path]) -> None:
    found, learner, out = done
    of = {name: [call[1:] for call in learner.calls if call[0] == name] for name in ("medical", "general")}
    assert of["medical"] == of["general"]
    assert [call[0] for call in of["medical"]] == [1e-5, 1e-4] * 3
    document = json.loads((out / "contest.json").read_text(encoding="utf-8"))
    assert document["budget"]["rates"] == [1e-4, 1e-5]
    assert document["validation"]["items"]["n"] == 40
    assert len(document["validation"]["revision"]) == 64
    # The high rate leaves both guessing, so validation chooses the low one for both; the page of numbers says so.
    assert all(one.chosen == {"adapted": 1e-5, "base": 1e-5} for one in found.rounds[1:])
    assert all(set(one.validation["base"]) == {1e-5, 1e-4} for one in found.rounds[1:])


@pytest.mark.evidence("limited-impact-adaptation", "L2", "fine-tuning closes the gap, told over the number of labels")
def test_the_advantage_shrinks_with_labels(done: tuple[Contest, Learner, Path]) -> None:
    """Before, 0.9 against 0.6; with all 200 items both reach 0.95 and, drawn alike, answer alike: no difference."""
    found, _, _ = done
    assert [one.labels for one in found.rounds] == [None, 8, 40, 200]
    gaps = [one.cases[0].difference for one in found.rounds]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == 0
    assert [one.cases[0].verdict for one in found.rounds][::3] == ["win", "tie"]
    shown = contest_text(found)
    assert "as they are" in shown
    assert "fine-tuned on 200 items (adapted at 1e-05, base at 1e-05)" in shown
    assert shown.count("near ") == 8


def test_more_labels_only_add_rows_and_they_are_chat_rows(done: tuple[Contest, Learner, Path]) -> None:
    _, _, out = done
    few, more = (set((out / "pairs" / name / "train.jsonl").read_text().splitlines()) for name in ("8", "40"))
    assert (len(few), len(more)) == (8, 40)
    assert few < more
    first = JsonLines(out / "pairs" / "8" / "train.jsonl").conversation(0)
    assert first.messages[-1].text in OPTIONS
    assert first.media


def test_a_training_item_of_a_test_patient_is_not_learnt(tmp_path: Path) -> None:
    class Leaks(Splits):
        def items(self, root: Path, *, parts: Any, split: str) -> Iterator[Item]:
            from dataclasses import replace

            for item in super().items(root, parts=parts, split=split):
                leaks = split == "train" and item.cluster in ("train-0", "train-1")
                yield replace(item, cluster=item.cluster.replace("train", "test")) if leaks else item

    found = contest(
        Skilled("a", 0.9), Skilled("b", 0.6), on=Leaks(tmp_path, pairs=5), data=tmp_path, out=tmp_path / "out",
        budget=Budget(rates=(1e-5,)), fit=Learner(), parts=("near",), resamples=50,
    )  # fmt: skip
    assert found.document["left_out"] == 4
    assert found.rounds[1].labels == 6


def test_what_cannot_be_learnt_is_named(tmp_path: Path) -> None:
    told: dict[str, Any] = {"on": Pairs(tmp_path), "data": tmp_path, "parts": ("near",), "resamples": 20}
    with pytest.raises(DataError, match=r"nothing to ask.*split 'train'"):
        contest(Skilled("a", 0.9), Skilled("b", 0.6), out=tmp_path / "none", **told)
    with pytest.raises(ConfigError, match="a is open already"):
        contest(Skilled("a", 0.9), Skilled("b", 0.6), out=tmp_path / "open", **{**told, "on": Splits(tmp_path)})
    for wrong in ({"rates": ()}, {"rates": (0.0,)}, {"labels": (-1,)}, {"epochs": 0}):
        with pytest.raises(ConfigError):
            Budget(**wrong)


@pytest.mark.slow
@pytest.mark.evidence(
    "limited-impact-adaptation", "L1", "two tiny models are fine-tuned alike on a twin and compared"
)
def test_two_tiny_models_are_fine_tuned_and_compared(tmp_path: Path) -> None:
    models = [str(saved("internvl", tmp_path / name)) for name in ("medical", "general")]
    words = [*models, "--on", "limited_impact_adaptation", "--data", str(tmp_path / "twin"), "--twin",
             "--patients", "16", "--parts", "vqa_rad", "--limit", "6", "--rates", "1e-3", "--epochs", "2", "--batch",
             "1", "--rank", "2", "--labels", "8", "--out", str(tmp_path / "out"), "--json"]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["benchmark"] == BENCHMARK.name
    assert [one["labels"] for one in document["rounds"]] == [None, 8]
    # Both start from equal weights, see the same pairs in the same order and end as one model.
    assert {case["verdict"] for one in document["rounds"] for case in one["cases"]} == {"tie"}
    assert {case["difference"] for one in document["rounds"] for case in one["cases"]} == {0}
    proof = tmp_path / "out" / "adapted" / "8" / "0.001" / "run" / "stages" / "1-adapt" / "stage.json"
    weights = json.loads(proof.read_text(encoding="utf-8"))["weights"]
    assert {part for part, counts in weights.items() if counts["moved"]} == {"language"}
