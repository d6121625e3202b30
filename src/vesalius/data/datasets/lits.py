"""LiTS: CT of the liver with masks of liver and lesions in plain .nii; labels of the 70 test volumes are kept back.

The same data are task 3 of the Medical Segmentation Decathlon under other numbers. Headers are given as they are:
some copies state a spacing of 1 mm or a flipped axis, and volumes 28 to 47 lie mirrored against the others in known
copies, so that sides are not to be trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._organs import value_regions
from vesalius.data.datasets._virtual import label_map, pixels, studies_of
from vesalius.data.datasets._volumes import volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "LABELS", "TWIN", "read", "write"]

ABOUT = About(
    title="LiTS Liver Tumor Segmentation", slug="lits", licence="CC BY-NC-ND 4.0",
    access="It is open: register with the challenge and download both training batches and the test volumes",
    home="https://competitions.codalab.org/competitions/17094",
)  # fmt: skip
TWIN = Twin(preset="abdomen-ct", settings=("prevalence.liver_metastases=0.6", "normal=0"), image_size=32)

LABELS = {1: "liver", 2: "liver_lesion"}
"""Values of the label maps; the second is a finding."""
_LESIONS = (
    "liver_metastases", "hepatocellular_carcinoma", "liver_cyst", "haemangioma", "liver_abscess",
)  # fmt: skip


def read(root: Path) -> Iterator[Sample]:
    """Yield the volumes of all batches below the root by number, "train" with labels, then "test" without."""
    found = {kind: sorted(root.rglob(f"{kind}-*.nii*"), key=_number) for kind in ("volume", "test-volume")}
    if not found["volume"] and not found["test-volume"]:
        require_files(root, ["Training Batch 1/volume-0.nii", "Training Batch 1/segmentation-0.nii"], ABOUT)
    origin = provenance(root, ABOUT)
    for path in [*found["volume"], *found["test-volume"]]:
        yield _sample(path, origin)


def _number(path: Path) -> int:
    found = re.fullmatch(r"(?:test-)?volume-(\d+)\.nii(?:\.gz)?", path.name)
    if found is None:
        raise DataError(f"{path}: expected a name such as volume-0.nii or test-volume-0.nii")
    return int(found[1])


def _sample(path: Path, origin: Provenance) -> Sample:
    name = path.name.partition(".")[0]
    image = volume(path, like=Image(id="ct", path="", modality="CT", units="HU", body_part="ABDOMEN"))
    if name.startswith("test-"):
        return Sample(Study(id=name, patient=name, images=(image,), provenance=origin), "test")
    label = path.with_name(path.name.replace("volume", "segmentation"))
    shape = volume(label, like=image).shape
    if shape != image.shape:
        raise DataError(f"{label}: {shape} voxels, {path.name} has {image.shape}; download the pair again")
    regions = value_regions(label, LABELS, image="ct", findings=["liver_lesion"])
    return Sample(Study(id=name, patient=name, images=(image,), regions=regions, provenance=origin), "train")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write two batches of plain .nii files; every second volume lies mirrored, with its header saying so."""
    tests = studies_of(corpus, "test")
    counts = {"volume": 0, "test-volume": 0}
    paths = []
    for place, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        kind = "test-volume" if study.id in tests else "volume"
        folder = root if study.id in tests else root / f"Training Batch {1 + place % 2}"
        path = folder / f"{kind}-{counts[kind]}.nii"
        counts[kind] += 1
        _write(corpus, study, path, mirrored=place % 2 == 1)
        paths.append(path)
    ordered = sorted(paths, key=lambda path: (path.name.startswith("test-"), _number(path)))
    return [_sample(path, virtual_origin(ABOUT)) for path in ordered]


def _write(corpus: Corpus, study: Study, path: Path, *, mirrored: bool) -> None:
    image = study.images[0]
    values = pixels(corpus, image)
    labels = label_map(corpus, study, {1: ["liver"], 2: _LESIONS}, image=image)
    z, y, x = image.spacing_mm
    left, back, low = image.origin_mm
    affine = np.array([[-x, 0, 0, -left], [0, -y, 0, -back], [0, 0, z, low], [0, 0, 0, 1]], np.float64)
    if mirrored:
        values, labels = values[:, :, ::-1], labels[:, :, ::-1]
        affine[0, 0], affine[0, 3] = x, -(left + x * (image.shape[2] - 1))
    write_volume(path, values, like=image, affine=affine)
    if path.name.startswith("volume"):
        write_volume(path.with_name(path.name.replace("volume", "segmentation")), labels, like=image, affine=affine)
