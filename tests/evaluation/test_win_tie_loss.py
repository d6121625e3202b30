"""Wins, ties and losses: worked intervals, mirrors, the false positives of the test, what own prompts are worth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.evaluation.win_tie_loss import Case, ablation, case_of, rates, table
from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import patient_weights, percentile

NAMES = {"adapted": "medical", "base": "general", "part": "exam", "way": "constrained"}
Floats = NDArray[np.float64]


def names(n: int) -> list[str]:
    return [str(place) for place in range(n)]


def case(first: Floats, second: Floats, *, resamples: int = 2000, seed: int = 0, part: str = "exam") -> Case:
    return case_of(first, second, names(len(first)), names=NAMES | {"part": part}, resamples=resamples, seed=seed)


def made(verdict: str, n: int = 10) -> Case:
    low, high = {"win": (0.1, 0.3), "tie": (-0.1, 0.2), "loss": (-0.3, -0.1)}[verdict]
    return Case(**NAMES, n=n, n_clusters=n, adapted_value=0.5, base_value=0.5, difference=low / 2 + high / 2, low=low,
                high=high)  # fmt: skip


@pytest.mark.evidence("medical-adaptation-progress", "L2", "the worked interval, its mirror, and identical models")
def test_the_worked_interval() -> None:
    """200 items, 40 differ, 30 to 10: difference .10, error sqrt((.2 - .01)/200) = .031, about (.04, .16)."""
    adapted, base = np.zeros(200), np.zeros(200)
    adapted[:110] = base[:110] = 1
    adapted[110:140], base[140:150] = 1, 1
    found = case(adapted, base, resamples=10_000)
    assert (found.adapted_value, found.base_value) == (0.7, 0.6)
    assert found.difference == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.04, 0.16), abs=0.006)  # steps of .005
    assert found.verdict == found.raw_verdict == "win"
    mirror = case(base, adapted, resamples=10_000)
    assert (mirror.low, mirror.high) == pytest.approx((-found.high, -found.low), abs=0.006)
    assert mirror.verdict == "loss"
    same = case(adapted, adapted)
    assert (same.difference, same.low, same.high, same.verdict) == (0, 0, 0, "tie")


def test_items_of_a_cluster_are_drawn_together() -> None:
    """Forty items of four patients: the interval is much wider than that of forty patients."""
    adapted = np.repeat([1.0, 1.0, 0.0, 1.0], 10)
    base = np.repeat([0.0, 1.0, 1.0, 0.0], 10)
    alone = case(adapted, base)
    together = case_of(adapted, base, np.repeat(list("abcd"), 10).tolist(), names=NAMES, resamples=2000)
    assert together.n_clusters == 4
    assert together.high - together.low > 2 * (alone.high - alone.low)


@pytest.mark.evidence("medical-adaptation-progress", "L2", "equal models are called different in about 5 % of cases")
def test_models_of_equal_skill_are_rarely_called_different() -> None:
    """2,000 simulations of 150 items, accuracy .6 each: 5 % ± 1.5 (three standard errors of the share).

    The intervals are those of `case_of`, from one set of resamples for all simulations.
    """
    draw = np.random.default_rng(0)
    apart = (draw.random((150, 2000)) < 0.6).astype(float) - (draw.random((150, 2000)) < 0.6)
    weights = patient_weights(names(150), resamples=1000, seed=0)
    draws = resampled.mean(apart, weights)
    found = [percentile(float(apart[:, one].mean()), draws[:, one], weights=weights) for one in range(2000)]
    different = sum(interval.low > 0 or interval.high < 0 for interval in found) / len(found)
    assert 0.035 <= different <= 0.065
    one = case_of(apart[:, 0], np.zeros(150), names(150), names=NAMES, resamples=1000)
    assert (one.low, one.high) == (found[0].low, found[0].high)


@pytest.mark.evidence("limited-impact-adaptation", "L2", "rates of verdicts, over cases and over items")
def test_rates_over_cases_and_over_items() -> None:
    found = [made("win", 10), made("tie", 10), made("loss", 10), made("loss", 70)]
    assert (rates(found).wins, rates(found).ties, rates(found).losses, rates(found).n) == (0.25, 0.25, 0.5, 4)
    weighed = rates(found, by_items=True)
    assert (weighed.wins, weighed.ties, weighed.losses, weighed.n) == (0.1, 0.1, 0.8, 100)
    text = table(found)
    assert "of cases: win 25.0%, tie 25.0%, loss 50.0% of 4" in text
    assert "No correction" in text
    with pytest.raises(DataError, match="no case"):
        rates([])


def test_a_pair_needs_the_same_items() -> None:
    with pytest.raises(DataError, match="3, 2 and 3 items"):
        case_of([1, 0, 1], [1, 0], names(3), names=NAMES)
    with pytest.raises(DataError, match="0, 0 and 0 items"):
        case_of([], [], [], names=NAMES)


@pytest.mark.evidence(
    "medical-adaptation-progress",
    "L2",
    "on models of equal skill only the adapted prompt without intervals shows wins",
)
def test_a_prompt_of_one_model_makes_a_false_advantage() -> None:
    """Forty data sets, two models right in 60 % by their own prompts; the base loses 4 points by the other's prompt.

    By its own prompt and with intervals almost all is a tie, and neither model wins more; raw numbers name a winner
    in nearly every case, and by the adapted model's prompt that winner is the adapted model.
    """
    draw = np.random.default_rng(1)
    own, theirs = [], []
    for seed in range(40):
        adapted, base, moved = (draw.random((3, 300)) < [[0.6], [0.6], [0.56]]).astype(float)
        own.append(case(adapted, base, resamples=400, seed=seed, part=str(seed)))
        theirs.append(case(adapted, moved, resamples=400, seed=seed, part=str(seed)))
    found = ablation(own, theirs)
    assert len(found) == 4
    honest, false = found["own prompt", "interval"], found["adapted model's prompt", "raw"]
    assert honest.ties > 0.85
    assert abs(honest.wins - honest.losses) < 0.1
    assert false.wins - false.losses > 0.4
    assert found["own prompt", "raw"].ties < 0.2
