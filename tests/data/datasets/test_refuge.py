"""REFUGE: inverted values of the masks, folders and columns as labels, foveas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from release_files import picture

from vesalius.data.datasets._sheet import write_sheet
from vesalius.data.datasets.refuge import read
from vesalius.errors import DataError

MASK = np.array([[255, 128, 0], [255, 128, 128]], np.uint8)
TRUTH = "Annotation-Training400/Annotation-Training400"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    picture(tmp_path / "REFUGE-Training400/Training400/Glaucoma/g0001.jpg", size=(3, 2))
    picture(tmp_path / TRUTH / "Disc_Cup_Masks/Glaucoma/g0001.bmp", MASK)
    write_sheet(
        tmp_path / TRUTH / "Fovea_location.xlsx", ("ImgName", "Fovea_X", "Fovea_Y"), [("g0001.jpg", 1.5, 1.25)]
    )
    picture(tmp_path / "REFUGE-Validation400/V0001.jpg", size=(3, 2))
    picture(tmp_path / "REFUGE-Validation400-GT/Disc_Cup_Masks/V0001.bmp", MASK)
    header = ("ImgName", "Fovea_X", "Fovea_Y", "Glaucoma Label")
    write_sheet(tmp_path / "REFUGE-Validation400-GT/Fovea_locations.xlsx", header, [("V0001.jpg", 1, 1, 0)])
    return tmp_path


def test_disc_holds_the_cup(release: Path) -> None:
    (train, split), (validated, other) = read(release)
    assert (train.id, split, validated.id, other) == ("g0001", "train", "V0001", "val")
    assert (train.status("glaucoma"), validated.status("glaucoma")) == ("present", "absent")
    masks = {name: np.zeros(MASK.shape, bool) for name in ("optic disc", "optic cup")}
    for part in train.regions:
        if part.kind == "mask":
            masks[part.anatomy] |= np.asarray(Image.open(part.mask)) == part.mask_value
    assert (masks["optic disc"] == (MASK <= 128)).all()
    assert (masks["optic cup"] == (MASK == 0)).all()
    [fovea] = [part for part in train.regions if part.kind == "points"]
    assert fovea.points == ((1.5, 1.25),)


def test_other_values_are_refused(release: Path) -> None:
    picture(release / TRUTH / "Disc_Cup_Masks/Glaucoma/g0001.bmp", MASK // 2)
    with pytest.raises(DataError, match=r"g0001.bmp: values \[0, 64, 127\]; expected 255"):
        list(read(release))


def test_a_label_that_is_none(release: Path) -> None:
    header = ("ImgName", "Fovea_X", "Fovea_Y", "Glaucoma Label")
    write_sheet(release / "REFUGE-Validation400-GT/Fovea_locations.xlsx", header, [("V0001.jpg", 1, 1, "maybe")])
    with pytest.raises(DataError, match="glaucoma label 'maybe'"):
        list(read(release))
