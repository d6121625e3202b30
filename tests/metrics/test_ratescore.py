"""RaTEScore over spans: the worked denial, empty sides, clashes of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.ratescore import Spans, ratescore

EYE = np.eye(2)


def test_a_plain_denial_keeps_most_of_the_score():
    reference = Spans(("Abnormality", "Anatomy"), EYE)
    written = Spans(("Non-Abnormality", "Anatomy"), 5 * EYE)
    # sides .915888694 and .952920045 where every best cosine is 1
    assert ratescore(written, reference) == pytest.approx(0.934037472, abs=1e-9)
    assert ratescore(written, reference) == pytest.approx(ratescore(reference, written))
    assert ratescore(reference, reference) == pytest.approx(1.0)
    # short weights by the same formula
    w, a, c = 0.171274, 0.770959, 0.3611577852
    first = (w * c + a) / (w + a)
    second = (0.947915 * c + a) / (0.947915 + a)
    expected = 2 * first * second / (first + second)
    assert ratescore(written, reference, setting="short") == pytest.approx(expected)


def test_order_of_spans_does_not_count():
    rng = np.random.default_rng(0)
    types = ("Disease", "Anatomy", "Non-Disease", "Abnormality")
    vectors, other = rng.normal(size=(4, 6)), Spans(types[:2], rng.normal(size=(2, 6)))
    back = Spans(types[::-1], vectors[::-1])
    assert ratescore(Spans(types, vectors), other) == pytest.approx(ratescore(back, other))


def test_no_spans():
    some, none = Spans(("Disease",), EYE[:1]), Spans((), np.zeros((0, 2)))
    assert ratescore(some, none) == ratescore(none, some) == ratescore(none, none) == 0.5
    assert ratescore(some, Spans(("Disease",), EYE[1:])) == 0.0


def test_wrong_spans():
    with pytest.raises(DataError, match="did you mean 'disease'"):
        ratescore(Spans(("Diseas",), EYE[:1]), Spans(("Disease",), EYE[:1]))
    with pytest.raises(DataError, match="2 types and 1 vectors"):
        ratescore(Spans(("Disease", "Disease"), EYE[:1]), Spans(("Disease",), EYE[:1]))
