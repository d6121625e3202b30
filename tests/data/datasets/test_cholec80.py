"""Cholec80: frames of 25 a second and of one a second, in a video with a rate of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines

from vesalius.data.datasets._clips import clip, runs, write_clip
from vesalius.data.datasets.cholec80 import read
from vesalius.data.records import Image
from vesalius.errors import DataError

TOOLS = "Frame\tGrasper\tBipolar\tHook\tScissors\tClipper\tIrrigator\tSpecimenBag"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_clip(tmp_path / "videos" / "video41.mp4", np.zeros((100, 32, 48, 3), np.uint8), frames_per_second=25)
    # 97 of 100 frames have a phase; it changes at frame 60. The tools are stated for three of four seconds.
    phases = ["Preparation"] * 60 + ["CalotTriangleDissection"] * 37
    rows = [f"{frame}\t{name}" for frame, name in enumerate(phases)]
    lines(tmp_path / "phase_annotations" / "video41-phase.txt", "Frame\tPhase", *rows)
    flags = ("0\t1\t0\t0\t0\t0\t0\t0", "25\t1\t0\t1\t0\t0\t0\t0", "50\t0\t0\t1\t0\t0\t0\t0")
    lines(tmp_path / "tool_annotations" / "video41-tool.txt", TOOLS, *flags)
    return tmp_path


def test_frames_are_seconds_of_the_container(release: Path) -> None:
    [(study, split)] = read(release)
    video = study.images[0]
    assert (study.id, split, video.shape, video.frames_per_second) == ("video41", "test", (100, 32, 48), 25.0)
    assert [(event.kind, event.label, event.start_s, event.end_s) for event in study.events] == [
        ("phase", "preparation", 0.0, 2.4), ("phase", "calot triangle dissection", 2.4, 97 / 25),
        ("instrument", "grasper", 0.0, 2.0), ("instrument", "hook", 1.0, 3.0),
    ]  # fmt: skip


def test_the_rate_is_not_assumed(release: Path) -> None:
    write_clip(release / "videos" / "video41.mp4", np.zeros((100, 32, 48, 3), np.uint8), frames_per_second=50)
    [(study, _)] = read(release)
    assert study.events[0].end_s == 1.2


@pytest.mark.parametrize(
    ("file", "rows", "message"),
    [
        ("phase_annotations/video41-phase.txt", ["Frame\tPhase", "0\tSleep"], "frame 0: phase 'Sleep'"),
        (
            "phase_annotations/video41-phase.txt",
            ["Frame\tPhase", "0\tPreparation", "25\tPreparation"],
            "frame 25 after",
        ),
        ("phase_annotations/video41-phase.txt", ["0\tPreparation"], "line 1"),
        ("tool_annotations/video41-tool.txt", [TOOLS, "1\t0\t0\t0\t0\t0\t0\t0"], "frame 1; expected 0"),
        ("tool_annotations/video41-tool.txt", [TOOLS, "0\t0\t0"], "line 2"),
    ],
)
def test_rows_that_cannot_be(file: str, rows: list[str], message: str, release: Path) -> None:
    lines(release / file, *rows)
    with pytest.raises(DataError, match=message):
        list(read(release))


def test_missing_tables_and_videos(release: Path) -> None:
    (release / "tool_annotations" / "video41-tool.txt").unlink()
    with pytest.raises(DataError, match=r"no tool_annotations/video41-tool.txt.*twin cholec80"):
        list(read(release))
    (release / "videos" / "video41.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"video41.mp4: no video that opens|no tool_annotations"):
        list(read(release))


def test_runs_join_what_follows_and_stop_at_the_end() -> None:
    rows = [("a",), ("a", "b"), (), ("a",)]
    found = [(event.label, event.start_s, event.end_s)
             for event in runs(rows, image="v", kind="k", step_s=2.0, source="s", end_s=7.0)]  # fmt: skip
    # Rows of two seconds: a 0–4, b 2–4, then a from 6 to the end at 7.
    assert found == [("a", 0.0, 4.0), ("b", 2.0, 4.0), ("a", 6.0, 7.0)]
    assert list(runs([("a",)], image="v", kind="k", step_s=2.0, source="s", end_s=0.0)) == []


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    like = Image(id="v", path="", modality="ES")
    with pytest.raises(DataError, match="no such video"):
        clip(tmp_path / "a.mp4", like=like)
    (tmp_path / "a.mp4").write_bytes(b"\x00" * 64)
    with pytest.raises(DataError, match="no video that opens"):
        clip(tmp_path / "a.mp4", like=like)
