"""Mixtures: shares exactly as counted, the same for every process and after every restart."""

from __future__ import annotations

from collections import Counter

import pytest

from vesalius.data.mixture import Draw, Mixture
from vesalius.errors import ConfigError

VILA_M3 = {
    "usmle": (100, 10), "radvqa": (70, 4), "slake": (60, 4), "pathvqa": (50, 4), "expert mimic-vqa": (40, 2),
    "expert vista3d": (30, 8), "expert brats": (20, 16), "mimic reports": (90, 1), "mimic expert": (80, 1),
}  # fmt: skip
"""Rows (ours) and repeats of the paper's mixture (arXiv 2411.12915)."""


def test_repeats_change_the_share_exactly_as_counted() -> None:
    mixture = Mixture(
        {name: rows for name, (rows, _) in VILA_M3.items()},
        ratios={name: times for name, (_, times) in VILA_M3.items()},
    )
    # 1000 + 280 + 240 + 200 + 80 + 240 + 320 + 90 + 80 = 2530 rows of an epoch.
    assert len(mixture) == 2530
    assert mixture.epoch(0).counts() == {name: rows * times for name, (rows, times) in VILA_M3.items()}
    assert mixture.shares()["expert brats"] == pytest.approx(320 / 2530)
    every = Counter(mixture.epoch(3))
    for name, (rows, times) in VILA_M3.items():
        assert [every[Draw(name, row)] for row in range(rows)] == [times] * rows


def test_a_ratio_above_one_repeats_and_draws_the_rest() -> None:
    # GMAI-VL: share = sample_ratio × length. 2.5 × 40 = 100: each row twice, 20 of them a third time.
    mixture = Mixture({"captions": 40, "text": 10}, ratios={"captions": 2.5}, seed=7)
    times = Counter(Counter(draw.row for draw in mixture.epoch(0) if draw.source == "captions").values())
    assert times == {2: 20, 3: 20}
    assert mixture.shares() == {"captions": pytest.approx(100 / 110), "text": pytest.approx(10 / 110)}


def test_a_ratio_below_one_takes_other_rows_in_other_epochs() -> None:
    mixture = Mixture({"captions": 100}, ratios={"captions": 0.3})
    taken = [frozenset(draw.row for draw in mixture.epoch(epoch)) for epoch in range(2)]
    assert [len(rows) for rows in taken] == [30, 30]
    assert taken[0] != taken[1]


def test_draws_depend_on_seed_and_epoch_alone() -> None:
    def draws(seed: int, epoch: int) -> list[Draw]:
        return list(Mixture({"a": 30, "b": 20}, ratios={"b": 1.5}, seed=seed).epoch(epoch))

    assert draws(1, 0) == draws(1, 0)
    assert draws(1, 0) != draws(1, 1)
    assert draws(1, 0) != draws(2, 0)
    assert len(draws(1, 0)) == len(draws(1, 1)) == 60


def test_a_restart_goes_on_at_the_position() -> None:
    epoch = Mixture({"a": 30, "b": 20}).epoch(4)
    assert list(epoch[17:]) == list(epoch)[17:]
    assert epoch[17:][0] == epoch[17]


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_processes_share_an_epoch_without_overlap(world: int) -> None:
    epoch = Mixture({"a": 30, "b": 21}).epoch(0)
    shards = [epoch.shard(rank, world) for rank in range(world)]
    assert {len(shard) for shard in shards} == {51 // world}
    # Rank r has the draws r, r + world, …: put together again they are the epoch, less what is over.
    together = [draw for group in zip(*shards, strict=True) for draw in group]
    assert together == list(epoch)[: 51 - 51 % world]


@pytest.mark.parametrize(
    ("lengths", "ratios", "told"),
    [
        ({"slake": 3}, {"slak": 2.0}, "did you mean 'slake'"),
        ({"slake": 3}, {"slake": -1.0}, "ratio -1.0 of 'slake'"),
        ({"slake": 3}, {"slake": float("nan")}, "ratio nan"),
        ({"slake": 0}, {}, "'slake' has no rows"),
        ({"slake": 3}, {"slake": 0.0}, "no row is drawn of slake"),
        ({}, {}, "no row is drawn of no source"),
    ],
)
def test_faults_name_the_source(lengths: dict[str, int], ratios: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Mixture(lengths, ratios=ratios)


def test_a_rank_beyond_the_world_is_refused() -> None:
    with pytest.raises(ConfigError, match="process 2 of 2"):
        Mixture({"a": 3}).epoch(0).shard(2, 2)
