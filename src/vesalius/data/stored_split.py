"""Splits of a corpus on disk: stored with a summary in the manifest, and read by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vesalius.data.manifest import Manifest, SplitSummary
from vesalius.data.splits import one_split_a_patient, read_split, split_file, split_key, write_split
from vesalius.errors import DataError, did_you_mean

__all__ = ["members", "parts", "store_given", "store_patients"]


def members(root: Path, part: str, *, scheme: str, manifest: Manifest) -> dict[str, pa.Array]:
    """Return the names of the patients, or studies, of a part under the column that holds them.

    Raises:
        DataError: no such part, or patients have come since the split was drawn.
    """
    table = read_split(root, scheme)
    drawn = manifest.splits.get(scheme)
    if drawn and drawn.seed is not None and len(table) != manifest.counts.patients:
        raise DataError(
            f"corpus {root}: split {scheme!r} was drawn for {len(table)} patients, there are now "
            f"{manifest.counts.patients}: draw it again with make_split()"
        )
    key = split_key(table)
    names = table.filter(pc.equal(table["split"], part))[key].combine_chunks()
    if not len(names):
        known = pc.unique(table["split"]).to_pylist()
        raise DataError(f"corpus {root}: split {scheme!r} has no part {part!r}{did_you_mean(part, known)}")
    return {key: names}


def parts(root: Path, studies: Mapping[str, str]) -> dict[str, str]:
    """Return the part of every study that is in one, in the order given; nothing where no default split is stored.

    Args:
        root: of the corpus.
        studies: patient of each study.
    """
    if not split_file(root, "default").exists():
        return {}
    table = read_split(root, "default")
    by_study = split_key(table) == "study_id"
    part_of = dict(zip(table[split_key(table)].to_pylist(), table["split"].to_pylist(), strict=True))
    named = ((study, study if by_study else patient) for study, patient in studies.items())
    return {study: part_of[name] for study, name in named if name in part_of}


def store_patients(
    root: Path, part_of: Mapping[str, str], *, scheme: str = "default", seed: int | None = None,
    fractions: Mapping[str, float] | None = None, stratify: tuple[str, ...] = (),
) -> Manifest:  # fmt: skip
    """Store the part of every patient, and how it was drawn where it was."""
    write_split(root, scheme, part_of)
    patients = dict(Counter(part_of[patient] for patient in sorted(part_of)))
    fractions = fractions or _shares(part_of)
    return _note(root, scheme, SplitSummary(seed=seed, fractions=fractions, stratify=stratify, patients=patients))


def store_given(
    root: Path, part_of_study: Mapping[str, str], patient_of: Mapping[str, str], *, scheme: str, shared: bool
) -> Manifest:
    """Store the part of every study by its patient; by study where parts share patients and `shared` allows it.

    Raises:
        DataError: a patient lies in two parts, and `shared` is not set.
    """
    pairs = sorted({(patient_of[study], part) for study, part in part_of_study.items()})
    parts = Counter(patient for patient, _ in pairs)
    if not shared or len(parts) == len(pairs):
        part_of = one_split_a_patient([patient for patient, _ in pairs], [part for _, part in pairs])
        return store_patients(root, part_of, scheme=scheme)
    write_split(root, scheme, part_of_study, by="study_id")
    summary = SplitSummary(
        seed=None, fractions=_shares(part_of_study), stratify=(), patients=dict(Counter(part for _, part in pairs)),
        shared_patients=sum(count > 1 for count in parts.values()),
    )  # fmt: skip
    return _note(root, scheme, summary)


def _shares(part_of: Mapping[str, str]) -> dict[str, float]:
    return {part: count / len(part_of) for part, count in sorted(Counter(part_of.values()).items())}


def _note(root: Path, scheme: str, summary: SplitSummary) -> Manifest:
    stored = Manifest.read(root)
    manifest = replace(stored, splits={**stored.splits, scheme: summary})
    manifest.write(root)
    return manifest
