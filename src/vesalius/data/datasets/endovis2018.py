"""EndoVis 2018 robotic scene segmentation: frames of nephrectomies with twelve classes by colour, 15 sequences and 4
to test.

Colour masks are written once below ``unpacked/`` as label maps of the class numbers of `labels.json`. Masks in
``repairs`` overrule those of the release. Shadow trees of macOS (``__MACOSX``, ``._frame000.png``) are passed over.
Test sequences have the names of training ones, so that the part stands in the id. There is no seq_8; labels are of
the left eye.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._rasters import described, label_mask, save_picture
from vesalius.data.datasets._virtual import masks, pixels, studies_of, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="EndoVis 2018 Robotic Scene Segmentation", slug="endovis2018", licence="by registration, for research",
    access="Register with the sub-challenge and download the four training releases and the test release",
    home="https://endovissub2018-roboticscenesegmentation.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(preset="surgery", image_size=64)

_CLASSES = (
    ("background-tissue", (0, 0, 0)), ("instrument-shaft", (0, 255, 0)), ("instrument-clasper", (0, 255, 255)),
    ("instrument-wrist", (125, 255, 12)), ("kidney-parenchyma", (255, 55, 0)), ("covered-kidney", (24, 55, 125)),
    ("thread", (187, 155, 25)), ("clamps", (0, 255, 125)), ("suturing-needle", (255, 255, 125)),
    ("suction-instrument", (123, 15, 175)), ("small-intestine", (124, 155, 5)), ("ultrasound-probe", (12, 255, 141)),
)  # fmt: skip
"""Classes by number with their colours, for twins and where `labels.json` is missing."""
_ALSO = {"intestine": "small-intestine"}
_TOOLS = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator")
_FRAMES = 4


class _Class(NamedTuple):
    """A line of `labels.json`."""

    number: int
    name: str
    colour: tuple[int, int, int]


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a frame of the left eye with labels, training sequences by number first."""
    sequences = sorted(_sequences(root), key=lambda path: (_part(root, path) == "test", _number(path), path))
    if not sequences:
        require_files(root, ["miccai_challenge_2018_release_1/seq_1/left_frames"], ABOUT)
    origin, repaired = provenance(root, ABOUT), _repairs(root)
    for folder in sequences:
        classes = _classes(root, folder)
        for path in sorted((folder / "left_frames").glob("frame*.png")):
            mask = repaired.get((_number(folder), path.name)) if _part(root, folder) == "train" else None
            yield Sample(_study(root, path, mask, classes, origin), _part(root, folder))


def _sequences(root: Path) -> Iterator[Path]:
    for frames in root.rglob("left_frames"):
        if "__MACOSX" not in frames.parts and "repairs" not in frames.parts and _named(frames.parent):
            yield frames.parent


def _named(folder: Path) -> re.Match[str] | None:
    return re.fullmatch(r"seq_(\d+)", folder.name)


def _number(folder: Path) -> int:
    found = _named(folder)
    if found is None:
        raise DataError(f"{folder}: expected a folder such as seq_1")
    return int(found[1])


def _part(root: Path, folder: Path) -> str:
    """A test sequence lies below a folder whose name begins with "test"."""
    return "test" if any(part.casefold().startswith("test") for part in folder.relative_to(root).parts) else "train"


def _repairs(root: Path) -> dict[tuple[int, str], Path]:
    """Return the masks of folders called repairs by sequence and frame."""
    found = {}
    for path in sorted(root.rglob("repairs/**/frame*.png")):
        numbers = [int(match[1]) for part in path.parts if (match := re.match(r"seq_(\d+)", part))]
        if numbers and not {"__MACOSX", "unpacked"} & {*path.parts}:
            found[numbers[-1], path.name] = path
    return found


def _classes(root: Path, folder: Path) -> tuple[_Class, ...]:
    """Read the nearest `labels.json` above a sequence: a bare list, or an object with "classes"."""
    for place in (folder, *folder.parents):
        path = place / "labels.json"
        if path.exists():
            return _of_list(path)
        if place == root:
            break
    return tuple(_Class(number, name, colour) for number, (name, colour) in enumerate(_CLASSES))


