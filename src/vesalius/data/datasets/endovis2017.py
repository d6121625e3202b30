"""EndoVis 2017 robotic instruments: frames of porcine procedures with a mask of parts for each instrument.

A folder holds one instrument and names it with its side (``Left_Prograsp_Forceps_labels``); its values are 10
shaft, 20 wrist, 30 claspers. Other values, of ultrasound probes and the like, are not parts and are left out, as
are folders called "Other". The frame is 1280 × 1024 pixels in the middle of 1920 × 1080: it is not cut, so that
masks fit. The split is by the four folds of sequences that papers use: fold 1 (sequences 1 and 3) is "val", the
others "train"; frames of the test sequences are "test".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import masks, pixels, studies_of, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Laterality, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "FOLDS", "PARTS", "TWIN", "read", "write"]

ABOUT = About(
    title="EndoVis 2017 Robotic Instrument Segmentation", slug="endovis2017", licence="by registration, for research",
    access="Register with the sub-challenge and download both training archives and the test",
    home="https://endovissub2017-roboticinstrumentsegmentation.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(preset="surgery", image_size=64)

FOLDS = ((1, 3), (2, 5), (4, 8), (6, 7))
"""Sequences of the four folds."""
PARTS = {10: "shaft", 20: "wrist", 30: "claspers"}
"""Values of the masks."""
_TOOLS = {"grasper": "Left_Prograsp_Forceps", "hook": "Right_Monopolar_Curved_Scissors",
          "bipolar": "Maryland_Bipolar_Forceps"}  # fmt: skip
"""Instruments of virtual operations, and folders that stand for them."""
_FRAMES = 4


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a frame of the left eye, training sequences by number first."""
    folders = sorted(
        (path.parent for path in root.rglob("left_frames") if "__MACOSX" not in path.parts),
        key=lambda path: (_test(path), _number(path)),
    )
    if not folders:
        require_files(root, ["instrument_1_4_training/instrument_dataset_1/left_frames"], ABOUT)
    origin = provenance(root, ABOUT)
    for folder in folders:
        for path in sorted((folder / "left_frames").glob("frame*.png")):
            yield _sample(path, origin)


def _number(folder: Path) -> int:
    found = re.fullmatch(r"instrument_dataset_(\d+)", folder.name)
    if found is None:
        raise DataError(f"{folder}: expected a folder such as instrument_dataset_1")
    return int(found[1])


def _test(folder: Path) -> bool:
    return "test" in folder.parent.name.casefold()


def _sample(path: Path, origin: Provenance) -> Sample:
    folder = path.parents[1]
    test, number = _test(folder), _number(folder)
    sequence = f"{'test' if test else 'train'}_{number}"
    image = described(path, like=Image(id="frame", path="", modality="ES", view="laparoscopic"))
    drawn = sorted(
        place for place in (folder / "ground_truth").glob("*_labels") if "other" not in place.name.casefold()
    )
    if not drawn and not test:
        raise DataError(f"{path}: no folder of masks below {folder / 'ground_truth'}; unpack the release again")
    regions = tuple(region for number, place in enumerate(drawn) for region in _regions(place / path.name, number))
    study = Study(id=f"{sequence}_{path.stem}", patient=sequence, images=(image,), regions=regions, provenance=origin)
    return Sample(study, "test" if test else "val" if number in FOLDS[0] else "train")


def _regions(mask: Path, number: int) -> Iterator[Region]:
    """Yield the three parts of the instrument of a folder."""
    if not mask.exists():
        raise DataError(
            f"{mask}: no such mask, though other frames of the sequence have one; unpack the release again"
        )
    words = mask.parent.name.removesuffix("_labels").casefold().split("_")
    sides: dict[str, Laterality] = {"left": "left", "right": "right"}
    side = next((sides[word] for word in words if word in sides), "")
    name = " ".join([*([side] if side else []), *(word for word in words if word not in sides)])
    for value, part in PARTS.items():
        yield Region(
            image="frame", kind="mask", mask=str(mask), mask_value=value, anatomy=f"{part} of {name}", instance=number
        )


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write sequences of four frames with three folders of masks, and one folder called Other."""
    tests, numbers, paths = studies_of(corpus, "test"), {True: 0, False: 0}, []
    for study in sorted(corpus, key=lambda study: study.id):
        test = study.id in tests
        numbers[test] += 1
        number = numbers[test]
        top = "instrument_1_10_testing" if test else f"instrument_{'1_4' if number <= 4 else '5_8'}_training"
        folder, clip = root / top / f"instrument_dataset_{number}", study.images[0]
        for frame, values in enumerate(pixels(corpus, clip)[:_FRAMES]):
            path = folder / "left_frames" / f"frame{frame:03d}.png"
            save_picture(path, values)
            for tool, name in _TOOLS.items():
                mask = union(corpus, masks(study, anatomy=[tool], frame=frame), clip.shape[1:])
                grey = np.where(mask, np.where(np.arange(clip.shape[1])[:, None] % 3 == 0, 20, 10), 0)
                save_picture(folder / "ground_truth" / f"{name}_labels" / path.name, grey.astype(np.uint8))
            other = np.full(clip.shape[1:], 40, np.uint8)
            save_picture(folder / "ground_truth" / "Other_labels" / path.name, other)
            paths.append(path)
    paths.sort(key=lambda path: (_test(path.parents[1]), _number(path.parents[1]), path))
    return [_sample(path, virtual_origin(ABOUT)) for path in paths]
