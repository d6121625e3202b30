"""CholecT50: rows of fifteen numbers a frame, boxes, nothing, the split of Rendezvous."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from release_files import picture

from vesalius.data.datasets.cholect50 import CHALLENGE, SPLIT, read
from vesalius.errors import DataError

# Triplet, instrument, score, box x y w h, verb, target, target score and box, phase.
TWO = [
    [17, 0, 1.0, 0.25, 0.5, 0.5, 0.25, 1, 0, -1, -1, -1, -1, -1, 1],
    [60, 2, 1.0, -1, -1, -1, -1, 2, 2, -1, -1, -1, -1, -1, 1],
]  # fmt: skip
NONE = [[-1] * 14 + [0]]
IDLE = [[94, 0, 1.0, -1, -1, -1, -1, 9, 14, -1, -1, -1, -1, -1, 0]]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / "labels").mkdir()
    found = {"video": 111, "fps": 1, "annotations": {"10": IDLE, "0": NONE, "2": TWO}}
    (tmp_path / "labels" / "VID111.json").write_text(json.dumps(found))
    for second in (0, 2, 10):
        picture(tmp_path / "videos" / "VID111" / f"{second:06d}.png", size=(80, 40))
    return tmp_path


def test_frames_are_in_order_with_actions_boxes_and_phase(release: Path) -> None:
    (empty, split), (two, _), (idle, _) = read(release)
    assert (empty.id, empty.patient, split) == ("VID111_000000", "VID111", "test")
    assert [(event.kind, event.label) for event in empty.events] == [("phase", "preparation")]
    assert all(finding.status == "absent" for finding in empty.findings)
    assert [(event.kind, event.label, event.start_s, event.end_s) for event in two.events] == [
        ("action", "grasper, retract, gallbladder", 2.0, 3.0), ("action", "hook, dissect, cystic duct", 2.0, 3.0),
        ("phase", "calot triangle dissection", 2.0, 3.0),
    ]  # fmt: skip
    # Shares of a frame of 80 × 40 pixels: x 0.25 · 80, y 0.5 · 40, then width and height.
    [region] = two.regions
    assert (region.anatomy, region.box) == ("grasper", (20.0, 20.0, 60.0, 30.0))
    assert {finding.concept for finding in two.findings if finding.status == "present"} == {"grasper", "hook"}
    assert idle.events[0].label == "grasper, none, none"


def test_official_splits() -> None:
    assert [len(SPLIT[part]) for part in ("val", "test")] == [5, 10]
    assert [len(CHALLENGE[part]) for part in ("val", "test")] == [5, 5]
    assert not set(SPLIT["val"]) & set(SPLIT["test"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 2]], "a row of 2 numbers, expected 15"),
        ([[1, 6, *[0] * 13]], "frame 0: class 6; expected -1 or one of 6"),
    ],
)
def test_rows_that_cannot_be(rows: list[list[int]], message: str, release: Path) -> None:
    (release / "labels" / "VID111.json").write_text(json.dumps({"annotations": {"0": rows}}))
    with pytest.raises(DataError, match=message):
        list(read(release))


def test_missing_frames_and_annotations(release: Path) -> None:
    (release / "videos" / "VID111" / "000002.png").unlink()
    with pytest.raises(DataError, match=r"000002.png: no such picture"):
        list(read(release))
    (release / "labels" / "VID111.json").write_text("{}")
    with pytest.raises(DataError, match="no object 'annotations'"):
        list(read(release))
