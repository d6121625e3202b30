"""ShareGPT rows in their usual forms, and a round trip."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vesalius.data.formats.sharegpt import read, write
from vesalius.data.samples import Sample
from vesalius.errors import DataError

Save = Callable[..., Path]


def talk(*texts: str) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[place % 2], "value": text} for place, text in enumerate(texts)]


def test_tokens_before_after_within_and_in_a_later_turn(tmp_path: Path, save: Save) -> None:
    save("a.png")
    save("b.png")
    rows = [
        {"id": "before", "image": "a.png", "conversations": talk("<image>\nWhat?", "A lung.")},
        {"id": "after", "image": "a.png", "conversations": talk("What?\n<image>", "A lung.")},
        {"id": "none", "image": "a.png", "conversations": talk("What?", "A lung.")},
        {"id": "within", "images": ["a.png", "b.png"], "conversations": talk("Is <image> like <image>?", "No.")},
        {"id": "later", "images": ["a.png"], "conversations": talk("Hello.", "Hi.", "<image>Look.", "Seen.")},
    ]
    (tmp_path / "train.json").write_text(json.dumps(rows))
    found = {sample.study.id: sample.study.dialogues[0] for sample in read(tmp_path)}
    for name in ("before", "after", "none"):
        assert (found[name].turns[0].text, found[name].turns[0].images) == ("What?", ("a",))
    assert found["within"].turns[0].text == "Is <image> like <image>?"
    assert found["within"].turns[0].images == ("a", "b")
    assert [turn.images for turn in found["later"].turns] == [(), (), ("a",)]
    assert found["later"].answer == "Seen."


def test_lists_of_data_sets_lines_and_worse_answers(tmp_path: Path, save: Save) -> None:
    save("pictures/a.png")
    (tmp_path / "rows.jsonl.txt").write_text("")
    table = tmp_path / "tables" / "one.jsonl"
    table.parent.mkdir()
    row = {"image": "a.png", "conversations": talk("What?", "A lung."), "rejected_conv": talk("What?", "A liver.")}
    table.write_text(json.dumps(row) + "\n")
    listed = {"one": {"root": "pictures", "annotation": "tables/one.jsonl", "repeat_time": 2, "length": 1}}
    (tmp_path / "list.json").write_text(json.dumps(listed))
    [(study, _)] = read(tmp_path / "list.json")
    assert study.id == "one-0"
    assert study.dialogues[0].options == ("A lung.", "A liver.")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"conversations": talk("<image>?", "x")}, "1 <image>"),
        ({"conversations": []}, "no conversations"),
        ({"conversations": [{"from": "cat", "value": "x"}]}, "'cat'"),
        ({"conversations": [{"value": "x"}]}, "no 'from'"),
        ([], "expected an object"),
    ],
)
def test_wrong_rows_name_file_and_item(row: Any, told: str, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(json.dumps([{"conversations": talk("a", "b")}, row]))
    with pytest.raises(DataError, match=told) as error:
        list(read(tmp_path))
    assert "train.json, item 2" in str(error.value)


def test_round_trip(tmp_path: Path, samples: list[Sample]) -> None:
    write(samples, tmp_path / "out")
    found = {sample.study.id: sample for sample in read(tmp_path / "out")}
    for mine in samples:
        theirs = found[mine.study.id]
        assert theirs.split == mine.split
        for one, other in zip(theirs.study.dialogues, mine.study.dialogues, strict=True):
            assert (one.id, one.answer, one.options, one.source) == (
                other.id, other.answer, other.options, other.source,
            )  # fmt: skip
            assert [(t.role, t.text) for t in one.turns] == [(t.role, t.text) for t in other.turns]
        assert theirs.study.regions[0].box == mine.study.regions[0].box
