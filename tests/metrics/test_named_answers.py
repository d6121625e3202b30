"""Zero-shot answers by name: by hand, and beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from vesalius.errors import DataError
from vesalius.metrics.named_answers import named_answers

LABELS = ("normal", "carcinoma")


@pytest.mark.evidence("pa-llava", "L2", "zero-shot answers are a label letter for letter, an unknown one is wrong")
def test_an_answer_is_a_label_or_wrong() -> None:
    found = named_answers(
        ["normal", " carcinoma ", "Carcinoma", "a carcinoma", "normal"],
        ["normal", "carcinoma", "carcinoma", "carcinoma", "carcinoma"],
        labels=LABELS,
    )
    assert found.right.tolist() == [True, True, False, False, False]
    assert (found.unknown, found.accuracy) == (2, 0.4)
    # Named are three answers, of which two are right; five items: F1 = 2 · 2 / (3 + 5).
    assert (found.micro_precision, found.micro_f1) == (2 / 3, 0.5)
    # normal: 1 of 2 said, 1 of 1 there; carcinoma: 1 of 1 said, 1 of 4 there.
    assert (found.macro_precision, found.macro_recall) == (0.75, 0.625)
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 5) / 2)


def test_it_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    labels = ["a", "b", "c"]
    truth, said = rng.choice(labels, 60).tolist(), rng.choice([*labels, "?"], 60).tolist()
    found = named_answers(said, truth, labels=labels)
    for average in ("macro", "micro"):
        theirs = precision_recall_fscore_support(truth, said, labels=labels, average=average, zero_division=0)
        ours = [found.macro_precision, found.macro_recall, found.macro_f1]
        ours = ours if average == "macro" else [found.micro_precision, found.accuracy, found.micro_f1]
        np.testing.assert_allclose(ours, theirs[:3], rtol=0, atol=1e-12)


def test_nothing_named_is_nothing_right() -> None:
    found = named_answers(["?", ""], ["normal", "normal"], labels=LABELS)
    assert (found.unknown, found.micro_precision, found.macro_f1) == (2, 0.0, 0.0)


@pytest.mark.parametrize(
    ("answers", "truth", "told"),
    [([], [], "0 answers for 0"), (["a"], ["normal", "normal"], "1 answers for 2"), (["a"], ["b"], "truth 'b'")],
)
def test_faults(answers: list[str], truth: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        named_answers(answers, truth, labels=LABELS)
