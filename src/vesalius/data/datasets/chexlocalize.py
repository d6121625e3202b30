"""CheXlocalize: the test part of CheXpert with labels, and segmentations of ten findings on its val and test part.

Each finding of a picture is a mask, written once below ``unpacked``, and its polygons. "val" and "test" are splits of
evaluation: nothing here is for training. The segmentations call lung opacity "Airspace Opacity". Labels of the test
part stand in ``CheXpert/test_labels.csv``; those of the val part in ``CheXpert/val_labels.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image as Picture

from vesalius.data.chexpert_labels import ALIASES, LABELS, findings_of_row
from vesalius.data.corpus import Corpus
from vesalius.data.datasets._pictures import Case, Gaps, cases, encoded_mask, pixels_of, write_picture
from vesalius.data.datasets._tables import Line, form, groups, read_json, read_rows, write_json, write_rows
from vesalius.data.datasets._twin_labels import labelled
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, unpacked
from vesalius.data.records import Finding, Image, Provenance, Region, Study
from vesalius.data.rle import decode_coco, encode_coco
from vesalius.errors import DataError, did_you_mean

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="CheXlocalize", slug="chexlocalize", licence="Stanford University Dataset Research Use Agreement",
    access="It needs registration: accept the research use agreement of the Stanford AIMI Center and download it",
    home="https://stanfordaimi.azurewebsites.net/datasets/23c56a0d-15de-405b-87c8-99c30138950c",
)  # fmt: skip
TWIN = Twin(preset="chest-wide", image_size=96)

_SOURCE = "radiologists"
_PARTS = ("val", "test")
_NAMES = {**LABELS, **{alias: LABELS[name] for alias, name in ALIASES.items()}}
_DRAWN = {
    "Enlarged Cardiomediastinum": ("aortic_aneurysm",), "Cardiomegaly": ("cardiomegaly",), "Edema": ("edema",),
    "Airspace Opacity": ("consolidation", "ground_glass"), "Consolidation": ("consolidation",),
    "Lung Lesion": ("lung_mass", "lung_nodule", "lung_metastases"), "Atelectasis": ("atelectasis",),
    "Pneumothorax": ("pneumothorax",), "Pleural Effusion": ("pleural_effusion",),
    "Support Devices": ("pacemaker", "chest_drain", "endotracheal_tube", "central_venous_catheter"),
}  # fmt: skip
"""The ten segmented findings, and the concepts of ours that are drawn so in a twin."""


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies of the val part, where its tables are there, and of the test part."""
    require_files(root, ["CheXpert/test_labels.csv", "CheXlocalize/gt_segmentations_test.json"], ABOUT)
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for part in _PARTS:
        table = root / "CheXpert" / f"{part}_labels.csv"
        segmented = root / "CheXlocalize" / f"gt_segmentations_{part}.json"
        if not (table.exists() and segmented.exists()):
            continue
        masks = read_json(segmented, dict)
        drawn = root / "CheXlocalize" / f"gt_annotations_{part}.json"
        outlines = read_json(drawn, dict) if drawn.exists() else {}
        for study, rows in groups(read_rows(table, ("Path", "No Finding")), _study_of):
            with form(f"{segmented}, {study}"):
                made = _study(root, study, rows, masks, outlines, gaps=gaps, origin=origin)
            yield Sample(made, part)
    gaps.tell()


def _study_of(line: Line) -> str:
    return "/".join(PurePosixPath(line.cells["Path"]).parts[-3:-1])


def _study(
    root: Path, name: str, rows: Sequence[Line], masks: Mapping[str, Any], outlines: Mapping[str, Any], *,
    gaps: Gaps, origin: Provenance,
) -> Study:  # fmt: skip
    images: list[Image] = []
    regions: list[Region] = []
    findings: list[Finding] = []
    for row in rows:
        parts = PurePosixPath(row.cells["Path"]).parts[-4:]
        findings += findings_of_row(row.cells, source=_SOURCE, where=f"{root}/CheXpert, line {row.number}")
        path = root / "CheXpert" / Path(*parts)
        found = gaps.head(path) if ".." not in parts else None
        if found:
            images.append(_image(path, found.shape))
            key = "_".join((*parts[1:3], path.stem))
            regions += _masks(root, path.stem, key, found.shape, masks.get(key, {}))
            regions += _outlines(path.stem, f"{root}, {key}", outlines.get(key, {}))
    return Study(
        id=name, patient=name.partition("/")[0], images=tuple(images), findings=tuple(dict.fromkeys(findings)),
        regions=tuple(regions), provenance=origin,
    )  # fmt: skip


