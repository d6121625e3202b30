"""Kvasir-SEG: JPEG masks, the file of boxes with its slip, and real frames in the release's layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from release_files import picture, values_of

from vesalius.data.datasets.kvasir_seg import read
from vesalius.errors import DataError

NAME = "cju0qkwl35piu0993l0dewei2"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    picture(tmp_path / "images" / f"{NAME}.jpg", size=(40, 30))
    mask = np.zeros((30, 40), np.uint8)
    mask[5:15, 10:30] = 255
    picture(tmp_path / "masks" / f"{NAME}.jpg", mask)
    boxes = [{"label": "polyp", "xmin": 10, "ymin": 5, "xmax": 30, "ymax": 15},
             {"label": "polyp", "xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}]  # fmt: skip
    (tmp_path / "kavsir_bboxes.json").write_text(json.dumps({NAME: {"height": 30, "width": 40, "bbox": boxes}}))
    return tmp_path


def test_masks_are_thresholded_and_boxes_kept(release: Path) -> None:
    [(study, split)] = read(release)
    assert (study.id, split, study.status("colon_polyp")) == (NAME, "", "present")
    mask, first, second = study.regions
    assert (first.box, second.box, second.instance) == ((10, 5, 30, 15), (1, 2, 3, 4), 1)
    # JPEG leaves values between; the converted mask has two, and the rectangle of 10 × 20 pixels.
    assert len(values_of(release / "masks" / f"{NAME}.jpg")) > 2
    assert values_of(mask.mask) == [0, 255]
    assert int((np.asarray(Image.open(mask.mask)) == mask.mask_value).sum()) == 200


def test_the_right_spelling_and_a_frame_without_an_entry(release: Path) -> None:
    (release / "kavsir_bboxes.json").rename(release / "kvasir_bboxes.json")
    (release / "kvasir_bboxes.json").write_text("{}")
    [(study, _)] = read(release)
    assert [part.kind for part in study.regions] == ["mask"]


def test_what_does_not_fit_is_named(release: Path) -> None:
    found = {NAME: {"height": 31, "width": 40, "bbox": []}}
    (release / "kavsir_bboxes.json").write_text(json.dumps(found))
    with pytest.raises(DataError, match=rf"{NAME} is 31 × 40, its file \(30, 40\)"):
        list(read(release))
    (release / "masks" / f"{NAME}.jpg").unlink()
    with pytest.raises(DataError, match="no mask"):
        list(read(release))


@pytest.mark.real
def test_real_frames_in_the_layout_of_the_release(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "endoscopy-polyps"
    rows = [row for row in json.loads((source / "polyps.json").read_text()) if row["downscaled"] == "N"][:5]
    entries = {}
    for row in rows:
        name = Path(row["file"]).stem
        for folder, key in (("images", "file"), ("masks", "mask")):
            (tmp_path / folder).mkdir(exist_ok=True)
            shutil.copy(source / row[key], tmp_path / folder / f"{name}.jpg")
        entries[name] = {"height": row["height"], "width": row["width"], "bbox": row["boxes"]}
    (tmp_path / "kavsir_bboxes.json").write_text(json.dumps(entries))
    samples = list(read(tmp_path))
    assert [sample.study.id for sample in samples] == sorted(entries)
    for study, _ in samples:
        mask = np.asarray(Image.open(study.regions[0].mask)) == 255
        assert mask.shape == study.images[0].shape
        boxes = [part.box for part in study.regions if part.box is not None]
        inside = np.zeros_like(mask)
        for box in boxes:
            inside[int(box[1]) : int(box[3]) + 2, int(box[0]) : int(box[2]) + 2] = True
        # Boxes are drawn round the mask: hardly a pixel lies outside all of them.
        assert (mask & ~inside).sum() < 0.01 * mask.sum()
