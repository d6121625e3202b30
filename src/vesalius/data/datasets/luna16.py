"""LUNA16: 888 chest CTs of LIDC-IDRI in ten subsets, with 1,186 nodules of at least 3 mm by at least three readers.

Nodules are stated in millimetres of the patient (LPS) and become points in voxels by the header of the scan, which
may run against an axis. The subsets are the folds of the official cross-validation: the split is "subset0" to
"subset9". Findings of fewer readers, if `annotations_excluded.csv` of the scorer is there, are neither right nor
wrong there and have a concept of their own here. Series are taken for patients. Every scan is also in LIDC-IDRI.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._virtual import label_map, pixels
from vesalius.data.datasets._volumes import require_same_grid, volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.readers import metaimage
from vesalius.data.records import Image, Measurement, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="LUNA16", slug="luna16", licence="CC BY 4.0",
    access="It is open: download subset0.zip to subset9.zip and annotations.csv from Zenodo and unpack them",
    home="https://luna16.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(preset="chest-ct", settings=("prevalence.lung_nodule=0.6", "prevalence.lung_mass=0.3"), image_size=24)

_HEADER = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
_EXCLUDED = ("annotations_excluded.csv", "evaluationScript/annotations/annotations_excluded.csv")
_NODULE, _OTHER = "lung_nodule", "lung_finding_of_few_readers"
_LUNGS = {3: "left lung", 4: "right lung", 5: "trachea"}
_NODULES = ("lung_nodule", "lung_mass", "lung_metastases")


class _Mark:
    """A row of a table: where a nodule lies, and how large it is."""

    def __init__(self, place: tuple[float, float, float], diameter_mm: float, concept: str) -> None:
        self.place, self.diameter_mm, self.concept = place, diameter_mm, concept


def read(root: Path) -> Iterator[Sample]:
    """Yield the scans of the subsets that are there, by subset and series."""
    folders = [root / f"subset{number}" for number in range(10) if (root / f"subset{number}").is_dir()]
    require_files(root, ["annotations.csv"] if folders else ["subset0", "annotations.csv"], ABOUT)
    marks = _marks(root / "annotations.csv", _NODULE)
    excluded = next((root / name for name in _EXCLUDED if (root / name).exists()), None)
    others = _marks(excluded, _OTHER) if excluded else {}
    origin = provenance(root, ABOUT)
    for folder in folders:
        for path in sorted(folder.glob("*.mhd")):
            found = [*marks.get(path.stem, ()), *others.get(path.stem, ())]
            yield Sample(_study(root, path, found, origin), folder.name)


def _marks(table: Path, concept: str) -> Mapping[str, Sequence[_Mark]]:
    found: dict[str, list[_Mark]] = defaultdict(list)
    for line, row in rows_of(table, needs=_HEADER):
        try:
            x, y, z, diameter = (float(row[name]) for name in _HEADER[1:])
        except ValueError:
            raise DataError(
                f"{table}, line {line}: {list(row.values())}; expected three places and a diameter"
            ) from None
        found[row["seriesuid"]].append(_Mark((x, y, z), diameter, concept))
    return found


def _study(root: Path, path: Path, marks: Sequence[_Mark], origin: Provenance) -> Study:
    image = volume(path, like=Image(id="ct", path="", modality="CT", units="HU", body_part="CHEST"))
    geometry = metaimage.describe(path).geometry
    if geometry is None or not geometry.directions:
        raise DataError(
            f"{path}: no Offset, TransformMatrix and ElementSpacing, without which no nodule can be placed"
        )
    regions, measured = [], []
    for number, mark in enumerate(marks):
        slice_, row, column = (round(float(value), 3) for value in geometry.to_index(mark.place))
        regions.append(
            Region(image="ct", kind="points", concept=mark.concept, points=((column, row, slice_),), instance=number)
        )
        if mark.diameter_mm > 0:
            measured.append(Measurement(name=f"diameter of mark {number}", value=mark.diameter_mm, unit="mm",
                                        image="ct", source="annotations"))  # fmt: skip
    lungs = root / "seg-lungs-LUNA16" / path.name
    if lungs.exists():
        require_same_grid(path, lungs)
        regions += [Region(image="ct", kind="mask", mask=str(lungs), mask_value=value, anatomy=name)
                    for value, name in _LUNGS.items()]  # fmt: skip
    return Study(
        id=path.stem, patient=path.stem, images=(image,), regions=tuple(regions), measurements=tuple(measured),
        provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write scans in subsets by turns, every second one with its rows and columns running backwards."""
    made, rows = [], []
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        uid = f"1.3.6.1.4.1.14519.5.2.1.6279.6001.999{number:03d}"
        path = root / f"subset{number % 10}" / f"{uid}.mhd"
        image, backwards = study.images[0], number % 2 == 1
        lungs = {3: ["left upper lobe", "left lower lobe"],
                 4: ["right upper lobe", "right middle lobe", "right lower lobe"], 5: ["trachea"]}  # fmt: skip
        _write_meta(path, pixels(corpus, image).astype("<i2"), image, backwards=backwards)
        labels = label_map(corpus, study, lungs, image=image)
        _write_meta(root / "seg-lungs-LUNA16" / path.name, labels, image, backwards=backwards)
        marks = [_placed(study, part) for part in study.regions if part.kind == "box" and part.concept in _NODULES]
        rows += [(uid, *mark.place, mark.diameter_mm) for mark in marks]
        made.append((path, marks))
    write_rows(root / "annotations.csv", _HEADER, rows)
    made.sort(key=lambda pair: (pair[0].parent.name, pair[0].name))
    return [Sample(_study(root, path, marks, virtual_origin(ABOUT)), path.parent.name) for path, marks in made]


def _placed(study: Study, part: Region) -> _Mark:
    """Return the middle of a box of a slice in millimetres, and its mean width."""
    image, box = study.images[0], part.box
    assert box is not None, "only boxes are asked for"
    z, y, x = image.spacing_mm
    left, back, low = image.origin_mm
    middle = ((box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2, float(part.frame or 0))
    place = (left + x * middle[0], back + y * middle[1], low + z * middle[2])
    return _Mark(place, round((x * (box[2] - box[0]) + y * (box[3] - box[1])) / 2, 3), _NODULE)


def _write_meta(path: Path, values: NDArray[np.generic], image: Image, *, backwards: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    z, y, x = image.spacing_mm
    left, back, low = image.origin_mm
    sign = -1 if backwards else 1
    if backwards:
        values = values[:, ::-1, ::-1]
        left, back = left + x * (values.shape[2] - 1), back + y * (values.shape[1] - 1)
    kind = "MET_SHORT" if values.dtype == np.dtype("<i2") else "MET_UCHAR"
    fields = {
        "ObjectType": "Image", "NDims": 3, "BinaryData": "True", "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False", "TransformMatrix": f"{sign} 0 0 0 {sign} 0 0 0 1",
        "Offset": f"{left!r} {back!r} {low!r}", "CenterOfRotation": "0 0 0", "AnatomicalOrientation": "RAI",
        "ElementSpacing": f"{x!r} {y!r} {z!r}", "DimSize": " ".join(str(count) for count in reversed(values.shape)),
        "ElementType": kind, "ElementDataFile": f"{path.stem}.raw",
    }  # fmt: skip
    path.write_text("".join(f"{key} = {value}\n" for key, value in fields.items()), encoding="ascii")
    path.with_suffix(".raw").write_bytes(np.ascontiguousarray(values).tobytes())