def _image(path: Path, shape: tuple[int, int]) -> Image:
    view = path.stem.rpartition("_")[2].upper()
    return Image(
        id=path.stem, path=str(path), modality="DX", shape=shape, units="display", view=view, body_part="CHEST"
    )


def _masks(root: Path, image: str, key: str, shape: tuple[int, int], stated: Mapping[str, Any]) -> Iterator[Region]:
    for label, code in stated.items():
        concept = _concept(label, f"{root}, {key}")
        if tuple(code["size"]) != shape:
            raise DataError(f"{root}, {key}: mask of {label} is {code['size']}, the picture {shape} (rows, columns)")
        try:
            mask = decode_coco(code["counts"], shape)
        except DataError as error:
            raise DataError(f"{root}, {key}, {label}: {error}") from None
        if mask.any():
            name = f"masks/{key}/{concept}.png"
            path = unpacked(root, name, encoded_mask(mask))
            yield Region(image=image, kind="mask", concept=concept, mask=str(path))


def _outlines(image: str, where: str, stated: Mapping[str, Any]) -> Iterator[Region]:
    """Yield the polygons of a picture: lists of (x, y) by finding; ``img_size`` stands among them."""
    for label, outlines in stated.items():
        if label != "img_size":
            for number, outline in enumerate(outlines):
                points = tuple((float(x), float(y)) for x, y in outline)
                if points:
                    yield Region(
                        image=image, kind="contour", concept=_concept(label, where), points=points, instance=number
                    )


def _concept(label: str, where: str) -> str:
    if label not in _NAMES:
        raise DataError(f"{where}: finding {label!r}{did_you_mean(label, _NAMES)}")
    return _NAMES[label]


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures, labels and segmentations; a third of the patients are the val part."""
    made: dict[str, list[Sample]] = {part: [] for part in _PARTS}
    rows: dict[str, list[tuple[str, ...]]] = {part: [] for part in _PARTS}
    masks: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    outlines: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for case in cases(corpus):
        part = "val" if case.patient % 3 == 0 else "test"
        name = f"patient{90000 + case.patient}/study{case.visit + 1}"
        path = root / "CheXpert" / part / name / "view1_frontal.jpg"
        source = case.study.images[0]
        write_picture(path, pixels_of(corpus, source.path))
        codes = {label: code.replace("-1.0", "0.0") for label, code in
                 labelled(case, list(LABELS), silent=False).items()}  # fmt: skip
        rows[part].append((f"{part}/{name}/{path.name}", *codes.values()))
        key = f"{name.replace('/', '_')}_{path.stem}"
        masks[part][key], outlines[part][key] = _segmented(corpus, case)
        shape = (source.shape[0], source.shape[1])
        regions = (
            *_masks(root, path.stem, key, shape, masks[part][key]),
            *_outlines(path.stem, key, outlines[part][key]),
        )
        study = Study(
            id=name, patient=name.partition("/")[0], images=(_image(path, shape),),
            findings=findings_of_row(codes, source=_SOURCE, where=name), regions=regions,
            provenance=Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True),
        )  # fmt: skip
        made[part].append(Sample(study, part))
    for part in _PARTS:
        write_rows(root / "CheXpert" / f"{part}_labels.csv", ("Path", *LABELS), rows[part])
        write_json(root / "CheXlocalize" / f"gt_segmentations_{part}.json", masks[part])
        write_json(root / "CheXlocalize" / f"gt_annotations_{part}.json", outlines[part])
    return [sample for samples in made.values() for sample in samples]


def _segmented(corpus: Corpus, case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the codes of all ten findings, empty ones too, and the corners of the boxes of those that are there."""
    image = case.study.images[0]
    height, width = image.shape
    codes: dict[str, Any] = {}
    outlines: dict[str, Any] = {"img_size": [height, width]}
    for label, concepts in _DRAWN.items():
        mask = np.zeros((height, width), bool)
        for region in case.study.regions:
            if region.image == image.id and region.kind == "mask" and region.concept in concepts:
                with Picture.open(corpus.path(region.mask)) as picture:
                    mask |= np.asarray(picture) == region.mask_value
        codes[label] = {"size": [height, width], "counts": encode_coco(mask)}
        if mask.any():
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            top, bottom, left, right = map(int, (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))
            outlines[label] = [[[left, top], [right, top], [right, bottom], [left, bottom]]]
    return codes, outlines
