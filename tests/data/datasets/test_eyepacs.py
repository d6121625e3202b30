"""EyePACS: two eyes a patient, grades of the test part in their own table."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.eyepacs import read
from vesalius.errors import DataError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    lines(tmp_path / "trainLabels.csv", "image,level", "10_left,0", "10_right,3", "13_left,1")
    for name in ("10_left", "10_right", "13_left"):
        picture(tmp_path / "train" / f"{name}.jpeg")
    lines(tmp_path / "retinaLabels.csv", "image,level,Usage", "1_left,4,Private")
    picture(tmp_path / "test" / "1_left.jpeg")
    return tmp_path


def test_eyes_of_a_patient_are_one_study(release: Path) -> None:
    (pair, split), (single, _), (tested, test) = read(release)
    assert (pair.id, pair.patient, split, test) == ("train_10", "train_10", "train", "test")
    assert [(image.id, image.laterality) for image in pair.images] == [("left", "left"), ("right", "right")]
    assert [(part.laterality, part.status, part.severity) for part in pair.findings] == [
        ("left", "absent", ""), ("right", "present", "severe"),
    ]  # fmt: skip
    assert len(single.images) == 1
    assert tested.findings[0].severity == "proliferative"


def test_a_name_without_an_eye(release: Path) -> None:
    lines(release / "trainLabels.csv", "image,level", "10_middle,0")
    with pytest.raises(
        DataError, match=r"trainLabels.csv, line 2: '10_middle', '0'; expected a name such as 10_left"
    ):
        list(read(release))
