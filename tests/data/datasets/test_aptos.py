"""APTOS 2019: two tables, one without grades."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.aptos import read
from vesalius.errors import DataError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    lines(tmp_path / "train.csv", "id_code,diagnosis", "000c1434d8d7,2", "001639a390f0,0")
    lines(tmp_path / "test.csv", "id_code", "0005cfc8afb6")
    for place in ("train_images/000c1434d8d7", "train_images/001639a390f0", "test_images/0005cfc8afb6"):
        picture(tmp_path / f"{place}.png")
    return tmp_path


def test_grades_and_pictures_without(release: Path) -> None:
    (moderate, split), (none, _), (unknown, test) = read(release)
    assert (moderate.id, split, test) == ("000c1434d8d7", "train", "test")
    assert (moderate.findings[0].severity, moderate.measurements[0].value) == ("moderate", 2)
    assert none.status("diabetic_retinopathy") == "absent"
    assert (unknown.findings, unknown.measurements) == ((), ())


def test_wrong_grades_and_missing_pictures(release: Path) -> None:
    lines(release / "train.csv", "id_code,diagnosis", "000c1434d8d7,7")
    with pytest.raises(DataError, match=r"train.csv, line 2: grade 7; expected 0"):
        list(read(release))
    lines(release / "train.csv", "id_code,diagnosis", "000c1434d8d7,mild")
    with pytest.raises(DataError, match="diagnosis 'mild'"):
        list(read(release))
    lines(release / "train.csv", "id_code,diagnosis", "gone,1")
    with pytest.raises(DataError, match=r"gone.png: no such picture"):
        list(read(release))
