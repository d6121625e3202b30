"""CholecT45: flags of a hundred triplets, what they mean in the release's own map, the folds."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.cholect45 import FOLDS, part_of, read
from vesalius.errors import DataError


def _flags(frame: int, size: int, *chosen: int) -> str:
    return ",".join([str(frame), *(str(int(number in chosen)) for number in range(size))])


@pytest.fixture
def release(tmp_path: Path) -> Path:
    # A map of three triplets, with the header of the release.
    lines(tmp_path / "dict" / "maps.txt", "# IVT, I, V, T, IV, IT", "0, 2, 2, 3, 22, 33", "1, 0, 1, 0, 1, 0",
          "2, 0, 9, 14, 9, 14")  # fmt: skip
    lines(tmp_path / "triplet" / "VID79.txt", _flags(0, 3), _flags(1, 3, 0, 1), _flags(2, 3, 2))
    lines(tmp_path / "instrument" / "VID79.txt", _flags(0, 6), _flags(1, 6, 0, 2), _flags(2, 6, 0))
    for second in range(3):
        picture(tmp_path / "data" / "VID79" / f"{second:06d}.png")
    return tmp_path


def test_triplets_by_the_map_of_the_release(release: Path) -> None:
    (none, split), (two, _), (idle, _) = read(release)
    assert (none.id, split, none.events) == ("VID79_000000", "test", ())
    assert [event.label for event in two.events] == ["hook, dissect, cystic artery", "grasper, retract, gallbladder"]
    assert (two.events[0].start_s, two.events[0].end_s) == (1.0, 2.0)
    assert [finding.concept for finding in two.findings if finding.status == "present"] == ["grasper", "hook"]
    assert idle.events[0].label == "grasper, none, none"


def test_folds_are_nine_videos_each_and_the_last_five_of_the_others_validate() -> None:
    videos = [number for fold in FOLDS for number in fold]
    assert len(videos) == len(set(videos)) == 45
    assert [number for number in videos if part_of(number) == "val"] == [74, 1, 56, 4, 13]
    assert sum(part_of(number, fold=4) == "test" for number in videos) == 9
    assert [number for number in videos if part_of(number, fold=4) == "val"] == [65, 75, 22, 49, 12]


def test_rows_and_maps_that_cannot_be(release: Path) -> None:
    lines(release / "instrument" / "VID79.txt", _flags(0, 6))
    with pytest.raises(DataError, match="no frame 1"):
        list(read(release))
    lines(release / "triplet" / "VID79.txt", "0,1,2,0")
    with pytest.raises(DataError, match=r"VID79.txt, line 1: 4 cells; expected a frame and 3 flags"):
        list(read(release))
    lines(release / "dict" / "maps.txt", "0, 9, 2, 3, 22, 33")
    with pytest.raises(DataError, match=r"maps.txt, line 1: no such instrument"):
        list(read(release))
    lines(release / "dict" / "maps.txt", "1, 0, 2, 3, 22, 33")
    with pytest.raises(DataError, match=r"triplets \[1\]; expected all numbers from 0"):
        list(read(release))
