"""ISIC: masks of 2018, one-hot rows of 2019 with unknowns and renamed files, patients of 2020."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, picture

from vesalius.data.datasets.isic import read
from vesalius.errors import DataError

CLASSES = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"


def test_masks_of_2018(tmp_path: Path) -> None:
    picture(tmp_path / "ISIC2018_Task1-2_Training_Input" / "ISIC_0000000.jpg")
    picture(tmp_path / "ISIC2018_Task1-2_Test_Input" / "ISIC_0036309.jpg")
    mask = tmp_path / "ISIC2018_Task1_Training_GroundTruth" / "ISIC_0000000_segmentation.png"
    picture(mask, np.full((6, 8), 255))
    (train, split), (test, other) = read(tmp_path)
    assert (train.id, split, test.id, other) == ("2018_ISIC_0000000", "train", "2018_ISIC_0036309", "test")
    assert (train.regions[0].mask_value, test.regions) == (255, ())
    mask.unlink()
    with pytest.raises(DataError, match="no mask"):
        list(read(tmp_path))


def test_classes_of_2019(tmp_path: Path) -> None:
    rows = ("ISIC_0000000,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0",
            "ISIC_0000001_downsampled,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0")  # fmt: skip
    lines(tmp_path / "ISIC_2019_Training_GroundTruth.csv", CLASSES, *rows)
    lines(tmp_path / "ISIC_2019_Training_Metadata.csv", "image,age_approx,anatom_site_general,lesion_id,sex",
          "ISIC_0000000,55.0,anterior torso,BCN_0000001,female", "ISIC_0000001_downsampled,,,,")  # fmt: skip
    for name in ("ISIC_0000000", "ISIC_0000001_downsampled"):
        picture(tmp_path / "ISIC_2019_Training_Input" / f"{name}.jpg")
    (first, _), (second, _) = read(tmp_path)
    assert (first.patient, first.age_years, first.sex) == ("BCN_0000001", 55.0, "F")
    assert first.status("melanocytic_naevus") == "present"
    assert len(first.findings) == 8
    assert (second.id, second.patient, second.findings) == ("2019_ISIC_0000001", "ISIC_0000001", ())
    lines(tmp_path / "ISIC_2019_Training_GroundTruth.csv", CLASSES, f"ISIC_0000000{',1.0' * 2}{',0.0' * 7}")
    with pytest.raises(DataError, match=r"line 2: classes \['MEL', 'NV'\]; expected exactly one"):
        list(read(tmp_path))


def test_patients_of_2020(tmp_path: Path) -> None:
    header = "image_name,patient_id,lesion_id,sex,age_approx,diagnosis,benign_malignant,target"
    rows = ("ISIC_2637011,IP_7279968,IL_7972535,male,45,unknown,benign,0",
            "ISIC_0015719,IP_7279968,IL_4649854,NA,NA,melanoma,malignant,1")  # fmt: skip
    lines(tmp_path / "ISIC_2020_Training_GroundTruth_v2.csv", header, *rows)
    for name in ("ISIC_2637011", "ISIC_0015719"):
        picture(tmp_path / "train" / f"{name}.jpg")
    (first, split), (second, _) = read(tmp_path)
    assert (first.patient, second.patient, split) == ("IP_7279968", "IP_7279968", "train")
    assert (first.status("melanoma"), second.status("melanoma")) == ("absent", "present")
    assert (first.age_years, second.age_years, second.sex) == (45.0, None, "")
