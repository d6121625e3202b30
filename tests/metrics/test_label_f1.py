"""F1 of report labels: the worked reports of every convention, resamples, and scikit-learn beside it."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.label_f1 import (
    CONVENTIONS,
    FIVE,
    THIRTEEN,
    convention_statistics,
    label_f1,
    label_f1_draws,
    label_statistics,
    state_f1,
    state_similarity,
)
from vesalius.metrics.observations import OBSERVATIONS, observation_classes

# four reports x (Cardiomegaly, Edema, Consolidation, Atelectasis, Effusion)
REF = np.array([[1, 0, 0, 3, 1], [2, 2, 0, 0, 2], [1, 3, 1, 0, 0], [0, 0, 0, 1, 1]])
HYP = np.array([[1, 0, 0, 1, 2], [2, 0, 0, 0, 2], [3, 1, 0, 0, 0], [0, 0, 0, 3, 1]])


@pytest.mark.parametrize(
    ("uncertain", "expected"),
    [
        ("positive", (0.857142857, 0.733333333, 0.791666667, 0.65, 0.90, 0.5)),
        ("negative", (0.4, 0.266666667, 0.444444444, 0.291666667, 0.541666667, 0.25)),
    ],
)
def test_worked_reports(uncertain, expected):
    found = label_f1(label_statistics(REF, HYP, uncertain=uncertain).sum(axis=0))
    assert found[:6] == pytest.approx(expected, abs=1e-9)


def test_labels_that_nobody_has_are_counted():
    found = label_f1(label_statistics(REF, HYP, uncertain="negative").sum(axis=0))
    assert found.unseen == 1  # Edema: its only mention besides a denial is uncertain
    assert found.each == pytest.approx([2 / 3, 0, 0, 0, 2 / 3])


def test_classes_apart():
    expected = {"present": 0.4, "negated": 0.666666667, "uncertain": 0.0, "blank": 0.9}
    assert state_f1(REF, HYP) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("uncertain", ["positive", "negative"])
def test_scikit_learn_says_the_same(uncertain):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    ref, hyp = rng.integers(0, 4, (2, 60, 14))
    ref[:, 3] = 0
    positive = (1, 3) if uncertain == "positive" else (1,)
    found = label_f1(label_statistics(ref, hyp, uncertain=uncertain).sum(axis=0))
    for average in ("micro", "macro", "weighted", "samples"):
        truth, said = np.isin(ref, positive), np.isin(hyp, positive)
        theirs = metrics.f1_score(truth, said, average=average, zero_division=0)
        assert getattr(found, average) == pytest.approx(theirs, abs=1e-12)


def test_draws_equal_repeated_reports():
    statistics = label_statistics(REF, HYP, uncertain="positive")
    weights = patient_weights(["a", "a", "b", "c"], resamples=20, seed=1)
    drawn = label_f1_draws(statistics, weights)
    times = weights.items(0, 20).astype(int)
    for number in range(20):
        rows = np.repeat(np.arange(4), times[:, number])
        once = label_f1(label_statistics(REF[rows], HYP[rows], uncertain="positive").sum(axis=0))
        for name in ("micro", "macro", "weighted", "samples", "accuracy"):
            assert getattr(drawn, name)[number] == pytest.approx(float(getattr(once, name)))


def test_conventions_name_known_labels():
    assert FIVE == ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
    assert len(THIRTEEN) == 13
    for convention in CONVENTIONS.values():
        assert set(convention.labels) <= set(OBSERVATIONS)


def test_a_convention_takes_its_own_labels():
    reference = observation_classes(["Edema. No pneumonia. Fracture.", "Possible effusion."])
    written = observation_classes(["Edema. Fracture.", "Effusion."])
    five = label_f1(convention_statistics("f1chexbert5", reference, written).sum(axis=0))
    assert (five.micro, five.each.shape) == (1.0, (5,))
    # hits are edema and fracture, the effusion is a false alarm: 2 * 2 / (2 * 2 + 1)
    assert label_f1(convention_statistics("maira14", reference, written).sum(axis=0)).micro == pytest.approx(0.8)
    assert label_f1(convention_statistics("maira5", reference, written).sum(axis=0)).micro == pytest.approx(2 / 3)
    with pytest.raises(ConfigError, match="did you mean 'maira14'"):
        convention_statistics("mara14", reference, written)
    with pytest.raises(DataError, match=r"expected \(reports, 14\)"):
        convention_statistics("maira14", REF, HYP)


def test_similarity_of_states():
    same = state_similarity(REF, REF)
    assert same == pytest.approx(np.ones(4))
    # first report: three statements each, Cardiomegaly alone agrees: 1/3; an empty one against any is 0
    assert state_similarity(REF[:1], HYP[:1]) == pytest.approx([1 / 3])
    empty = np.zeros((1, 5), dtype=int)
    assert state_similarity(empty, HYP[:1]) == [0.0]
    assert state_similarity(empty, empty) == [1.0]


def test_wrong_tables_are_refused():
    with pytest.raises(DataError, match="0 blank, 1 present"):
        label_statistics(REF - 1, HYP, uncertain="positive")
    with pytest.raises(DataError, match="expected \\(reports, labels\\)"):
        label_statistics(REF, HYP[:2], uncertain="positive")
