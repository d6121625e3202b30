"""BTCV, AMOS, LiTS, KiTS, TotalSegmentator and AbdomenAtlas: layouts, values, names and their slips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from release_files import lines, nifti

from vesalius.data.datasets._organs import structure_of
from vesalius.data.datasets.abdomen_atlas import read as read_atlas
from vesalius.data.datasets.amos import read as read_amos
from vesalius.data.datasets.btcv import read as read_btcv
from vesalius.data.datasets.kits import read as read_kits
from vesalius.data.datasets.lits import read as read_lits
from vesalius.data.datasets.totalsegmentator import read as read_total
from vesalius.data.readers import read as open_file
from vesalius.errors import DataError

SMALL = np.zeros((4, 3, 2), np.int16)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("kidney_left", "left kidney"), ("gall bladder", "gallbladder"), ("arota", "aorta"),
        ("gall_bladder", "gallbladder"), ("postcava", "inferior vena cava"), ("rib_right_12", "right rib 12"),
        ("prostate/uterus", "prostate or uterus"),
    ],
)  # fmt: skip
def test_names_of_structures(name: str, ours: str) -> None:
    assert structure_of(name) == ours


def test_btcv_raw_folder_and_list(tmp_path: Path) -> None:
    base = tmp_path / "RawData"
    for number in (1, 35):
        nifti(base / "Training" / "img" / f"img{number:04d}.nii.gz", SMALL)
        nifti(base / "Training" / "label" / f"label{number:04d}.nii.gz", SMALL)
    nifti(base / "Testing" / "img" / "img0061.nii.gz", SMALL)
    samples = list(read_btcv(tmp_path))
    assert [(study.id, split, len(study.regions)) for study, split in samples] == [
        ("img0001", "train", 13), ("img0035", "val", 13), ("img0061", "test", 0),
    ]  # fmt: skip
    assert samples[0].study.regions[9].anatomy == "portal vein and splenic vein"
    # The common copy: a list with a count that is wrong, test entries without labels.
    pair = {"image": "RawData/Training/img/img0035.nii.gz", "label": "RawData/Training/label/label0035.nii.gz"}
    found = {"numTraining": 80, "training": [], "validation": [pair], "test": ["RawData/Testing/img/img0061.nii.gz"]}
    (tmp_path / "dataset.json").write_text(json.dumps(found))
    assert [(study.id, split) for study, split in read_btcv(tmp_path)] == [("img0035", "val"), ("img0061", "test")]


def test_amos_list_slip_and_numbers_of_mr(tmp_path: Path) -> None:
    base = tmp_path / "amos22"
    for name in ("imagesTr/amos_0001", "labelsTr/amos_0001", "imagesVa/amos_0507", "labelsVa/amos_0507"):
        nifti(base / f"{name}.nii.gz", SMALL)
    pairs = {key: [{"image": f"./images{end}/{name}.nii.gz", "label": f"./labels{end}/{name}.nii.gz"}]
             for key, end, name in (("training", "Tr", "amos_0001"), ("validation", "Va", "amos_0507"))}  # fmt: skip
    labels = {"0": "background", "8": "arota", "15": "prostate/uterus"}
    (base / "dataset.json").write_text(json.dumps({"modality": {"0": "CT"}, "labels": labels, **pairs, "test": []}))
    header = "amos_id,Patient's Birth Date,Patient's Sex,Patient's Age,Manufacturer"
    lines(base / "labeled_data_meta_0000_0599.csv", header, "1,20000101,F,058Y,SIEMENS")
    (first, train), (second, val) = read_amos(tmp_path)
    assert (first.id, train, first.sex, first.age_years, first.site) == ("amos_0001", "train", "F", 58.0, "SIEMENS")
    assert [(part.anatomy, part.mask_value) for part in first.regions] == [("aorta", 8), ("prostate or uterus", 15)]
    assert (first.images[0].units, val) == ("HU", "val")
    assert (second.images[0].modality, second.images[0].units) == ("MR", "stored")
    (base / "dataset.json").write_text(json.dumps({"modality": {"0": "CT"}, "labels": labels, "training": [7]}))
    with pytest.raises(DataError, match="training has the entry 7"):
        list(read_amos(tmp_path))


def test_lits_numbers_and_pairs(tmp_path: Path) -> None:
    for number in (2, 10):
        nifti(tmp_path / "Training Batch 1" / f"volume-{number}.nii", SMALL)
        nifti(tmp_path / "Training Batch 1" / f"segmentation-{number}.nii", SMALL)
    nifti(tmp_path / "test-volume-0.nii", SMALL)
    samples = list(read_lits(tmp_path))
    assert [(study.id, split) for study, split in samples] == [
        ("volume-2", "train"), ("volume-10", "train"), ("test-volume-0", "test"),
    ]  # fmt: skip
    assert [(part.anatomy, part.concept) for part in samples[0].study.regions] == [
        ("liver", ""),
        ("", "liver_lesion"),
    ]
    nifti(tmp_path / "Training Batch 1" / "segmentation-2.nii", np.zeros((4, 3, 3), np.int16))
    with pytest.raises(DataError, match=r"segmentation-2.nii: \(3, 3, 4\) voxels, volume-2.nii has \(2, 3, 4\)"):
        list(read_lits(tmp_path))


def test_kits_has_its_slices_first(tmp_path: Path) -> None:
    # File axes (slices, rows, columns): i runs to the head, j to the front, k to the patient's right.
    affine = np.array([[0, 0, -0.8, 0], [0, -0.8, 0, 0], [5.0, 0, 0, 0], [0, 0, 0, 1]])
    folder = tmp_path / "dataset" / "case_00000"
    for name in ("imaging", "segmentation"):
        nifti(folder / f"{name}.nii.gz", SMALL, affine=affine)
    nifti(tmp_path / "dataset" / "case_00400" / "imaging.nii.gz", SMALL, affine=affine)
    case = {
        "case_id": "case_00000",
        "age_at_nephrectomy": 49,
        "gender": "male",
        "tumor_histologic_subtype": "clear_cell_rcc",
    }
    (tmp_path / "kits23.json").write_text(json.dumps([case]))
    (study, train), (hidden, test) = read_kits(tmp_path)
    image = study.images[0]
    assert (image.shape, image.shape) == ((2, 3, 4), open_file(image.path).shape)
    # The last axis of the record runs to the head in steps of 5 mm.
    assert image.spacing_mm == pytest.approx((0.8, 0.8, 5.0))
    assert image.orientation[:3] == (0.0, 0.0, 1.0)
    assert [part.mask_value for part in study.regions] == [1, 2, 3]
    assert (study.age_years, study.sex, study.findings[0].attributes) == (
        49.0,
        "M",
        (("histology", "clear_cell_rcc"),),
    )
    assert (train, test, hidden.regions) == ("train", "test", ())
    (tmp_path / "kits23.json").rename(tmp_path / "kits.json")
    assert [part.mask_value for part in next(read_kits(tmp_path)).study.regions] == [1, 2]


def test_totalsegmentator_table_and_files(tmp_path: Path) -> None:
    header = (
        "image_id;age;gender;institute;study_type;split;manufacturer;scanner_model;kvp;pathology;pathology_location"
    )
    rows = ("s0000;63;m;A;ct thorax;train;Siemens;x;120.0;no_pathology;", "s0001;;f;B;mr;test;;;;;")
    lines(tmp_path / "meta.csv", header, *rows)
    nifti(tmp_path / "s0000" / "ct.nii.gz", SMALL)
    nifti(tmp_path / "s0001" / "mri.nii.gz", SMALL)
    for name in ("liver", "kidney_left"):
        nifti(tmp_path / "s0000" / "segmentations" / f"{name}.nii.gz", SMALL)
    (first, train), (second, test) = read_total(tmp_path)
    assert [(part.anatomy, part.mask_value) for part in first.regions] == [("left kidney", 1), ("liver", 1)]
    assert (first.age_years, first.sex, train) == (63.0, "M", "train")
    assert (second.images[0].modality, second.age_years, second.sex, test) == ("MR", None, "F", "test")
    lines(tmp_path / "meta.csv", header.replace(";", ","), "s0000,63")
    with pytest.raises(DataError, match="no column 'image_id', 'split'"):
        list(read_total(tmp_path))


def test_abdomen_atlas_files_lesions_and_the_combined_map(tmp_path: Path) -> None:
    for number in (1, 2):
        nifti(tmp_path / f"BDMAP_{number:08d}" / "ct.nii.gz", SMALL)
    for name in ("postcava", "liver_lesion"):
        nifti(tmp_path / "BDMAP_00000001" / "segmentations" / f"{name}.nii.gz", SMALL)
    with pytest.raises(DataError, match="BDMAP_00000002: neither segmentations"):
        list(read_atlas(tmp_path))
    nifti(tmp_path / "BDMAP_00000002" / "combined_labels.nii.gz", SMALL)
    (first, split), (second, _) = read_atlas(tmp_path)
    assert [(part.anatomy, part.concept) for part in first.regions] == [
        ("", "liver_lesion"),
        ("inferior vena cava", ""),
    ]
    assert [(part.mask_value, part.anatomy) for part in second.regions][:3] == [
        (1, "aorta"), (2, "gallbladder"), (3, "left kidney"),
    ]  # fmt: skip
    assert split == ""
