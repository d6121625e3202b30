"""DRIVE, CHASE_DB1 and HRF: names, palettes, endings, readers and splits, and real photographs of HRF."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from release_files import picture, values_of

from vesalius.data.datasets.chase_db1 import read as read_chase
from vesalius.data.datasets.drive import read as read_drive
from vesalius.data.datasets.hrf import read as read_hrf
from vesalius.errors import DataError

MASK = np.array([[0, 255, 0], [255, 255, 0]], np.uint8)


def _palette(path: Path) -> None:
    """Write a GIF whose index 0 is white and 1 black, as no rule forbids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("P", (3, 2))
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.putdata((MASK == 0).astype(np.uint8).ravel().tolist())
    image.save(path)


def test_drive_palettes_parts_and_two_readers(tmp_path: Path) -> None:
    for folder, name in (("training", "21_training"), ("test", "01_test")):
        picture(tmp_path / folder / "images" / f"{name}.tif", size=(3, 2))
        _palette(tmp_path / folder / "mask" / f"{name}_mask.gif")
    _palette(tmp_path / "training" / "1st_manual" / "21_manual1.gif")
    (train, split), (test, other) = read_drive(tmp_path)
    assert (train.id, split, test.id, other) == ("21_training", "train", "01_test", "test")
    assert [part.anatomy for part in train.regions] == ["field of view", "retinal vessels"]
    assert (np.asarray(Image.open(train.regions[1].mask)) == MASK).all()
    # The new archive keeps the vessels of the test part back.
    assert [part.anatomy for part in test.regions] == ["field of view"]
    for reader in (1, 2):
        folder = tmp_path / "test" / ("1st_manual" if reader == 1 else "2nd_manual")
        _palette(folder / f"01_manual{reader}.gif")
    _, (test, _) = read_drive(tmp_path)
    assert [(part.anatomy, part.instance) for part in test.regions[1:]] == [
        ("retinal vessels", 0), ("retinal vessels", 1),
    ]  # fmt: skip
    (tmp_path / "test" / "mask" / "01_test_mask.gif").unlink()
    with pytest.raises(DataError, match="no field of view"):
        list(read_drive(tmp_path))


def test_chase_keeps_the_eyes_of_a_child_together(tmp_path: Path) -> None:
    for name in ("Image_10L", "Image_10R", "Image_11L"):
        picture(tmp_path / f"{name}.jpg", size=(3, 2))
        for reader in ("1stHO", "2ndHO"):
            Image.fromarray(MASK).convert("1").save(tmp_path / f"{name}_{reader}.png")
    samples = list(read_chase(tmp_path))
    assert [(study.id, study.patient, split) for study, split in samples] == [
        ("Image_10L", "10", "train"), ("Image_10R", "10", "train"), ("Image_11L", "11", "test"),
    ]  # fmt: skip
    study = samples[0].study
    assert study.images[0].laterality == "left"
    assert [part.instance for part in study.regions] == [0, 1]
    assert values_of(study.regions[0].mask) == [0, 255]
    picture(tmp_path / "Image_1.jpg")
    with pytest.raises(DataError, match=r"expected a name such as Image_01L\.jpg"):
        list(read_chase(tmp_path))


def test_hrf_endings_conditions_and_the_usual_split(tmp_path: Path) -> None:
    base = tmp_path / "all"
    for name in ("01_dr.JPG", "01_g.jpg", "06_h.jpg"):
        picture(base / "images" / name, size=(3, 2), format="JPEG")
        picture(base / "manual1" / f"{Path(name).stem}.tif", MASK)
        picture(base / "mask" / f"{Path(name).stem}_mask.tif", np.stack([MASK] * 3, axis=-1))
    (diabetes, split), (glaucoma, _), (healthy, test) = read_hrf(tmp_path)
    assert (diabetes.id, split, test) == ("01_dr", "train", "test")
    assert diabetes.status("diabetic_retinopathy") == "present"
    assert (glaucoma.status("glaucoma"), glaucoma.status("diabetic_retinopathy")) == ("present", "absent")
    assert healthy.status("no_finding") == "present"
    assert [part.anatomy for part in healthy.regions] == ["field of view", "retinal vessels"]
    (base / "manual1" / "01_g.tif").unlink()
    with pytest.raises(DataError, match=r"01_g.jpg: no vessels"):
        list(read_hrf(tmp_path))


@pytest.mark.real
def test_real_photographs_of_hrf(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "fundus-hrf"
    for folder in ("images", "manual1"):
        (tmp_path / folder).mkdir()
    for path in sorted((source / "images").glob("0[15]_*.jpg")):
        shutil.copy(path, tmp_path / "images" / path.name)
        with Image.open(source / "masks" / f"{path.stem}.png") as mask:
            mask.save(tmp_path / "manual1" / f"{path.stem}.tif")
    samples = list(read_hrf(tmp_path))
    assert [study.id for study, _ in samples] == ["01_dr", "01_g", "01_h", "05_dr", "05_g", "05_h"]
    for study, _ in samples:
        [vessels] = study.regions
        drawn = np.asarray(Image.open(vessels.mask))
        assert drawn.shape == study.images[0].shape
        assert 0.02 < (drawn == 255).mean() < 0.2
