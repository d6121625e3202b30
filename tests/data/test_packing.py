"""Packing: nothing cut, nothing lost, nearly no padding; and batches of rows of like length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vesalius.data.packing import Stream, pack, token_batches
from vesalius.errors import ConfigError, DataError

BUDGET = 4096


def log_normal(rows: int = 4000, seed: int = 0) -> NDArray[np.int64]:
    """Lengths as chat rows have them: median 403 tokens, one in a hundred above 2600."""
    drawn = np.random.default_rng(seed).lognormal(mean=6.0, sigma=0.8, size=rows)
    return np.clip(drawn, 16, BUDGET).astype(np.int64)


def padded_share(lengths: NDArray[np.int64], batch: int) -> float:
    """Share of places that hold a token where rows are padded to the longest of their batch, in a drawn order."""
    cut = lengths[: len(lengths) - len(lengths) % batch].reshape(-1, batch)
    return float(cut.sum() / (cut.max(axis=1) * batch).sum())


@pytest.mark.evidence("infimed-foundation", "L2", "packing is best fit decreasing")
def test_best_fit_decreasing_by_hand() -> None:
    # Decreasing: 7 opens A, 6 opens B, 4 fits B (room 4, tight), 3 fits A (room 3, tight), 2 and 1 open C.
    packs = pack([2, 7, 3, 6, 4, 1], budget=10)
    assert [rows.tolist() for rows in packs] == [[0, 5], [1, 2], [3, 4]]
    assert packs.tokens == 23
    assert packs.utilisation == pytest.approx(23 / 30)


@pytest.mark.evidence(
    "infimed-foundation", "L2", "packs are filled to 95 % and more on a log-normal mix, padding to about half"
)
def test_utilisation_on_a_log_normal_mix_against_padding() -> None:
    lengths = log_normal()
    assert pack(lengths, budget=BUDGET).utilisation > 0.99
    assert pack(lengths, budget=BUDGET, window=512).utilisation > 0.95
    # Batches of four in a drawn order, padded to their longest row; of eight it would be 0.39.
    assert 0.45 < padded_share(lengths, 4) < 0.55


@pytest.mark.evidence("infimed-foundation", "L2", "no sample is split, lost or doubled")
@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 50), max_size=80), window=st.integers(0, 30))
def test_no_row_is_cut_lost_or_doubled(lengths: list[int], window: int) -> None:
    packs = pack(np.array(lengths, dtype=np.int64), budget=50, window=window)
    assert sorted(packs.rows.tolist()) == list(range(len(lengths)))
    for rows in packs:
        assert sum(lengths[row] for row in rows) <= 50
        assert rows.tolist() == sorted(rows.tolist())
        if window:
            assert len({row // window for row in rows.tolist()}) == 1


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=80))
def test_at_most_one_pack_is_half_empty(lengths: list[int]) -> None:
    # Two packs at most half full would have been one: the second one's rows fitted the first.
    packs = pack(lengths, budget=50)
    filled = [sum(lengths[row] for row in rows) for rows in packs]
    assert sum(2 * one <= 50 for one in filled) <= 1


def test_a_row_beyond_the_budget_is_an_error_with_the_numbers() -> None:
    with pytest.raises(
        DataError, match=r"row 2 has 5000 tokens, the budget is 4096 \(2 such rows\): rows are never cut"
    ):
        pack([10, 20, 5000, 6000], budget=BUDGET)


def test_or_it_is_left_out_and_listed() -> None:
    packs = pack([10, 20, 5000, 30], budget=BUDGET, too_long="skip")
    assert packs.skipped.tolist() == [2]
    assert packs.rows.tolist() == [0, 1, 3]


def test_nothing_to_pack() -> None:
    packs = pack([], budget=8)
    assert len(packs) == 0
    assert packs.utilisation == 0.0
    with pytest.raises(IndexError, match="pack 0 of 0"):
        packs[0]


@pytest.mark.parametrize("length", [0, -3])
def test_a_row_without_tokens_is_refused(length: int) -> None:
    with pytest.raises(DataError, match=f"row 1 has {length} tokens"):
        pack([4, length], budget=8)


def test_a_stream_holds_a_window_and_loses_nothing() -> None:
    lengths = log_normal(rows=3000, seed=1)
    held = 0
    seen = 0

    def rows() -> Iterator[tuple[int, int]]:
        nonlocal seen
        for row, length in enumerate(lengths.tolist()):
            seen += 1
            yield row, length

    stream = Stream(rows(), budget=BUDGET, window=256)
    out: list[int] = []
    for found in stream:
        out += found.keys
        held = max(held, seen - len(out))
        assert sum(found.lengths) <= BUDGET
    assert sorted(out) == list(range(3000))
    assert held <= 256
    assert stream.utilisation > 0.97
    assert stream.tokens == lengths.sum()


def test_no_row_of_a_stream_waits_for_ever() -> None:
    # The oldest row goes out with every full window, whatever company it has.
    rows = [("odd", 51), *((f"row {number}", 50) for number in range(400))]
    order = [key for found in Stream(rows, budget=100, window=20) for key in found.keys]
    assert order.index("odd") < 20


def test_a_stream_counts_what_it_leaves_out() -> None:
    stream = Stream([("a", 3), ("b", 11), ("c", 4)], budget=10, window=4, too_long="skip")
    assert [found.keys for found in stream] == [("a", "c")]
    assert stream.skipped == 1
    with pytest.raises(DataError, match=r"row 1 \('b'\) has 11 tokens, the budget is 10"):
        list(Stream([("a", 3), ("b", 11)], budget=10))
    with pytest.raises(DataError, match=r"row 0 \('a'\) has 0 tokens"):
        list(Stream([("a", 0)], budget=10))


def test_batches_of_like_length_are_within_the_budget() -> None:
    lengths = log_normal()
    batches = token_batches(lengths, budget=2 * BUDGET, seed=3)
    assert sorted(row for rows in batches for row in rows.tolist()) == list(range(len(lengths)))
    padded = [int(lengths[rows].max()) * len(rows) for rows in batches]
    assert max(padded) <= 2 * BUDGET
    # Grouped by length, padding takes a tenth; in a drawn order it took half.
    assert lengths.sum() / sum(padded) > 0.9


def test_batches_depend_on_the_seed() -> None:
    lengths = log_normal(rows=200)
    one, same, other = (token_batches(lengths, budget=BUDGET, seed=seed) for seed in (1, 1, 2))
    assert [rows.tolist() for rows in one] == [rows.tolist() for rows in same]
    assert [rows.tolist() for rows in one] != [rows.tolist() for rows in other]


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="budget 0"):
        pack([1], budget=0)
    with pytest.raises(ConfigError, match="a window from 1 on"):
        Stream([("a", 1)], budget=4, window=0)
    with pytest.raises(DataError, match="row 0 has 9 tokens, the budget is 4"):
        token_batches([9, 1], budget=4)
    with pytest.raises(ConfigError, match="window -1"):
        token_batches([1], budget=4, window=-1)
