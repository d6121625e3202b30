"""Counts of n-grams against plain counting, on random texts with several references."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics import ngrams
from vesalius.metrics.ngrams import TokenPairs, best_reference, references_of
from vesalius.metrics.subsequences import common_length, common_places


def draw(seed: int, items: int = 30) -> tuple[list[list[str]], list[list[list[str]]]]:
    stream = np.random.default_rng(seed)

    def text() -> list[str]:
        return list(stream.choice(list("abcde"), size=stream.integers(0, 12)))

    return [text() for _ in range(items)], [[text() for _ in range(stream.integers(1, 4))] for _ in range(items)]


def grams(tokens: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[place : place + order]) for place in range(len(tokens) - order + 1))


@pytest.mark.parametrize("most_keys", [2**62, 1])
def test_matches_are_those_of_counters(monkeypatch: pytest.MonkeyPatch, most_keys: int) -> None:
    """Also where n-grams are numbered anew at every order."""
    monkeypatch.setattr(ngrams, "_MOST_KEYS", most_keys)
    said, truths = draw(3)
    pairs = TokenPairs(said, truths)
    for order in range(1, 6):
        each = [
            sum((grams(text, order) & grams(truth, order)).values())
            for text, given in zip(said, truths, strict=True)
            for truth in given
        ]
        assert pairs.matches(order).tolist() == each
        clipped = []
        for text, given in zip(said, truths, strict=True):
            most: Counter[tuple[str, ...]] = Counter()
            for truth in given:
                most |= grams(truth, order)
            clipped.append(sum((grams(text, order) & most).values()))
        assert pairs.clipped(order).tolist() == clipped


def test_the_nearest_length_and_the_shorter_of_two() -> None:
    pairs = TokenPairs([list("abcd")], [[list("abcde"), list("abx"), list("a")]])
    assert pairs.closest_lengths().tolist() == [3]


def test_the_best_reference_is_the_first_of_equal_ones() -> None:
    assert best_reference(np.array([0.5, 0.5, 0.1, 0.9]), np.array([0, 0, 1, 1])).tolist() == [0, 3]


def test_references_are_needed() -> None:
    assert references_of(["a", ["b", "c"]]) == [("a",), ("b", "c")]
    with pytest.raises(DataError, match="item 1 has no reference"):
        references_of(["a", []])
    with pytest.raises(DataError, match="item 1 has an empty reference"):
        references_of(["a", ["b", " "]])
    with pytest.raises(DataError, match="2 texts and 1 references"):
        TokenPairs([["a"], ["b"]], [[["a"]]])
    with pytest.raises(DataError, match="item 0 has no reference"):
        TokenPairs([["a"]], [[]])


def test_common_subsequences() -> None:
    """`abcbdab` and `bdcaba` share four letters; places of one that the plain table gives too."""
    assert common_length("abcbdab", "bdcaba") == 4
    stream = np.random.default_rng(1)
    for _ in range(50):
        one, other = (list(stream.choice(list("abcd"), size=stream.integers(0, 90))) for _ in range(2))
        places = common_places(one, other)
        assert len(places) == common_length(one, other)
        kept = iter(other)
        assert all(one[place] in kept for place in places), "a subsequence of the second"
        assert places == sorted(set(places))
