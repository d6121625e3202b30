"""nnU-Net raw folders: 2D and 3D images with label maps, any number of data sets below one root.

A root is ``nnUNet_raw`` with ``Dataset005_Name`` (version 2) or ``Task005_Name`` (version 1) in it, or one of
these. The split is fold 0 of `splits_final.json` where it lies beside `dataset.json` or under
``nnUNet_preprocessed``, else all training cases are "train"; images of `imagesTs` are "test". Labels that do not
lie on the grid of their image are refused. Cases are taken for patients: the format knows none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data import readers
from vesalius.data.corpus import Corpus
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import image_of, label_map, pixels
from vesalius.data.datasets._volumes import require_same_grid, volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats import nnunet
from vesalius.data.records import Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="nnU-Net raw folder", slug="nnunet_raw", licence="that of the data in it",
    access="It is a format: put folders such as Dataset005_Name with dataset.json and imagesTr below the root",
    home="https://github.com/MIC-DKFZ/nnUNet",
)  # fmt: skip
TWIN = Twin(preset="brain-mr", settings=("prevalence.high_grade_glioma=0.9", "normal=0"), image_size=32)

_MAGNETIC = ("t1", "t2", "flair", "adc", "dwi", "pd", "swi", "mr")
_FLAT = (".png", ".bmp", ".tif", ".tiff")
_TUMOUR, _SLICES, _VENTRICLES = "Dataset001_Glioma", "Dataset002_Slices", "Task003_Ventricles"
_NESTED: dict[str, int | list[int]] = {
    "background": 0, "whole tumour": [1, 2, 3], "tumour core": [2, 3], "enhancing tumour": [3],
}  # fmt: skip
_PARTS = {1: ["oedema"], 2: ["core"], 3: ["rim"]}


def read(root: Path) -> Iterator[Sample]:
    """Yield the cases of all data sets, folders and names sorted; the concept of a mask is the label's name."""
    folders = sorted(path.parent for path in root.glob("*/dataset.json"))
    if not folders:
        require_files(root, ["dataset.json"], ABOUT)
        folders = [root]
    origin = provenance(root, ABOUT)
    for folder in folders:
        description, first = nnunet.describe(folder), (nnunet.folds(folder) or [{}])[0]
        validated = set(first.get("val", ()))
        for case, part in nnunet.cases(folder, description):
            split = "val" if part == "train" and case.name in validated else part
            yield Sample(_study(folder.name, case, description, origin), split)


def _study(name: str, case: nnunet.Case, description: nnunet.Description, origin: Provenance) -> Study:
    images = tuple(_image(number, path, description) for number, path in enumerate(case.images))
    regions: tuple[Region, ...] = ()
    if case.label is not None:
        _require_fit(case.images[0], case.label, description.file_ending)
        regions = nnunet.label_regions(description, case.label, image=images[0].id)
    identity = f"{name}_{case.name}"
    return Study(id=identity, patient=identity, images=images, regions=regions, provenance=origin)


def _image(number: int, path: Path, description: nnunet.Description) -> Image:
    name = description.channels[number]
    like = Image(id=f"{number:04d}", path="", modality=_modality(name), sequence=name)
    like = replace(like, units="HU" if like.modality == "CT" else "stored")
    if description.file_ending in (".nii.gz", ".nii"):
        return volume(path, like=like)
    if description.file_ending in _FLAT:
        return described(path, like=like)
    found = readers.read(path)
    place = found.require_geometry()
    return replace(
        like, path=str(path), kind="volume", shape=found.shape, spacing_mm=place.spacing_mm,
        orientation=place.cosines, origin_mm=place.origin_mm,
    )  # fmt: skip


def _modality(channel: str) -> str:
    name = channel.casefold()
    return "CT" if name == "ct" else "MR" if name.startswith(_MAGNETIC) else "PT" if name in ("pet", "pt") else "OT"


