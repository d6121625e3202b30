"""What readers of releases share: tables, heads of pictures, DICOM headers, what twins are made of."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from cxr_files import picture, radiograph, text

from vesalius.data import readers
from vesalius.data.datasets import _mimic
from vesalius.data.datasets._dicom import header, sex_of, write_dicom, years_of
from vesalius.data.datasets._pictures import Gaps, head
from vesalius.data.datasets._tables import Aligned, Lookup, find, json_lines, number, read_json, read_rows, write_rows
from vesalius.errors import DataError


def rows(path: Path, **how: object) -> list[dict[str, str]]:
    return [line.cells for line in read_rows(path, (), **how)]  # type: ignore[arg-type]


def test_tables_as_they_come(tmp_path: Path) -> None:
    table = text(tmp_path / "t.csv", "\ufeffa, b,,", '1," two\nlines ",,,', "", "3,4,,")
    assert rows(table) == [{"a": "1", "b": "two\nlines", "": ""}, {"a": "3", "b": "4", "": ""}]
    assert [line.number for line in read_rows(table, ("a",))] == [3, 5]
    bare = text(tmp_path / "bare.txt", "x\ty")
    assert rows(bare, delimiter="\t", header=("one", "two")) == [{"one": "x", "two": "y"}]
    packed = tmp_path / "p.csv.gz"
    write_rows(packed, ("a",), [("é",)])
    first = packed.read_bytes()
    write_rows(packed, ("a",), [("é",)])
    assert (rows(packed), packed.read_bytes()) == ([{"a": "é"}], first)


def test_bad_tables(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3: 3 cells, the header has 2"):
        rows(text(tmp_path / "t.csv", "a,b", "1,2", "1,2,3"))
    (tmp_path / "latin.csv").write_bytes(b"a\n\xe9\n")
    with pytest.raises(DataError, match=r"latin\.csv is not utf-8-sig text"):
        rows(tmp_path / "latin.csv")
    (tmp_path / "no.csv.gz").write_bytes(b"not packed")
    with pytest.raises(DataError, match=r"no\.csv\.gz is broken"):
        rows(tmp_path / "no.csv.gz")
    with pytest.raises(DataError, match="not readable as a table"):
        rows(text(tmp_path / "long.csv", "a", '"' + "x" * 2**21))
    with pytest.raises(DataError, match="line 2: not JSON"):
        list(json_lines(text(tmp_path / "j.jsonl", "{}", "{")))
    with pytest.raises(DataError, match="line 1: no field 'label'; did you mean 'labels'"):
        list(json_lines(text(tmp_path / "k.jsonl", '{"labels": 1}'), ("label",)))
    with pytest.raises(DataError, match=r"deep.json is not JSON"):
        read_json(text(tmp_path / "deep.json", "[" * 100_000), list)
    with pytest.raises(DataError, match="line 7: x is 'inf', expected a number"):
        number({"x": "inf"}, "x", "line 7")


def test_files_are_found_packed_or_not(tmp_path: Path) -> None:
    assert find(tmp_path, "a.csv.gz") is None
    text(tmp_path / "a.csv", "x")
    assert find(tmp_path, "b.csv", "a.csv.gz") == tmp_path / "a.csv"
    text(tmp_path / "v1.0.csv", "x")
    text(tmp_path / "v1.1.csv", "x")
    assert find(tmp_path, "v*.csv") == tmp_path / "v1.1.csv"


def test_two_tables_in_one_order(tmp_path: Path) -> None:
    table = text(tmp_path / "t.csv", "subject,x", "2,a", "2,b", "5,c", "7,d")
    aligned = Aligned(table, ("x",), key="subject")
    assert [[line.cells["x"] for line in aligned.take(key)] for key in ("1", "2", "3", "5")] == [
        [], ["a", "b"], [], ["c"]
    ]  # fmt: skip
    with pytest.raises(DataError, match="line 5: subject 7 is not in the other table before 9"):
        aligned.take("9")
    lookup = Lookup((name, {"n": name}) for name in "cab")
    assert [lookup.take(name) for name in ("a", "c", "x", "b", "a")] == [
        {"n": "a"},
        {"n": "c"},
        None,
        {"n": "b"},
        None,
    ]


def test_heads_of_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert head(picture(tmp_path / "a.png", mode="RGB")) == ((20, 10), 3)
    assert head(picture(tmp_path / "b.png", mode="I;16")) == ((20, 10), 1)
    gaps = Gaps(tmp_path, "Set")
    assert gaps.head(picture(tmp_path / "c.jpg")) == ((20, 10), 1)
    for name in ("a.png", "c.jpg"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-20])
        assert gaps.head(tmp_path / name) is None
    text(tmp_path / "d.png", "no picture")
    assert gaps.head(tmp_path / "d.png") is None
    assert gaps.head(tmp_path / "e.png") is None
    with caplog.at_level(logging.WARNING):
        gaps.tell()
    broken = ", ".join(f"{name} (broken or cut off)" for name in ("a.png", "c.jpg", "d.png"))
    assert caplog.messages == [f"Set: 4 files are left out: {broken} and others"]


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_dicom_files_show_what_was_written(tmp_path: Path, bits: int, inverted: bool) -> None:
    pixels = np.arange(255, dtype=np.uint8).reshape(15, 17)
    write_dicom(tmp_path / "a.dcm", pixels, bits=bits, inverted=inverted, tags={"ImagerPixelSpacing": [0.2, 0.1]})
    found = readers.read(tmp_path / "a.dcm")
    # Half a step of 255 is the most that rounding to fewer or more bits may change.
    assert np.abs(found.display() * 255 - pixels).max() < 0.51
    assert (found.modality, found.presentation.inverted) == ("DX", inverted)
    assert header(tmp_path / "a.dcm").spacing_mm == (0.2, 0.1)
    first = (tmp_path / "a.dcm").read_bytes()
    write_dicom(tmp_path / "a.dcm", pixels, bits=bits, inverted=inverted, tags={"ImagerPixelSpacing": [0.2, 0.1]})
    assert (tmp_path / "a.dcm").read_bytes() == first


def test_headers(tmp_path: Path) -> None:
    path = radiograph(tmp_path / "a.dcm", StudyDate="21800506", StudyTime="213014.531", PatientSex="F")
    assert header(path).moment == datetime(2180, 5, 6, 21, 30, 14)
    assert header(path).shape == (20, 10)
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(DataError, match=r"a.dcm"):
        header(path)
    assert [years_of(age) for age in ("054Y", "018M", "87", "003D", "148Y", "", "Y", "x")] == [
        54, 1.5, 87, pytest.approx(3 / 365.25), None, None, None, None
    ]  # fmt: skip
    assert [sex_of(word) for word in ("Female", "M", "Unknown", "", "O", "x")] == ["F", "M", "", "", "O", ""]


def test_times_without_their_zeros() -> None:
    assert _mimic.moment_of("21800506", "31014.531") == datetime(2180, 5, 6, 3, 10, 14)
    assert _mimic.moment_of("21800506", "14.5") == datetime(2180, 5, 6, 0, 0, 14)
    assert _mimic.moment_of("", "") is None
    assert _mimic.virtual_dicom("s", 0).startswith("00000000-")
    assert len(_mimic.virtual_dicom("s", 0)) == len("02aa804e-bde0afdd-112c0b34-7bc16630-4e384014")
