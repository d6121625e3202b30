"""Rad-ReStruct: histories as turns, several pictures, vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import put_json
from release_files import picture

from vesalius.data.datasets.rad_restruct import read, vectors
from vesalius.errors import DataError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for part in ("train", "val", "test"):
        put_json(tmp_path / f"{part}_ids.json", ["CXR1"] if part == "test" else [])
        (tmp_path / f"{part}_qa_pairs").mkdir()
    put_json(tmp_path / "id_to_img_mapping_frontal_reports.json", {"CXR1": ["CXR1_a", "CXR1_b"]})
    picture(tmp_path / "images" / "CXR1_a.png")
    facts: dict[str, Any] = {"answer_type": "multi_choice", "options": ["left", "right"], "path": ["lung", "signs"]}
    history = [["Is there anything?", ["yes"]], ["An opacity?", ["yes"]]]
    first = ["Is there anything?", ["yes"], [], facts | {"answer_type": "single_choice", "path": "lung"}]
    put_json(tmp_path / "test_qa_pairs" / "CXR1.json", [first, ["Where?", ["left", "right"], history, facts]])
    put_json(tmp_path / "test_vectorized_answers" / "CXR1.json", {"lung_yes": 1, "lung_no": False})
    return tmp_path


def test_reports(release: Path) -> None:
    [(study, part)] = read(release)
    assert (study.id, part, [image.id for image in study.images]) == ("CXR1", "test", ["CXR1_a"])
    first, second = study.dialogues
    assert (first.answer, first.answer_type) == ("yes", "choice")
    assert [turn.text for turn in second.turns] == ["Is there anything?", "yes", "An opacity?", "yes", "Where?"]
    assert second.turns[0].images == ("CXR1_a", "CXR1_b")
    assert (second.answer, second.answer_type) == ("left; right", "multi_choice")
    assert second.source == "rad_restruct/multi_choice/lung_signs"
    assert list(vectors(release, "test")) == [("CXR1", {"lung_yes": True, "lung_no": False})]


def test_what_is_missing_or_wrong(release: Path) -> None:
    put_json(release / "test_ids.json", ["CXR1", "CXR2"])
    with pytest.raises(DataError, match=r"no test_qa_pairs/CXR2.json"):
        list(read(release))
    with pytest.raises(DataError, match=r"CXR2.json: no such vector"):
        list(vectors(release, "test"))
    put_json(
        release / "test_qa_pairs" / "CXR1.json", [["Q", ["a"], [["only one"]], {"answer_type": "single_choice"}]]
    )
    with pytest.raises(DataError, match=r"CXR1.json, item 1: a step of the history"):
        list(read(release))
    put_json(release / "test_qa_pairs" / "CXR1.json", [["Q", ["a"], [], {"answer_type": "guess"}]])
    with pytest.raises(DataError, match="'guess'"):
        list(read(release))
