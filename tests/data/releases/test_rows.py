"""Rows of tables: where they stand, and what breaks them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vesalius.data.releases.rows import Row, csv_rows, json_lines, json_list, json_value, parquet_rows
from vesalius.errors import DataError


def test_a_list_is_streamed_over_the_ends_of_pieces(tmp_path: Path) -> None:
    # Items of 0.4 million characters lie over the ends of pieces of a million.
    rows = [{"n": number, "text": 'é\\"]}' * 80_000} for number in range(12)]
    path = tmp_path / "list.json"
    path.write_text("\ufeff " + json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    assert [row.cells for row in json_list(path)] == rows
    path.write_text(" [ ] ")
    assert list(json_list(path)) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1}', "expected a list of objects"),
        ('[{"a": 1}', "does not end"),
        ('[{"a": 1} {"b": 2}]', "after item 1"),
        ('[{"a": 1}, 7]', "item 2: 7, expected an object"),
        ('[{"a": ]', "item 1: no JSON"),
        ("", "does not end"),
        ("[" * 100_000, "item 1: no JSON: nested too deeply|item 1"),
        ("version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    ],
)
def test_broken_lists(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(text)
    with pytest.raises(DataError, match=told):
        list(json_list(path))


def test_broken_lines_and_values(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n[1]\n')
    with pytest.raises(DataError, match=r"a.jsonl, line 3: \[1\], expected an object"):
        list(json_lines(path))
    path.write_bytes(b'{"a": "\xff"}\n')
    with pytest.raises(DataError, match="no UTF-8"):
        list(json_lines(path))
    path.write_text("[" * 100_000)
    for read in (json_value, lambda path: list(json_lines(path))):
        with pytest.raises(DataError, match=r"nested too deeply|no JSON"):
            read(path)


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffa,b\n"1\nx",2\n\n3,4,5\n')
    rows = list(csv_rows(path, ("a", "b")))
    assert [row.cells for row in rows] == [{"a": "1\nx", "b": "2"}, {"a": "3", "b": "4"}]
    assert [row.where for row in rows] == [f"{path}, line 3", f"{path}, line 5"]
    path.write_text("a,b\n1\n")
    with pytest.raises(DataError, match=r"line 2: 1 cells, expected 2"):
        list(csv_rows(path, ("a",)))
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match="git lfs pull"):
        list(csv_rows(path, ("a",)))


@pytest.mark.parametrize(
    ("access", "told"),
    [
        (lambda row: row.text("none"), "no 'none'; it has a, b"),
        (lambda row: row.text("b"), "expected text"),
        (lambda row: row.whole("a"), "a is '1.5', expected a whole number"),
        (lambda row: row.items("a"), "expected a list"),
        (lambda row: row.part("a"), "expected an object"),
        (lambda row: row.parts("b"), "b 1 is 1, expected an object"),
    ],
)
def test_access_that_fails_says_where(access: Any, told: str) -> None:
    with pytest.raises(DataError, match=told) as error:
        access(Row({"a": "1.5", "b": [1]}, "file, line 7"))
    assert str(error.value).startswith("file, line 7")


def test_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="no whole Parquet file"):
        list(parquet_rows([tmp_path / "a.parquet"], ()))
