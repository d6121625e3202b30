"""MedFMC: lists of one flag and of several, parts, experiments."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.medfm_colonpath import few_shot, read
from vesalius.errors import DataError


def test_lists_parts_and_patients(tmp_path: Path) -> None:
    colon, endo = tmp_path / "colon", tmp_path / "endo"
    for name in ("0042_20200101_1.png", "0042_20200101_2.png", "0043_20200101_1.png"):
        picture(colon / "images" / name)
    lines(colon / "trainval.txt", "0042_20200101_1.png 1", "0042_20200101_2.png 0")
    lines(colon / "train_20.txt", "0042_20200101_1.png 1")
    lines(colon / "val_20.txt", "0042_20200101_2.png 0")
    lines(colon / "test_WithLabel.txt", "0043_20200101_1.png 0")
    lines(colon / "colon_1-shot_train_exp1.txt", "0042_20200101_1.png 1")
    picture(endo / "images" / "7_x_1.png")
    lines(endo / "trainval.txt", "7_x_1.png 0,1,1,0")
    samples = list(read(tmp_path))
    assert [(study.id, study.patient, split) for study, split in samples] == [
        ("colon_0042_20200101_1", "colon_0042", "train"), ("colon_0042_20200101_2", "colon_0042", "val"),
        ("colon_0043_20200101_1", "colon_0043", "test"), ("endo_7_x_1", "endo_7", "train"),
    ]  # fmt: skip
    assert samples[0].study.status("colorectal_tumour") == "present"
    assert [part.concept for part in samples[3].study.findings if part.status == "present"] == [
        "colon_polyp",
        "erosion",
    ]
    assert few_shot(colon, shots=1, experiment=1) == ("0042_20200101_1.png",)
    with pytest.raises(DataError, match="no such experiment"):
        few_shot(colon, shots=2, experiment=1)
    lines(endo / "trainval.txt", "7_x_1.png 0,1")
    with pytest.raises(DataError, match=r"line 1: .*expected a file and 4 flags"):
        list(read(tmp_path))
