"""Controls: nobody keeps the own image, and a blind model sees one image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.errors import DataError
from vesalius.inference.controls import blind, derangement, frequencies, shuffled, stating_frequencies
from vesalius.tasks.base import Encoded, predictions


def encoded(patients: list[str]) -> Encoded:
    """Items whose feature is their number, so that one sees where each went."""
    n = len(patients)
    numbers = np.arange(1, n + 1, dtype=np.float32)[:, None]
    return Encoded(
        ids=tuple(f"s{row}" for row in range(n)),
        patients=tuple(patients),
        features=np.repeat(numbers, 2, axis=1),
        joint=np.repeat(numbers, 3, axis=1),
        texts=("",) * n,
        text_joint=np.zeros((n, 3), np.float32),
        labels=np.zeros((n, 1), np.float32),
        concepts=("pneumothorax",),
    )


@given(st.integers(2, 40), st.integers(0, 2**31))
def test_a_derangement_uses_each_name_once_and_leaves_none_in_place(size: int, seed: int) -> None:
    names = [f"p{number}" for number in range(size)]
    partner = derangement(names, seed=seed)
    assert sorted(partner) == sorted(partner.values()) == sorted(names)
    assert all(partner[name] != name for name in names)


@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=30).filter(lambda row: len(set(row)) > 1),
    st.integers(0, 99),
)
def test_every_item_gets_an_image_of_one_other_patient(numbers: list[int], seed: int) -> None:
    patients = [f"p{number}" for number in numbers]
    before = encoded(patients)
    after = shuffled(before, seed=seed)
    source = [patients[int(value) - 1] for value in after.features[:, 0]]
    assert all(own != theirs for own, theirs in zip(patients, source, strict=True))
    assert all(len({b for a, b in zip(patients, source, strict=True) if a == name}) == 1 for name in set(patients))
    np.testing.assert_array_equal(after.features[:, 0], after.joint[:, 0])
    assert after.patients == before.patients
    np.testing.assert_array_equal(after.labels, before.labels)


def test_one_patient_cannot_be_shuffled() -> None:
    with pytest.raises(DataError, match="only one patient"):
        shuffled(encoded(["a", "a"]), seed=0)


def test_blind_items_are_alike_and_have_the_mean_of_training() -> None:
    train = encoded(["a", "b"])  # features 1 and 2: mean 1.5
    seen = blind(encoded(["c", "d", "e"]), like=train)
    np.testing.assert_allclose(seen.features, np.full((3, 2), 1.5))
    np.testing.assert_allclose(np.linalg.norm(seen.joint, axis=1), 1, atol=1e-6)  # float32
    assert (seen.joint == seen.joint[0]).all()


def test_frequencies_count_known_items_and_answer_by_the_majority() -> None:
    labels = np.array([[1.0, 1], [0, np.nan], [0, 1], [np.nan, np.nan]], np.float32)
    seen = replace(encoded(["a", "b", "c", "d"]), labels=labels, concepts=("edema", "fibrosis"))
    shares = frequencies(seen)
    assert shares == {"edema": pytest.approx(1 / 3), "fibrosis": 1.0}
    columns = {
        "item": ["s0", "s0", "s0"],
        "patient": ["a", "a", "a"],
        "label": ["edema", "fibrosis", "image_to_text"],
        "score": [0.7, 0.2, 0.9],
        "probability": [0.6, 0.4, np.nan],
        "threshold": [0.1, 0.1, np.nan],
    }
    told = stating_frequencies(predictions("zero_shot", columns), shares).to_pydict()
    assert told["probability"][:2] == [pytest.approx(1 / 3), 1.0]
    said = [score >= threshold for score, threshold in zip(told["score"][:2], told["threshold"][:2], strict=True)]
    assert said == [False, True]  # absent in most, present in most
    assert told["score"][2] == 0.9  # a row without a probability stays
