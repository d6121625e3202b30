"""MedQA: options in any order, five and four, the copy of the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import put_lines

from vesalius.data.datasets.medqa import read
from vesalius.errors import ConfigError, DataError


def row(**changes: Any) -> dict[str, Any]:
    options = {"B": "b", "A": "a", "C": "c", "D": "d", "E": "e"}
    return {
        "question": "Which drug?", "answer": "c", "options": options, "meta_info": "step1", "answer_idx": "C",
        "metamap_phrases": [],
    } | changes  # fmt: skip


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "data_clean" / "questions" / "US"
    for part in ("train", "dev", "test"):
        put_lines(folder / f"{part}.jsonl", row())
        four = row(options={"A": "a", "B": "c", "C": "x", "D": "y"}, answer_idx="B")
        put_lines(folder / "4_options" / f"phrases_no_exclude_{part}.jsonl", four)
    return tmp_path


def test_five_and_four_options(release: Path) -> None:
    found = list(read(release))
    assert [(sample.study.id, sample.split) for sample in found] == [
        ("us-train-0", "train"), ("us-dev-0", "val"), ("us-test-0", "test"),
    ]  # fmt: skip
    [dialogue] = found[0].study.dialogues
    assert (dialogue.options, dialogue.answer, dialogue.source) == (
        ("a", "b", "c", "d", "e"),
        "c",
        "medqa/US/5/step1",
    )
    assert found[0].study.images == ()
    four = next(read(release / "data_clean", options=4)).study.dialogues[0]
    assert (four.options, four.source) == (("a", "c", "x", "y"), "medqa/US/4/step1")


def test_the_hub_and_chinese(tmp_path: Path) -> None:
    for part in ("train", "test"):
        put_lines(tmp_path / f"phrases_no_exclude_{part}.jsonl", row())
    assert [sample.split for sample in read(tmp_path)] == ["train", "test"]
    for part in ("train", "dev", "test"):
        put_lines(tmp_path / "two" / "questions" / "Taiwan" / f"{part}.jsonl", row())
    assert next(read(tmp_path / "two", country="Taiwan")).study.dialogues[0].language == "zh-Hant"


def test_what_is_wrong(release: Path) -> None:
    put_lines(release / "data_clean/questions/US/train.jsonl", row(), row(answer_idx="F"))
    with pytest.raises(DataError, match=r"train.jsonl, line 2: the answer is 'F', expected one of A, B, C, D, E"):
        list(read(release))
    with pytest.raises(ConfigError, match="6 options"):
        next(read(release, options=6))
    with pytest.raises(DataError, match=r"no questions/Mainland/train.jsonl"):
        next(read(release, country="Mainland"))
