"""BraTS: both ways of naming, labels 4 and 3, the misnamed mask, time points, survival."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, nifti

from vesalius.data.datasets.brats import read
from vesalius.errors import DataError

OLD, NEW = ("flair", "t1", "t1ce", "t2"), ("t1c", "t1n", "t2f", "t2w")


def _case(folder: Path, *names: str) -> None:
    for name in names:
        nifti(folder / name, np.zeros((4, 4, 3), np.int16))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    base = tmp_path / "MICCAI_BraTS2020_TrainingData"
    for number in (1, 355):
        name = f"BraTS20_Training_{number:03d}"
        _case(base / name, *(f"{name}_{key}.nii" for key in OLD))
    _case(base / "BraTS20_Training_001", "BraTS20_Training_001_seg.nii")
    _case(base / "BraTS20_Training_355", "W39_1998.09.19_Segm.nii")
    rows = ("BraTS20_Training_001,60.463,289,GTR", "BraTS20_Training_355,51.5,ALIVE (361 days later),NA")
    lines(base / "survival_info.csv", "Brats20ID,Age,Survival_days,Extent_of_Resection", *rows)
    for time in range(2):
        name = f"BraTS-MEN-00008-{time:03d}"
        _case(tmp_path / "2023" / name, *(f"{name}-{key}.nii.gz" for key in NEW))
    _case(tmp_path / "2023" / "BraTS-MEN-00008-000", "BraTS-MEN-00008-000-seg.nii.gz")
    return tmp_path


def test_cases_of_three_editions(release: Path) -> None:
    (men, split), (later, val), (first, _), (misnamed, _) = read(release)
    assert (men.id, men.patient, later.patient, split, val) == (
        "BraTS-MEN-00008-000", "BraTS-MEN-00008", "BraTS-MEN-00008", "train", "val",
    )  # fmt: skip
    assert {image.sequence for image in men.images} == {"FLAIR", "T1", "T1 contrast", "T2"}
    assert [(part.mask_value, part.concept) for part in men.regions] == [(value, "meningioma") for value in (1, 2, 3)]
    assert [(part.mask_value, part.concept, part.anatomy) for part in first.regions] == [
        (1, "glioma", "necrotic core"), (2, "glioma", "oedema"), (4, "glioma", "enhancing tumour"),
    ]  # fmt: skip
    assert (first.age_years, first.measurements[0].name, first.measurements[0].value) == (60.463, "survival", 289.0)
    assert Path(misnamed.regions[0].mask).name == "W39_1998.09.19_Segm.nii"
    assert (misnamed.measurements[0].name, misnamed.measurements[0].value) == ("time alive so far", 361.0)


def test_a_case_without_a_sequence(release: Path) -> None:
    (release / "MICCAI_BraTS2020_TrainingData" / "BraTS20_Training_001" / "BraTS20_Training_001_t2.nii").unlink()
    with pytest.raises(DataError, match=r"BraTS20_Training_001: sequences flair, t1, t1ce; expected four"):
        list(read(release))
