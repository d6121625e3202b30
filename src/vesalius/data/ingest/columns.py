"""What the columns of a table mean, and how their cells are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, cast, get_args

from vesalius.config import Config
from vesalius.data.records import Laterality, Status, TextRole
from vesalius.errors import ConfigError

__all__ = [
    "Columns",
    "TextColumn",
    "concept_name",
    "modality_code",
    "read_age",
    "read_laterality",
    "read_sex",
]

Sex = Literal["F", "M", "O", ""]
NO_FINDING = "no_finding"

_NO_COLUMNS = ("delimiter", "negative", "closed", "language", "encoding", "root")
_WITH_MEANING = ("text", "measurement", "mask")
_MODALITY = {
    "xray": "DX",
    "radiograph": "DX",
    "radiography": "DX",
    "cxr": "DX",
    "mri": "MR",
    "mr": "MR",
    "ct": "CT",
    "ultrasound": "US",
    "mammography": "MG",
    "pet": "PT",
    "fundus": "OP",
    "oct": "OPT",
    "endoscopy": "ES",
    "microscopy": "SM",
    "histology": "SM",
    "pathology": "SM",
}
_SEX: dict[str, Sex] = {"f": "F", "female": "F", "m": "M", "male": "M", "o": "O", "other": "O"}
_SIDES: dict[str, Laterality] = {
    "l": "left",
    "r": "right",
    "b": "bilateral",
    "left": "left",
    "right": "right",
}
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([ymwd]?)", re.IGNORECASE)
_YEARS = {"": 1.0, "y": 1.0, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}
_NUMERIC_STATUS: dict[str, Status] = {"1": "present", "0": "absent", "-1": "uncertain"}


class TextColumn(NamedTuple):
    """A column of texts and the role that they play."""

    name: str
    role: TextRole


@dataclass(frozen=True, kw_only=True)
class Columns(Config):
    """Names of a table's columns by meaning; ``=value`` instead states the same value for every row.

    For a folder or a DICOM tree only the stated values apply, such as ``modality="=DX"``.
    """

    image: tuple[str, ...] = ()
    """Paths of image files, relative to the folder of the table (or `root`)."""
    text: tuple[str, ...] = ()
    """Texts; ``column:role`` names the role, else the name of the column tells it, else it is "report"."""
    patient: str = ""
    study: str = ""
    """Rows with the same value are one study; without it every row is a study of its own."""
    label: tuple[str, ...] = ()
    """Names of findings, several in a cell; or a column for each, 1 present, 0 absent, -1 uncertain."""
    split: str = ""
    age: str = ""
    sex: str = ""
    view: str = ""
    modality: str = ""
    body_part: str = ""
    site: str = ""
    licence: str = ""
    """What may be done with a row's image and text."""
    measurement: tuple[str, ...] = ()
    """Numbers; ``column:name:unit`` gives name and UCUM unit, else the column's name and 1."""
    mask: tuple[str, ...] = ()
    """Paths of mask files on the image's grid; ``column:name`` says what is marked, ``column:name:anatomy`` that it
    is a part of the body; without a name the column's own."""
    box: str = ""
    """Columns of x_min, y_min, x_max and y_max in pixels, parted by commas; a fifth names what is in the box."""
    question: str = ""
    answer: str = ""
    options: str = ""
    """Answers to choose from: a JSON list, or parted like labels."""
    answer_type: str = ""
    delimiter: str = ",;|"
    """Characters that part the labels in one cell."""
    negative: tuple[str, ...] = ("no finding", "no findings", "normal", "healthy", "none")
    """Labels that say that nothing was found; they become the concept ``no_finding``."""
    closed: bool = True
    """A cell of label names lists everything that was found, so that the table's other labels are absent."""
    language: str = "en"
    """Of texts and questions: a tag such as en, or the name of a column."""
    encoding: str = ""
    """Of the table, such as cp1252; empty for UTF-8."""
    root: str = ""
    """Folder that image paths are relative to; empty for the folder of the table."""

    def __post_init__(self) -> None:
        if self.box and self.box.count(",") not in (3, 4):
            raise ConfigError(f"box {self.box!r}: expected x_min,y_min,x_max,y_max as columns, and one for the name")
        if not self.question and (self.answer or self.options or self.answer_type):
            raise ConfigError("an answer without a question: name its column with --question")
        for item in self.mask:
            if item.count(":") > 2 or (item.count(":") == 2 and not item.endswith(":anatomy")):
                raise ConfigError(f"mask {item!r}: expected column, column:name or column:name:anatomy")
        for item in self.measurement:
            if item.count(":") > 2:
                raise ConfigError(f"measurement {item!r}: expected column, column:name or column:name:unit")
        for column in self.texts():
            if column.role not in get_args(TextRole):
                roles = ", ".join(get_args(TextRole))
                raise ConfigError(f"text {column.name}:{column.role}: roles are {roles}")

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield the meaning and the name of every column that the table must have."""
        for field in fields(self):
            if field.name in _NO_COLUMNS:
                continue
            value = getattr(self, field.name)
            for item in self._items(field.name, value):
                if item and not item.startswith("="):
                    yield field.name, item.split(":")[0] if field.name in _WITH_MEANING else item

    @staticmethod
    def _items(meaning: str, value: str | tuple[str, ...]) -> Sequence[str]:
        if isinstance(value, tuple):
            return value
        return value.split(",") if meaning == "box" else (value,)

    def texts(self) -> tuple[TextColumn, ...]:
        """Return the columns of texts with their roles."""
        found = []
        for item in self.text:
            name, _, role = item.partition(":")
            found.append(TextColumn(name, cast(TextRole, role or _role_of(name))))
        return tuple(found)

    def value(self, row: Mapping[str, Any], meaning: str) -> str:
        """Return the stripped text of the cell that has a meaning, or what is stated for every row."""
        name: str = getattr(self, meaning)
        if name.startswith("="):
            return name[1:].strip()
        return cell(row.get(name)) if name else ""

    def language_of(self, row: Mapping[str, Any]) -> str:
        """Return the language of a row's words, "en" where its cell is empty."""
        return cell(row[self.language]) or "en" if self.language in row else self.language

    def labels(self, row: Mapping[str, Any], numeric: frozenset[str]) -> Iterator[tuple[str, Status]]:
        """Yield concept and status of every label of a row.

        Args:
            row: cells by column.
            numeric: columns that hold 1, 0 and -1 instead of names.
        """
        for column in self.label:
            stated = row.get(column)
            if column in numeric:
                status = _NUMERIC_STATUS.get(cell(stated).removesuffix(".0"))
                if status:
                    yield self._concept(column), status
                continue
            for item in self.parted(stated):
                yield self._concept(item), "present"

    def parted(self, stated: Any) -> list[str]:
        """Return the entries of a cell that is a list or has several, parted by the delimiter."""
        items = stated if isinstance(stated, list) else re.split(f"[{re.escape(self.delimiter)}]", cell(stated))
        return [cell(item) for item in items if cell(item)]

    def numeric(self, rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
        """Return the label columns whose cells are all 1, 0, -1 or empty, and not all empty."""
        open_columns, seen = set(self.label), set()
        for row in rows:
            for column in tuple(open_columns):
                text = cell(row.get(column)).removesuffix(".0")
                seen.update([column] if text else [])
                if text and text not in _NUMERIC_STATUS:
                    open_columns.discard(column)
        return frozenset(open_columns & seen)

    def _concept(self, label: str) -> str:
        return NO_FINDING if label.casefold() in self.negative else concept_name(label)


def cell(value: Any) -> str:
    """Return the stripped text of a cell; JSON null is empty."""
    return "" if value is None else str(value).strip()


def concept_name(label: str) -> str:
    """Turn a label into the name of a concept: lower case with underscores, "COVID-19" into "covid_19"."""
    return re.sub(r"[\W_]+", "_", label.casefold()).strip("_")


def modality_code(text: str) -> str:
    """Return the DICOM code of a modality in words, such as DX for "X-ray"; other words in capitals."""
    return _MODALITY.get(re.sub(r"[\W_]+", "", text.casefold()), text.upper())


def read_age(text: str) -> float | None:
    """Read years from "54", "54.5", "054Y" or "018M"; None for anything else or above 130."""
    found = _AGE.fullmatch(text.strip())
    years = float(found[1]) * _YEARS[found[2].lower()] if found else None
    return years if years is not None and years <= 130 else None


def read_sex(text: str) -> Sex:
    """Read F, M or O from a letter or a word, empty for anything else."""
    return _SEX.get(text.strip().casefold(), "")


def read_laterality(text: str) -> Laterality:
    """Read a side from a DICOM code or a word, empty for anything else."""
    return _SIDES.get(text.strip().casefold(), "")


def _role_of(name: str) -> str:
    words = concept_name(name).split("_")
    return next((role for role in get_args(TextRole) if role in words or f"{role}s" in words), "report")
