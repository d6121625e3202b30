"""SIIM-ACR Pneumothorax Segmentation: 12 047 labelled frontal radiographs with masks of the pneumothorax.

Masks are run-length codes whose offsets count from the end of the run before, down the columns; several rows of one
picture are one mask, which is written once below ``unpacked``; each row is a box of its own. "-1" (with or without a
space) is a picture without pneumothorax. Pictures in ``dicom-images-test`` have no labels. An ImageId names a
picture, and no person is known.

The public remake as PNG (``png_images``, ``png_masks``, ``stage_1_train_images.csv``) is read where no run-length
table is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._dicom import image_of, write_dicom
from vesalius.data.datasets._pictures import Gaps, cases, encoded_mask, pixels_of
from vesalius.data.datasets._tables import Line, find, read_rows, write_lines
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, unpacked
from vesalius.data.records import Box, Finding, Image, Provenance, Region, Study
from vesalius.data.rle import decode_relative, encode_relative
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="SIIM-ACR Pneumothorax Segmentation", slug="siim_pneumothorax",
    licence="SIIM-ACR Pneumothorax Segmentation terms of use",
    access="It needs an account: accept the rules of the challenge on Kaggle, download the images and train-rle.csv",
    home="https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation",
)  # fmt: skip
TWIN = Twin(preset="chest", settings=("prevalence.pneumothorax=0.6", "normal=0.3"), image_size=96)

_TABLES = ("train-rle.csv", "stage_2_train.csv")
_TRAIN, _TEST = "dicom-images-train", "dicom-images-test"
_HEADER = "ImageId, EncodedPixels"
_REMAKE = {"train": "stage_1_train_images.csv", "test": "stage_1_test_images.csv"}
_CONCEPT, _SOURCE = "pneumothorax", "radiologists"


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a picture: labelled ones as "train" in the order of the table, then "test" without labels."""
    table = find(root, *_TABLES)
    if table is None and (root / _REMAKE["train"]).exists():
        yield from _read_remake(root)
        return
    require_files(root, [*([] if table else [_TABLES[0]]), _TRAIN], ABOUT)
    assert table is not None
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    files = {path.stem: path for path in sorted((root / _TRAIN).rglob("*.dcm"))}
    for name, codes in _codes(table).items():
        opened = image_of(files.get(name, root / _TRAIN / f"{name}.dcm"), "cxr", gaps)
        image = opened[0] if opened else None
        regions = _regions(root, name, image, codes) if image else ()
        yield Sample(_study(name, image, bool(codes), regions, origin), "train")
    for path in sorted((root / _TEST).rglob("*.dcm")):
        opened = image_of(path, "cxr", gaps)
        yield Sample(_study(path.stem, opened[0] if opened else None, None, (), origin), "test")
    gaps.tell()


