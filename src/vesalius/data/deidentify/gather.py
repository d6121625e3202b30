"""What the whole source tells of people, read before anything is treated: by patient, by device, and for the scan.

A name that one file of a patient tells may stand in the comment of another, and a device's serial number in the
files of other patients; so all headers are read first. Files of other content with the same instance UID get names of
their own, so that no copy is written over another.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from vesalius.data.deidentify.files import Source, classed, dicom_name
from vesalius.data.deidentify.identity import devices_of, known_of, patient_key
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.originals import originals_of_dicom, originals_of_table, without_makers
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.tables import TableColumns
from vesalius.data.deidentify.text import Known
from vesalius.data.ordered import Backend, ordered_map
from vesalius.data.readers.dicom import open_dataset
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

__all__ = ["Gathered", "gather", "told_by"]


class Told(NamedTuple):
    """By one file."""

    kind: str
    patient: str = ""
    known: Known = Known()
    devices: tuple[str, ...] = ()
    words: frozenset[tuple[str, str]] = frozenset()
    name: str = ""
    """Of the copy of a DICOM file, below the output folder."""


@dataclass
class Gathered:
    """What a whole source tells."""

    kinds: list[str] = field(default_factory=list)
    """Of every file, in order."""
    patients: list[str] = field(default_factory=list)
    """Key of the patient of every file, empty where it tells none."""
    words: set[tuple[str, str]] = field(default_factory=set)
    """Kind and value of all that the second scan looks for."""
    names: dict[str, str] = field(default_factory=dict)
    """Of the copies of DICOM files whose instance UID a file of other content has too, by path."""
    _by_patient: dict[str, list[dict[str, None]]] = field(default_factory=lambda: defaultdict(lambda: [{}, {}, {}]))
    _devices: dict[str, None] = field(default_factory=dict)

    def add(self, told: Told) -> None:
        """Take what one file tells."""
        self.kinds.append(told.kind)
        self.patients.append(told.patient)
        self.words |= told.words
        self._devices.update(dict.fromkeys(told.devices))
        if told.patient:
            groups = (told.known.persons, told.known.numbers, told.known.places)
            for store, values in zip(self._by_patient[told.patient], groups, strict=True):
                store.update(dict.fromkeys(values))

    def known(self, patient: str) -> Known:
        """Return what all files of a patient tell, and the numbers of all devices."""
        persons, numbers, places = self._by_patient.get(patient, ({}, {}, {}))
        return Known(tuple(persons), tuple({**numbers, **self._devices}), tuple(places))


def told_by(source: Source, relative: str, *, options: Options, columns: TableColumns, secret: Secret) -> Told:
    """Read the header of a DICOM file or the named columns of a table."""
    path = source.root / relative
    kind = classed(path)
    if kind == "table":
        return Told(kind, words=frozenset(originals_of_table(path, columns, options)))
    if kind != "dicom":
        return Told(kind)
    words = frozenset(originals_of_dicom(path, options))
    with quiet():
        try:
            dataset = open_dataset(path, pixels=False)
        except DataError:
            return Told(kind, words=words)
        devices = () if options.device else devices_of(dataset)
        name = dicom_name(dataset, path, options=options, secret=secret)
        return Told(kind, patient_key(dataset), known_of(dataset), devices, words, name)


def gather(
    source: Source, paths: Sequence[str], *, options: Options, columns: TableColumns, secret: Secret, workers: int,
    advance: Callable[[int], None],
) -> Gathered:  # fmt: skip
    """Read all files of a source, in several processes where there are several workers."""
    found = Gathered()
    by_name: dict[str, list[str]] = defaultdict(list)
    read = partial(told_by, source, options=options, columns=columns, secret=secret)
    backend: Backend = "processes" if workers > 1 else "local"
    for relative, told in zip(paths, ordered_map(read, paths, backend=backend, workers=workers), strict=True):
        found.add(told)
        if told.name:
            by_name[told.name].append(relative)
        advance(1)
    found.words = without_makers(found.words)
    for name, sharing in by_name.items():
        found.names |= _told_apart(source, name, sharing, secret)
    return found


def _told_apart(source: Source, name: str, sharing: list[str], secret: Secret) -> dict[str, str]:
    """Return a name for every file that would get this one; none where all are copies of one file.

    The names tell the content, by keyed hash, and not the order, so that a run that goes on with further files gives
    the same.
    """
    if len(sharing) == 1:
        return {}
    content = {relative: _hash(source.root / relative) for relative in sharing}
    if len(set(content.values())) == 1:
        return {}
    stem = name.removesuffix(".dcm")
    return {relative: f"{stem}-{secret.digest('content', mark).hex()[:16]}.dcm" for relative, mark in content.items()}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
