"""REFUGE: fundus photographs with masks of disc and cup, the fovea, and glaucoma or not; three parts of 400.

Masks are BMP with 255 background, 128 disc and 0 cup; they are written once below ``unpacked/`` as PNG of 0
background, 1 disc without its cup, and 2 cup. The disc is both: two records of one structure. Photographs for
training are of another camera than the others, on purpose. The label of training pictures is their folder, of the
others a column.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._paths import below, first_of, relative
from vesalius.data.datasets._rasters import convert_once, described, pixels_of, png_bytes, save_picture
from vesalius.data.datasets._sheet import sheet_rows, write_sheet
from vesalius.data.datasets._virtual import masks, pixels, present, studies_of, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Finding, Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="REFUGE", slug="refuge", licence="by agreement, for research",
    access="Register with the challenge and download its three parts with their annotations",
    home="https://refuge.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(preset="fundus", settings=("prevalence.glaucoma=0.4",), image_size=64)

_TRAINING, _TRUTH = "REFUGE-Training400/Training400", "Annotation-Training400/Annotation-Training400"
_OTHERS = {
    "val": ("REFUGE-Validation400", "REFUGE-Validation400-GT", "V"),
    "test": ("REFUGE-Test400", "REFUGE-Test-GT", "T"),
}
_CLASSES = {"Glaucoma": True, "Non-Glaucoma": False}
_DISC, _CUP = "optic disc", "optic cup"
_BACKGROUND, _RIM, _INSIDE = 255, 128, 0


class _Row(NamedTuple):
    """What the tables state of a photograph."""

    fovea: tuple[float, float] | None
    glaucoma: bool | None


def read(root: Path) -> Iterator[Sample]:
    """Yield the photographs of the parts that are there, by name."""
    origin, parts = provenance(root, ABOUT), 0
    if (root / _TRAINING).is_dir():
        parts += 1
        rows = _rows(first_of(root / _TRUTH, "Fovea_location.xlsx", "Fovea_locations.xlsx"))
        for name, glaucoma in _CLASSES.items():
            for path in sorted((root / _TRAINING / name).glob("*.jpg")):
                row = rows.get(path.name, _Row(None, None))._replace(glaucoma=glaucoma)
                mask = root / _TRUTH / "Disc_Cup_Masks" / name / f"{path.stem}.bmp"
                yield Sample(_study(root, path, mask, row, origin), "train")
    for split, (folder, truth, letter) in _OTHERS.items():
        if (root / folder).is_dir():
            parts += 1
            rows = _rows(
                first_of(
                    root / truth,
                    "Fovea_locations.xlsx",
                    "Fovea_location.xlsx",
                    "Glaucoma_label_and_Fovea_location.xlsx",
                )
            )
            for path in sorted((root / folder).glob(f"{letter}*.jpg")):
                mask = root / truth / "Disc_Cup_Masks" / f"{path.stem}.bmp"
                yield Sample(_study(root, path, mask, rows.get(path.name, _Row(None, None)), origin), split)
    if not parts:
        require_files(root, [_TRAINING, _TRUTH], ABOUT)


def _rows(table: Path) -> dict[str, _Row]:
    if not table.exists():
        return {}
    found = {}
    for line, row in sheet_rows(table, needs=["ImgName", "Fovea_X", "Fovea_Y"]):
        label = next((value for key, value in row.items() if key.startswith("Glaucoma Label")), "")
        if label not in ("", "0", "1"):
            raise DataError(f"{table}, row {line}: glaucoma label {label!r}; expected 0 or 1")
        place = (float(row["Fovea_X"]), float(row["Fovea_Y"])) if row["Fovea_X"] else None
        found[row["ImgName"]] = _Row(place, None if label == "" else label == "1")
    return found


def _study(root: Path, path: Path, mask: Path, row: _Row, origin: Provenance) -> Study:
    image = described(path, like=Image(id="fundus", path="", modality="OP", body_part="EYE"))
    regions = []
    if mask.exists():
        name = relative(mask.with_suffix(".png"), root)
        file = str(convert_once(root, name, lambda: png_bytes(_turned(below(root, relative(mask, root))))))
        for anatomy, value, number in ((_DISC, 1, 0), (_DISC, 2, 0), (_CUP, 2, 0)):
            regions.append(
                Region(image="fundus", kind="mask", anatomy=anatomy, mask=file, mask_value=value, instance=number)
            )
    if row.fovea is not None:
        regions.append(Region(image="fundus", kind="points", anatomy="fovea", points=(row.fovea,)))
    findings: tuple[Finding, ...] = ()
    if row.glaucoma is not None:
        status = "present" if row.glaucoma else "absent"
        findings = (Finding(concept="glaucoma", status=status, source="label file"),)  # type: ignore[arg-type]
    return Study(
        id=path.stem, patient=path.stem, images=(image,), findings=findings, regions=tuple(regions), provenance=origin
    )


def _turned(mask: Path) -> NDArray[np.uint8]:
    """Return 0 background, 1 disc and 2 cup from 255, 128 and 0."""
    values = pixels_of(mask)
    grey = values if values.ndim == 2 else values[..., 0]
    found = sorted(np.unique(grey).tolist())
    if not set(found) <= {_BACKGROUND, _RIM, _INSIDE}:
        raise DataError(f"{mask}: values {found[:8]}; expected 255 (background), 128 (disc) and 0 (cup)")
    return np.select([grey == _INSIDE, grey == _RIM], [2, 1], 0).astype(np.uint8)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the three parts in their folders with BMP masks and workbooks."""
    tests, validated = studies_of(corpus, "test"), studies_of(corpus, "val")
    chosen: dict[str, list[Study]] = {"train": [], "val": [], "test": []}
    for study in sorted(corpus, key=lambda study: study.id):
        chosen["test" if study.id in tests else "val" if study.id in validated else "train"].append(study)
    made = _write_training(corpus, root, chosen["train"])
    for split, (folder, truth, letter) in _OTHERS.items():
        rows = []
        for number, study in enumerate(chosen[split], start=1):
            path, mask = (
                root / folder / f"{letter}{number:04d}.jpg",
                root / truth / "Disc_Cup_Masks" / f"{letter}{number:04d}.bmp",
            )
            row = _write_pair(corpus, study, path, mask)._replace(glaucoma="glaucoma" in present(study))
            rows.append([path.name, *(row.fovea or (None, None)), int(bool(row.glaucoma))])
            made.append(Sample(_study(root, path, mask, row, virtual_origin(ABOUT)), split))
        if rows:
            write_sheet(
                root / truth / "Fovea_locations.xlsx", ("ImgName", "Fovea_X", "Fovea_Y", "Glaucoma Label"), rows
            )
    return made


