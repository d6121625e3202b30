"""PathVQA: pickles by hand, the copy of the hub, and pickles that would run code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from question_files import dialogues
from release_files import picture

from vesalius.data.datasets.path_vqa import read, write_hub
from vesalius.data.readers import read as read_pixels
from vesalius.errors import DataError


def row(number: int, label: dict[str, int], **changes: Any) -> dict[str, Any]:
    return {
        "answer_type": "yes/no", "img_id": "train_0422", "label": label, "question_id": 100422000 + number,
        "question_type": "is", "sent": f"is it necrosis {number}?",
    } | changes  # fmt: skip


def put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=4))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    picture(tmp_path / "images" / "train" / "train_0422.jpg")
    Image.new("CMYK", (8, 6)).save(tmp_path / "images" / "train" / "train_0001.jpg")
    rows = [row(0, {"yes": 1}), row(1, {}, answer_type="other"), row(2, {}), row(3, {"1": 1}, answer_type="number")]
    put(tmp_path / "qas" / "train_vqa.pkl", [*rows, row(4, {"no": 1}, img_id="train_0001")])
    put(tmp_path / "qas" / "train" / "train_qa.pkl", [
        {"image": "train_0422", "question": "is it necrosis 1?", "answer": "a rare word"},
    ])  # fmt: skip
    for part in ("val", "test"):
        put(tmp_path / "qas" / f"{part}_vqa.pkl", [])
    return tmp_path


def test_rows(release: Path) -> None:
    first, second = read(release)
    found = dialogues([first, second])
    assert (found["100422000"].answer, found["100422000"].answer_type) == ("yes", "closed")
    # The vocabulary lacks this answer; the list of answers in words has it.
    assert (found["100422001"].answer, found["100422001"].answer_type) == ("a rare word", "open")
    assert found["100422002"].answer == ""
    assert found["100422003"].answer_type == "number"
    assert found["100422000"].source == "path_vqa/is"
    assert second.study.images[0].channels == 3
    assert read_pixels(second.study.images[0].path).array.shape == (6, 8, 3)


def test_the_copy_of_the_hub(release: Path, tmp_path: Path) -> None:
    mine = list(read(release))
    write_hub(mine, tmp_path / "hub")
    theirs = list(read(tmp_path / "hub"))
    assert [len(sample.study.dialogues) for sample in theirs] == [4, 1]
    assert [d.answer for d in theirs[0].study.dialogues] == [d.answer for d in mine[0].study.dialogues]


class _Code:
    def __reduce__(self) -> Any:
        return (print, ("run",))


def test_pickles_that_would_run_code_are_refused(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(release / "qas" / "train_vqa.pkl", [_Code()])
    with pytest.raises(DataError, match="could run code"):
        list(read(release))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "told"), [({"a": 1}, "expected a list"), ([1], "expected an object"), ([{"sent": "x"}], "'img_id'")]
)
def test_wrong_tables(value: Any, told: str, release: Path) -> None:
    put(release / "qas" / "train_vqa.pkl", value)
    with pytest.raises(DataError, match=told):
        list(read(release))
