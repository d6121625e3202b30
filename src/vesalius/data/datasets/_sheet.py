"""Small Excel workbooks (.xlsx): the first sheet as rows of text, read and written with the standard library.

Numbers come as they are stored ("63", "0.5"), formulas by their last value, dates as the numbers that they are.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from vesalius.data.readers.limits import check_size
from vesalius.errors import DataError

__all__ = ["sheet_rows", "write_sheet"]

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRINGS, _SHEET = "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
    'officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r='
    '"http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" '
    'sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
"""What a workbook holds besides its sheet."""


def sheet_rows(path: Path, *, needs: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row of the first sheet by the header in its first row, with its row number; empty rows are skipped.

    Args:
        path: workbook.
        needs: columns that must be there.

    Raises:
        DataError: no workbook, or a column is missing.
    """
    try:
        with zipfile.ZipFile(path) as book:
            names = book.namelist()
            strings = _strings(path, book) if _STRINGS in names else []
            sheet = (
                _SHEET if _SHEET in names else next(n for n in sorted(names) if n.startswith("xl/worksheets/sheet"))
            )
            check_size(f"{path}: {sheet}", book.getinfo(sheet).file_size, book.getinfo(sheet).compress_size)
            with book.open(sheet) as file:
                yield from _by_header(path, _cells(file, strings), needs)
    except (OSError, zipfile.BadZipFile, ElementTree.ParseError, StopIteration, ValueError, IndexError) as error:
        raise DataError(f"{path}: no .xlsx workbook that opens ({error}); download it again") from None


def _strings(path: Path, book: zipfile.ZipFile) -> list[str]:
    check_size(f"{path}: {_STRINGS}", book.getinfo(_STRINGS).file_size, book.getinfo(_STRINGS).compress_size)
    with book.open(_STRINGS) as file:
        root = ElementTree.parse(file).getroot()
    return ["".join(part.text or "" for part in item.iter(f"{_MAIN}t")) for item in root.iter(f"{_MAIN}si")]


def _cells(file: IO[bytes], strings: Sequence[str]) -> Iterator[tuple[int, dict[int, str]]]:
    """Yield the row number and the cells by column, both from 1."""
    for count, (_, row) in enumerate(
        (pair for pair in ElementTree.iterparse(file) if pair[1].tag == f"{_MAIN}row"), start=1
    ):
        found = {}
        for place, cell in enumerate(row.iter(f"{_MAIN}c"), start=1):
            letters = re.match(r"[A-Z]+", cell.get("r", ""))
            found[_column(letters[0]) if letters else place] = _value(cell, strings)
        yield int(row.get("r", count)), found
        row.clear()


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _value(cell: ElementTree.Element, strings: Sequence[str]) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{_MAIN}t"))
    value = cell.findtext(f"{_MAIN}v") or ""
    return strings[int(value)] if cell.get("t") == "s" and value else value


def _by_header(
    path: Path, rows: Iterator[tuple[int, dict[int, str]]], needs: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    _, header = next(rows, (1, {}))
    missing = [name for name in needs if name not in header.values()]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; found {', '.join(header.values())}")
    for number, cells in rows:
        if any(cells.values()):
            yield number, {name: cells.get(column, "") for column, name in header.items()}


def write_sheet(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write one sheet; numbers as numbers, None as an empty cell, all else as text; always the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, row in enumerate([header, *rows], start=1):
        cells = "".join(_cell(value, f"{_letters(column)}{number}") for column, value in enumerate(row, start=1))
        lines.append(f'<row r="{number}">{cells}</row>')
    sheet = f'<worksheet xmlns="{_MAIN[1:-1]}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in {**_PARTS, _SHEET: sheet}.items():
            book.writestr(zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8"?>{text}')


def _letters(column: int) -> str:
    return (_letters((column - 1) // 26) if column > 26 else "") + chr(65 + (column - 1) % 26)


def _cell(value: object, place: str) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'
