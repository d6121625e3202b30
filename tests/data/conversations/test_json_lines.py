"""Rows of chat files in every spelling, and each fault with its row and its numbers."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from vesalius.data.conversations.jsonl import JsonLines
from vesalius.data.conversations.records import Conversation, Located, RowError, mark
from vesalius.data.messages import Media
from vesalius.data.records import Box
from vesalius.errors import DataError

FAULTLESS = {
    "messages": [{"role": "user", "content": "<image>Effusion?"}, {"role": "assistant", "content": "yes"}],
    "images": ["a.png"],
}

LLAVA = [{"from": "human", "value": "<image>Effusion?"}, {"from": "gpt", "value": "yes"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        Picture.new("L", (64, 48)).save(tmp_path / name)
    (tmp_path / "ct.nii").write_bytes(b"x")
    (tmp_path / "clip.mp4").write_bytes(b"x")
    return tmp_path


def source(folder: Path, *rows: Mapping[str, Any] | str, **settings: Any) -> JsonLines:
    path = folder / "train.jsonl"
    path.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8"
    )
    return JsonLines(path, **settings)


def image(folder: Path, name: str = "a.png") -> Media:
    return Media(path=str(folder / name))


def turns(row: Conversation) -> list[tuple[str, tuple[str | Media, ...]]]:
    return [(message.role, message.parts) for message in row.messages]


@pytest.mark.parametrize(
    "row",
    [
        FAULTLESS,
        {"image": "a.png", "conversations": LLAVA},
        {"query": "<image>Effusion?", "response": "yes", "images": ["a.png"]},
        {"prompt": "<image>Effusion?", "completion": "yes", "images": [{"path": "a.png"}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "Effusion?"}],
                },
                {"role": "assistant", "content": [{"type": "text", "text": "yes"}]},
            ]
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "file://a.png"}},
                        {"type": "text", "text": "Effusion?"},
                    ],
                },
                {"role": "assistant", "content": "yes"},
            ]
        },
    ],
)
def test_every_spelling_is_the_same_conversation(folder: Path, row: dict[str, Any]) -> None:
    found = source(folder, row)[0]
    assert turns(found) == [("user", (image(folder), "Effusion?")), ("assistant", ("yes",))]
    assert (found.id, found.source, found.language, found.weight) == ("train-0", "train", "en", 1.0)


def test_media_without_tokens_stand_before_the_first_question(folder: Path) -> None:
    row = {"messages": [{"role": "system", "content": "Be brief."}, *json.loads(json.dumps(FAULTLESS["messages"]))]}
    row["messages"][1]["content"] = "Effusion?"
    found = source(folder, {**row, "images": ["a.png", "b.png"]})[0]
    assert found.messages[1].parts == (image(folder), image(folder, "b.png"), "\nEffusion?")


def test_images_volumes_and_clips_stand_among_the_words(folder: Path) -> None:
    row = {
        "messages": [
            {"role": "user", "content": "First <volume> then <image>, <video> last."},
            {"role": "assistant", "content": "yes"},
        ],
        "images": ["a.png"], "volumes": [{"path": "ct.nii", "frame": 7}], "videos": ["clip.mp4"],
        "objects": [{"name": "nodule", "boxes": [[1, 2, 3, 4]], "medium": 0}],
    }  # fmt: skip
    found = source(folder, row)[0]
    assert [(one.kind, Path(one.path).name, one.frame) for one in found.media] == [
        ("volume", "ct.nii", 7), ("image", "a.png", None), ("video", "clip.mp4", None),
    ]  # fmt: skip
    # The row counts its media by kind, images first; the conversation by their place.
    assert found.objects[0].medium == 1


def test_turns_of_text_alone(folder: Path) -> None:
    said = [
        *FAULTLESS["messages"],
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "The angle."},
    ]
    found = source(folder, {**FAULTLESS, "messages": said, "patient": 7, "task": "vqa", "language": "ar"})[0]
    assert found.answers == ("yes", "The angle.")
    assert (found.patient, found.task, found.language) == ("7", "vqa", "ar")


def test_swift_boxes_become_marks(folder: Path) -> None:
    row = {
        "messages": [
            {"role": "user", "content": "<image>Find the <ref-object>."},
            {"role": "assistant", "content": "<bbox><bbox> and <ref-object><bbox>"},
        ],
        "images": ["a.png"],
        "objects": {"ref": ["nodule", "heart"], "bbox": [[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 64, 48]]},
    }
    found = source(folder, row)[0]
    assert found.messages[0].text == "Find the nodule."
    assert found.answers == (f"{mark(0)} and {mark(1)}",)
    assert found.objects == (
        Located(name="nodule", boxes=(Box(1, 2, 3, 4), Box(5, 6, 7, 8))),
        Located(name="heart", boxes=(Box(0, 0, 64, 48),)),
    )


@pytest.mark.parametrize(("kind", "values"), [("norm1", [0.25, 0.25, 0.5, 0.5]), ("norm1000", [250, 250, 500, 500])])
def test_swift_boxes_of_other_scales_are_pixels(folder: Path, kind: str, values: list[float]) -> None:
    row = FAULTLESS | {"objects": {"ref": ["nodule"], "bbox": [values], "bbox_type": kind}}
    assert source(folder, row)[0].objects == (Located(name="nodule", boxes=(Box(16, 12, 32, 24),)),)


def test_points_are_rows_of_two(folder: Path) -> None:
    row = FAULTLESS | {"objects": [{"name": "sperm", "points": [[1, 2], [3.5, 4]], "number": 2}]}
    assert source(folder, row)[0].objects == (Located(name="sperm", points=((1, 2), (3.5, 4)), number=2),)


@pytest.mark.parametrize(
    "worse",
    [
        {"rejected_response": "no"},
        {"rejected": [{"role": "assistant", "content": "no"}]},
        {"rejected_conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "no"}]},
    ],
)
def test_pairs(folder: Path, worse: dict[str, Any]) -> None:
    row = {
        "conversations": LLAVA, "image": "a.png", "weighted_score": 0.7,
    }  # fmt: skip
    found = source(folder, row | worse)[0]
    assert (found.rejected, found.weight) == ("no", 0.7)


def test_the_visual_pairs_of_mmedpo(folder: Path) -> None:
    row = {"image": "a.png", "rejected_image": "b.png", "conversations": LLAVA, "rejected_conversations": LLAVA}
    found = source(folder, row)[0]
    assert found.rejected == ""
    assert found.side("rejected").media == (image(folder, "b.png"),)
    with pytest.raises(RowError, match=r"row 1 of 1: .*both answers of the pair are equal"):
        source(folder, {key: value for key, value in row.items() if key != "rejected_image"})[0]


def test_a_json_list_is_read_like_lines(folder: Path) -> None:
    path = folder / "llava.json"
    path.write_text(json.dumps([FAULTLESS, FAULTLESS | {"id": "second"}], indent=1), encoding="utf-8")
    found = JsonLines(path)
    assert [row.id for row in found] == ["llava-0", "second"]


def test_rows_by_number(folder: Path) -> None:
    found = source(folder, *(FAULTLESS | {"id": f"row-{number}"} for number in range(20)), name="slake")
    assert len(found) == 20
    assert found.name == "slake"
    assert [row.id for row in found[3:6]] == ["row-3", "row-4", "row-5"]
    assert found[-1].id == "row-19"
    with pytest.raises(IndexError, match="row 20 of 20 of slake"):
        found[20]
    assert pickle.loads(pickle.dumps(found))[7].id == "row-7"


@pytest.mark.parametrize("text", ["\n\n{row}\r\n\r\n{row}", "{row}\n{row}\n", "\n{row}\n\n\n{row}"])
def test_blank_lines_are_no_rows(folder: Path, text: str) -> None:
    path = folder / "rows.jsonl"
    path.write_bytes(text.replace("{row}", json.dumps(FAULTLESS)).encode())
    assert len(JsonLines(path)) == 2
    assert JsonLines(path)[1].answers == ("yes",)


def with_change(**changes: Any) -> dict[str, Any]:
    return {**FAULTLESS, **changes}


def said(question: str, answer: str = "yes") -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def boxed(boxes: list[list[int]], *, answer: str = "yes", **more: Any) -> dict[str, Any]:
    return with_change(messages=said("<image>?", answer), objects={"ref": ["a"], "bbox": boxes, **more})


CROWDED = with_change(messages=said("Look: " + "<image>" * 100), images=["a.png"] * 100)
FAULTS: list[tuple[str, dict[str, Any] | str, str]] = [
    ("missing", with_change(images=["c.png"]), "no file .*c.png"),
    ("media", with_change(messages=said("<image><image>?")), "2 <image> in the texts and 1 images"),
    ("media", with_change(images=["a.png", "b.png"]), "1 <image> in the texts and 2 images"),
    ("media", with_change(videos=["clip.mp4"]), "0 <video> in the texts and 1 videos"),
    ("media", CROWDED, "turn 1 shows 100 media, at most 32"),
    ("media", with_change(images=["../outside.png"]), "leaves the folder"),
    ("media", with_change(images=["https://example.org/a.png"]), "is no file; nothing is downloaded"),
    ("media", with_change(images=[7]), "given as int, expected a path"),
    ("outside", boxed([[0, 0, 65, 10]]), r"box 0 \[0, 0, 65, 10\] lies outside .* 64 × 48"),
    ("objects", boxed([[9, 0, 3, 10]]), "has no area"),
    ("objects", boxed([[1, 2, 3]]), r"box 0 is \[1, 2, 3\], expected"),
    ("objects", boxed([[1, 2, 3, 4]], image_id=[1]), "box 0 is on medium 1 of 1"),
    ("objects", boxed([[1, 2, 3, 4]], bbox_type="norm7"), "bbox_type 'norm7'"),
    ("objects", boxed([[1, 2, 3, 4]], answer="<bbox><bbox>"), "2 <bbox> and 0 <ref-object> .* for 1 boxes"),
    ("language", with_change(language="english"), "unknown language 'english'"),
    ("language", with_change(language="xx"), "unknown language 'xx'"),
    ("pair", with_change(rejected_response="yes"), "both answers of the pair are equal"),
    ("answer", with_change(messages=said("<image>?", "  ")), "turn 2 of 2 is an empty answer"),
    ("row", with_change(weight="heavy"), "weight is 'heavy', expected a number"),
    ("row", with_change(weight=-1), "weight -1.0"),
    ("row", with_change(messages=[{"role": "doctor", "content": "?"}]), "speaker 'doctor'"),
    ("row", {"text": "?"}, "neither messages, conversations"),
    ("row", "{broken", "no JSON"),
    ("row", "[" * 100_000, "nested too deeply"),
    ("row", "[1]", "list, expected an object"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "row", "told"), FAULTS)
def test_a_fault_names_row_and_numbers(folder: Path, kind: str, row: dict[str, Any] | str, told: str) -> None:
    rows = source(folder, *[FAULTLESS] * 16, row, FAULTLESS)
    with pytest.raises(DataError, match=rf"train.jsonl, row 17 of 18.*: .*{told}"):
        rows[16]
    assert rows[17].answers == ("yes",)


def test_all_faults_are_listed_and_counted(folder: Path) -> None:
    rows = source(folder, *(row for _, row, _ in FAULTS), FAULTLESS)
    done: list[int] = []
    checked = rows.check(done.append)
    expected: dict[str, int] = {}
    for kind, _, _ in FAULTS:
        expected[kind] = expected.get(kind, 0) + 1
    assert checked.counts == expected
    assert len(checked.faults) == len(FAULTS)
    assert checked.sound.tolist() == [len(FAULTS)]
    assert sum(done) == checked.rows == len(FAULTS) + 1
    sound = JsonLines(rows.path, rows=checked.sound)
    assert [row.answers for row in sound] == [("yes",)]
    assert not sound.check().faults


def test_no_words_of_a_row_stand_in_a_fault(folder: Path) -> None:
    secret = "Mrs Example"
    for _, row, _ in FAULTS:
        if isinstance(row, dict):
            with pytest.raises(DataError) as caught:
                source(folder, {**row, "note": secret, "history": [secret]})[0]
            assert secret not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        JsonLines(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match="no row"):
        JsonLines(tmp_path / "empty.jsonl")
