from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesalius.data.splits import draw, one_split_a_patient, read_split, write_split
from vesalius.errors import DataError

FRACTIONS = {"train": 0.7, "val": 0.1, "test": 0.2}


def numbered(number: int) -> list[str]:
    return [f"patient-{place}" for place in range(number)]


def worst_error(labels: np.ndarray, part_of: dict[str, str], fractions: dict[str, float]) -> float:
    """Largest distance between the number of patients with a label in a part and its share."""
    parts = np.array(list(part_of.values()))
    counted = np.concatenate([labels, np.ones((len(labels), 1), bool)], axis=1)
    errors = [
        np.abs(counted[parts == part].sum(axis=0) - share * counted.sum(axis=0)).max()
        for part, share in fractions.items()
    ]
    return float(max(errors))


def test_ten_patients_by_hand() -> None:
    # 10 patients, half of them ill, .6/.4: of the 5 ill 3 and 2, of the 5 well 3 and 2, exactly
    labels = np.arange(10)[:, None] % 2 == 0
    part_of = draw(numbered(10), labels, fractions={"train": 0.6, "test": 0.4}, seed=3)
    ill = Counter(part_of[f"patient-{place}"] for place in range(0, 10, 2))
    assert ill == {"train": 3, "test": 2}
    assert Counter(part_of.values()) == {"train": 6, "test": 4}


@given(
    st.integers(0, 60).flatmap(lambda number: st.lists(st.integers(0, 7), min_size=number, max_size=number)),
    st.integers(0, 2**31),
)
@settings(max_examples=100, deadline=None)
def test_every_label_is_close_to_its_share(patterns: list[int], seed: int) -> None:
    labels = np.array([[pattern >> bit & 1 for bit in range(3)] for pattern in patterns], bool).reshape(-1, 3)
    part_of = draw(numbered(len(patterns)), labels, fractions=FRACTIONS, seed=seed)
    assert set(part_of) == set(numbered(len(patterns)))
    # the worst of 4000 draws with other random labels was 1.6 patients
    assert worst_error(labels, part_of, FRACTIONS) <= 2 if patterns else not part_of


@given(st.permutations(range(30)), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_patients_changes_nothing(order: list[int], seed: int) -> None:
    labels = np.arange(30)[:, None] % np.array([2, 3, 7]) == 0
    patients = np.array(numbered(30))
    shuffled = draw(patients[order].tolist(), labels[order], fractions=FRACTIONS, seed=seed)
    assert shuffled == draw(patients.tolist(), labels, fractions=FRACTIONS, seed=seed)


def test_the_seed_changes_the_draw_and_is_the_same_everywhere() -> None:
    labels = np.zeros((8, 0), bool)
    first = draw(numbered(8), labels, fractions={"a": 0.5, "b": 0.5}, seed=0)
    assert first == draw(numbered(8), labels, fractions={"a": 0.5, "b": 0.5}, seed=0)
    assert first != draw(numbered(8), labels, fractions={"a": 0.5, "b": 0.5}, seed=1)
    # printf '0\0patient-<n>' | sha256sum, smallest four: 01b27d… 5, 148984… 3, 1c3338… 1, 1c7bad… 6
    assert {name[-1] for name, part in first.items() if part == "a"} == {"5", "3", "1", "6"}


def test_a_rare_finding_reaches_every_part() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((1000, 6)) < np.array([0.5, 0.3, 0.1, 0.05, 0.02, 0])
    labels[rng.choice(1000, 10, replace=False), 5] = True
    part_of = draw(numbered(1000), labels, fractions=FRACTIONS, seed=0)
    rare = Counter(part for part, ill in zip(part_of.values(), labels[:, 5], strict=True) if ill)
    assert rare == {"train": 7, "test": 2, "val": 1}
    assert worst_error(labels, part_of, FRACTIONS) <= 2


def test_a_hundred_thousand_patients_take_seconds() -> None:
    labels = np.random.default_rng(0).random((100_000, 14)) < 0.1
    start = time.process_time()
    part_of = draw(numbered(100_000), labels, fractions=FRACTIONS, seed=0)
    assert time.process_time() - start < 10  # about 1 s; ten times that is no longer linear
    # a random draw would be off by some 145 patients: sqrt(100000 x .7 x .3)
    assert worst_error(labels, part_of, FRACTIONS) <= 2


@pytest.mark.parametrize("fractions", [{}, {"a": 0.5, "b": 0.6}, {"a": 1.0, "b": 0.0}, {"a": 1.5, "b": -0.5}])
def test_fractions_that_are_none_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(DataError, match="must be positive and sum to 1"):
        draw(["p"], np.zeros((1, 0), bool), fractions=fractions, seed=0)


def test_a_patient_in_two_splits_is_named(tmp_path: Path) -> None:
    assert one_split_a_patient(["p", "q", "p"], ["train", "test", "train"]) == {"p": "train", "q": "test"}
    with pytest.raises(DataError, match="1 patients are in two splits, such as 'p' in test and train"):
        one_split_a_patient(["p", "q", "p"], ["train", "test", "test"])
    (tmp_path / "splits").mkdir()
    pq.write_table(
        pa.table({"patient": ["p", "p"], "split": ["val", "test"]}), tmp_path / "splits" / "default.parquet"
    )
    with pytest.raises(DataError, match="'p' in test and val"):
        read_split(tmp_path, "default")


def test_a_stored_split_comes_back(tmp_path: Path) -> None:
    write_split(tmp_path, "official", {"q": "test", "p": "train"})
    assert read_split(tmp_path, "official").to_pydict() == {"patient": ["p", "q"], "split": ["train", "test"]}
    with pytest.raises(DataError, match="no split 'default'"):
        read_split(tmp_path, "default")
    with pytest.raises(DataError, match="use letters"):
        read_split(tmp_path, "../default")
    (tmp_path / "splits" / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not readable"):
        read_split(tmp_path, "broken")
