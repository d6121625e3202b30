"""SVL and SCARED: transcripts of two recognisers, poses and lists of frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from release_files import lines, picture

from vesalius.data.datasets._clips import write_clip
from vesalius.data.datasets.scared import read as read_scared
from vesalius.data.datasets.svl import read as read_svl
from vesalius.errors import DataError


def test_transcripts_are_events_by_recogniser(tmp_path: Path) -> None:
    write_clip(tmp_path / "videos" / "v1.mp4", np.zeros((20, 32, 32, 3), np.uint8), frames_per_second=5)
    lines(tmp_path / "train.csv", "video_path,title", "videos/v1.mp4,x")
    lines(
        tmp_path / "asr_whisper" / "v1.csv",
        "start,end,text",
        "0.5,1.5,Grasp it.",
        "3.0,9.0,Cut.",
        "2,3,",
        "5,6,Late.",
    )
    [(study, split)] = read_svl(tmp_path)
    # The video lasts 4 s: the second row ends there, the last one is beyond, the third says nothing.
    assert [(event.label, event.start_s, event.end_s, event.source) for event in study.events] == [
        ("Grasp it.", 0.5, 1.5, "asr_whisper"), ("Cut.", 3.0, 4.0, "asr_whisper"),
    ]  # fmt: skip
    assert (study.id, split) == ("v1", "train")
    lines(tmp_path / "asr_aws" / "v1.csv", "start,end,text", "soon,2,x")
    with pytest.raises(DataError, match=r"asr_aws/v1.csv, line 2: 'soon' to '2'; expected seconds"):
        list(read_svl(tmp_path))


def test_poses_depth_and_lists(tmp_path: Path) -> None:
    base = tmp_path / "dataset_3" / "keyframe_4" / "data"
    for number in range(2):
        picture(base / "left_finalpass" / f"{number:06d}.png")
    picture(base / "scene_points" / "000000.png", np.zeros((6, 8)))
    matrix = np.arange(16.0).reshape(4, 4).tolist()
    lines(base / "frame_data" / "000001.json", json.dumps({"camera-pose": matrix}))
    lines(tmp_path / "splits" / "endovis" / "val_files.txt", "dataset3/keyframe4 390 l")
    [(study, split)] = read_scared(tmp_path)
    assert (study.id, study.patient, split) == ("dataset_3_keyframe_4", "dataset_3", "val")
    assert [image.id for image in study.images] == ["000000", "000000_depth", "000001"]
    [pose] = study.events
    assert (pose.image, pose.start_s, pose.values) == ("000001", 1.0, tuple(float(n) for n in range(12)))
    lines(base / "frame_data" / "000001.json", json.dumps({"camera-pose": [1, 2]}))
    with pytest.raises(DataError, match="expected a 4 × 4 matrix"):
        list(read_scared(tmp_path))
    lines(tmp_path / "splits" / "endovis" / "val_files.txt", "dataset3 keyframe4")
    with pytest.raises(DataError, match=r"val_files.txt, line 1"):
        list(read_scared(tmp_path))
