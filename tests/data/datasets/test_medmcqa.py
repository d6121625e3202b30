"""MedMCQA: numbers from one and from zero, missing explanations and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import dialogues, put_lines

from vesalius.data.datasets.medmcqa import read
from vesalius.errors import DataError


def row(name: str, cop: int | None, **changes: Any) -> dict[str, Any]:
    cells = {
        "id": name, "question": "Which?", "opa": "a", "opb": "b", "opc": "c", "opd": "All of the above",
        "choice_type": "multi", "exp": None, "subject_name": "Anatomy", "topic_name": None,
    }  # fmt: skip
    return cells | ({} if cop is None else {"cop": cop}) | changes


@pytest.mark.parametrize(
    ("numbers", "answers"),
    [
        ([4, 1, 2], ["All of the above", "a", "b"]),
        ([0, 3, 2], ["a", "All of the above", "c"]),
        ([1, 2, 3], ["a", "b", "c"]),
    ],
)  # fmt: skip
def test_the_first_number_is_found_from_the_numbers(numbers: list[int], answers: list[str], tmp_path: Path) -> None:
    train, dev, other = numbers
    put_lines(tmp_path / "train.json", row("t", train), row("u", other, exp="Because."))
    put_lines(tmp_path / "dev.json", row("d", dev))
    put_lines(tmp_path / "test.json", row("x", None), row("y", -1))
    found = list(read(tmp_path))
    assert [sample.split for sample in found] == ["train", "train", "val", "test", "test"]
    questions = dialogues(found)
    assert [questions[name].answer for name in "tduxy"] == [*answers, "", ""]
    assert questions["u"].rationale == "Because."
    assert questions["t"].source == "medmcqa/multi/Anatomy"


def test_a_number_that_is_none(tmp_path: Path) -> None:
    put_lines(tmp_path / "train.json", row("t", 4), row("u", 5))
    put_lines(tmp_path / "dev.json")
    put_lines(tmp_path / "test.json")
    with pytest.raises(DataError, match=r"train.json, line 2: cop is 5, expected 1 to 4"):
        list(read(tmp_path))
