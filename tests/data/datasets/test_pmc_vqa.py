"""PMC-VQA: rows of both versions, misspelt columns and letters."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.pmc_vqa import read
from vesalius.errors import ConfigError, DataError

FIRST = "Figure_path,Question,Answer,Choice A,Choice B,Choice C,Choice D,Answer_label"
SECOND = "index,Figure_path,Caption,Question,Choice A,Choice B,Choice C,Choice D,Answer,split"
ROW = 'PMC1064097_F1.jpg, What is it? ,C. difficile, A: a cyst , B: a mass , C: C. difficile ," D:a, b",C'


@pytest.fixture
def release(tmp_path: Path) -> Path:
    picture(tmp_path / "figures" / "PMC1064097_F1.jpg")
    lines(tmp_path / "train.csv", FIRST, ROW)
    lines(tmp_path / "test.csv", FIRST, ROW)
    return tmp_path


def test_version_1(release: Path) -> None:
    train, test = read(release)
    [dialogue] = train.study.dialogues
    assert dialogue.options == ("a cyst", "a mass", "C. difficile", "a, b")
    assert (dialogue.answer, dialogue.turns[0].text) == ("C. difficile", "What is it?")
    assert train.study.patient == test.study.patient == "PMC1064097"
    assert (train.study.id, test.study.id) == ("PMC1064097_F1_train", "PMC1064097_F1_test")
    assert train.study.images[0].shape == (6, 8)
    lines(release / "test_clean.csv", FIRST, ROW)
    assert [sample.split for sample in read(release)] == ["train", "test", "test_clean"]


def test_version_2_and_a_misspelt_column(tmp_path: Path) -> None:
    picture(tmp_path / "images_2" / "PMC8253797_Fig4_11.jpg")
    row = "0,PMC8253797_Fig4_11.jpg,A caption.,What?, A: x, B: y, C: z, D: w,B,train"
    lines(tmp_path / "train_2.csv", SECOND, row)
    lines(tmp_path / "test_2.csv", SECOND.replace("Answer", "Anwser"), row)
    found = list(read(tmp_path))
    assert [sample.study.dialogues[0].answer for sample in found] == ["y", "y"]
    assert all(sample.study.images for sample in found)


def test_an_answer_in_words(release: Path) -> None:
    header = FIRST.removesuffix(",Answer_label")
    lines(release / "train.csv", header, "PMC1_F1.jpg,What?,A mass.,A:a cyst,B:a mass,C:x,D:y")
    assert next(read(release)).study.dialogues[0].answer == "a mass"
    lines(release / "train.csv", header, "PMC1_F1.jpg,What?,a bone,A:a cyst,B:a mass,C:x,D:y")
    with pytest.raises(DataError, match=r"train.csv, line 2: the answer 'a bone'"):
        next(read(release))


def test_what_is_wrong(release: Path) -> None:
    lines(release / "train.csv", FIRST, ROW.removesuffix("C") + "E")
    with pytest.raises(DataError, match=r"line 2: Answer_label is 'E'"):
        next(read(release))
    lines(release / "train.csv", "Figure_path,Question")
    with pytest.raises(DataError, match="no column Choice A, Choice B"):
        next(read(release))
    with pytest.raises(ConfigError, match="version 3"):
        next(read(release, version=3))
