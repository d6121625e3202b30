"""Kvasir-SEG: 1,000 colonoscopy frames with a polyp mask and boxes; no official split, no patients.

Masks are JPEG and are brought to 0 and 255 once, below ``unpacked/``. The file of boxes is called
`kavsir_bboxes.json` in the release; the right spelling is read, too. Ids sort by the time of upload, so that
neighbours may be of one examination: a random split may part them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._paths import first_of
from vesalius.data.datasets._rasters import binary_mask, described, save_picture
from vesalius.data.datasets._virtual import masks, pixels, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import load_json
from vesalius.data.records import Box, Finding, Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="Kvasir-SEG", slug="kvasir_seg", licence="research and education; CC BY 4.0 as part of HyperKvasir",
    access="It is open: download kvasir-seg.zip from Simula and unpack it",
    home="https://datasets.simula.no/kvasir-seg/",
)  # fmt: skip
TWIN = Twin(preset="endoscopy", settings=("prevalence.colon_polyp=0.9", "normal=0"), image_size=64)

_BOXES = ("kavsir_bboxes.json", "kvasir_bboxes.json")
_CONCEPT = "colon_polyp"
_LARGER = 3
"""Frames of the twin are this much larger than the population's, in odd sizes as in the release."""


def read(root: Path) -> Iterator[Sample]:
    """Yield the frames by name; a frame without a box in the table has none."""
    base = root / "Kvasir-SEG" if (root / "Kvasir-SEG").is_dir() else root
    table = first_of(base, *_BOXES)
    require_files(base, ["images", "masks", table.name], ABOUT)
    boxes, origin = load_json(table), provenance(root, ABOUT)
    for path in sorted((base / "images").glob("*.jpg")):
        if not (base / "masks" / path.name).exists():
            raise DataError(f"{path}: no mask {base / 'masks' / path.name}; download the archive again")
        yield Sample(_study(root, base, path.stem, boxes.get(path.stem), table, origin), "")


def _study(
    root: Path, base: Path, name: str, entry: Mapping[str, Any] | None, table: Path, origin: Provenance
) -> Study:
    image = described(
        base / "images" / f"{name}.jpg", like=Image(id="frame", path="", modality="ES", body_part="COLON")
    )
    mask = binary_mask(root, base / "masks" / f"{name}.jpg")
    regions = [Region(image="frame", kind="mask", concept=_CONCEPT, mask=str(mask), mask_value=255)]
    if entry is not None:
        if (entry.get("height"), entry.get("width")) != image.shape:
            raise DataError(
                f"{table}: {name} is {entry.get('height')} × {entry.get('width')}, its file {image.shape}"
            )
        for number, box in enumerate(entry.get("bbox", [])):
            corners = (float(box[key]) for key in ("xmin", "ymin", "xmax", "ymax"))
            regions.append(Region(image="frame", kind="box", concept=_CONCEPT, box=Box(*corners), instance=number))
    return Study(
        id=name, patient=name, images=(image,), regions=tuple(regions), provenance=origin,
        findings=(Finding(concept=_CONCEPT, source="label file"),),
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the frame of each clip that shows most polyp, its mask as JPEG, and its boxes; one frame has two."""
    entries: dict[str, Any] = {}
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        clip = study.images[0]
        found = [part for part in study.regions if part.concept == _CONCEPT and part.frame is not None]
        boxes = {part.frame: part.box for part in found if part.box is not None}
        if not boxes:
            continue
        frame = max(
            boxes, key=lambda frame: (boxes[frame][2] - boxes[frame][0]) * (boxes[frame][3] - boxes[frame][1])
        )
        name = f"virtual{number:04d}{study.id[:14]}"
        size = (clip.shape[2] * _LARGER + number, clip.shape[1] * _LARGER - number)
        mask = union(corpus, masks(study, concepts=[_CONCEPT], frame=frame), clip.shape[1:])
        save_picture(root / "images" / f"{name}.jpg", pixels(corpus, clip)[frame], size=size)
        save_picture(root / "masks" / f"{name}.jpg", np.where(mask, 255, 0).astype(np.uint8), size=size)
        entries[name] = {"height": size[1], "width": size[0], "bbox": _entry(boxes[frame], clip.shape, size, number)}
    (root / _BOXES[0]).write_text(json.dumps(entries), encoding="utf-8")
    origin = virtual_origin(ABOUT)
    return [Sample(_study(root, root, name, entries[name], root / _BOXES[0], origin), "") for name in sorted(entries)]


def _entry(box: Any, shape: tuple[int, ...], size: tuple[int, int], number: int) -> list[dict[str, Any]]:
    """Scale a box to the frame; the second frame of the twin has its box in two halves."""
    x, y = size[0] / shape[2], size[1] / shape[1]
    left, top, right, bottom = round(box[0] * x), round(box[1] * y), round(box[2] * x), round(box[3] * y)
    middle = (left + right) // 2
    spans = [(left, middle), (middle, right)] if number == 1 else [(left, right)]
    return [{"label": "polyp", "xmin": a, "ymin": top, "xmax": b, "ymax": bottom} for a, b in spans]
