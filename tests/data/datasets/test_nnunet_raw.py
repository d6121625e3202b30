"""nnU-Net raw folders, by hand, and a real volume with its mask in their form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from release_files import nifti, picture

from vesalius.data.datasets.nnunet_raw import read
from vesalius.data.readers import read as open_file
from vesalius.errors import DataError

LABELS = {"background": 0, "prostate": [1, 2], "PZ": 2}
# RAS+ file with voxels of 0.5 × 0.5 × 3 mm whose first voxel lies at (10, 20, 30).
AFFINE = np.array([[0.5, 0, 0, 10], [0, 0.5, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])


def _description(folder: Path, **more: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    found = {"channel_names": {"0": "T2", "1": "ADC"}, "labels": LABELS, "file_ending": ".nii.gz"} | more
    (folder / "dataset.json").write_text(json.dumps(found))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "Dataset005_Prostate"
    _description(folder)
    for name in ("P1", "P2"):
        for channel in range(2):
            nifti(folder / "imagesTr" / f"{name}_{channel:04d}.nii.gz", np.zeros((4, 3, 2), np.int16), affine=AFFINE)
        nifti(folder / "labelsTr" / f"{name}.nii.gz", np.ones((4, 3, 2), np.uint8), affine=AFFINE)
    (folder / "splits_final.json").write_text('[{"train": ["P1"], "val": ["P2"]}, {"train": ["P2"], "val": ["P1"]}]')
    return tmp_path


def test_channels_geometry_regions_and_fold(release: Path) -> None:
    (first, train), (second, val) = read(release)
    assert (first.id, train, second.id, val) == ("Dataset005_Prostate_P1", "train", "Dataset005_Prostate_P2", "val")
    assert [(image.id, image.sequence, image.modality) for image in first.images] == [
        ("0000", "T2", "MR"), ("0001", "ADC", "MR"),
    ]  # fmt: skip
    image = first.images[0]
    # The file's (4, 3, 2) are columns, rows and slices; RAS (10, 20, 30) is LPS (-10, -20, 30).
    assert (image.shape, image.spacing_mm, image.origin_mm) == ((2, 3, 4), (3.0, 0.5, 0.5), (-10.0, -20.0, 30.0))
    assert image.orientation[:3] == (-1.0, 0.0, 0.0)
    assert [(part.concept, part.mask_value) for part in first.regions] == [
        ("prostate", 1),
        ("prostate", 2),
        ("pz", 2),
    ]


def test_labels_on_another_grid_are_refused(release: Path) -> None:
    moved = AFFINE.copy()
    moved[0, 3] = 11.0
    label = release / "Dataset005_Prostate" / "labelsTr" / "P2.nii.gz"
    nifti(label, np.ones((4, 3, 2), np.uint8), affine=moved)
    with pytest.raises(DataError, match=r"P2.nii.gz: not on the grid of .* up to 1.00 mm apart"):
        list(read(release))
    nifti(label, np.ones((4, 3, 3), np.uint8), affine=AFFINE)
    with pytest.raises(DataError, match=r"\(2, 3, 4\) voxels against \(3, 3, 4\)"):
        list(read(release))


def test_colour_pictures_keep_three_channels_in_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "Dataset120_Roads"
    _description(
        folder, channel_names={"0": "R", "1": "G", "2": "B"}, labels={"background": 0, "x": 1}, file_ending=".png"
    )
    picture(folder / "imagesTr" / "a_0000.png")
    picture(folder / "labelsTr" / "a.png", np.ones((6, 8)))
    [(study, split)] = read(folder)
    assert (study.images[0].shape, study.images[0].channels, split) == ((6, 8), 3, "train")
    picture(folder / "labelsTr" / "a.png", np.ones((6, 7)))
    with pytest.raises(DataError, match=r"\(6, 7\) pixels"):
        list(read(folder))


def test_computed_tomography_is_in_hounsfield_units(tmp_path: Path) -> None:
    folder = tmp_path / "Task009_Spleen"
    _description(folder, modality={"0": "CT"}, labels={"0": "background", "1": "spleen"})
    found = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({key: found[key] for key in ("modality", "labels")}))
    nifti(folder / "imagesTr" / "s_0000.nii", np.zeros((2, 2, 2), np.int16))
    nifti(folder / "labelsTr" / "s.nii", np.zeros((2, 2, 2), np.int16))
    [(study, _)] = read(folder)
    assert (study.images[0].modality, study.images[0].units) == ("CT", "HU")


@pytest.mark.real
def test_a_real_tumour_in_the_raw_form(real_data: Path, tmp_path: Path) -> None:
    folder, source = tmp_path / "Dataset700_Brain", real_data / "volumes" / "mr-tumour"
    _description(folder, channel_names={"0": "T1"}, labels={"background": 0, "tumour": 1})
    for name, place in (("image", "imagesTr/brain1_0000"), ("label", "labelsTr/brain1")):
        (folder / place).parent.mkdir()
        shutil.copy(source / f"brain1_{name}.nii.gz", folder / f"{place}.nii.gz")
    [(study, _)] = read(tmp_path)
    found = open_file(study.images[0].path)
    assert study.images[0].shape == found.shape == (25, 256, 256)
    assert found.geometry is not None
    assert study.images[0].spacing_mm == pytest.approx(found.geometry.spacing_mm)
    assert study.images[0].orientation == pytest.approx(found.geometry.cosines)
    [region] = study.regions
    assert (open_file(region.mask).array == region.mask_value).sum() > 0
