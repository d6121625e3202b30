"""M3D: arrays with a channel axis, headings of texts, questions with choices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from release_files import lines

from vesalius.data.datasets.m3d import caption_of, read
from vesalius.data.readers import read as open_file
from vesalius.errors import DataError

HEADER = "Image Path,Text,Question Type,Question,Choice A,Choice B,Choice C,Choice D,Answer,Answer Choice"
NAME = "M3D_Cap_npy/ct_case/00001/Axial_C.npy"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / NAME).parent.mkdir(parents=True)
    np.save(tmp_path / NAME, np.linspace(0, 1, 24, dtype=np.float32).reshape(1, 2, 3, 4))
    lines((tmp_path / NAME).with_name("text.txt"), "title: A case", "study_findings: A nodule.", "discussion: Rare.")
    entry = {"image": NAME, "text": NAME.replace("Axial_C.npy", "text.txt")}
    (tmp_path / "M3D_Cap.json").write_text(json.dumps({"train": [], "validation": [], "test": [entry]}))
    lines(tmp_path / "M3D_VQA_test5k.csv", HEADER, f"{NAME},x,1,Which plane?,axial,coronal,sagittal,oblique,axial,A")
    return tmp_path


def test_volume_caption_and_question(release: Path) -> None:
    [(study, split)] = read(release)
    assert (study.id, study.patient, split) == ("test_ct_case/00001/Axial_C", "ct_case/00001", "test")
    image = study.images[0]
    assert (image.shape, image.spacing_mm, image.units) == ((2, 3, 4), (), "stored")
    assert (open_file(image.path).array.ravel() == np.linspace(0, 1, 24, dtype=np.float32)).all()
    assert study.text("findings") == "A nodule.\ndiscussion: Rare."
    [dialogue] = study.dialogues
    assert (dialogue.answer, dialogue.options[0], dialogue.source) == ("A", "axial", "plane")


def test_headings_in_order() -> None:
    assert caption_of("a discussion: b study_findings: c") == "c"
    assert caption_of("a discussion: b") == "b"
    assert caption_of(" a ") == "a"


def test_what_is_wrong_is_named(release: Path) -> None:
    lines(release / "M3D_VQA_test5k.csv", HEADER, f"{NAME},x,6,Q?,a,b,c,d,a,A")
    with pytest.raises(DataError, match="line 2: question type '6'"):
        list(read(release))
    lines(release / "M3D_VQA_test5k.csv", HEADER, f"{NAME},x,1,Q?,a,b,c,d,a,E")
    with pytest.raises(DataError, match="line 2: answer choice 'E'"):
        list(read(release))
    (release / "M3D_VQA_test5k.csv").unlink()
    np.save(release / NAME, np.zeros((2, 3, 4), np.float32))
    with pytest.raises(DataError, match=r"shape \(2, 3, 4\); expected \(1, slices, rows, columns\)"):
        list(read(release))
    (release / NAME).write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="no array that opens"):
        list(read(release))
