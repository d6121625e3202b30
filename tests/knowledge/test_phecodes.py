"""Phecodes: tables as they are published, groups above a code, what a patient's ICD codes say."""

from __future__ import annotations

from pathlib import Path

import pytest

from vesalius.errors import DataError
from vesalius.knowledge.phecodes import findings_of, read_icd_map, read_phecodes, roll_up


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    phecodes = tmp_path / "phenotypes.csv"
    phecodes.write_text(
        "phecode,phecode_str\n8,Intestinal infection\n8.5,Bacterial enteritis\n8.51,E. coli\n"
        '401,Hypertension\n401.1,Essential hypertension\n571.5,"Liver disease, other"\n'
    )
    icd = tmp_path / "map.csv"
    icd.write_text("\ufeffICD10CM,PheCode,Note\nA04.4,8.51,\nI10,401.1,x\nk76.0,571.5\nI10,401.1,again\nX99,,none\n")
    return phecodes, icd


def test_tables(tables: tuple[Path, Path]) -> None:
    names = read_phecodes(tables[0])
    assert list(names)[:3] == ["phecode_8", "phecode_8.5", "phecode_8.51"]
    assert names["phecode_571.5"] == "Liver disease, other"
    assert read_icd_map(tables[1]) == {"A044": ("8.51",), "I10": ("401.1",), "K760": ("571.5",)}


def test_roll_up() -> None:
    assert roll_up("8.51") == ("8.51", "8.5", "8")
    assert roll_up("401") == ("401",)


def test_findings_of_a_patient(tables: tuple[Path, Path]) -> None:
    names, icd = read_phecodes(tables[0]), read_icd_map(tables[1])
    found = {finding.concept: finding.status for finding in findings_of(["a04.4", "I10", "Z00"], icd, names)}
    present = {concept for concept, status in found.items() if status == "present"}
    assert present == {"phecode_8.51", "phecode_8.5", "phecode_8", "phecode_401.1", "phecode_401"}
    assert found["phecode_571.5"] == "absent"
    assert {finding.status for finding in findings_of([], icd, names)} == {"absent"}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"code,name\n8,x\n", "the columns are code, name; missing: phecode, phecode_str"),
        (b"", "the columns are none; missing"),
        (b"phecode,phecode_str\n", "no phecode below its heading"),
        (b"phecode,phecode_str\n8,a\n8,b\n", "row 3: phecode '8' is empty or stands there twice"),
        (b"phecode,phecode_str\n\xff\xfe,b\n", "not UTF-8 text"),
    ],
)
def test_bad_tables(content: bytes, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=fault):
        read_phecodes(path)


def test_missing_table_and_missing_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such table; it comes with Merlin's code or the PheWAS catalogue"):
        read_phecodes(tmp_path / "none.csv")
    path = tmp_path / "map.csv"
    path.write_text("phecode,name\n8,x\n")
    with pytest.raises(DataError, match="missing: one of icd, icd9, icd10"):
        read_icd_map(path)
