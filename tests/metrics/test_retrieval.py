"""Worked ranks with ties and duplicates, precision of classes, chance, blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.errors import ConfigError, DataError
from vesalius.metrics import retrieval as metrics

# texts 1 and 3 are identical
S = np.array([[0.9, 0.8, 0.1, 0.8], [0.7, 0.6, 0.2, 0.6], [0.3, 0.2, 0.5, 0.2], [0.4, 0.85, 0.3, 0.85]])
IDENTITY, DUPLICATES = [0, 1, 2, 3], [0, 1, 2, 1]


def ranked(groups, top=0):
    return metrics.ranks(S, np.eye(4), query_group=groups, gallery_group=groups, top=top)


@pytest.mark.parametrize(
    ("groups", "ties", "ranks", "at_1", "at_2", "reciprocal"),
    [
        (IDENTITY, "optimistic", [1, 2, 1, 1], 0.75, 1, 0.875),
        (IDENTITY, "pessimistic", [1, 3, 1, 2], 0.5, 0.75, 0.708333333),
        (IDENTITY, "mean", [1, 2.5, 1, 1.5], 0.5, 0.75, 0.766666667),
        (DUPLICATES, "optimistic", [1, 2, 1, 1], 0.75, 1, 0.875),
        (DUPLICATES, "pessimistic", [1, 2, 1, 1], 0.75, 1, 0.875),
        (DUPLICATES, "mean", [1, 2, 1, 1], 0.75, 1, 0.875),
    ],
)
def test_ranks_with_ties_and_duplicates(groups, ties, ranks, at_1, at_2, reciprocal):
    rank = ranked(groups).rank(ties)
    assert rank.tolist() == ranks
    assert metrics.recall_at(rank, 1) == at_1
    assert metrics.recall_at(rank, 2) == at_2
    assert metrics.mrr(rank) == pytest.approx(reciprocal)


def test_nearest_items_come_with_ties_by_lower_index():
    assert ranked(IDENTITY, top=2).top.tolist() == [[0, 1], [0, 1], [2, 0], [1, 3]]
    assert ranked(IDENTITY, top=9).top.shape == (4, 4)


def test_constant_embeddings_do_not_win():
    same = np.ones((10, 3)) / 3**0.5
    groups = np.arange(10)
    found = metrics.ranks(same, same, query_group=groups, gallery_group=groups)
    assert (found.rank() == 5.5).all()
    assert metrics.recall_at(found.rank(), 1) == 0
    assert metrics.recall_at(found.rank("optimistic"), 1) == 1  # which is why it is not the default


def test_rounding_of_a_float32_encoder_is_a_tie():
    gallery = np.array([[1.0, 0.0], [1.0 - 1e-7, 4e-4]])
    found = metrics.ranks(gallery[1:], gallery, query_group=[1], gallery_group=[0, 1])
    assert found.rank().tolist() == [1.5]


def test_a_query_without_a_right_answer_has_no_rank():
    found = metrics.ranks(S[:1], np.eye(4), query_group=[9], gallery_group=IDENTITY)
    assert np.isnan(found.rank()).all()


def test_blocks_give_the_same_ranks(monkeypatch):
    stream = np.random.default_rng(0)
    query, gallery = stream.normal(size=(2, 50, 8))
    groups = stream.integers(0, 30, 50)
    whole = metrics.ranks(query, gallery, query_group=groups, gallery_group=groups, top=3)
    monkeypatch.setattr(metrics, "BLOCK_BYTES", 4 * 8 * 50 * 7)  # seven queries at a time
    blocks = metrics.ranks(query, gallery, query_group=groups, gallery_group=groups, top=3)
    for one, other in zip(whole, blocks, strict=True):
        assert np.array_equal(one, other)


@given(st.integers(0, 10_000))
def test_ranks_equal_a_plain_sort(seed):
    stream = np.random.default_rng(seed)
    query, gallery = stream.integers(-2, 3, (2, 12, 3)).astype(float)
    groups = stream.integers(0, 6, 12)
    rank = metrics.ranks(query, gallery, query_group=groups, gallery_group=groups).rank("pessimistic")
    for row in range(12):
        similarity = gallery @ query[row]
        right = groups == groups[row]
        # worst place of the best right answer: behind every wrong one that is at least as near
        assert rank[row] == 1 + np.sum(similarity[~right] >= similarity[right].max())


def test_chance_levels():
    assert metrics.chance_recall_at([1, 1], 50, 5) == pytest.approx(5 / 50)
    # two right of four, two drawn: 1 - (2*1)/(4*3)
    assert metrics.chance_recall_at([2], 4, 2) == pytest.approx(1 - 2 / 12)
    assert metrics.chance_recall_at([1, 0], 3, 5) == 0.5
    stream = np.random.default_rng(0)
    simulated = np.mean([np.min(np.argsort(stream.random(20))[:3]) < 4 for _ in range(4000)])
    assert metrics.chance_recall_at([3], 20, 4) == pytest.approx(simulated, abs=0.03)  # 4 sd of 4000 draws


def test_precision_average_precision_and_gain_of_a_list():
    relevance = [1, 0, 1, 1, 0]
    assert metrics.precision_at(relevance, 1) == 1
    assert metrics.precision_at(relevance, 3) == pytest.approx(0.666666667)
    assert metrics.precision_at(relevance, 5) == 0.6
    # (1 + 2/3 + 3/4)/3
    assert metrics.average_precision_at(relevance, 5) == pytest.approx(0.805555556)
    assert metrics.ndcg_at(relevance, 5) == pytest.approx(0.906025435)
    assert metrics.average_precision_at(relevance, 1, divisor="in_gallery") == pytest.approx(1 / 3)
    assert metrics.average_precision_at(relevance, 2, divisor="attainable") == pytest.approx(1 / 2)
    assert np.isnan(metrics.average_precision_at([0, 0], 2))
    assert np.isnan(metrics.ndcg_at([0, 0], 2))


@pytest.mark.evidence("convirt", "L2", "class-based P@k: flags [1, 0, 1, 1, 0] give P@5 0.6 and P@1 1.0")
def test_class_precision_as_convirt_scores_it():
    query = np.array([[1.0, 0.0]])
    angles = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    gallery = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = metrics.class_precision_at(query, gallery, relevant=[1, 0, 1, 1, 0], ks=(1, 3, 5))
    assert found.tolist() == [pytest.approx([1.0, 2 / 3, 0.6])]


def test_class_precision_of_level_items_is_what_a_random_order_gives():
    same = np.ones((8, 2))
    found = metrics.class_precision_at(same[:1], same, relevant=[1, 1, 0, 0, 0, 0, 0, 0], ks=(1, 3, 8, 9))
    assert found[0] == pytest.approx([0.25, 0.25, 0.25, np.nan], nan_ok=True)
    # one clear hit, then one of two level ones: 1 + 1 * 1/2 of 2
    gallery = np.array([[1.0, 0], [0.5, 0], [0.5, 0], [0, 1]])
    found = metrics.class_precision_at(np.array([[1.0, 0]]), gallery, relevant=[1, 1, 0, 0], ks=(2,))
    assert found[0] == pytest.approx([0.75])


def test_class_precision_leaves_the_same_patient_out():
    gallery = np.array([[1.0, 0], [0.9, 0], [0.8, 0], [0.7, 0]])
    found = metrics.class_precision_at(
        gallery[:1], gallery, relevant=[1, 1, 0, 1], ks=(1, 2, 3), excluded=([7], [7, 7, 8, 9])
    )
    # only the third and the fourth are left; three cannot be found
    assert found[0] == pytest.approx([0, 0.5, np.nan], nan_ok=True)


def test_normalised_texts_are_the_same():
    texts = ["No acute  process.", "no acute process", " NO ACUTE\nPROCESS. ", "no process"]
    assert len(set(metrics.same_text(texts)[:3])) == 1
    assert metrics.same_text(texts)[3] not in metrics.same_text(texts)[:3]


def test_bad_input_is_named():
    with pytest.raises(ConfigError, match="optimistic"):
        ranked(IDENTITY).rank("optimist")
    with pytest.raises(ConfigError, match="in_gallery"):
        metrics.average_precision_at([1], 1, divisor="gallery")
    with pytest.raises(DataError, match="not finite"):
        metrics.ranks(np.full((1, 2), np.nan), np.eye(2), query_group=[0], gallery_group=[0, 1])
    with pytest.raises(DataError, match="must be"):
        metrics.ranks(np.ones((1, 3)), np.eye(2), query_group=[0], gallery_group=[0, 1])
    with pytest.raises(DataError, match="no queries"):
        metrics.ranks(np.ones((0, 2)), np.eye(2), query_group=[], gallery_group=[0, 1])


def test_first_in_pool():
    # 10 items, 1 right. Nearest: always first. Second: 9 wrong, 1 nearer; a pool with 3 wrong ones lacks the nearer
    # one with C(8, 3)/C(9, 3) = 56/84. Last: 9 nearer, never first.
    found = metrics.first_in_pool([1, 2, 10], [1, 1, 1], gallery=10, pool=4)
    np.testing.assert_allclose(found, [1, 56 / 84, 0])
    # The whole gallery as pool is R@1; three right items leave 7 wrong ones.
    assert metrics.first_in_pool([1, 2], [1, 1], gallery=10, pool=10).tolist() == [1, 0]
    np.testing.assert_allclose(metrics.first_in_pool([3], [3], gallery=10, pool=2), [5 / 7])
    with pytest.raises(DataError, match="a pool of 9 needs 8 wrong items beside each right one; found 7"):
        metrics.first_in_pool([1], [3], gallery=10, pool=9)


def test_first_in_pool_is_the_mean_over_drawn_pools():
    rng = np.random.default_rng(0)
    nearer = np.arange(40) < 6  # of 40 wrong items six are nearer
    drawn = np.mean([not nearer[rng.choice(40, 7, replace=False)].any() for _ in range(4000)])
    # Standard error of 4000 draws: 0.008.
    assert metrics.first_in_pool([7], [1], gallery=41, pool=8)[0] == pytest.approx(drawn, abs=0.03)
