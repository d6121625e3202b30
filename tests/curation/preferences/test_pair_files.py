"""Files of pairs in the released form: there and back, lists and lines, and rows that are refused by their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vesalius.curation.base import Dropped
from vesalius.curation.preferences.base import EQUAL
from vesalius.curation.preferences.files import pair_rows, read_pairs, write_pairs
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.errors import DataError


def pair(folder: Path, name: str = "7", **fields: object) -> Conversation:
    picture = Media(path=str(folder / "a.png"))
    turns = (Message(role="user", parts=(picture, "Is it left?")), Message(role="assistant", parts=("Yes.",)))
    return Conversation(id=name, messages=turns, **{"rejected": "No.", "weight": 0.8, "source": "pairs", **fields})


def row(**changes: object) -> dict[str, object]:
    asked = {"from": "human", "value": "<image>\nWalk through the image"}
    whole = {
        "id": "001", "image": "x/001.jpg", "conversations": [asked, {"from": "gpt", "value": "impression: clear."}],
        "rejected_conversations": [asked, {"from": "gpt", "value": " A mass."}], "weighted_score": 0.8,
    }  # fmt: skip
    return {key: value for key, value in {**whole, **changes}.items() if value is not None}


def test_there_and_back(tmp_path: Path) -> None:
    other = Media(path=str(tmp_path / "n" / "b.png"))
    pairs = [pair(tmp_path), pair(tmp_path, "8", rejected="", rejected_media=(other,), weight=0.25)]
    file = tmp_path / "out" / "pairs.jsonl"
    assert write_pairs(file, pairs, pictures=tmp_path) == 2
    assert list(read_pairs(file, pictures=tmp_path)) == pairs
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert list(lines[0]) == ["id", "image", "conversations", "rejected_conversations", "weighted_score"]
    assert lines[0]["conversations"] == [
        {"from": "human", "value": "<image>\nIs it left?"}, {"from": "gpt", "value": "Yes."},
    ]  # fmt: skip
    assert (lines[1]["image"], lines[1]["rejected_image"]) == ("a.png", "n/b.png")
    assert lines[1]["rejected_conversations"] == lines[1]["conversations"]


def test_a_list_as_it_is_released(tmp_path: Path) -> None:
    file = tmp_path / "mimic_dpo_weighted.json"
    file.write_text(json.dumps([row(), row(id=2, rejected_image="n/2.png")], indent=4))
    first, second = read_pairs(file, pictures=tmp_path)
    assert (first.id, first.answers, first.rejected, first.weight) == (
        "001",
        ("impression: clear.",),
        " A mass.",
        0.8,
    )
    assert first.messages[0].text == "Walk through the image"
    assert [media.path for media in first.media] == [str(tmp_path.resolve() / "x" / "001.jpg")]
    assert (second.id, second.rejected_media[0].path) == ("2", str(tmp_path.resolve() / "n" / "2.png"))
    assert first.source == "mimic_dpo_weighted"


def test_equal_sides_are_an_error_or_counted(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    same = row(id="3", rejected_conversations=row()["conversations"])
    shown = row(id="4", rejected_conversations=row()["conversations"], rejected_image="x/001.jpg")
    file.write_text("\n".join(json.dumps(one) for one in (row(), same, shown)))
    with pytest.raises(DataError, match=r"pairs\.jsonl, line 2: both sides are equal.*leave it out"):
        list(read_pairs(file, pictures=tmp_path))
    outcomes = [outcome for _, outcome in pair_rows(file, pictures=tmp_path)]
    assert outcomes[1:] == [Dropped(EQUAL, "3"), Dropped(EQUAL, "4")]


def rejected(question: str, answer: str) -> dict[str, object]:
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"rejected_conversations": turns}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weighted_score": -0.1}, "weighted_score is -0.1"),
        ({"weighted_score": "high"}, "weighted_score is 'high'"),
        ({"weighted_score": float("nan")}, "weighted_score is nan"),
        ({"image": None}, "has <image>, and there is no image"),
        ({"image": "../secret.png"}, "image '../secret.png' lies outside the folder of pictures"),
        ({"conversations": []}, "conversations has 0 turns"),
        ({"conversations": None}, "conversations has 0 turns"),
        ({"id": None}, "no 'id'"),
        (rejected("Other?", "x"), "both sides are asked differently"),
        (rejected("Walk through the image", " "), "rejected_conversations has an empty answer"),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps(row()) + "\n" + json.dumps(row(**changes)) + "\n")
    with pytest.raises(DataError, match=told) as caught:
        list(read_pairs(file, pictures=tmp_path))
    assert "line 2" in str(caught.value)


def test_pairs_that_this_form_cannot_hold(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    longer = pair(tmp_path)
    longer = Conversation(id="9", messages=(*longer.messages, *longer.messages), rejected="No.")
    with pytest.raises(DataError, match="pair '9' has 4 turns and 2 media"):
        write_pairs(file, [longer], pictures=tmp_path)
    with pytest.raises(DataError, match="outside the folder of pictures"):
        write_pairs(file, [pair(tmp_path)], pictures=tmp_path / "elsewhere")
    assert not file.exists()
    with pytest.raises(DataError, match="cannot be read"):
        list(read_pairs(tmp_path / "none.jsonl", pictures=tmp_path))
