"""VQA-Med 2019: lines with bars, several accepted answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from question_files import dialogues
from release_files import lines, picture

from vesalius.data.datasets.vqa_med_2019 import CATEGORIES, accepted, read
from vesalius.errors import DataError

TEST = "VQAMed2019Test/VQAMed2019_Test_Questions_w_Ref_Answers.txt"


def test_lines(tmp_path: Path) -> None:
    for folder, part in (("Training", "train"), ("Validation", "val")):
        base = tmp_path / f"ImageClef-2019-VQA-Med-{folder}" / "QAPairsByCategory"
        for number, name in enumerate(CATEGORIES, start=1):
            row = f'synpic1|what "{name}"?|cta - ct angiography' if part == "train" else "synpic2|is it normal?|yes"
            lines(base / f"C{number}_{name}_{part}.txt", row)
    lines(tmp_path / TEST, "synpic3|abnormality|what?|pulmonary embolism#pe")
    picture(tmp_path / "ImageClef-2019-VQA-Med-Training" / "Train_images" / "synpic1.jpg")
    found = list(read(tmp_path))
    assert [(sample.study.id, sample.split, len(sample.study.dialogues)) for sample in found] == [
        ("synpic1_train", "train", 4), ("synpic2_val", "val", 4), ("synpic3_test", "test", 1),
    ]  # fmt: skip
    questions = dialogues(found)
    assert questions["synpic1-Plane"].turns[0].text == 'what "Plane"?'
    assert questions["synpic1-Plane"].answer == "cta - ct angiography"
    assert questions["synpic2-Organ"].answer_type == "closed"
    last = questions["synpic3-Abnormality"]
    assert accepted(last) == ("pulmonary embolism", "pe")
    assert last.source == "vqa_med_2019/Abnormality"
    lines(tmp_path / TEST, "synpic3|what?|x")
    with pytest.raises(DataError, match=r"Ref_Answers.txt, line 1: 3 cells, expected 4"):
        list(read(tmp_path))
