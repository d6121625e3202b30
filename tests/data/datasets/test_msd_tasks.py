"""Medical Segmentation Decathlon: `dataset.json` as it stands, four axes, files of macOS."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from release_files import nifti

from vesalius.data.datasets.msd_tasks import read
from vesalius.data.readers import read as open_file
from vesalius.errors import DataError

BRAIN = {
    "name": "BRATS", "tensorImageSize": "4D", "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
    "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
    "numTraining": 484, "numTest": 266,
    "training": [{"image": "./imagesTr/BRATS_001.nii.gz", "label": "./labelsTr/BRATS_001.nii.gz"}],
    "test": ["./imagesTs/BRATS_485.nii.gz"],
}  # fmt: skip


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "Task01_BrainTumour"
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(BRAIN))
    series = np.arange(4, dtype=np.float32) * np.ones((5, 4, 3, 1), np.float32)
    for name in ("imagesTr/BRATS_001", "imagesTs/BRATS_485"):
        nifti(folder / f"{name}.nii.gz", series)
    nifti(folder / "labelsTr" / "BRATS_001.nii.gz", np.ones((5, 4, 3), np.float32))
    (folder / "imagesTr" / "._BRATS_001.nii.gz").write_bytes(b"\x00\x05\x16\x07")
    return tmp_path


def test_each_sequence_of_a_file_is_an_image(release: Path) -> None:
    (train, part), (test, other) = read(release)
    assert (train.id, part, test.id, other) == ("Task01_BrainTumour_BRATS_001", "train",
                                                "Task01_BrainTumour_BRATS_485", "test")  # fmt: skip
    assert [(image.sequence, image.frame, image.shape) for image in train.images] == [
        ("FLAIR", 0, (3, 4, 5)), ("T1w", 1, (3, 4, 5)), ("t1gd", 2, (3, 4, 5)), ("T2w", 3, (3, 4, 5)),
    ]  # fmt: skip
    third = train.images[2]
    assert (open_file(third.path, frame=third.frame).array == 2).all()
    assert [(part.concept, part.mask_value) for part in train.regions] == [
        ("edema", 1), ("non_enhancing_tumor", 2), ("enhancing_tumour", 3),
    ]  # fmt: skip
    assert test.regions == ()


def test_organs_are_structures_and_cancer_a_finding(tmp_path: Path) -> None:
    listed = [{"image": "./imagesTr/pancreas_001.nii.gz", "label": "./labelsTr/pancreas_001.nii.gz"}]
    found = {
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "pancreas", "2": "cancer"},
        "training": listed,
    }
    (tmp_path / "dataset.json").write_text(json.dumps(found))
    for folder in ("imagesTr", "labelsTr"):
        nifti(tmp_path / folder / "pancreas_001.nii.gz", np.zeros((2, 2, 2), np.int16))
    [(study, _)] = read(tmp_path)
    assert (study.images[0].modality, study.images[0].units) == ("CT", "HU")
    assert [(part.anatomy, part.concept) for part in study.regions] == [("pancreas", ""), ("", "cancer")]


def test_sequences_that_are_not_there(release: Path) -> None:
    nifti(release / "Task01_BrainTumour" / "imagesTr" / "BRATS_001.nii.gz", np.zeros((5, 4, 3), np.float32))
    with pytest.raises(DataError, match="expected 4 sequences: FLAIR, T1w, t1gd, T2w"):
        next(read(release))


@pytest.mark.parametrize("entry", ["./imagesTr/BRATS_001.nii.gz", {"image": "../../x.nii.gz", "label": "y"}])
def test_entries_that_cannot_be(entry: object, release: Path) -> None:
    (release / "Task01_BrainTumour" / "dataset.json").write_text(json.dumps(BRAIN | {"training": [entry]}))
    with pytest.raises(DataError, match=r"expected image and label|escapes"):
        next(read(release))


def test_a_truncated_volume_is_named(release: Path) -> None:
    path = release / "Task01_BrainTumour" / "imagesTr" / "BRATS_001.nii.gz"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=r"BRATS_001.nii.gz: broken or truncated"):
        next(read(release))
