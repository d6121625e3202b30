"""Exact match, F of words, and how varied texts are, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.metrics.ngrams import TokenPairs
from vesalius.metrics.overlap import distinct, exact_match, repeated, token_f1


def test_exact_match() -> None:
    found = exact_match([" yes ", "Yes", "", "b"], [["yes"], ["yes"], [""], ["a", "b"]])
    assert found.tolist() == [1, 0, 0, 1]
    assert exact_match(["Yes"], [["yes"]], normalise=str.lower).tolist() == [1]


def test_words_count_as_often_as_they_stand() -> None:
    """`no no effusion` against `no effusion seen`: one `no` and `effusion` of three and three."""
    pairs = TokenPairs([["no", "no", "effusion"]], [[["no", "effusion", "seen"]]])
    np.testing.assert_allclose(token_f1(pairs)[0], [2 / 3, 2 / 3, 2 / 3])


def test_the_best_reference_by_f() -> None:
    pairs = TokenPairs([["left"], []], [[["left", "lung"], ["left"]], [["a"]]])
    np.testing.assert_allclose(token_f1(pairs)[:, 2], [1, 0])


def test_variety() -> None:
    """`a b a b`: two of four words, two of three pairs differ."""
    assert distinct([["a", "b", "a", "b"]], order=1) == 0.5
    assert distinct([["a", "b", "a", "b"]], order=2) == pytest.approx(2 / 3)
    assert distinct([["a"]], order=2) == 0
    assert repeated(["x", "x", "y"]) == pytest.approx(2 / 3)
    assert repeated([]) == 0
