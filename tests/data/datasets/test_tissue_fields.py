"""BACH, OSCC and whole slides: a table without a header, magnifications, folds and patients of slides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, picture

from vesalius.data.datasets.bach import read as read_bach
from vesalius.data.datasets.oscc import read as read_oscc
from vesalius.data.datasets.wsi import patient_of
from vesalius.data.datasets.wsi import read as read_slides
from vesalius.errors import DataError


def test_bach_table_has_no_header(tmp_path: Path) -> None:
    base = tmp_path / "ICIAR2018_BACH_Challenge" / "Photos"
    for place in ("Normal/n001", "InSitu/is001"):
        picture(base / f"{place}.tif")
    lines(base / "microscopy_ground_truth.csv", "is001.tif,InSitu", "n001.tif,Normal")
    for number in (2, 10):
        picture(tmp_path / "ICIAR2018_BACH_Challenge_TestDataset" / "Photos" / f"test{number}.tif")
    samples = list(read_bach(tmp_path))
    assert [(study.id, split) for study, split in samples] == [
        ("is001", "train"), ("n001", "train"), ("test2", "test"), ("test10", "test"),
    ]  # fmt: skip
    assert samples[0].study.status("carcinoma_in_situ") == "present"
    assert samples[1].study.status("no_finding") == "present"
    assert samples[2].study.findings == ()
    lines(base / "microscopy_ground_truth.csv", "n001.tif,normal")
    with pytest.raises(DataError, match=r"microscopy_ground_truth.csv, line 1"):
        list(read_bach(tmp_path))
    (base / "microscopy_ground_truth.csv").unlink()
    assert [study.id for study, _ in read_bach(tmp_path)][:2] == ["n001", "is001"]


def test_oscc_magnifications(tmp_path: Path) -> None:
    picture(tmp_path / "Second Set" / "400x OSCC Histopathological Images" / "OSCC_400x_10.jpg")
    picture(tmp_path / "Second Set" / "400x OSCC Histopathological Images" / "OSCC_400x_9.jpg")
    picture(tmp_path / "First Set" / "100x Normal Oral Cavity Histopathological Images" / "Normal_100x_1.jpg")
    samples = list(read_oscc(tmp_path))
    assert [study.id for study, _ in samples] == ["Normal_100x_1", "OSCC_400x_9", "OSCC_400x_10"]
    assert samples[0].study.status("no_finding") == "present"
    assert (samples[2].study.images[0].sequence, samples[2].study.status("squamous_cell_carcinoma")) == (
        "H&E 400x", "present",
    )  # fmt: skip


def test_patients_of_slides() -> None:
    assert patient_of("TCGA-AB-1234-01Z-00-DX1.uuid", "x") == "TCGA-AB-1234"
    assert (patient_of("slide", "case"), patient_of("slide", "")) == ("case", "slide")


def test_a_slide_that_is_not_there(tmp_path: Path) -> None:
    picture(tmp_path / "slides" / "other.tif", np.zeros((64, 64, 3)))
    lines(tmp_path / "dataset_csv" / "task.csv", "case,slide,label,fold", "c1,BRACS_1,BT,train")
    with pytest.raises(DataError, match=r"task.csv, line 2: no slide 'BRACS_1'"):
        list(read_slides(tmp_path))
