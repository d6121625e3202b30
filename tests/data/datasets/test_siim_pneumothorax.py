"""SIIM-ACR Pneumothorax: run-length rows as they stand, and the remake as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cxr_files import picture, radiograph, text
from PIL import Image

from vesalius.data.datasets.siim_pneumothorax import read
from vesalius.errors import DataError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    # Columns of 20 rows: pixel 25 is row 5 of column 1; a run of 3 there, and one more after 17 pixels.
    text(tmp_path / "train-rle.csv", "ImageId, EncodedPixels", "a, 25 3 17 1", "b, -1", "a, 60 2", "c,-1")
    for name in "abc":
        radiograph(tmp_path / f"dicom-images-train/1.{name}/2.{name}/{name}.dcm", ViewPosition="AP")
    radiograph(tmp_path / "dicom-images-test/1.d/2.d/d.dcm")
    return tmp_path


def test_masks_of_several_rows(release: Path) -> None:
    a, b, c, d = read(release)
    assert [sample.split for sample in (a, b, c, d)] == ["train", "train", "train", "test"]
    assert [sample.study.status("pneumothorax") for sample in (a, b, c, d)] == ["present", "absent", "absent", None]
    whole, first, second = a.study.regions
    with Image.open(whole.mask) as drawn:
        mask = np.asarray(drawn)
    # 25..27 are rows 5 to 7 of column 1; 28 + 17 = 45 is row 5 of column 2; 60 and 61 are rows 0 and 1 of column 3.
    assert sorted(zip(*np.nonzero(mask), strict=True)) == [(0, 3), (1, 3), (5, 1), (5, 2), (6, 1), (7, 1)]
    assert (first.box, second.box) == ((1, 5, 3, 8), (3, 0, 4, 2))
    assert a.study.images[0].view == "AP"


def test_a_code_that_leaves_the_picture(release: Path) -> None:
    text(release / "train-rle.csv", "ImageId, EncodedPixels", "a, 199 2")
    with pytest.raises(DataError, match="a: a run of the code ends at pixel 201 of 200"):
        list(read(release))


def test_the_remake(tmp_path: Path) -> None:
    text(tmp_path / "stage_1_train_images.csv", "new_filename,ImageId,has_pneumo", "0_train_1_.png,x,1",
         "1_train_0_.png,y,0")  # fmt: skip
    text(tmp_path / "stage_1_test_images.csv", "new_filename,ImageId,has_pneumo", "0_test_1_.png,z,1")
    for name in ("0_train_1_.png", "1_train_0_.png", "0_test_1_.png"):
        picture(tmp_path / "png_images" / name)
        picture(tmp_path / "png_masks" / name)
    x, y, z = read(tmp_path)
    assert [sample.split for sample in (x, y, z)] == ["train", "train", "test"]
    assert (x.study.regions[0].mask_value, y.study.regions) == (255, ())


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no train-rle.csv, dicom-images-train.*twin siim_pneumothorax"):
        next(read(tmp_path))