def _codes(table: Path) -> Mapping[str, list[str]]:
    """Return the codes of each picture, none where it has no pneumothorax."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in read_rows(table, ("ImageId", "EncodedPixels")):
        codes = found[line.cells["ImageId"]]
        if line.cells["EncodedPixels"] not in ("-1", ""):
            codes.append(line.cells["EncodedPixels"])
    return found


def _regions(root: Path, name: str, image: Image, codes: Sequence[str]) -> tuple[Region, ...]:
    try:
        masks = [decode_relative(code, (image.shape[0], image.shape[1])) for code in codes]
    except DataError as error:
        raise DataError(f"{root}, {name}: {error}") from None
    masks = [mask for mask in masks if mask.any()]
    if not masks:
        return ()
    path = unpacked(root, f"masks/{name}.png", encoded_mask(np.logical_or.reduce(masks)))
    whole = Region(image="cxr", kind="mask", concept=_CONCEPT, mask=str(path))
    boxes = (Region(image="cxr", kind="box", concept=_CONCEPT, box=_box(mask), instance=number)
             for number, mask in enumerate(masks))  # fmt: skip
    return (whole, *boxes)


def _box(mask: NDArray[np.bool_]) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _study(
    name: str, image: Image | None, present: bool | None, regions: tuple[Region, ...], origin: Provenance
) -> Study:
    findings: tuple[Finding, ...] = ()
    if present is not None:
        findings = (Finding(concept=_CONCEPT, status="present" if present else "absent", source=_SOURCE),)
    return Study(
        id=name, patient=name, images=(image,) if image else (), findings=findings, regions=regions, provenance=origin
    )


def _read_remake(root: Path) -> Iterator[Sample]:
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for part, table in _REMAKE.items():
        if (root / table).exists():
            for line in read_rows(root / table, ("new_filename", "ImageId", "has_pneumo")):
                yield Sample(_remade(root, line, gaps, origin), part)
    gaps.tell()


def _remade(root: Path, line: Line, gaps: Gaps, origin: Provenance) -> Study:
    path = root / "png_images" / line.cells["new_filename"]
    mask = root / "png_masks" / line.cells["new_filename"]
    found = gaps.head(path)
    present = line.cells["has_pneumo"].removesuffix(".0") == "1"
    image = None
    if found:
        image = Image(id="cxr", path=str(path), modality="DX", shape=found.shape, units="display", body_part="CHEST")
    regions: tuple[Region, ...] = ()
    if image and present and mask.is_file():
        value = _largest(mask)
        regions = (Region(image="cxr", kind="mask", concept=_CONCEPT, mask=str(mask), mask_value=value),)
    return _study(line.cells["ImageId"], image, present, regions, origin)


def _largest(path: Path) -> int:
    """Value of the mask's pixels, 1 or 255."""
    with Picture.open(path, formats=("PNG",)) as picture:
        return int(picture.convert("L").getextrema()[1])  # type: ignore[arg-type]


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write DICOM files three folders deep and the table: a mask in two rows, "-1" with and without a space."""
    lines = [_HEADER]
    made: dict[str, list[Sample]] = {"train": [], "test": []}
    for case in cases(corpus):
        part = "test" if case.split == "test" else "train"
        name = f"9.2.840.{case.number:010d}"
        folder = root / (_TEST if part == "test" else _TRAIN) / f"9.1.{case.number:06d}" / f"9.2.{case.number:06d}"
        source = case.study.images[0]
        write_dicom(folder / f"{name}.dcm", pixels_of(corpus, source.path), bits=8, modality="CR",
                    tags={"ViewPosition": source.view, "PatientSex": case.study.sex})  # fmt: skip
        image = Image(id="cxr", path=str(folder / f"{name}.dcm"), modality="CR", shape=source.shape, units="stored",
                      view=source.view, body_part="CHEST")  # fmt: skip
        codes = _written(corpus, case.study, source.id) if part == "train" else []
        regions = _regions(root, name, image, codes)
        if part == "train":
            lines += [f"{name}, {code}" for code in codes] or [f"{name},{' ' * (case.number % 2)}-1"]
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        present = bool(codes) if part == "train" else None
        made[part].append(Sample(_study(name, image, present, regions, origin), part))
    write_lines(root / _TABLES[0], lines)
    return [*made["train"], *made["test"]]


def _written(corpus: Corpus, study: Study, image: str) -> list[str]:
    """Return the codes of a study's pneumothorax: its upper and its lower half, as two readers' regions come."""
    for region in study.regions:
        if region.image == image and region.kind == "mask" and region.concept == _CONCEPT:
            with Picture.open(corpus.path(region.mask)) as picture:
                mask = np.asarray(picture) == region.mask_value
            middle = int(np.flatnonzero(mask.any(axis=1)).mean()) + 1
            upper, lower = mask.copy(), mask.copy()
            upper[middle:], lower[:middle] = False, False
            return [encode_relative(half) for half in (upper, lower) if half.any()]
    return []
