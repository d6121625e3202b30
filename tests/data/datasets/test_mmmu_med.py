"""MMMU's health part: options as the text of a list, marks of pictures, open and hidden answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import dialogues, put_parquet
from release_files import picture

from vesalius.data.datasets.mmmu_med import SUBJECTS, read
from vesalius.errors import DataError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for subject in SUBJECTS:
        (tmp_path / subject).mkdir()
    return tmp_path


def row(content: bytes, name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": name, "question": "<image 1> Which?", "options": "['a', 'it\\'s <image 2>']", "answer": "B",
        "image_1": {"bytes": content, "path": None}, "image_2": {"bytes": content, "path": None}, "subfield": "Heart",
        "question_type": "multiple-choice", "topic_difficulty": "Hard",
    } | changes  # fmt: skip


def test_rows(release: Path) -> None:
    content = picture(release / "a.png").read_bytes()
    opened = row(content, "o", question_type="open", options="[]", answer="['24', '24.0']", image_2=None)
    put_parquet(release / "Pharmacy" / "validation-00000-of-00001.parquet", row(content, "v"), opened)
    put_parquet(release / "Pharmacy" / "test-00000-of-00001.parquet", row(content, "t", answer="?"))
    found = list(read(release))
    assert [sample.split for sample in found] == ["val", "val", "test"]
    questions = dialogues(found)
    assert (questions["v"].answer, questions["v"].options) == ("it's <image 2>", ("a", "it's <image 2>"))
    assert questions["v"].turns[0].images == ("v-1", "v-2")
    assert questions["v"].turns[0].text == "<image 1> Which?"
    assert (questions["o"].answer, questions["o"].answer_type) == ("['24', '24.0']", "open")
    assert questions["t"].answer == ""
    assert questions["v"].source == "mmmu_med/Pharmacy/Heart/Hard"


@pytest.mark.parametrize("options", ["__import__('os').getcwd()", "['a'", "7", "[" * 5000])
def test_options_are_never_run(options: str, release: Path) -> None:
    content = picture(release / "a.png").read_bytes()
    put_parquet(release / "Pharmacy" / "dev-00000-of-00001.parquet", row(content, "v", options=options))
    with pytest.raises(DataError, match="row 1: options are"):
        list(read(release))