def _of_list(path: Path) -> tuple[_Class, ...]:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        rows = found["classes"] if isinstance(found, dict) else found
        return tuple(_Class(int(row["classid"]), str(row["name"]), tuple(row["color"][:3])) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected a list of name, color and classid: {error}") from None


def _study(root: Path, path: Path, mask: Path | None, classes: tuple[_Class, ...], origin: Provenance) -> Study:
    folder = path.parents[1]
    sequence = f"{_part(root, folder)}_seq_{_number(folder)}"
    image = described(path, like=Image(id="frame", path="", modality="ES", body_part="KIDNEY", view="laparoscopic"))
    source = mask or folder / "labels" / path.name
    regions: tuple[Region, ...] = ()
    if source.exists():
        colours: Mapping[tuple[int, int, int], int] = {one.colour: one.number for one in classes}
        file = str(label_mask(root, source, colours))
        regions = tuple(
            Region(image="frame", kind="mask", mask=file, mask_value=one.number,
                   anatomy=_ALSO.get(one.name, one.name).replace("-", " "))
            for one in classes if one.number
        )  # fmt: skip
    elif _part(root, folder) == "train":
        raise DataError(f"{path}: no labels {source}; unpack the release again")
    return Study(id=f"{sequence}_{path.stem}", patient=sequence, images=(image,), regions=regions, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write sequences of four frames, both forms of `labels.json`, a repaired mask and a shadow tree of macOS."""
    tests, numbers = studies_of(corpus, "test"), {True: 0, False: 0}
    train, test = root / "miccai_challenge_2018_release_1", root / "Test_data_and_label_release" / "test_data"
    folders = []
    for study in sorted(corpus, key=lambda study: study.id):
        numbers[study.id in tests] += 1
        number = numbers[study.id in tests]
        folder = (test if study.id in tests else train) / f"seq_{number + (number > 7)}"
        _write_sequence(corpus, study, folder)
        folders.append(folder)
    rows = [{"name": name, "color": list(colour), "classid": n} for n, (name, colour) in enumerate(_CLASSES)]
    train.mkdir(parents=True, exist_ok=True)
    (train / "labels.json").write_text(json.dumps(rows), encoding="utf-8")
    if numbers[True]:
        active = [{**row, "active": True, "color": [*row["color"], 128]} for row in rows]  # type: ignore[misc]
        (test / "labels.json").write_text(json.dumps({"classes": active}), encoding="utf-8")
    ghost = root / "__MACOSX" / "miccai_challenge_2018_release_1" / "seq_1" / "left_frames"
    ghost.mkdir(parents=True)
    (ghost / "._frame000.png").write_bytes(b"\x00\x05\x16\x07")
    repaired = root / "repairs" / "seq_1" / "labels" / "frame001.png"
    save_picture(repaired, np.zeros((64, 64, 3), np.uint8))
    origin = virtual_origin(ABOUT)
    classes = tuple(_Class(number, name, colour) for number, (name, colour) in enumerate(_CLASSES))
    folders.sort(key=lambda path: (_part(root, path) == "test", _number(path)))
    made = []
    for folder in folders:
        for number in range(_FRAMES):
            mask = repaired if folder == train / "seq_1" and number == 1 else None
            path = folder / "left_frames" / f"frame{number:03d}.png"
            made.append(Sample(_study(root, path, mask, classes, origin), _part(root, folder)))
    return made


def _write_sequence(corpus: Corpus, study: Study, folder: Path) -> None:
    clip = study.images[0]
    frames = pixels(corpus, clip)[:_FRAMES]
    for number, values in enumerate(frames):
        labels = np.zeros((*clip.shape[1:], 3), np.uint8)
        gallbladder = union(corpus, masks(study, anatomy=["gallbladder"], frame=number), clip.shape[1:])
        tools = union(corpus, masks(study, anatomy=_TOOLS, frame=number), clip.shape[1:])
        labels[gallbladder], labels[tools] = _CLASSES[4][1], _CLASSES[1][1]
        save_picture(folder / "left_frames" / f"frame{number:03d}.png", values)
        save_picture(folder / "labels" / f"frame{number:03d}.png", labels)
