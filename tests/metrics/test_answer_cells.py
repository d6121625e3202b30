"""Scores of vectors of answers, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.answer_cells import cell_scores, right_cells


@pytest.mark.evidence("hica-vqa", "L2", "the worked example of the card, clean and as the release prints it")
def test_the_cards_example() -> None:
    truth = np.array([[1, 0, 0], [0, 1, 0]], bool)
    said = np.array([[1, 0, 0], [0, 1, 1]], bool)
    found = cell_scores(truth, said)
    assert found.accuracy == 5 / 6
    assert found.report_accuracy == 0.5
    # The third answer never holds and is left out; precision, recall and F1 of the others are 1.
    assert (found.precision, found.recall, found.f1) == (1.0, 1.0, 1.0)
    # Summaries: micro 2·2/(2+3) = .8, macro (1+1+0)/3, weighted 1, by report (1 + ⅔)/2.
    assert found.printed_f1 == pytest.approx((1 + 1 + 0.8 + 2 / 3 + 1 + 5 / 6) / 6)
    assert found.printed_f1 == pytest.approx(0.883, abs=5e-4)
    assert right_cells(truth, said).tolist() == [[True, True, True], [True, True, False]]


def test_nothing_right_and_nothing_said() -> None:
    truth = np.array([[1, 0], [1, 1]], bool)
    nothing = cell_scores(truth, np.zeros_like(truth))
    # Nothing was said, so nothing of it is wrong (precision 1 where there is no divisor), and nothing is found.
    assert (nothing.precision, nothing.recall, nothing.f1) == (1.0, 0.0, 0.0)
    perfect = cell_scores(truth, truth)
    assert set(perfect) == {1.0}


def test_bad_input() -> None:
    with pytest.raises(DataError, match="some of which hold"):
        cell_scores(np.zeros((2, 3), bool), np.zeros((2, 3), bool))
    with pytest.raises(DataError, match=r"truth \(2, 3\) and prediction \(2, 2\)"):
        cell_scores(np.ones((2, 3), bool), np.ones((2, 2), bool))
