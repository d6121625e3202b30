"""Phecodes, groups of diagnosis codes: a table of outputs and a map from ICD codes, read where a user has them.

The table is the one that comes with Merlin (``phenotypes.csv``: phecode, phecode_str; a row is an output of the
network), the map that of the PheWAS catalogue (ICD code and phecode a row). Neither comes with this package.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vesalius.data.records import Finding
from vesalius.errors import DataError

__all__ = ["PREFIX", "findings_of", "read_icd_map", "read_phecodes", "roll_up"]

PREFIX = "phecode_"
"""What a concept is called by its phecode: ``phecode_401.1``."""

SOURCE = "health record"

_CODE_COLUMNS = ("icd", "icd9", "icd10", "icd9cm", "icd10cm", "code")
_LARGEST = 1 << 26
"""Bytes of a table; the whole map of ICD-10-CM has 6 MB."""


def read_phecodes(path: str | Path) -> dict[str, str]:
    """Read a table of phecodes: concept, such as ``phecode_401.1``, to its name, in the order of the rows.

    Raises:
        DataError: no such file, no such columns, or a phecode that stands there twice.
    """
    out: dict[str, str] = {}
    for number, row in _rows(path, ("phecode", "phecode_str")):
        concept = PREFIX + row["phecode"].strip()
        if concept == PREFIX or concept in out:
            raise DataError(f"{path}: row {number}: phecode {row['phecode']!r} is empty or stands there twice")
        out[concept] = row["phecode_str"].strip()
    if not out:
        raise DataError(f"{path}: no phecode below its heading")
    return out


def read_icd_map(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read a map from ICD codes, in capitals without a dot, to phecodes.

    Raises:
        DataError: no such file, or no column of phecodes or of ICD codes (icd, icd9, icd10, icd9cm, icd10cm, code).
    """
    out: dict[str, tuple[str, ...]] = {}
    for _, row in _rows(path, ("phecode",), _CODE_COLUMNS):
        code, phecode = _plain(next(row[name] for name in _CODE_COLUMNS if name in row)), row["phecode"].strip()
        if code and phecode and phecode not in out.get(code, ()):
            out[code] = (*out.get(code, ()), phecode)
    return out


def roll_up(phecode: str) -> tuple[str, ...]:
    """Return a phecode and the groups that hold it: 8.51, 8.5, 8."""
    whole, _, digits = phecode.partition(".")
    return (*(f"{whole}.{digits[:length]}" for length in range(len(digits), 0, -1)), whole)


def findings_of(
    icd_codes: Iterable[str], icd_map: Mapping[str, tuple[str, ...]], phecodes: Iterable[str]
) -> tuple[Finding, ...]:
    """Return what a patient's diagnosis codes say of every phecode: present with its groups, or absent.

    Args:
        icd_codes: of the patient, with or without dots; those that the map lacks say nothing.
        icd_map: what `read_icd_map` returned.
        phecodes: concepts of `read_phecodes`. A code that nobody wrote down counts as absent, as in Merlin: what the
            hospital did not bill may be there all the same.
    """
    found = {code for icd in icd_codes for code in icd_map.get(_plain(icd), ())}
    present = {PREFIX + group for code in found for group in roll_up(code)}
    return tuple(
        Finding(concept=concept, status="present" if concept in present else "absent", source=SOURCE)
        for concept in phecodes
    )


def _plain(code: str) -> str:
    return code.strip().upper().replace(".", "")


def _rows(
    path: str | Path, needed: tuple[str, ...], one_of: tuple[str, ...] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table with their number, keys in lower case."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such table; it comes with Merlin's code or the PheWAS catalogue, not with us")
    if path.stat().st_size > _LARGEST:
        raise DataError(f"{path}: {path.stat().st_size} bytes are no table of codes; at most {_LARGEST} are read")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    reader = csv.reader(lines)
    names = [name.strip().lower() for name in next(reader, [])]
    lacking = [name for name in needed if name not in names]
    if lacking or (one_of and not set(one_of) & set(names)):
        wanted = ", ".join(lacking) or f"one of {', '.join(one_of)}"
        raise DataError(f"{path}: the columns are {', '.join(names) or 'none'}; missing: {wanted}")
    for number, values in enumerate(reader, start=2):
        if any(value.strip() for value in values):
            filled = [*values, *[""] * (len(names) - len(values))]
            yield number, dict(zip(names, filled, strict=False))
