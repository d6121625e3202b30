"""MinHash: the similarity it estimates, the S-curve it follows, and exact answers."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.curation.minhash import Banding, banding, jaccard, near_texts, s_curve, shingles, signature
from vesalius.metrics.proportions import wilson


def pair_of(similarity: float, rng: np.random.Generator, size: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of `size` numbers with a Jaccard similarity as near as whole numbers allow."""
    common = round(2 * size * similarity / (1 + similarity))
    numbers = rng.integers(0, 2**63, 2 * size - common, dtype=np.uint64)
    return np.unique(numbers[:size]), np.unique(numbers[size - common :])


def test_shingles_by_hand() -> None:
    assert len(shingles("The heart is normal. The lungs are clear.", size=4)) == 5
    assert np.array_equal(shingles("No  EFFUSION.", size=4), shingles("no effusion", size=4))
    assert len(shingles("... --", size=4)) == 0
    # 5 runs each, of which 3 are common: 3 / 7
    one, other = shingles("a b c d e f g h", size=4), shingles("a b c d e f x y", size=4)
    assert jaccard(one, other) == pytest.approx(3 / 7)
    assert jaccard(one[:0], one[:0]) == 0.0


def test_share_of_equal_values_is_the_similarity() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        one, other = pair_of(0.6, rng)
        shares.append((signature(one) == signature(other)).mean())
    # 200 × 128 draws of 0.6: standard error 0.003
    assert np.mean(shares) == pytest.approx(0.6, abs=0.012)


@pytest.mark.parametrize("similarity", [0.35, 0.5, 0.6, 0.75])
def test_recall_follows_the_s_curve(similarity: float) -> None:
    rng = np.random.default_rng(int(100 * similarity))
    cut = Banding(16, 8)
    hits = 0
    for _ in range(300):
        one, other = (signature(part).reshape(cut.bands, cut.rows) for part in pair_of(similarity, rng))
        hits += bool((one == other).all(axis=1).any())
    low, high = wilson(hits, 300, level=0.9999)
    assert low <= s_curve(similarity, cut) <= high


def test_pairs_at_the_threshold_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(5)
    found, wanted = [], set()
    for number in range(150):
        similarity = 0.85 if number % 2 else 0.55
        pair = pair_of(similarity, rng)
        if number % 2:
            wanted.add((len(found), len(found) + 1))
        found += pair
    near = near_texts(found, threshold=0.8)
    got = {(pair.one, pair.other) for pair in near}
    assert got <= wanted, "precision is 1: every pair is compared exactly"
    assert s_curve(0.8, banding(0.8)) >= 0.99
    assert len(got) >= 73, "75 pairs above the threshold, each found with a chance above 0.99"


def test_groups_compare_across_only() -> None:
    text = "a small left pleural effusion has formed since the last film was taken today"
    sets = [shingles(text), shingles(text + " again"), shingles(text)]
    assert {(p.one, p.other) for p in near_texts(sets, threshold=0.7, groups=[0, 0, 1])} == {(0, 2), (1, 2)}
    assert near_texts([sets[0][:0], sets[0][:0]], threshold=0.5) == []
