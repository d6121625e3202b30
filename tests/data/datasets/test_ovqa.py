"""OVQA: wrong marks are kept, parts share pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from question_files import dialogues, put_json
from release_files import picture

from vesalius.data.datasets.ovqa import read


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "qid": number, "image_name": "img1.jpg", "image_organ": "HAND", "question": "CT or X-ray?",
        "question_type": "Modality", "answer": "X-ray", "answer_type": "CLOSED",
    } | changes  # fmt: skip


def test_rows(tmp_path: Path) -> None:
    base = tmp_path / "OVQA_publish"
    picture(base / "img" / "img1.jpg")
    put_json(base / "trainset.json", [row(1), row(2, answer_type="OPEN", question_type="Attribute Other")])
    put_json(base / "valset.json", [])
    put_json(base / "testset.json", [row(1)])
    found = list(read(tmp_path))
    assert [(sample.study.id, sample.split) for sample in found] == [("img1_train", "train"), ("img1_test", "test")]
    assert found[0].study.images[0].body_part == "HAND"
    questions = dialogues(found)
    assert (questions["train-1"].answer, questions["train-1"].answer_type) == ("X-ray", "closed")
    assert (questions["train-2"].answer_type, questions["train-2"].source) == ("open", "ovqa/Attribute Other")
