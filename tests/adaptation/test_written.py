"""A decoder learns to write what the picture shows, and its texts are scored by draws and shares."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vesalius.data.corpus import Corpus
from vesalius.errors import DataError
from vesalius.evaluation.finetune import finetune
from vesalius.tasks.base import Encoded, TaskData
from vesalius.tasks.report import Report

QUICK = {
    "lr": 0.003, "steps": 120, "evaluate_every": 40, "warmup": 4, "precision": "fp32", "encoder": "tuned",
    "encoder_factor": 1.0, "length": 40, "width": 32, "heads": 2, "depth": 2, "dropout": 0.0,
}  # fmt: skip


def test_what_is_written_tells_what_is_shown(model: Path, corpus: Corpus, tmp_path: Path) -> None:
    done = finetune(
        model, on=corpus, out=tmp_path, protocol="report", fractions=(1.0,), draws=1, rates=(1.0,), resamples=50,
        fit=QUICK, controls=False,
    )  # fmt: skip
    score = done.score("report_100", "bleu_4", "macro")
    assert score is not None
    assert score["value"] > 0.6
    assert score["low"] <= score["value"] <= score["high"]
    table = done.predictions()
    assert len(table) == 20
    right = [
        ("A nodule is seen" in row["reference"]) == ("a nodule is seen" in row["written"].lower())
        for row in map(json.loads, table["detail"].to_pylist())
    ]
    assert np.mean(right) > 0.8


def items(written: list[str], said: list[str]) -> TaskData:
    nothing = np.zeros((len(written), 0))
    encoded = Encoded(
        ids=tuple(map(str, range(len(written)))), patients=tuple(map(str, range(len(written)))), features=nothing,
        joint=nothing, texts=("",) * len(written), text_joint=nothing, labels=nothing, concepts=(),
        outputs={"written": np.array(written, dtype=object), "reference": np.array(said, dtype=object)},
    )  # fmt: skip
    return TaskData(test=encoded)


def scores_of(written: list[str], said: list[str]) -> dict[str, float]:
    table = Report().predict(items(written, said))
    return {one.metric: one.value for one in Report().score(table, resamples=10, seed=0)}


def test_scores_by_hand() -> None:
    """Equal texts score 1; of "a b ." beside "a c ." two of three words and no pair but none match."""
    scored = scores_of(["A b."], ["A b."])
    assert scored["bleu_1"] == pytest.approx(1, abs=1e-6)
    assert scored["rouge_l"] == 1
    scored = scores_of(["A b."], ["A c."])
    assert scored["bleu_1"] == pytest.approx(2 / 3, abs=1e-6)
    assert scored["bleu_2"] < 1e-6
    assert scored["rouge_l"] == pytest.approx(2 / 3)


def test_nothing_written_is_an_error() -> None:
    data = items(["a"], ["a"])
    with pytest.raises(DataError, match="nothing is written"):
        Report().predict(replace(data, test=replace(data.test, outputs={})))
