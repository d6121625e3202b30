"""CheXpert: rows as they stand in train.csv and valid.csv."""

from __future__ import annotations

from pathlib import Path

import pytest
from cxr_files import picture, text

from vesalius.data.datasets.chexpert import CONSENSUS, LABELLER, read
from vesalius.errors import DataError

HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,"
    "Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
TRAIN = (
    "CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Female,87,Frontal,AP,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,",
    "CheXpert-v1.0-small/train/patient00002/study2/view2_lateral.jpg,Female,87,Lateral,,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,",
    "CheXpert-v1.0-small/train/patient00003/study1/view1_frontal.jpg,Unknown,0,Frontal,LL,1.0,,,,,,,,,0.0,,,,",
)
VALID = "CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP," + ",".join(
    ["0.0", "1.0"] + ["0.0"] * 12
)


def release(root: Path, folder: str, batches: tuple[str, str] | None = None) -> Path:
    text(root / folder / "train.csv", HEADER, *TRAIN)
    text(root / folder / "valid.csv", HEADER, VALID)
    train, valid = batches or (str(Path(folder, "train")), str(Path(folder, "valid")))
    for name in ("patient00002/study2/view1_frontal", "patient00002/study2/view2_lateral",
                 "patient00003/study1/view1_frontal"):  # fmt: skip
        picture(root / train / f"{name}.jpg")
    picture(root / valid / "patient64541/study1/view1_frontal.jpg")
    return root


@pytest.mark.parametrize("folder", ["", "CheXpert-v1.0-small", "CheXpert-v1.0"])
def test_studies_and_labels(tmp_path: Path, folder: str) -> None:
    (first, train), (second, _), (third, val) = read(release(tmp_path, folder))
    assert (train, val) == ("train", "val")
    assert (first.id, first.patient, first.age_years, first.sex) == ("patient00002/study2", "patient00002", 87, "F")
    assert [(image.id, image.view) for image in first.images] == [
        ("view1_frontal", "AP"),
        ("view2_lateral", "LATERAL"),
    ]
    # Both rows of the study say the same: it is stated once.
    assert len(first.findings) == 7
    assert {finding.source for finding in first.findings} == {LABELLER}
    assert [first.status(name) for name in ("cardiomegaly", "lung_opacity", "pneumonia")] == [
        "uncertain", "present", None
    ]  # fmt: skip
    assert (second.age_years, second.sex, second.images[0].view) == (None, "", "LL")
    assert (len(third.findings), third.findings[0].source) == (14, CONSENSUS)
    assert third.images[0].shape == (20, 10)


def test_the_batches_of_the_full_release(tmp_path: Path) -> None:
    batches = ("CheXpert-v1.0 batch 2 (train 1)", "CheXpert-v1.0 batch 1 (validate & csv)/valid")
    samples = list(read(release(tmp_path, "CheXpert-v1.0 batch 1 (validate & csv)", batches)))
    assert [len(sample.study.images) for sample in samples] == [2, 1, 1]


def test_bad_tables(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no train.csv, valid.csv.*vesalius virtual twin chexpert"):
        next(read(tmp_path))
    release(tmp_path, "")
    text(tmp_path / "train.csv", HEADER.replace("Edema", "Oedema"), *TRAIN)
    with pytest.raises(DataError, match=r"train.csv, line 1: no column 'Edema'; did you mean 'Oedema'"):
        next(read(tmp_path))
    text(tmp_path / "train.csv", HEADER, "a.jpg" + "," * 18)
    with pytest.raises(DataError, match=r"line 2: path 'a.jpg', expected"):
        next(read(tmp_path))
    text(tmp_path / "train.csv", HEADER, "a.jpg,M")
    with pytest.raises(DataError, match="line 2: 2 cells, the header has 19"):
        next(read(tmp_path))
