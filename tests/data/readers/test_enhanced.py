"""Enhanced multi-frame objects: frames sorted by position, split by time and echo, never believed by count."""

from __future__ import annotations

from pathlib import Path

import pytest
from series_files import picture, write_enhanced

from vesalius.data import readers
from vesalius.errors import DataError


def values(pixels: readers.Pixels) -> list:
    """First sample of every slice; a slice written with value v has v - 1024 HU there."""
    return (pixels.array[..., 0, 0] + 1024).tolist()


def test_enhanced_frames_are_sorted(tmp_path: Path) -> None:
    places = [4, 0, 6, 2]
    frames = [{"position": (0, 0, z)} for z in places]
    path = write_enhanced(tmp_path / "e.dcm", frames, [100 * z for z in places])
    volume = readers.read(path)
    assert (volume.axes, volume.units) == ("ZYX", "HU")
    assert values(volume) == [0, 200, 400, 600]
    assert volume.info["frame_order"] == "sorted by position"
    assert volume.require_geometry().affine[:, 0].tolist() == [0, 0, 2, 0]
    folder = readers.read(tmp_path)
    assert (folder.array == volume.array).all()
    assert folder.geometry == volume.geometry
    # frames by number are the file's, as records count them
    assert (readers.read(path, frame=0).array == picture(400) - 1024).all()


def test_enhanced_frames_of_several_times_and_echoes(tmp_path: Path) -> None:
    frames = [
        {"position": (0, 0, z), "content": {"TemporalPositionIndex": time}} for z in (0, 3) for time in (3, 1, 2)
    ]
    numbers = [100 * f["position"][2] + f["content"]["TemporalPositionIndex"] for f in frames]
    volume = readers.read(write_enhanced(tmp_path / "t.dcm", frames, numbers))
    assert volume.axes == "TZYX"
    assert values(volume) == [[1, 301], [2, 302], [3, 303]]
    assert (volume.info["frames_by"], volume.info["frame_values"]) == ("time point (0020,0100)", "1; 2; 3")
    echoes = [{"position": (0, 0, z), "echo": echo} for echo in (30, 10) for z in (0, 3)]
    volume = readers.read(write_enhanced(tmp_path / "e.dcm", echoes, [0, 1, 2, 3]))
    assert values(volume) == [[2, 3], [0, 1]]


def test_enhanced_frames_that_are_no_volume_stay_frames(tmp_path: Path) -> None:
    frames = [{"position": (0, 0, z)} for z in (0, 1, 5, 6.5)]
    path = write_enhanced(tmp_path / "e.dcm", frames, [0, 1, 2, 3])
    pixels = readers.read(path)
    assert pixels.axes == "TYX"
    assert "not one volume" in pixels.info["position_missing"]
    with pytest.raises(DataError, match="the spacing varies"):
        readers.read(tmp_path)


def test_a_header_that_claims_frames_is_not_believed(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", [{"position": (0, 0, 0)}], [0], NumberOfFrames=2**31 - 1)
    with pytest.raises(DataError, match="2147483647 frames"):
        readers.read(tmp_path)
    with pytest.raises(DataError, match=r"e\.dcm"):
        readers.read(path)
