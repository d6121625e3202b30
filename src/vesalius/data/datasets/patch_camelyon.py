"""PatchCamelyon: 327,680 patches of lymph node sections, tumour in the centre or not, in HDF5 files.

`y` has trailing axes of length 1. The label is of the central 32 × 32 pixels. Patches are unpacked once as PNG. The
tables of metadata name the slide, which is the patient here; where they are missing each patch counts as one. Files
may be packed as .gz: unpack them first, because they cannot be read in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._rasters import convert_once, png_bytes
from vesalius.data.datasets._virtual import pixels, present, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.records import Finding, Image, Measurement, Provenance, Study
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="PatchCamelyon", slug="patch_camelyon", licence="CC0 1.0",
    access="It is open: download the .h5.gz files and the tables from Zenodo and unpack them",
    home="https://zenodo.org/records/2546921",
)  # fmt: skip
TWIN = Twin(preset="pathology", image_size=96)

_PARTS = {"train": "train", "valid": "val", "test": "test"}
_FILE = "camelyonpatch_level_2_split_{part}_{what}"
_SIZE, _BLOCK = 96, 256
_SPACING_MM = 0.00097
"""The release states 0.97 µm a pixel (10x), its files do not."""
_HEADER = ("", "tumor_patch", "center_tumor_patch", "wsi", "coord_x", "coord_y")
_TUMOUR = "tumour_metastasis"
_VIRTUAL = ("colorectal_adenocarcinoma", "breast_carcinoma", "prostate_carcinoma", "squamous_cell_carcinoma")


def read(root: Path) -> Iterator[Sample]:
    """Yield the patches of the parts that are there, by number."""
    parts = [part for part in _PARTS if (root / f"{_FILE.format(part=part, what='x')}.h5").exists()]
    if not parts:
        require_files(root, [f"{_FILE.format(part=part, what=what)}.h5" for part in _PARTS for what in "xy"], ABOUT)
    require_files(root, [f"{_FILE.format(part=part, what='y')}.h5" for part in parts], ABOUT)
    origin = provenance(root, ABOUT)
    for part in parts:
        table = root / f"{_FILE.format(part=part, what='meta')}.csv"
        rows = (row for _, row in rows_of(table, needs=["wsi"])) if table.exists() else iter(())
        for number, (values, label) in enumerate(_patches(root, part)):
            yield Sample(_study(root, part, number, values, label, next(rows, {}), origin), _PARTS[part])


def _patches(root: Path, part: str) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Yield patches and labels, a block at a time."""
    h5py = require("h5py", purpose="reading PatchCamelyon's HDF5 files")
    path, labels = (root / f"{_FILE.format(part=part, what=what)}.h5" for what in "xy")
    try:
        with h5py.File(path) as pictures, h5py.File(labels) as truth:
            x, y = pictures["x"], truth["y"]
            if x.shape[1:] != (_SIZE, _SIZE, 3) or len(x) != len(y):
                raise DataError(f"{path}: {x.shape} against {y.shape} labels; expected (N, 96, 96, 3) and N labels")
            for start in range(0, len(x), _BLOCK):
                flags = np.asarray(y[start : start + _BLOCK]).reshape(-1)
                yield from zip(np.asarray(x[start : start + _BLOCK], np.uint8), map(int, flags), strict=True)
    except DECODER_FAULTS as error:
        raise DataError(f"{path}: broken or truncated HDF5 ({error}); download and unpack it again") from None


def _study(
    root: Path, part: str, number: int, values: NDArray[np.uint8], label: int, row: Mapping[str, str],
    origin: Provenance,
) -> Study:  # fmt: skip
    name = f"{part}_{number:06d}"
    path = convert_once(root, f"{part}/{name}.png", lambda: png_bytes(values))
    image = Image(
        id="patch", path=str(path), modality="SM", shape=(_SIZE, _SIZE), channels=3, units="rgb", sequence="H&E",
        spacing_mm=(_SPACING_MM, _SPACING_MM), body_part="LYMPH NODE",
    )  # fmt: skip
    if label not in (0, 1):
        raise DataError(f"{root}: {name} has the label {label}; expected 0 or 1")
    status: Literal["present", "absent"] = "present" if label else "absent"
    places = [
        Measurement(
            name=f"{axis} on the slide", value=float(row[f"coord_{axis}"]), unit="1", image="patch", source="table"
        )
        for axis in ("x", "y")
        if row.get(f"coord_{axis}")
    ]
    return Study(
        id=name, patient=row.get("wsi") or name, images=(image,), measurements=tuple(places), provenance=origin,
        findings=(Finding(concept=_TUMOUR, anatomy="central 32 × 32 pixels", status=status, source="label file"),),
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the HDF5 files of all parts and their tables; two patches a slide."""
    h5py = require("h5py", purpose="writing the twin of PatchCamelyon")
    made, origin = [], virtual_origin(ABOUT)
    for part, ours in _PARTS.items():
        chosen = [study for study in sorted(corpus, key=lambda one: one.id) if study.id in studies_of(corpus, ours)]
        values = [pixels(corpus, study.images[0]).astype(np.uint8) for study in chosen]
        labels = [int(any(name in present(study) for name in _VIRTUAL)) for study in chosen]
        rows = [
            (str(n), str(label == 1), str(label == 1), f"camelyon16_{part}_virtual_{n // 2}", str(96 * n), "0")
            for n, label in enumerate(labels)
        ]
        for what, name, array in (("x", "x", np.array(values, np.uint8).reshape(-1, _SIZE, _SIZE, 3)),
                                  ("y", "y", np.array(labels, np.uint8).reshape(-1, 1, 1, 1))):  # fmt: skip
            with h5py.File(root / f"{_FILE.format(part=part, what=what)}.h5", "w") as file:
                file.create_dataset(name, data=array, track_times=False)
        write_rows(root / f"{_FILE.format(part=part, what='meta')}.csv", _HEADER, rows)
        for number, (value, label, row) in enumerate(zip(values, labels, rows, strict=True)):
            stated = dict(zip(_HEADER, row, strict=True))
            made.append(Sample(_study(root, part, number, value, label, stated, origin), ours))
    return made