def _require_fit(image: Path, label: Path, ending: str) -> None:
    if ending in (".nii.gz", ".nii"):
        require_same_grid(image, label)
        return
    sizes = [readers.read(path).shape for path in (image, label)]
    if sizes[0] != sizes[1]:
        raise DataError(f"{label}: {sizes[1]} pixels, {image} has {sizes[0]}; both must be of one grid")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write tumours on two channels with nested regions and folds, RGB slices, and a task of version 1."""
    studies = sorted(corpus, key=lambda study: study.id)
    made = [
        *_write_tumours(corpus, studies, root / _TUMOUR), *_write_slices(corpus, studies, root / _SLICES),
        *_write_ventricles(corpus, studies, root / _VENTRICLES),
    ]  # fmt: skip
    return made


def _write_tumours(corpus: Corpus, studies: list[Study], folder: Path) -> list[Sample]:
    names = [f"GLI_{number:03d}" for number in range(len(studies))]
    tests = names[-1:] if len(names) > 2 else []
    for name, study in zip(names, studies, strict=True):
        part = "imagesTs" if name in tests else "imagesTr"
        for number, sequence in enumerate(("T1 contrast", "FLAIR")):
            image = _sequence(study, sequence)
            write_volume(folder / part / f"{name}_{number:04d}.nii.gz", pixels(corpus, image), like=image)
        if name not in tests:
            write_volume(
                folder / "labelsTr" / f"{name}.nii.gz", _tumour(corpus, study), like=_sequence(study, "FLAIR")
            )
    known = [name for name in names if name not in tests]
    nnunet.describe_as(
        folder, channels=["T1ce", "FLAIR"], labels=_NESTED, num_training=len(known), order=[1, 2, 3],
        more={"overwrite_image_reader_writer": "SimpleITKIO"},
    )  # fmt: skip
    folded = [{"train": known[1:], "val": known[:1]}, {"train": known[:-1], "val": known[-1:]}]
    (folder / "splits_final.json").write_text(json.dumps(folded, indent=4), encoding="utf-8")
    splits = {known[0]: "val"} | dict.fromkeys(tests, "test")
    return _samples(folder, {name: splits.get(name, "train") for name in names})


def _sequence(study: Study, name: str) -> Image:
    image = image_of(study, sequence=name)
    assert image is not None, "every examination of the head has all sequences"
    return image


def _tumour(corpus: Corpus, study: Study) -> NDArray[np.uint8]:
    parts = {value: [f"{name} of high grade glioma" for name in names] for value, names in _PARTS.items()}
    return label_map(corpus, study, parts, image=_sequence(study, "FLAIR"))


def _write_slices(corpus: Corpus, studies: list[Study], folder: Path) -> list[Sample]:
    """Write the middle slice of each, its T1, T2 and FLAIR as red, green and blue of one file."""
    for number, study in enumerate(studies):
        shown = [_grey(pixels(corpus, _sequence(study, name))) for name in ("T1", "T2", "FLAIR")]
        save_picture(folder / "imagesTr" / f"SLI_{number:03d}_0000.png", np.stack(shown, axis=-1))
        labels = label_map(corpus, study, {1: ["high_grade_glioma"]}, image=_sequence(study, "FLAIR"))
        save_picture(folder / "labelsTr" / f"SLI_{number:03d}.png", labels[len(labels) // 2])
    nnunet.describe_as(
        folder, channels=["R", "G", "B"], labels={"background": 0, "tumour": 1}, num_training=len(studies),
        file_ending=".png",
    )  # fmt: skip
    return _samples(folder, {f"SLI_{number:03d}": "train" for number in range(len(studies))})


def _grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    middle = values[len(values) // 2].astype(np.float64)
    return np.asarray(np.clip(255 * middle / max(float(np.percentile(values, 99.5)), 1.0), 0, 255), np.uint8)


def _write_ventricles(corpus: Corpus, studies: list[Study], folder: Path) -> list[Sample]:
    values = {1: ["left lateral ventricle"], 2: ["right lateral ventricle"]}
    for number, study in enumerate(studies):
        image = _sequence(study, "T1")
        write_volume(folder / "imagesTr" / f"VEN_{number:03d}_0000.nii.gz", pixels(corpus, image), like=image)
        labels = label_map(corpus, study, values, image=_sequence(study, "FLAIR"))
        write_volume(folder / "labelsTr" / f"VEN_{number:03d}.nii.gz", labels, like=image)
    nnunet.describe_as(
        folder, channels=["T1"], labels={"background": 0, "left ventricle": 1, "right ventricle": 2},
        num_training=len(studies), version=1,
    )  # fmt: skip
    return _samples(folder, {f"VEN_{number:03d}": "train" for number in range(len(studies))})


def _samples(folder: Path, splits: dict[str, str]) -> list[Sample]:
    """Describe what was written, by the names that were given and not by what lies there."""
    description = nnunet.describe(folder)
    flat = description.file_ending in _FLAT
    made = []
    for name, split in sorted(splits.items(), key=lambda item: (item[1] == "test", item[0])):
        part, count = "Ts" if split == "test" else "Tr", 1 if flat else len(description.channels)
        paths = [folder / f"images{part}" / f"{name}_{n:04d}{description.file_ending}" for n in range(count)]
        label = None if split == "test" else folder / "labelsTr" / f"{name}{description.file_ending}"
        case = nnunet.Case(name=name, images=tuple(paths), label=label)
        made.append(Sample(_study(folder.name, case, description, virtual_origin(ABOUT)), split))
    return made
