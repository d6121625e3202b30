"""YOLO folders: lines by hand, descriptions in use, and a round trip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vesalius.data.formats.yolo import read, write
from vesalius.data.samples import Sample
from vesalius.errors import DataError

Save = Callable[..., Path]
NAMES = "names: [Lung nodule, mass]\n"


def described(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.yaml").write_text(text)


def label(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "labels" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_boxes_polygons_and_pictures_without_objects(tmp_path: Path, save: Save) -> None:
    save("images/train/a.png", (20, 10))
    save("images/val/b.png", (20, 10))
    label(tmp_path, "train/a.txt", "0 0.5 0.5 0.2 0.4\n\n1 0 0 1 0 1 1\n")
    described(tmp_path, f"path: ../elsewhere\ntrain: ../images/train\nval: images/val\n{NAMES}")
    first, second = read(tmp_path)
    assert (first.split, second.split) == ("train", "val")
    box, contour = first.study.regions
    # Centre (10, 5), 4 wide and 4 high.
    assert box.box == pytest.approx((8, 3, 12, 7))
    assert (box.concept, box.instance) == ("lung_nodule", 1)
    assert (contour.kind, contour.concept, contour.points) == ("contour", "mass", ((0, 0), (20, 0), (20, 10)))
    assert second.study.regions == ()


def test_keypoints_lists_and_numbered_names(tmp_path: Path, save: Save) -> None:
    save("images/a.png", (20, 10))
    label(tmp_path, "a.txt", "3 0.5 0.5 0.2 0.4 0.25 0.5 2 0 0 0\n")
    (tmp_path / "list.txt").write_text("images/a.png\n")
    described(tmp_path, "train: list.txt\nnames: {3: hand}\nkpt_shape: [2, 3]\n")
    [(study, _)] = read(tmp_path / "data.yaml")
    box, point = study.regions
    assert box.concept == "hand"
    assert (point.anatomy, point.points) == ("point_0", ((5, 5),))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("0 0.5 0.5 0.2", "3 numbers"),
        ("2 0.5 0.5 0.2 0.2", "class 2"),
        ("0 100 50 20 20", "no share"),
        ("0 0.5 0.5 0 0.2", "expected an area"),
        ("0 0.5 0.5 nan 0.2", "no share"),
        ("nodule 0.5 0.5 0.2 0.2", "expected a class number"),
    ],
)
def test_wrong_lines_name_file_and_line(line: str, told: str, tmp_path: Path, save: Save) -> None:
    save("images/a.png")
    label(tmp_path, "a.txt", f"0 0.5 0.5 0.2 0.2\n{line}\n")
    described(tmp_path, f"train: images\n{NAMES}")
    with pytest.raises(DataError, match=told) as error:
        list(read(tmp_path))
    assert "a.txt, line 2" in str(error.value)


def test_wrong_descriptions(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no YAML file"):
        list(read(tmp_path))
    described(tmp_path, f"train: nowhere\n{NAMES}")
    with pytest.raises(DataError, match="'nowhere'"):
        list(read(tmp_path))
    described(tmp_path, NAMES)
    with pytest.raises(DataError, match="none of train, val and test"):
        list(read(tmp_path))
    described(tmp_path, "names: [")
    with pytest.raises(DataError, match="not readable YAML"):
        list(read(tmp_path))
    (tmp_path / "list.txt").write_text("../../x.png\n")
    described(tmp_path, f"train: list.txt\n{NAMES}")
    with pytest.raises(DataError, match=r"escapes|leaves"):
        list(read(tmp_path))


def test_round_trip(tmp_path: Path, samples: list[Sample]) -> None:
    numbered = [Sample(replace_image(sample, f"view{number}"), sample.split) for number, sample in enumerate(samples)]
    write(numbered, tmp_path / "out")
    found = list(read(tmp_path / "out"))
    assert [sample.split for sample in found] == ["train", "train", "test"]
    for sample in found:
        [region] = sample.study.regions
        assert region.box == pytest.approx((2, 3, 8, 7.5))
        assert region.concept == "lung_nodule"


@pytest.mark.real
def test_real_cells(tmp_path: Path, real_data: Path) -> None:
    import csv
    import shutil

    with (real_data / "blood-cells" / "boxes.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(row["image"] for row in rows))[:12]
    kinds = ["RBC", "WBC", "Platelets"]
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for name in names:
        shutil.copy(real_data / "blood-cells" / name, tmp_path / "images")
        lines = []
        for row in (row for row in rows if row["image"] == name):
            left, top, right, bottom = (int(row[key]) for key in ("xmin", "ymin", "xmax", "ymax"))
            # Pictures of 640 × 480.
            shares = [(left + right) / 1280, (top + bottom) / 960, (right - left) / 640, (bottom - top) / 480]
            lines.append(" ".join(map(str, [kinds.index(row["label"]), *shares])))
        (tmp_path / "labels" / f"{Path(name).stem}.txt").write_text("\n".join(lines))
    described(tmp_path, f"train: images\nnames: {kinds}\n")
    found = [region for sample in read(tmp_path) for region in sample.study.regions]
    wanted = [row for row in rows if row["image"] in names]
    assert len(found) == len(wanted)
    boxes = sorted(tuple(round(value, 6) for value in region.box) for region in found if region.box)
    assert boxes == sorted(tuple(float(row[k]) for k in ("xmin", "ymin", "xmax", "ymax")) for row in wanted)


def replace_image(sample: Sample, name: str):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    study = sample.study
    image = replace(study.images[0], id=name)
    regions = tuple(replace(region, image=name) for region in study.regions)
    texts = tuple(replace(text, images=(name,)) for text in study.texts)
    return replace(study, images=(image,), regions=regions, texts=texts)
