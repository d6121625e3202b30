"""AutoLaparo: phases counted from 1 once a second, frames with masks, the split by videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, picture

from vesalius.data.datasets._clips import write_clip
from vesalius.data.datasets.autolaparo import read
from vesalius.errors import DataError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_clip(tmp_path / "task1" / "videos" / "11.mp4", np.zeros((75, 32, 32, 3), np.uint8), frames_per_second=25)
    lines(tmp_path / "task1" / "labels" / "label_11.txt", "Frame\tPhase", "1\t1", "2\t1", "3\t7")
    picture(tmp_path / "task3" / "imgs" / "15_0001.jpg")
    picture(tmp_path / "task3" / "masks" / "15_0001.png", np.full((6, 8), 9))
    return tmp_path


def test_phases_and_masks(release: Path) -> None:
    (video, val), (frame, test) = read(release)
    assert [(event.label, event.start_s, event.end_s) for event in video.events] == [
        ("preparation", 0.0, 2.0), ("washing", 2.0, 3.0),
    ]  # fmt: skip
    assert (video.id, val, frame.patient, test) == ("video_11", "val", "video_15", "test")
    assert (frame.regions[8].anatomy, frame.regions[8].mask_value) == ("uterus", 9)


def test_a_phase_that_is_none(release: Path) -> None:
    lines(release / "task1" / "labels" / "label_11.txt", "Frame\tPhase", "1\t8")
    with pytest.raises(DataError, match=r"label_11.txt, line 2: .*phase from 1 to 7"):
        list(read(release))
    (release / "task1" / "labels" / "label_11.txt").unlink()
    with pytest.raises(DataError, match=r"no task1/labels/label_11.txt"):
        list(read(release))
