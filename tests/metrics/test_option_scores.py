"""F1 of options with misses that are no option: tables by hand, intervals, patients."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.multiclass import confusion_matrix, f1
from vesalius.metrics.option_scores import option_scores


@pytest.mark.evidence("retinavlm", "L2", "F1 with 2000 resamples, answers that are no option a column of their own")
def test_a_table_by_hand() -> None:
    truth = ["a", "a", "a", "b", "b", "c"]
    said = ["a", "b", "?", "b", "b", "a"]
    found = option_scores(truth, said, options=("a", "b", "c"))
    assert found.table.tolist() == [[1, 1, 0, 1], [0, 2, 0, 0], [1, 0, 0, 0]]
    # a: 2 · 1 / (3 true + 2 said) = .4; b: 2 · 2 / (2 + 3) = .8; c: 0 of 1.
    np.testing.assert_allclose(found.of_option, [0.4, 0.8, 0.0])
    assert found.f1.value == pytest.approx(0.4)
    assert found.f1.low <= 0.4 <= found.f1.high
    one = option_scores(truth, said, options=("a", "b", "c"), positive="b")
    assert one.f1.value == pytest.approx(0.8)


def test_it_is_the_usual_f1_where_every_answer_is_an_option() -> None:
    rng = np.random.default_rng(0)
    truth, said = (rng.integers(0, 4, 200) for _ in range(2))
    names = [str(number) for number in range(4)]
    found = option_scores([names[i] for i in truth], [names[i] for i in said], options=names)
    assert found.f1.value == pytest.approx(f1(confusion_matrix(truth, said, labels=range(4))))


def test_draws_are_those_of_repeated_answers() -> None:
    truth, said = ["a"] * 20 + ["b"] * 20, ["a"] * 15 + ["b"] * 5 + ["b"] * 18 + ["?"] * 2
    narrow = option_scores(truth, said, options=("a", "b")).f1
    # The same answers, ten of a patient: fewer units and a wider interval.
    wide = option_scores(truth, said, options=("a", "b"), patients=[str(row // 10) for row in range(40)]).f1
    assert wide.high - wide.low > 0
    assert narrow.low < narrow.value < narrow.high
    assert option_scores(truth, said, options=("a", "b")).f1 == narrow


def test_bad_lists_are_refused() -> None:
    with pytest.raises(DataError, match="2 truths, 1 answers"):
        option_scores(["a", "b"], ["a"], options=("a", "b"))
    with pytest.raises(DataError, match="truths that are no option: \\['z'\\]"):
        option_scores(["z"], ["a"], options=("a", "b"))
