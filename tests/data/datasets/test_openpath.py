"""OpenPath: tables of pairs and of classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.openpath import read
from vesalius.errors import DataError


def test_both_headers(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    lines(tmp_path / "pairs_train.csv", "filepath,caption", 'a.jpg,"Glands, crowded."')
    lines(tmp_path / "kather_test.csv", "image,label,label_text", "a.jpg,8,colorectal adenocarcinoma")
    lines(tmp_path / "other.csv", "x,y", "1,2")
    (first, test), (second, train) = read(tmp_path)
    assert (first.findings[0].concept, test) == ("colorectal_adenocarcinoma", "test")
    assert (second.text("caption"), train, second.patient) == ("Glands, crowded.", "train", "a.jpg")


def test_no_such_table_and_no_such_picture(tmp_path: Path) -> None:
    lines(tmp_path / "pairs.csv", "x,y", "1,2")
    with pytest.raises(DataError, match="no table with the columns filepath, caption or image"):
        list(read(tmp_path))
    lines(tmp_path / "pairs.csv", "filepath,caption", "gone.jpg,x")
    with pytest.raises(DataError, match=r"gone.jpg: no such picture"):
        list(read(tmp_path))
