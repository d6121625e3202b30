"""Splits by patient: drawn with a seed and balanced over findings, or given; stored as (patient, split).

A release whose own split puts a patient into several parts is kept as it is, stored as (study, split).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vesalius.data.disk import replacing
from vesalius.errors import DataError

__all__ = [
    "SplitKey", "common_split", "draw", "one_split_a_patient", "read_split", "split_file", "split_key", "write_split",
]  # fmt: skip

SplitKey = Literal["patient", "study_id"]

Indices = np.ndarray[Any, np.dtype[np.int64]]
Labels = np.ndarray[Any, np.dtype[np.bool_]]
Shares = np.ndarray[Any, np.dtype[np.float64]]
_TIE = 1e-9
"""Counts nearer than this are equal: sums of fractions are not exact."""


def draw(patients: Sequence[str], labels: Labels, *, fractions: Mapping[str, float], seed: int) -> dict[str, str]:
    """Draw a split of patients whose share of every label is close to `fractions` in each part.

    Patients with the same labels are divided by their whole shares first; what is left of every such group is
    dealt one by one, rarest label first, to the part that lacks that label most (iterative stratification,
    Sechidis et al. 2011), and moved again where that lowers the squared error over all labels. The order
    within a group is a hash of seed and name, so that neither the order of the rows nor the release of a
    library changes the draw.

    Args:
        patients: distinct names, P of them.
        labels: True where the patient has the label, (P, C); C may be 0.
        fractions: share of each part, positive, summing to 1.
        seed: any integer.

    Returns:
        The part of each patient.
    """
    _require_fractions(fractions)
    parts = list(fractions)
    shares = np.array([fractions[part] for part in parts])
    ranks = [hashlib.sha256(f"{seed}\0{patient}".encode()).digest() for patient in patients]
    order = np.array(sorted(range(len(patients)), key=ranks.__getitem__), dtype=np.int64)
    part_of = np.full(len(patients), -1, np.int64)
    for group in _groups(labels, order):
        whole = np.floor(shares * len(group) + _TIE).astype(np.int64)
        part_of[group[: whole.sum()]] = np.repeat(np.arange(len(parts)), whole)
    left = order[part_of[order] < 0]
    counted = np.concatenate([labels, np.ones((len(labels), 1), bool)], axis=1)
    _deal(part_of, counted, left=left, shares=shares)
    _improve(part_of, counted, left=left, shares=shares)
    return {patient: parts[part] for patient, part in zip(patients, part_of.tolist(), strict=True)}


def _require_fractions(fractions: Mapping[str, float]) -> None:
    if not fractions or min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-6:
        raise DataError(f"split fractions {dict(fractions)} must be positive and sum to 1, such as train=.7, test=.3")


def _groups(labels: Labels, order: Indices) -> list[Indices]:
    """Return the patients of each distinct row of labels, in the given order."""
    packed = np.packbits(labels[order], axis=1) if labels.shape[1] else np.zeros((len(order), 1), np.uint8)
    _, group = np.unique(packed, axis=0, return_inverse=True)
    by_group = np.argsort(group.ravel(), kind="stable")
    return np.split(order[by_group], np.cumsum(np.bincount(group.ravel()))[:-1])


def _deal(part_of: Indices, counted: Labels, *, left: Indices, shares: Shares) -> None:
    """Place the patients of `left` in `part_of`; the last column of `counted` is every patient."""
    lacking = -_surplus(part_of, counted, shares=shares)
    label_sets = {int(patient): np.flatnonzero(counted[patient]).tolist() for patient in left}
    waiting: dict[int, dict[int, None]] = defaultdict(dict)
    for patient, label_set in label_sets.items():
        for label in label_set:
            waiting[label][patient] = None
    every = counted.shape[1] - 1
    while any(waiting.values()):
        label = min((name for name in waiting if waiting[name]), key=lambda name: (name == every, len(waiting[name])))
        for patient in list(waiting[label]):
            want = lacking[label]
            best = np.flatnonzero(want >= want.max() - _TIE)
            part = int(best[np.argmax(lacking[every, best])])
            part_of[patient] = part
            lacking[label_sets[patient], part] -= 1
            for other in label_sets[patient]:
                del waiting[other][patient]


def _improve(part_of: Indices, counted: Labels, *, left: Indices, shares: Shares) -> None:
    """Move patients of `left` one by one, as long as a move lowers the sum of all squared errors.

    With surplus s of each label in each part, moving a patient with n labels from part a to part b changes
    half of that sum by the sum over the labels of s_b - s_a, plus n.
    """
    surplus = _surplus(part_of, counted, shares=shares)
    has = counted[left].astype(np.float64)
    here = np.arange(len(left))
    for _ in left:
        weight = has @ surplus
        change = weight - weight[here, part_of[left]][:, None] + has.sum(axis=1)[:, None]
        change[here, part_of[left]] = 0
        mover, part = divmod(int(change.argmin()), len(shares))
        if change[mover, part] > -_TIE:
            return
        surplus[:, part_of[left[mover]]] -= has[mover]
        surplus[:, part] += has[mover]
        part_of[left[mover]] = part


def _surplus(part_of: Indices, counted: Labels, *, shares: Shares) -> Shares:
    """Return how many placed patients each part has above its share of all, by label: (C + 1, parts)."""
    placed = np.stack([counted[part_of == part].sum(axis=0) for part in range(len(shares))], axis=1)
    surplus: Shares = placed - counted.sum(axis=0)[:, None] * shares
    return surplus


def one_split_a_patient(patients: Iterable[str], splits: Iterable[str]) -> dict[str, str]:
    """Gather the split of each patient from rows of any number per patient.

    Raises:
        DataError: names the patients that lie in two splits.
    """
    part_of: dict[str, str] = {}
    torn: dict[str, set[str]] = {}
    for patient, split in zip(patients, splits, strict=True):
        if part_of.setdefault(patient, split) != split:
            torn.setdefault(patient, {part_of[patient]}).add(split)
    if torn:
        name, parts = next(iter(torn.items()))
        raise DataError(
            f"{len(torn)} patients are in two splits, such as {name!r} in {' and '.join(sorted(parts))}: "
            "all studies of a patient belong in one split"
        )
    return part_of


def split_file(root: Path, scheme: str) -> Path:
    """Return the path of the stored split called `scheme`."""
    if not scheme.replace("-", "").replace("_", "").isalnum():
        raise DataError(f"split scheme {scheme!r}: use letters, digits, - and _")
    return root / "splits" / f"{scheme}.parquet"


def write_split(root: Path, scheme: str, part_of: Mapping[str, str], *, by: SplitKey = "patient") -> None:
    """Store a split, sorted by name of patient or study."""
    names = sorted(part_of)
    table = pa.table({by: names, "split": [part_of[name] for name in names]})
    with replacing(split_file(root, scheme), scratch=root) as file:
        pq.write_table(table, file, compression="zstd")


def read_split(root: Path, scheme: str) -> pa.Table:
    """Return a stored split: a column `patient`, or `study_id` where patients are shared, and a column `split`.

    Raises:
        DataError: there is no such split, or a patient (or study) lies in two parts of it.
    """
    path = split_file(root, scheme)
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise DataError(f"corpus {root} has no split {scheme!r}: corpus.make_split() makes one") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"split {path} is not readable: {error}") from error
    names = table[split_key(table)]
    if pc.count_distinct(names).as_py() != len(table):
        one_split_a_patient(names.to_pylist(), table["split"].to_pylist())
    return table


def split_key(table: pa.Table) -> SplitKey:
    """Say what the rows of a stored split name."""
    return "study_id" if "study_id" in table.column_names else "patient"


def common_split(corpora: Sequence[tuple[Path, Iterable[str]]]) -> dict[str, str]:
    """Return the part of every patient over the default splits of several corpora; nothing where one is of studies.

    Args:
        corpora: root and patients of each; patients that are not named stay out.
    """
    tables = [read_split(root, "default") for root, _ in corpora]
    if any(split_key(table) != "patient" for table in tables):
        return {}
    present = [
        table.filter(pc.is_in(table["patient"], value_set=pa.array(sorted(set(patients)), pa.string())))
        for table, (_, patients) in zip(tables, corpora, strict=True)
    ]
    together = pa.concat_tables(present)
    return one_split_a_patient(together["patient"].to_pylist(), together["split"].to_pylist())
