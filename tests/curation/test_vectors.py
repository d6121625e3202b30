"""Near embeddings: all of them and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.curation.vectors import near_vectors, unit
from vesalius.errors import DataError


@pytest.mark.parametrize(("spread", "d"), [(1.0, 128), (0.2, 96), (0.02, 80), (1.0, 8)])
def test_as_by_brute_force(spread: float, d: int) -> None:
    rng = np.random.default_rng(d)
    vectors = rng.normal(size=(2500, d)) * np.geomspace(1, spread, d)
    vectors[2000:2100] = vectors[:100] + rng.normal(size=(100, d)) * 0.02
    found = near_vectors(vectors, cosine=0.9)
    plain = unit(vectors)
    table = np.triu(plain @ plain.T >= 0.9, 1)
    assert np.array_equal(found.pairs, np.argwhere(table))
    assert len(found.pairs) >= 100
    assert (found.cosine >= 0.9).all()


def test_a_crowd_of_copies_is_found_whole() -> None:
    # 300 copies of one vector make 300 * 299 / 2 = 44850 pairs, more than are compared one by one.
    vectors = np.repeat(np.random.default_rng(0).normal(size=(1, 96)), 300, axis=0)
    assert len(near_vectors(vectors, cosine=0.99).pairs) == 44850


def test_between_two_sets() -> None:
    one, other = np.eye(4)[:3], np.array([[0, 1, 0, 0], [1, 1, 0, 0], [2.0, 0, 0, 0]])
    # cosines: e1·(e0+e1)/√2 = 0.707, e0·e0 = 1
    assert near_vectors(one, other, cosine=0.7).pairs.tolist() == [[0, 1], [0, 2], [1, 0], [1, 1]]


def test_a_vector_without_length_is_named() -> None:
    with pytest.raises(DataError, match="embedding 1 has length 0"):
        unit(np.array([[1.0, 0], [0, 0]]))
    with pytest.raises(DataError, match="embedding 0"):
        unit(np.array([[np.nan, 0]]))
    with pytest.raises(DataError, match=r"\(n, d\)"):
        unit(np.zeros(3))
