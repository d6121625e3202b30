"""MIMIC-CXR-VQA: lists as answers, files without answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import dialogues, put_json
from release_files import picture

from vesalius.data.datasets.mimic_cxr_vqa import answers, read
from vesalius.errors import DataError


def row(number: int, answer: list[str], **changes: Any) -> dict[str, Any]:
    return {
        "split": "train", "idx": number, "image_id": "d1", "question": "Is there?", "content_type": "presence",
        "semantic_type": "query", "template": "", "answer": answer, "subject_id": 100, "study_id": 5,
        "image_path": "p10/p100/s5/d1.jpg",
    } | changes  # fmt: skip


def test_rows(tmp_path: Path) -> None:
    picture(tmp_path / "files" / "p10" / "p100" / "s5" / "d1.jpg")
    rows = [row(0, ["left lung", "right lung"]), row(1, []), row(2, ["yes"], semantic_type="verify")]
    put_json(tmp_path / "dataset" / "train.json", rows)
    put_json(tmp_path / "dataset" / "valid.json", [row(0, ["ap"], semantic_type="choose")])
    put_json(tmp_path / "dataset" / "test.json", [])
    train, val = read(tmp_path)
    assert (train.study.patient, train.study.images[0].modality, val.split) == ("100", "DX", "val")
    found = dialogues([train, val])
    assert answers(found["train-0"]) == ("left lung", "right lung")
    assert (found["train-1"].answer, answers(found["train-1"])) == ("", ())
    assert [d.answer_type for d in found.values()] == ["multi_choice", "multi_choice", "closed", "choice"]
    bare = row(0, [])
    del bare["answer"]
    put_json(tmp_path / "dataset" / "test.json", [bare])
    with pytest.raises(DataError, match="item 1: no answer: this is the file without credentials"):
        list(read(tmp_path))
    put_json(tmp_path / "dataset" / "test.json", [row(0, [], semantic_type="guess")])
    with pytest.raises(DataError, match="'guess'"):
        list(read(tmp_path))
