"""The plan for a CSV or JSON Lines table with one row an image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from vesalius.data.ingest.columns import (
    NO_FINDING,
    Columns,
    cell,
    concept_name,
    modality_code,
    read_age,
    read_sex,
)
from vesalius.data.ingest.plan import ImagePlan, Plan, StudyPlan, short_names, within
from vesalius.data.ingest.report import Problem
from vesalius.data.ingest.row_records import dialogues, with_regions
from vesalius.data.ingest.table import Row, Table
from vesalius.data.records import Finding, Measurement, Provenance, Status, Study, Text
from vesalius.data.splits import one_split_a_patient
from vesalius.errors import ConfigError, DataError

__all__ = ["plan_table"]

_SPLITS = {"training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test"}
_MAX_CLOSED_LABELS = 100
"""Above this a list of labels is a vocabulary, and stating each other one absent would drown the records."""
_ORDER: tuple[Status, ...] = ("present", "uncertain", "absent")


class _Line(NamedTuple):
    row: Row
    files: tuple[tuple[str, Path], ...]
    """Relative name and path of every image of the row."""


def plan_table(table: Table, columns: Columns, *, provenance: Provenance) -> Plan:
    """Group the rows of a table into studies.

    Rows without an image column are texts and questions alone.

    Raises:
        ConfigError: neither images, texts nor questions are named.
        DataError: a column is missing, one file stands in two rows that are not one study, or a patient
            lies in two parts of the split.
    """
    if not (columns.image or columns.text or columns.question):
        known = ", ".join(table.columns)
        raise ConfigError(
            f"{table.path}: name the column of image paths with --image, or of words alone with --text or "
            f"--question; it has {known}"
        )
    table.require(columns)
    plan = Plan(problems=[Problem(f"{table.path.name} line {line}", reason) for line, reason in table.broken])
    find = partial(_found, Path(columns.root) if columns.root else table.path.parent, table.path.parent)
    lines = _lines(table, columns, plan, find)
    groups = _groups(table, lines, columns)
    if not columns.image:
        plan.notes["studies of words alone: no --image column"] += len(groups)
    labels = _Labels([row.cells for row in table.rows], columns, plan)
    for (patient, study), group in groups.items():
        ids = short_names(name for line in group for name, _ in line.files)
        images = _images(group, columns, ids, plan, find)
        rows = [line.row.cells for line in group]
        template = replace(
            _study(study, patient, group, columns, plan),
            findings=labels.findings(rows),
            dialogues=dialogues([(line.row.cells, [ids[name] for name, _ in line.files]) for line in group], columns),
            provenance=replace(provenance, licence=_first(rows, "licence", columns, plan, str) or ""),
        )
        plan.studies.append(StudyPlan(study=template, images=images, split=_split(group, columns)))
    stated = [planned for planned in plan.studies if planned.split]
    one_split_a_patient([planned.study.patient for planned in stated], [planned.split for planned in stated])
    return plan


def _lines(table: Table, columns: Columns, plan: Plan, find: Callable[[str], Path]) -> list[_Line]:
    """Resolve the image paths of every row; rows without a usable path become problems."""
    root = Path(columns.root) if columns.root else table.path.parent
    lines = []
    for row in table.rows:
        item = f"{table.path.name} line {row.line}"
        names = [name for column in columns.image for name in _paths(row.cells.get(column))]
        if not names and columns.image:
            plan.problems.append(Problem(item, f"column {columns.image[0]!r} is empty"))
            continue
        try:
            files = [find(name) for name in names]
        except DataError as error:
            plan.problems.append(Problem(item, str(error)))
            continue
        base = root.resolve()
        lines.append(_Line(row, tuple((path.relative_to(base).as_posix(), path) for path in files)))
    return lines


def _found(root: Path, folder: Path, name: str) -> Path:
    """Return a file by its path from the root, or from the folder of a table that lies below the root."""
    base = root.resolve()
    beside = (folder / name).resolve() if "\0" not in name else base
    if folder.resolve().is_relative_to(base) and beside.is_relative_to(base) and beside.exists():
        return beside
    return within(root, name)


def _paths(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [cell(item) for item in items if cell(item)]


def _groups(table: Table, lines: Sequence[_Line], columns: Columns) -> dict[tuple[str, str], list[_Line]]:
    """Return the rows of each (patient, study), in the order of the table."""
    names = short_names(line.files[0][0] for line in lines if line.files)
    keyed = []
    for line in lines:
        study = columns.value(line.row.cells, "study")
        patient = columns.value(line.row.cells, "patient")
        own = names[line.files[0][0]] if line.files else f"{table.path.stem}-{line.row.line}"
        keyed.append((patient, study or own, bool(study), line))
    patients_of: dict[str, set[str]] = defaultdict(set)
    for patient, study, _, _ in keyed:
        patients_of[study].add(patient)
    local = any(len(patients) > 1 for patients in patients_of.values())
    groups: dict[tuple[str, str], list[_Line]] = {}
    for patient, study, stated, line in keyed:
        # Numbers such as "study1" count within a patient; the patient then belongs to the name.
        name = f"{patient}/{study}" if local and stated else study
        group = groups.setdefault((patient, name), [])
        if group and not stated:
            raise DataError(
                f"{table.path}: lines {group[0].row.line} and {line.row.line} name {line.files[0][0]!r}: "
                "ids must be unique; remove one, or name the column that makes both one study with --study"
            )
        group.append(line)
    return groups


def _images(
    group: Sequence[_Line], columns: Columns, names: Mapping[str, str], plan: Plan, find: Callable[[str], Path]
) -> tuple[ImagePlan, ...]:
    images: dict[str, ImagePlan] = {}
    for line in group:
        cells = line.row.cells
        for name, path in line.files:
            images.setdefault(
                name,
                ImagePlan(
                    path=path,
                    item=name,
                    id=names[name],
                    modality=modality_code(columns.value(cells, "modality")),
                    view=columns.value(cells, "view"),
                    body_part=columns.value(cells, "body_part"),
                ),
            )
        if line.files:
            first = line.files[0][0]
            images[first] = with_regions(images[first], line.row, columns, plan, find=find)
    return tuple(images.values())


def _study(study: str, patient: str, group: Sequence[_Line], columns: Columns, plan: Plan) -> Study:
    rows = [line.row.cells for line in group]
    if not patient:
        stated = "rows without a patient" if columns.patient else "studies: no --patient column"
        plan.notes[f"{stated}, so that each counts as a patient of its own"] += 1
    texts = _texts(rows, columns)
    if columns.text and not texts:
        plan.notes["studies with empty text"] += 1
    return Study(
        id=study,
        patient=patient or f"unknown-{study}",
        texts=texts,
        measurements=_measurements(rows, columns, plan),
        age_years=_first(rows, "age", columns, plan, read_age),
        sex=_first(rows, "sex", columns, plan, read_sex) or "",
        site=_first(rows, "site", columns, plan, str) or "",
    )


def _first(rows: Sequence[Mapping[str, Any]], meaning: str, columns: Columns, plan: Plan, read: Any) -> Any:
    """Read the first stated value; others that differ, and values that cannot be read, are noted."""
    stated = dict.fromkeys(text for row in rows if (text := columns.value(row, meaning)))
    values = [read(text) for text in stated]
    if any(value is None or value == "" for value in values):
        plan.notes[f"values of {meaning} that could not be read"] += 1
    values = [value for value in values if value is not None and value != ""]
    if len(set(values)) > 1:
        plan.notes[f"studies whose rows differ in {meaning}; the first value was taken"] += 1
    return values[0] if values else None


def _texts(rows: Sequence[Mapping[str, Any]], columns: Columns) -> tuple[Text, ...]:
    texts = {
        (role, text): Text(text=text, role=role, language=columns.language_of(row))
        for row in rows
        for name, role in columns.texts()
        for text in _paths(row.get(name))
    }
    return tuple(texts.values())


def _measurements(rows: Sequence[Mapping[str, Any]], columns: Columns, plan: Plan) -> tuple[Measurement, ...]:
    found: dict[str, Measurement] = {}
    for item in columns.measurement:
        column, name, unit = (*item.split(":"), "", "")[:3]
        for row in rows:
            text = cell(row.get(column))
            if not text:
                continue
            try:
                value = float(text)
            except ValueError:
                plan.notes[f"measurements in {column!r} that are no number"] += 1
                continue
            name = name or concept_name(column)
            found.setdefault(name, Measurement(name=name, value=value, unit=unit or "1", source="label file"))
    return tuple(found.values())


def _split(group: Sequence[_Line], columns: Columns) -> str:
    stated = [columns.value(line.row.cells, "split").casefold() for line in group]
    first = next((split for split in stated if split), "")
    return _SPLITS.get(first, first)


class _Labels:
    """Findings from label cells, with what the table's other labels say by their absence."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], columns: Columns, plan: Plan) -> None:
        self._columns = columns
        self._numeric = columns.numeric(rows)
        listed = [column for column in columns.label if column not in self._numeric]
        names = {concept for row in rows for concept, _ in columns.labels(row, self._numeric)}
        self._closed = columns.closed and bool(listed) and len(names) <= _MAX_CLOSED_LABELS
        self._vocabulary = sorted(names) if self._closed else []
        if columns.closed and listed and not self._closed:
            what = f"different labels, more than {_MAX_CLOSED_LABELS}: none is stated absent"
            plan.notes[what] = len(names)

    def findings(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Finding, ...]:
        """Return the findings of a study; without any label nothing is stated."""
        stated: dict[str, set[Status]] = defaultdict(set)
        for row in rows:
            for concept, status in self._columns.labels(row, self._numeric):
                stated[concept].add(status)
        if any("present" in status for concept, status in stated.items() if concept != NO_FINDING):
            stated.pop(NO_FINDING, None)
        if stated:
            for concept in self._vocabulary:
                stated.setdefault(concept, {"absent"})
        strongest = {concept: next(s for s in _ORDER if s in stated[concept]) for concept in sorted(stated)}
        return tuple(
            Finding(concept=concept, status=status, source="label file") for concept, status in strongest.items()
        )
