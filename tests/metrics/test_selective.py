"""Risk and coverage against the worked example of the card, resamples against repeated items, abstention by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.classification import auroc
from vesalius.metrics.selective import (
    abstention,
    accuracy_at_coverage,
    augrc,
    aurc,
    aurc_draws,
    coverage_at_accuracy,
    coverage_with_bound,
    excess_aurc,
    penalised,
    risk_coverage,
)

CONFIDENCE = np.array([0.95, 0.9, 0.9, 0.7, 0.6, 0.4])
CORRECT = np.array([1, 1, 0, 1, 0, 0])


def test_the_worked_example() -> None:
    """The two at .9 hold one error between them: risks 0, .5/2, 1/3, 1/4, 2/5, 1/2."""
    np.testing.assert_allclose(risk_coverage(CONFIDENCE, CORRECT).risk, [0, 0.25, 1 / 3, 0.25, 0.4, 0.5])
    assert aurc(CONFIDENCE, CORRECT) == pytest.approx(0.288888889, abs=1e-9)
    assert aurc(CORRECT, CORRECT) == pytest.approx(0.191666667, abs=1e-9)
    assert excess_aurc(CONFIDENCE, CORRECT) == pytest.approx(0.097222222, abs=1e-9)
    assert auroc(CORRECT, CONFIDENCE) == pytest.approx(0.833333333, abs=1e-9)
    assert accuracy_at_coverage(CONFIDENCE, CORRECT, coverage=0.5) == pytest.approx(2 / 3)
    assert accuracy_at_coverage(CONFIDENCE, CORRECT, coverage=0.8) == pytest.approx(0.6)
    assert coverage_at_accuracy(CONFIDENCE, CORRECT, accuracy=0.75) == pytest.approx(4 / 6)
    assert coverage_at_accuracy(CONFIDENCE, 0 * CORRECT, accuracy=0.5) == 0


def test_the_order_of_the_file_as_if_nothing_were_level() -> None:
    in_file = CONFIDENCE - np.arange(6) * 1e-6
    assert aurc(in_file, CORRECT) == pytest.approx(0.247222222, abs=1e-9)
    assert augrc(in_file, CORRECT) == pytest.approx(0.194444444, abs=1e-9)


def test_properties() -> None:
    stream = np.random.default_rng(0)
    correct, confidence = (stream.random(60) < 0.7).astype(float), np.round(stream.random(60), 1)
    shuffled = stream.permutation(60)
    assert aurc(confidence[shuffled], correct[shuffled]) == pytest.approx(aurc(confidence, correct))
    assert aurc(np.full(60, 0.9), correct) == pytest.approx(1 - correct.mean())
    assert excess_aurc(confidence, correct) >= 0
    assert excess_aurc(correct, correct) == 0
    # large-N oracle e + (1 - e) ln(1 - e) at e = .5
    half = np.arange(20_000) < 10_000
    assert aurc(half, half) == pytest.approx(0.153426410, abs=1e-4)


def test_resamples_are_those_of_repeated_items() -> None:
    weights = patient_weights(["a", "a", "b", "c", "c", "d"], resamples=20, seed=2)
    counts = weights.items(0, 20).astype(int)
    for place, value in enumerate(aurc_draws(CONFIDENCE, CORRECT, weights)):
        again = [np.repeat(values, counts[:, place]) for values in (CONFIDENCE, CORRECT)]
        assert value == pytest.approx(aurc(*again), abs=1e-12)


def test_a_bound_on_the_risk() -> None:
    """0 of 29 has a one-sided 95 % bound of 1 - .05^(1/29) = .0982; 1 of 40 one of .1133."""
    confidence = np.r_[np.full(29, 0.9), np.full(11, 0.5), np.full(10, 0.1)]
    correct = np.ones(50)
    correct[29] = 0
    assert coverage_with_bound(confidence, correct, risk=0.1, thresholds=(0.1, 0.5, 0.9)) == (0.9, 29 / 50)
    assert coverage_with_bound(confidence, correct, risk=0.12, thresholds=(0.1, 0.5, 0.9)) == (0.1, 1.0)
    assert coverage_with_bound(confidence, correct, risk=0.01, thresholds=(0.1, 0.9)) == (float("inf"), 0.0)


def test_abstention() -> None:
    outcomes = ["right", "right", "wrong", "abstained", "unparsed"]
    assert abstention(outcomes) == (0.4, 0.2, 0.2, 0.2)
    np.testing.assert_allclose(penalised(outcomes, sure=0.75), [1, 1, -3, 0, -3])
    assert penalised(outcomes).mean() == pytest.approx(0)
    np.testing.assert_allclose(penalised(outcomes, sure=0), [1, 1, 0, 0, 0])
    with pytest.raises(DataError, match="'late'"):
        abstention(["late"])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="below 1"):
        penalised(outcomes, sure=1)


def test_faults_are_named() -> None:
    with pytest.raises(DataError, match="never set it to 0"):
        aurc([0.5, np.nan], [1, 0])
    with pytest.raises(DataError, match="one length"):
        aurc([0.5], [1, 0])
    with pytest.raises(DataError, match="partial credit"):
        coverage_with_bound([0.5], [0.5], risk=0.1, thresholds=[0.5])
    with pytest.raises(ConfigError, match="coverage 0"):
        accuracy_at_coverage(CONFIDENCE, CORRECT, coverage=0)
