"""Rows of messages as their tools write them, and a round trip."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vesalius.data.formats.messages import read, write
from vesalius.data.samples import Sample
from vesalius.errors import DataError

Save = Callable[..., Path]


def put(tmp_path: Path, *rows: Any, name: str = "train.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def test_ms_swift_row_with_boxes(tmp_path: Path, save: Save) -> None:
    save("a.png")
    objects = {"ref": ["Lung nodule"], "bbox": [[100, 200, 500, 800]], "bbox_type": "norm1000"}
    row = {
        "messages": [said("user", "<image>Find <ref-object>."), said("assistant", "At <bbox>.")],
        "images": ["a.png"], "objects": objects,
    }  # fmt: skip
    put(tmp_path, row)
    [(study, part)] = read(tmp_path)
    assert part == "train"
    [dialogue] = study.dialogues
    assert (dialogue.turns[0].text, dialogue.turns[0].images) == ("Find <ref-object>.", ("a",))
    assert (dialogue.answer, dialogue.evidence) == ("At <bbox>.", (0,))
    [region] = study.regions
    # Thousandths of 20 × 10 pixels: 2, 2, 10, 8.
    assert (region.box, region.concept) == ((2, 2, 10, 8), "lung_nodule")


def test_parts_and_data_addresses(tmp_path: Path, save: Save) -> None:
    content = save("a.png").read_bytes()
    address = "data:image/png;base64," + base64.b64encode(content).decode()
    parts = [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": "What?"}]
    put(tmp_path, {"messages": [said("system", "Short."), said("user", parts), said("assistant", "A lung.")]})
    [(study, _)] = read(tmp_path)
    system, user = study.dialogues[0].turns
    assert (system.role, user.text, user.images) == ("system", "What?", (study.images[0].id,))
    assert Path(study.images[0].path).read_bytes() == content


def test_preferences(tmp_path: Path) -> None:
    swift = {"messages": [said("user", "Q?"), said("assistant", "good")], "rejected_response": "bad"}
    prompt = [said("user", "Q?")]
    trl = {"prompt": prompt, "chosen": [said("assistant", "good")], "rejected": [said("assistant", "bad")]}
    implicit = {"chosen": [*prompt, said("assistant", "good")], "rejected": [*prompt, said("assistant", "bad")]}
    plain = {"prompt": "Q?", "completion": "good"}
    put(tmp_path, swift, trl, implicit, plain, name="all.jsonl")
    found = [sample.study.dialogues[0] for sample in read(tmp_path)]
    for dialogue in found[:3]:
        assert (dialogue.answer, dialogue.options, dialogue.answer_type) == ("good", ("good", "bad"), "choice")
    assert all(dialogue.turns[0].text == "Q?" for dialogue in found)
    assert found[3].options == ()


ASK = said("user", "<image>What?")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"messages": [ASK]}, "1 <image> in the text and 0 pictures"),
        ({"messages": [ASK], "images": ["a.png", "a.png"]}, "1 <image> in the text and 2 pictures"),
        ({"messages": [said("robot", "x")]}, "speaker 'robot'"),
        ({"messages": [ASK], "images": ["../x.png"]}, "leaves the folder"),
        ({"messages": [ASK], "images": ["b.png"]}, "does not exist"),
        ({"messages": [ASK], "images": ["https://host/a.png"]}, "nothing is downloaded"),
        ({"messages": [ASK], "images": ["data:image/png;base64,###"]}, "no base64"),
        ({"messages": [ASK], "images": ["data:image/png;base64,AAAA"]}, "no whole PNG"),
        ({"messages": [ASK], "images": [7]}, "expected a path"),
        ({"messages": [said("user", [{"type": "audio"}])]}, "type 'audio'"),
        ({"messages": "hello"}, "expected a list"),
        ({"text": "hello"}, "neither messages"),
        ({"messages": [ASK], "images": ["a.png"], "objects": {"bbox": [[1, 2, 3]]}}, "expected .x_min"),
        ({"messages": [ASK], "images": ["a.png"], "objects": {"bbox": [[3, 2, 1, 4]]}}, "no area"),
        ({"messages": [ASK], "images": ["a.png"], "objects": {"bbox": [[1, 2, 3, 4]], "image_id": [1]}}, "picture 1"),
        ({"messages": [ASK], "images": ["a.png"], "objects": {"bbox": [], "bbox_type": "cm"}}, "bbox_type 'cm'"),
    ],
)
def test_wrong_rows_name_file_and_line(row: Any, told: str, tmp_path: Path, save: Save) -> None:
    save("a.png")
    path = put(tmp_path, {"messages": [said("user", "Q")]}, row)
    with pytest.raises(DataError, match=told) as error:
        list(read(path))
    assert "train.jsonl, line 2" in str(error.value)


def test_torn_lines_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.jsonl file"):
        list(read(tmp_path))
    (tmp_path / "a.jsonl").write_text('{"messages": [\n')
    with pytest.raises(DataError, match=r"a.jsonl, line 1: no JSON"):
        list(read(tmp_path))


def test_round_trip(tmp_path: Path, samples: list[Sample]) -> None:
    write(samples, tmp_path / "out")
    found = list(read(tmp_path / "out"))
    # Files are read by name: test.jsonl before train.jsonl.
    assert [sample.split for sample in found] == ["test", "train", "train"]
    for mine in samples:
        theirs = next(sample.study for sample in found if sample.study.id == mine.study.id)
        assert theirs.patient == mine.study.patient
        assert theirs.regions[0].box == mine.study.regions[0].box
        assert [d.answer for d in theirs.dialogues] == [d.answer for d in mine.study.dialogues]
        for one, other in zip(theirs.dialogues, mine.study.dialogues, strict=True):
            assert (one.id, one.options, one.answer_type, one.source) == (
                other.id, other.options, other.answer_type, other.source,
            )  # fmt: skip
            assert [(t.role, t.text, len(t.images)) for t in one.turns] == [
                (t.role, t.text, len(t.images)) for t in other.turns
            ]
        assert Path(theirs.images[0].path).read_bytes() == Path(mine.study.images[0].path).read_bytes()