def _write_training(corpus: Corpus, root: Path, studies: list[Study]) -> list[Sample]:
    rows, made = [], []
    for name, glaucoma in _CLASSES.items():
        group = [study for study in studies if ("glaucoma" in present(study)) == glaucoma]
        for number, study in enumerate(group, start=1):
            stem = f"{'g' if glaucoma else 'n'}{number:04d}"
            path, mask = (
                root / _TRAINING / name / f"{stem}.jpg",
                root / _TRUTH / "Disc_Cup_Masks" / name / f"{stem}.bmp",
            )
            row = _write_pair(corpus, study, path, mask)._replace(glaucoma=glaucoma)
            rows.append([path.name, *(row.fovea or (None, None))])
            made.append(Sample(_study(root, path, mask, row, virtual_origin(ABOUT)), "train"))
    write_sheet(root / _TRUTH / "Fovea_location.xlsx", ("ImgName", "Fovea_X", "Fovea_Y"), rows)
    return made


def _write_pair(corpus: Corpus, study: Study, path: Path, mask: Path) -> _Row:
    shape = study.images[0].shape
    disc, cup = (union(corpus, masks(study, anatomy=[name]), shape) for name in (_DISC, _CUP))
    save_picture(path, pixels(corpus, study.images[0]))
    save_picture(mask, np.select([cup, disc], [_INSIDE, _RIM], _BACKGROUND).astype(np.uint8))
    points = [part.points[0] for part in study.regions if part.anatomy == "fovea" and part.points]
    return _Row((float(points[0][0]), float(points[0][1])) if points else None, None)
