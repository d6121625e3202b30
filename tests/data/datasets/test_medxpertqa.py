"""MedXpertQA: choices in the question, pictures, empty letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import put_lines
from release_files import picture

from vesalius.data.datasets.medxpertqa import read
from vesalius.errors import DataError


def row(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": name, "question": "Which one?\nAnswer Choices: (A) x (B) y", "options": {"A": "x", "B": "y"},
        "label": "B", "medical_task": "Diagnosis", "body_system": "Nervous", "question_type": "Reasoning",
    } | changes  # fmt: skip


def test_rows(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "MM-0-a.jpeg")
    for subset in ("MM", "Text"):
        for part in ("dev", "test"):
            put_lines(tmp_path / subset / f"{part}.jsonl")
    put_lines(tmp_path / "MM" / "dev.jsonl", row("MM-0", images=["MM-0-a.jpeg", "MM-0-b.jpeg"]))
    put_lines(tmp_path / "Text" / "test.jsonl", row("Text-0", options={"A": "x", "B": "y", "C": None}))
    first, second = read(tmp_path)
    assert (first.split, second.split) == ("dev", "test")
    [dialogue] = first.study.dialogues
    assert (dialogue.turns[0].text, dialogue.answer) == ("Which one?", "y")
    assert dialogue.turns[0].images == ("MM-0-a", "MM-0-b")
    assert [image.id for image in first.study.images] == ["MM-0-a"]
    assert dialogue.source == "medxpertqa/MM/Reasoning/Diagnosis/Nervous"
    assert second.study.dialogues[0].options == ("x", "y")
    put_lines(tmp_path / "Text" / "test.jsonl", row("Text-0", label="C"))
    with pytest.raises(DataError, match=r"line 1: the answer is 'C'"):
        list(read(tmp_path, subset="Text"))
