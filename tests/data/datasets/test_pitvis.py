"""PitVis-2023: seconds, one row too many, codes that are negative, rates of two kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines

from vesalius.data.datasets._clips import write_clip
from vesalius.data.datasets.pitvis import INSTRUMENTS, SCORED_STEPS, STEPS, read
from vesalius.errors import DataError

HEADER = "int_video,int_time,int_step,int_instrument1,int_instrument2"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_clip(tmp_path / "videos" / "video_24.mp4", np.zeros((100, 32, 32, 3), np.uint8), frames_per_second=25)
    write_clip(tmp_path / "videos" / "video_19.mp4", np.zeros((24, 32, 32, 3), np.uint8), frames_per_second=24)
    rows = ("24,0,-1,-1,-2", "24,1,1,16,-2", "24,2,1,8,16", "24,3,7,0,0", "24,4,-1,-1,-2")
    lines(tmp_path / "annotations_24.csv", HEADER, *rows)
    return tmp_path


def test_steps_instruments_and_the_row_beyond_the_end(release: Path) -> None:
    [(study, split)] = read(release)
    assert (study.id, split, study.images[0].frames_per_second) == ("video_24", "train", 25.0)
    found = [(event.kind, event.label, event.start_s, event.end_s) for event in study.events]
    # The fifth row begins where the video of four seconds ends.
    assert found == [
        ("step", "nasal corridor creation", 1.0, 3.0), ("step", "tumour excision", 3.0, 4.0),
        ("instrument", "suction", 1.0, 3.0), ("instrument", "kerrison", 2.0, 3.0), ("outside", "out of body", 0.0,
        1.0),
    ]  # fmt: skip


def test_lists_are_those_of_the_release() -> None:
    assert (len(STEPS), len(INSTRUMENTS), len(SCORED_STEPS)) == (14, 18, 12)
    assert (STEPS[10], INSTRUMENTS[15], INSTRUMENTS[7]) == ("gasket seal construct", "suction", "kerrison")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("24,1,1,1,-2", "line 2: second 1, expected 0"),
        ("24,0,0,1,-2", "line 2: step 0; expected -1 or 1 to 14"),
        ("24,0,1,19,-2", "instruments 19 and -2"),
        ("24,0,x,1,-2", "expected whole numbers"),
    ],
)
def test_rows_that_cannot_be(row: str, message: str, release: Path) -> None:
    lines(release / "annotations_24.csv", HEADER, row)
    with pytest.raises(DataError, match=message):
        list(read(release))


def test_a_table_without_its_video(release: Path) -> None:
    (release / "videos" / "video_24.mp4").unlink()
    with pytest.raises(DataError, match=r"video_24.mp4: no such video"):
        list(read(release))
