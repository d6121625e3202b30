"""Parts of the training labels: nested by size, drawn by patient, stratified by label."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, DataError
from vesalius.tasks.base import Encoded, TaskData

__all__ = ["Subset", "check_apart", "check_fractions", "subset_name", "subsets", "training_split"]

Floats = NDArray[np.floating[Any]]


class Subset(NamedTuple):
    """Rows of the training split that one draw may learn from."""

    fraction: float
    draw: int
    rows: NDArray[np.intp]


def subsets(train: Encoded, *, fractions: Sequence[float], draws: int, seed: int) -> list[Subset]:
    """Draw parts of the training patients.

    Each draw puts the patients in one order in which every stratum (a patient's rarest present label, or
    none) is spread evenly, and a fraction takes the front of that order: smaller parts lie within larger
    ones. A label whose first present (or absent) patient comes later still gets that one, for otherwise the
    label cannot be learnt. All of the labels is one draw: there is nothing to draw.

    Args:
        train: the training split.
        fractions: shares of the patients, above 0 and up to 1.
        draws: draws a fraction.
        seed: seed of the orders.
    """
    names, codes = np.unique(np.asarray(train.patients, dtype=str), return_inverse=True)
    labels = np.asarray(train.labels, dtype=np.float64)
    states = [_patients_with(codes, labels == value, len(names)) for value in (1.0, 0.0)]
    found = []
    for draw in range(draws):
        stream = np.random.Generator(np.random.PCG64([seed, draw]))
        place = _places(_strata(states[0]), stream)
        for fraction in fractions:
            if fraction == 1 and draw:
                continue
            chosen = place < ceil(fraction * len(names) - 1e-9)
            for state in states:
                for holders in state.T:
                    if holders.any() and not np.any(holders & chosen):
                        chosen[np.argmin(np.where(holders, place, len(names)))] = True
            found.append(Subset(fraction, draw, np.flatnonzero(chosen[codes])))
    return found


def subset_name(task: str, fraction: float) -> str:
    """Return the task's name with the percentage of the labels, such as ``linear_probe_10``."""
    return f"{task}_{fraction * 100:g}"


def training_split(data: TaskData, task: str) -> Encoded:
    """Return the training split, and make sure that no patient of it is tested.

    Raises:
        DataError: there is none, it is empty, or it shares a patient with the test split.
    """
    if data.train is None or not len(data.train):
        raise DataError(f"task {task}: there is no training split to learn from")
    if not data.test.concepts:
        raise DataError(f"task {task}: it asks for findings, and the test split states none")
    if data.train.concepts != data.test.concepts:
        raise DataError(f"task {task}: training labels are {data.train.concepts}, test labels {data.test.concepts}")
    check_apart(data.train, data.test, task)
    return data.train


def check_apart(train: Encoded, test: Encoded, task: str) -> None:
    """Raise a DataError where a patient is in both splits."""
    shared = set(train.patients) & set(test.patients)
    if shared:
        first = sorted(shared)[0]
        raise DataError(
            f"task {task}: {len(shared)} patients are in both training and test, such as {first!r}; "
            "make the split anew, by patient"
        )


def check_fractions(fractions: Sequence[float], draws: int) -> None:
    """Raise a ConfigError where a fraction is not in (0, 1] or there is no draw."""
    wrong = [fraction for fraction in fractions if not 0 < fraction <= 1]
    if wrong or not fractions:
        raise ConfigError(f"fractions {tuple(fractions)}: expected shares above 0 and up to 1, such as 0.1")
    if draws < 1:
        raise ConfigError(f"draws {draws}: at least one draw is needed, three for an interval over draws")


def _patients_with(codes: NDArray[np.intp], holds: NDArray[np.bool_], groups: int) -> NDArray[np.bool_]:
    """Which patients have an item with the state, (G, C)."""
    count = np.zeros((groups, holds.shape[1]))
    np.add.at(count, codes, holds.astype(np.float64))
    return count > 0


def _strata(present: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Number of a patient's rarest present label, or -1, (G,)."""
    share = present.sum(axis=0)
    rarity = np.where(present, share[None, :], np.inf)
    if not present.shape[1]:
        return np.full(len(present), -1)
    return np.where(present.any(axis=1), rarity.argmin(axis=1), -1)


def _places(strata: NDArray[np.intp], stream: np.random.Generator) -> NDArray[np.intp]:
    """Place of each patient in an order in which every stratum is spread evenly, (G,)."""
    position = np.empty(len(strata))
    for stratum in np.unique(strata):
        members = stream.permutation(np.flatnonzero(strata == stratum))
        position[members] = (np.arange(len(members)) + stream.random()) / len(members)
    order = np.argsort(position, kind="stable")
    places = np.empty(len(strata), dtype=np.intp)
    places[order] = np.arange(len(strata))
    return places
