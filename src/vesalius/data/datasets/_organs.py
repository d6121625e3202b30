"""Structures of the body in label maps and mask files: names, records, and what stands for them in twins."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._virtual import label_map, pixels
from vesalius.data.datasets._volumes import write_volume
from vesalius.data.records import Image, Region, Study
from vesalius.errors import DataError

__all__ = ["file_regions", "listed", "structure_of", "value_regions", "virtual_names", "write_case", "write_masks"]

_SAME = {
    "gall bladder": "gallbladder", "postcava": "inferior vena cava", "arota": "aorta", "esophagus": "oesophagus",
    "celiac trunk": "coeliac artery", "bladder": "urinary bladder",
}  # fmt: skip
"""Spellings of releases, one of them a slip, and ours."""
_VIRTUAL = {
    "aorta": ("abdominal aorta",), "bladder": ("urinary bladder",), "hepatic vessel": ("hepatic veins",),
    "portal vein and splenic vein": ("portal vein", "splenic vein"), "intestine": ("small bowel",),
    "prostate or uterus": ("prostate", "uterus"), "kidneys": ("left kidney", "right kidney"),
}  # fmt: skip
"""Structures of virtual patients that stand for another name."""


def structure_of(name: str) -> str:
    """Return a structure's name in our words, such as "left kidney" for ``kidney_left``."""
    words = name.casefold().replace("/", " or ").replace("_", " ").split()
    sides = [word for word in words if word in ("left", "right")]
    plain = " ".join(word for word in words if word not in sides)
    return " ".join([*sides, _SAME.get(plain, plain)])


def virtual_names(structure: str) -> tuple[str, ...]:
    """Return the structures of virtual patients that stand for one."""
    return _VIRTUAL.get(structure, (structure,))


def value_regions(
    label: Path, values: Mapping[int, str], *, image: str, findings: Collection[str] = ()
) -> tuple[Region, ...]:
    """Return a mask record for each value of a label map; names of `findings` are concepts, the others structures."""
    return tuple(
        Region(image=image, kind="mask", mask=str(label), mask_value=value,
               concept=name if name in findings else "", anatomy="" if name in findings else name)
        for value, name in values.items()
    )  # fmt: skip


def file_regions(folder: Path, *, image: str, findings: Mapping[str, str] | None = None) -> tuple[Region, ...]:
    """Return a mask record for each file of a folder, named by its structure; whether it is empty is not looked at.

    Args:
        folder: holds ``<structure>.nii.gz``, value 1 inside.
        image: id of the image on whose grid they are.
        findings: stems of files that show a finding, and its concept.
    """
    concepts = findings or {}
    return tuple(
        Region(image=image, kind="mask", mask=str(path), concept=concepts.get(stem, ""),
               anatomy="" if stem in concepts else structure_of(stem))
        for path in sorted(folder.glob("*.nii.gz"))
        if not path.name.startswith(".") and (stem := path.name.removesuffix(".nii.gz"))
    )  # fmt: skip


def listed(root: Path, document: Mapping[str, Any], key: str, *, where: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield image and label of a list of `dataset.json`; entries are paths, or objects with image and label.

    Raises:
        DataError: an entry of another form, or a path that leaves the release.
    """
    for entry in document.get(key, []):
        if isinstance(entry, str):
            yield below(root, entry), None
        elif isinstance(entry, dict) and "image" in entry:
            yield below(root, str(entry["image"])), below(root, str(entry["label"])) if entry.get("label") else None
        else:
            raise DataError(f"{where}: {key} has the entry {entry!r}; expected a path, or image and label")


def write_case(
    corpus: Corpus, study: Study, image: Image, values: Mapping[int, Sequence[str]], *, path: Path, label: Path | None
) -> None:
    """Write a volume of a twin and the label map of it; `values` stands for concepts or structures."""
    write_volume(path, pixels(corpus, image), like=image)
    if label is not None:
        write_volume(label, label_map(corpus, study, values, image=image), like=image)


def write_masks(corpus: Corpus, study: Study, image: Image, names: Sequence[str], *, folder: Path) -> None:
    """Write one file a structure, empty where it is not seen."""
    for name in names:
        wanted = [*virtual_names(structure_of(name)), *virtual_names(name)]
        values: NDArray[np.uint8] = label_map(corpus, study, {1: wanted}, image=image)
        write_volume(folder / f"{name}.nii.gz", values, like=image)
