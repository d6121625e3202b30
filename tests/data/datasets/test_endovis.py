"""EndoVis 2017 and 2018: masks by folder and by colour, repairs, shadow trees, equal names of train and test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from release_files import picture

from vesalius.data.datasets.endovis2017 import read as read_2017
from vesalius.data.datasets.endovis2018 import read as read_2018
from vesalius.errors import DataError

SHAFT, KIDNEY = (0, 255, 0), (255, 55, 0)


def _scene(path: Path, colour: tuple[int, int, int]) -> None:
    values = np.zeros((6, 8, 3), np.uint8)
    values[:2] = colour
    picture(path, values)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    train = tmp_path / "miccai_challenge_2018_release_1" / "miccai_challenge_2018_release_1"
    test = tmp_path / "Test_data_and_label_release" / "test_data" / "seq_1-20180901" / "seq_1"
    for folder in (train / "seq_1", test):
        picture(folder / "left_frames" / "frame042.png")
        _scene(folder / "labels" / "frame042.png", SHAFT)
    rows = [{"name": "background-tissue", "color": [0, 0, 0], "classid": 0},
            {"name": "instrument-shaft", "color": [0, 255, 0], "classid": 1},
            {"name": "kidney-parenchyma", "color": [255, 55, 0], "classid": 4}]  # fmt: skip
    (train / "labels.json").write_text(json.dumps(rows))
    active = [{**row, "active": True, "color": [*row["color"], 128]} for row in rows]  # type: ignore[misc]
    (test.parents[1] / "labels.json").write_text(json.dumps({"classes": active}))
    ghost = tmp_path / "__MACOSX" / "seq_1" / "left_frames"
    ghost.mkdir(parents=True)
    (ghost / "._frame042.png").write_bytes(b"\x00")
    return tmp_path


def test_2018_equal_names_and_colours(release: Path) -> None:
    (train, split), (test, other) = read_2018(release)
    assert (train.id, split, test.id, other) == ("train_seq_1_frame042", "train", "test_seq_1_frame042", "test")
    assert [(part.anatomy, part.mask_value) for part in train.regions] == [
        ("instrument shaft", 1),
        ("kidney parenchyma", 4),
    ]
    mask = np.asarray(Image.open(train.regions[0].mask))
    # Two of six rows of eight pixels.
    assert (int((mask == 1).sum()), int((mask == 0).sum())) == (16, 32)


def test_2018_repairs_overrule(release: Path) -> None:
    _scene(release / "repairs" / "seq_1" / "labels" / "frame042.png", KIDNEY)
    for _ in range(2):  # The second time the converted masks lie below the root.
        (train, _), (test, _) = read_2018(release)
        values = [set(np.asarray(Image.open(study.regions[0].mask)).ravel().tolist()) for study in (train, test)]
        assert values == [{0, 4}, {0, 1}]


def test_2018_a_colour_of_no_class(release: Path) -> None:
    _scene(release / "Test_data_and_label_release/test_data/seq_1-20180901/seq_1/labels/frame042.png", (0, 0, 255))
    with pytest.raises(DataError, match=r"colour \(0, 0, 255\) stands for no class"):
        list(read_2018(release))


def test_2017_folders_are_instruments(tmp_path: Path) -> None:
    folder = tmp_path / "instrument_1_4_training" / "instrument_dataset_3"
    picture(folder / "left_frames" / "frame000.png")
    for name in ("Left_Prograsp_Forceps_labels", "Maryland_Bipolar_Forceps_labels", "Other_labels"):
        picture(folder / "ground_truth" / name / "frame000.png", np.full((6, 8), 20))
    picture(tmp_path / "instrument_2017_test" / "instrument_dataset_3" / "left_frames" / "frame000.png")
    (train, split), (test, other) = read_2017(tmp_path)
    assert (train.id, split, test.id, other) == ("train_3_frame000", "val", "test_3_frame000", "test")
    assert [(part.anatomy, part.mask_value, part.instance) for part in train.regions][:4] == [
        ("shaft of left prograsp forceps", 10, 0), ("wrist of left prograsp forceps", 20, 0),
        ("claspers of left prograsp forceps", 30, 0), ("shaft of maryland bipolar forceps", 10, 1),
    ]  # fmt: skip
    assert len(train.regions) == 6
    (folder / "ground_truth" / "Maryland_Bipolar_Forceps_labels" / "frame000.png").unlink()
    with pytest.raises(DataError, match="no such mask, though other frames"):
        list(read_2017(tmp_path))
