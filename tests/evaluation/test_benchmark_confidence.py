"""Confidence on the page: reliability, risk over coverage, sets of options; and what has no column."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from choosing import Pairs, Sure

from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.report import curves
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.summary import Headline, verdict
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.selective import aurc, risk_coverage


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    root = tmp_path_factory.mktemp("release")
    return answer_benchmark(
        Sure(), on=Pairs(root, pairs=60), data=root, out=tmp_path_factory.mktemp("out"), resamples=50,
        confidence="stated", safety_items=0, control_names=(),
    )  # fmt: skip


def test_risk_over_coverage_by_hand() -> None:
    """Sure of two right answers, then unsure of two of which one is wrong: nothing up to a half, 1/4 for all."""
    sure, right = np.array([0.9, 0.9, 0.5, 0.5]), np.array([1.0, 1.0, 1.0, 0.0])
    curve = curves.abstained(sure, right, patient_weights(list("abcd"), resamples=50, seed=0))
    at = {round(float(one), 3): float(risk) for one, risk in zip(curve.coverage, curve.risk, strict=True)}
    assert at[0.5] == 0
    assert at[0.75] == pytest.approx(1 / 6)
    assert at[1.0] == 0.25
    assert (curve.low <= curve.high).all()


def test_risk_over_coverage_is_that_of_the_metric() -> None:
    rng = np.random.default_rng(0)
    sure, right = rng.integers(1, 9, 200) / 10, (rng.random(200) < 0.6).astype(float)
    curve = curves.abstained(sure, right, patient_weights([str(n) for n in range(200)], resamples=20, seed=0))
    exact = risk_coverage(sure, right)
    assert curve.risk == pytest.approx(np.interp(curve.coverage, exact.coverage, exact.risk), abs=1e-9)
    assert 0 < aurc(sure, right) < 0.5


def test_the_page_draws_reliability_abstention_and_sets(done: Evaluation) -> None:
    text = (done.folder / "report.html").read_text(encoding="utf-8")
    assert '<section id="confidence">' in text
    for name in ("near", "far"):
        assert f"Reliability, {name}" in text
        assert f"Risk over coverage, {name}" in text
    assert '<section id="evidence">' in text
    assert "probability of 0.9, calibrated" in text
    covered = done.score("pairs.near", "conformal_coverage", "all")
    assert covered is not None
    assert covered["value"] > 0.8
    assert "Ratios of parts" in text
    ratio = done.score("pairs.shift", "accuracy_ratio", "all", control="majority")
    assert ratio is not None
    assert ratio["value"] == 1


def test_without_confidence_nothing_is_drawn(tmp_path: Path) -> None:
    root = tmp_path / "release"
    found = answer_benchmark(
        Sure(), on=Pairs(root), data=root, out=tmp_path / "out", resamples=20, safety_items=0, controls=False
    )
    assert '<section id="confidence">' not in (found.folder / "report.html").read_text(encoding="utf-8")


def test_a_part_without_items_is_no_column(done: Evaluation) -> None:
    rows = list(csv.reader((done.folder / "leaderboard.csv").open(encoding="utf-8")))
    assert rows[0] == ["system", "near, accuracy", "far, accuracy", "near, set_accuracy"]
    assert [row[0] for row in rows[1:]] == ["sure", "majority", "random"]
    assert all("–" not in row for row in rows)


def test_no_overlap_is_claimed_where_there_is_no_interval() -> None:
    score = {"metric": "accuracy", "value": 0.9, "low": None, "high": None}
    control = {"metric": "accuracy", "value": 0.5, "low": None, "high": None}
    shown = Headline(words="accuracy", score=score, controls={"majority": control})
    assert shown.overall == "no interval"
    assert "there is no interval to tell: accuracy" in verdict([shown])
    assert "overlap: " not in verdict([shown])
    below = Headline(words="accuracy", score={**score, "value": 0.4}, controls={"majority": control})
    assert below.overall == "not above"
