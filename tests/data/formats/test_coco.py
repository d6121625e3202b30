"""COCO documents: written by hand, by the writer of corpora, and a real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vesalius.data.formats.coco import read
from vesalius.data.readers import read as read_pixels
from vesalius.data.samples import Sample
from vesalius.data.writers.coco import write_coco
from vesalius.errors import DataError

Save = Callable[..., Path]


def document(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.png", "width": 4, "height": 3}],
        "categories": [
            {"id": 7, "name": "Lung nodule"},
            {"id": 9, "name": "person", "keypoints": ["nose", "left eye"]},
        ],
        "annotations": [],
    }
    return values | changes


def put(tmp_path: Path, values: dict[str, Any], name: str = "annotations/instances_train2017.json") -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


def test_boxes_polygons_masks_and_keypoints(tmp_path: Path, save: Save) -> None:
    save("train2017/a.png", (4, 3))
    # Down the columns of 3 × 4: 4 off, 2 on (column 1, rows 1 and 2), 6 off.
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 0.5, 2, 1.5]},
        {"id": 2, "image_id": 1, "category_id": 7, "bbox": [0, 0, 3, 2], "segmentation": [[0, 0, 3, 0, 3, 2]]},
        {"id": 3, "image_id": 1, "category_id": 7, "bbox": [1, 1, 1, 2], "iscrowd": 1,
         "segmentation": {"counts": [4, 2, 6], "size": [3, 4]}},
        {"id": 4, "image_id": 1, "category_id": 9, "bbox": [1, 1, 0, 0], "keypoints": [1, 1, 2, 0, 0, 0]},
    ]  # fmt: skip
    put(tmp_path, document(annotations=annotations))
    [(study, part)] = read(tmp_path)
    assert (study.id, study.patient, part) == ("a", "a", "train")
    box, contour, mask, point = study.regions
    assert (box.kind, box.box, box.concept, box.instance) == ("box", (1, 0.5, 3, 2), "lung_nodule", 1)
    assert (contour.kind, contour.points, contour.box) == ("contour", ((0, 0), (3, 0), (3, 2)), (0, 0, 3, 2))
    values = read_pixels(mask.mask).array
    assert values.tolist() == [[0, 0, 0, 0], [0, 255, 0, 0], [0, 255, 0, 0]]
    assert mask.mask_value == 255
    assert (point.kind, point.anatomy, point.points) == ("points", "nose", ((1, 1),))


def test_captions_join_instances_and_parts_follow_names(tmp_path: Path, save: Save) -> None:
    save("images/a.png", (4, 3))
    save("images/b.png", (4, 3))
    put(tmp_path, document(annotations=[{"id": 1, "image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1]}]))
    captions = [{"id": 5, "image_id": 1, "caption": "One."}, {"id": 6, "image_id": 1, "caption": "Two."}]
    put(tmp_path, document(annotations=captions, categories=[]), "annotations/captions_train2017.json")
    other = document(images=[{"id": 1, "file_name": "b.png", "width": 4, "height": 3, "patient": "p"}])
    put(tmp_path, other, "annotations/instances_val2017.json")
    first, second = read(tmp_path)
    assert [text.text for text in first.study.texts] == ["One.", "Two."]
    assert len(first.study.regions) == 1
    assert (second.study.id, second.study.patient, second.split) == ("b", "p", "val")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"annotations": [{"id": 1, "image_id": 2, "category_id": 7, "bbox": [0, 0, 1, 1]}]}, "image_id 2"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 8, "bbox": [0, 0, 1, 1]}]}, "category_id 8"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [0, 0, 0, 1]}]}, "with an area"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [0, 0, -1, 1]}]}, "width, height"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 7, "segmentation": [[0, 0, 1]]}]}, "three x and y"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 7,
                           "segmentation": {"counts": [5], "size": [3, 4]}}]}, "12|3 × 4"),
        ({"images": [{"id": 1, "file_name": "b.png", "width": 4, "height": 3}]}, "'b.png' does not exist"),
        ({"images": [{"id": 1, "file_name": "../../x.png", "width": 4, "height": 3}]}, "leaves the folder"),
        ({"images": [{"id": 1, "file_name": "a.png", "width": 5, "height": 3}]}, "5 × 3 pixels stated"),
        ({"images": [{"id": 1, "width": 5, "height": 3}]}, "no 'file_name'"),
        ({"images": {"id": 1}}, "expected a list"),
    ],
)  # fmt: skip
def test_wrong_documents_name_file_and_place(changes: dict[str, Any], told: str, tmp_path: Path, save: Save) -> None:
    save("a.png", (4, 3))
    path = put(tmp_path, document(**changes), "instances.json")
    with pytest.raises(DataError, match=told) as error:
        list(read(tmp_path))
    assert path.name in str(error.value)


def test_no_document(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match="no COCO document"):
        list(read(tmp_path))


def test_a_cut_document(tmp_path: Path) -> None:
    (tmp_path / "instances.json").write_text('{"images": [')
    with pytest.raises(DataError, match=r"instances.json, line 1"):
        list(read(tmp_path))


def test_what_the_writer_of_corpora_writes(tmp_path: Path, samples: list[Sample]) -> None:
    studies = [sample.study for sample in samples]
    write_coco(studies, tmp_path / "out" / "coco.json", find=Path)
    # The paths of these records are absolute; a document names files beside it.
    text = (tmp_path / "out" / "coco.json").read_text().replace(f"{tmp_path}/source/", "")
    (tmp_path / "source" / "coco.json").write_text(text)
    found = [sample.study for sample in read(tmp_path / "source")]
    assert [study.id for study in found] == [study.id for study in studies]
    assert [study.images[0].id for study in found] == ["view"] * 3
    for mine, theirs in zip(studies, found, strict=True):
        [region] = theirs.regions
        assert (region.box, region.concept) == (mine.regions[0].box, "lung_nodule")


@pytest.mark.real
def test_lungs_of_real_radiographs(real_data: Path) -> None:
    found = list(read(real_data / "cxr-covid" / "lung_boxes.json"))
    assert sum(len(sample.study.regions) for sample in found) == 104
    assert len(found) == 52
    first = found[0].study
    assert {region.concept for region in first.regions} == {"right_lung", "left_lung"}
    # Its first box is [36, 2, 356, 546].
    assert first.regions[0].box == (36, 2, 392, 548)
    height, width = first.images[0].shape
    assert (width, height) == (790, 631)
    array = read_pixels(first.images[0].path).array
    assert array.shape[:2] == (height, width)
    left = next(region for region in first.regions if region.concept == "left_lung")
    right = next(region for region in first.regions if region.concept == "right_lung")
    assert left.box is not None
    assert right.box is not None
    # The patient's left lung is on the right of the picture.
    assert np.mean(left.box[::2]) > np.mean(right.box[::2])
