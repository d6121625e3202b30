"""HAM10000: lesions with several pictures, classes, masks, empty ages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, picture

from vesalius.data.datasets.ham10000 import read
from vesalius.errors import DataError

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"


def test_lesions_group_pictures(tmp_path: Path) -> None:
    lines(tmp_path / "HAM10000_metadata.csv", HEADER, "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp",
          "HAM_0000118,ISIC_0025030,bkl,follow_up,,unknown,scalp")  # fmt: skip
    picture(tmp_path / "HAM10000_images_part_1" / "ISIC_0027419.jpg")
    picture(tmp_path / "HAM10000_images_part_2" / "ISIC_0025030.jpg")
    mask = tmp_path / "HAM10000_segmentations_lesion_tschandl" / "ISIC_0027419_segmentation.png"
    picture(mask, np.full((6, 8), 255))
    (first, split), (second, _) = read(tmp_path)
    assert (first.id, first.patient, second.patient, split) == ("ISIC_0027419", "HAM_0000118", "HAM_0000118", "")
    assert (first.age_years, first.sex, second.age_years, second.sex) == (80.0, "M", None, "")
    assert first.status("benign_keratosis") == "present"
    assert first.status("melanoma") == "absent"
    assert {finding.source for finding in second.findings} == {"follow-up"}
    assert [part.mask_value for part in first.regions] == [255]
    assert second.regions == ()


def test_an_unknown_class_and_a_missing_picture(tmp_path: Path) -> None:
    lines(tmp_path / "HAM10000_metadata.csv", HEADER, "HAM_1,ISIC_1,wart,histo,80.0,male,scalp")
    with pytest.raises(DataError, match=r"line 2: dx 'wart'; expected one of akiec"):
        list(read(tmp_path))
    lines(tmp_path / "HAM10000_metadata.csv", HEADER, "HAM_1,ISIC_1,nv,histo,80.0,male,scalp")
    with pytest.raises(DataError, match=r"ISIC_1.jpg: no such picture"):
        list(read(tmp_path))
