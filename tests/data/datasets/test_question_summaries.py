"""MMCQS and MMQS: both schemes of columns, photographs that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.mmcqs import read as read_mmcqs
from vesalius.data.datasets.mmqs import read as read_mmqs
from vesalius.errors import DataError


def test_both_schemes_of_mmcqs(tmp_path: Path) -> None:
    lines(tmp_path / "train.csv", "Codemixed_Question,image_path,Question_Summ_Updates",
          "Doctor mujhe rash hai,images/1.jpg,Rash on the arm?", "Kya karun,images/gone.jpg,What to do?")  # fmt: skip
    lines(
        tmp_path / "test.csv",
        "Hinglish_Question,multimodal_Question_summ,new_relative_path",
        "Aankh laal hai,Red eye?,images/1.jpg",
    )
    picture(tmp_path / "images" / "1.jpg")
    (first, split), (second, _), (third, test) = read_mmcqs(tmp_path)
    assert (first.id, split, third.id, test) == ("train_0000", "train", "test_0000", "test")
    assert first.text("query", language="hi-Latn") == "Doctor mujhe rash hai"
    assert first.text("summary") == "Rash on the arm?"
    assert (len(first.images), len(second.images), third.text("summary")) == (1, 0, "Red eye?")


def test_mmqs_and_columns_of_no_scheme(tmp_path: Path) -> None:
    lines(tmp_path / "clipsyntel_data.csv", "question,image_path,golden_summary", "My eye is red,1.jpg,Red eye?")
    [(study, split)] = read_mmqs(tmp_path)
    assert (study.id, split, study.text("query"), study.images) == ("mmqs_0000", "", "My eye is red", ())
    lines(tmp_path / "clipsyntel_data.csv", "q,a", "x,y")
    with pytest.raises(DataError, match=r"columns q, a; expected question, golden_summary, image_path or"):
        list(read_mmqs(tmp_path))
