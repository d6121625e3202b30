"""CheXlocalize: labels, masks and polygons in the form of the release."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cxr_files import picture, text
from PIL import Image

from vesalius.data.datasets.chexlocalize import read
from vesalius.data.rle import encode_coco
from vesalius.errors import DataError

HEADER = (
    "Path,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
    "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
KEY = "patient64741_study1_view1_frontal"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    text(tmp_path / "CheXpert/test_labels.csv", HEADER,
         "test/patient64741/study1/view1_frontal.jpg" + ",0,0,0,1,0,0,0,0,0,0,0,0,0,0")  # fmt: skip
    picture(tmp_path / "CheXpert/test/patient64741/study1/view1_frontal.jpg")
    mask = np.zeros((20, 10), bool)
    mask[2:6, 3:5] = True
    codes = {"Airspace Opacity": {"size": [20, 10], "counts": encode_coco(mask)},
             "Edema": {"size": [20, 10], "counts": encode_coco(np.zeros((20, 10), bool))}}  # fmt: skip
    text(tmp_path / "CheXlocalize/gt_segmentations_test.json", json.dumps({KEY: codes}))
    outlines = {"img_size": [20, 10], "Airspace Opacity": [[[3, 2], [5, 2], [5, 6]]]}
    text(tmp_path / "CheXlocalize/gt_annotations_test.json", json.dumps({KEY: outlines}))
    return tmp_path


def test_masks_and_polygons(release: Path) -> None:
    [(study, split)] = read(release)
    assert (study.id, study.patient, split) == ("patient64741/study1", "patient64741", "test")
    assert (study.status("lung_opacity"), study.status("edema"), len(study.findings)) == ("present", "absent", 14)
    mask, outline = study.regions
    assert (mask.kind, mask.concept, outline.kind) == ("mask", "lung_opacity", "contour")
    with Image.open(mask.mask) as drawn:
        values = np.asarray(drawn)
    assert (values.shape, int(values.sum()), int(values[2:6, 3:5].min())) == ((20, 10), 8, 1)
    assert outline.points == ((3.0, 2.0), (5.0, 2.0), (5.0, 6.0))
    assert list(read(release)) == [(study, split)]


def test_a_mask_of_another_size(release: Path) -> None:
    codes = {KEY: {"Edema": {"size": [10, 20], "counts": "0"}}}
    text(release / "CheXlocalize/gt_segmentations_test.json", json.dumps(codes))
    with pytest.raises(DataError, match=r"mask of Edema is \[10, 20\], the picture \(20, 10\)"):
        list(read(release))
    text(release / "CheXlocalize/gt_segmentations_test.json", "[]")
    with pytest.raises(DataError, match="holds a list, expected a dict"):
        list(read(release))
