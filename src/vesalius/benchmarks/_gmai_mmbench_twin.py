"""The tables of GMAI-MMBench with virtual patients, and the marks that are drawn on pictures.

Letters: H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.datasets.base import About
from vesalius.data.releases.picture_tables import write_picture_table
from vesalius.virtual.files import encode_png
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture, box_of
from vesalius.virtual.preset import load_preset
from vesalius.virtual.seeds import stream
from vesalius.virtual.study import pictures_of

__all__ = ["ABOUT", "GRANULARITIES", "HIDDEN", "VALIDATION", "drawn", "write"]

ABOUT = About(
    title="GMAI-MMBench", slug="gmai-mmbench", licence="Apache-2.0 for the collection; each source has its own",
    access="Download GMAI-MMBench_VAL.tsv and the test tables from the hub",
    home="https://huggingface.co/datasets/OpenGVLab/GMAI-MMBench",
)  # fmt: skip
VALIDATION = "GMAI-MMBench_VAL.tsv"
HIDDEN = tuple(f"GMAI_mm_bench_TEST_part_{number}.tsv" for number in range(1, 12))
"""Tables without answers."""
GRANULARITIES = ("image level", "box level", "mask level", "contour level")

Colour = NDArray[np.uint8]
_RED = np.array([255, 0, 0], np.uint8)
_SIZE = 128
_KINDS = (
    ("chest", "X-ray", "pulmonary medicine", ("right lung", "left lung", "heart")),
    ("dermatoscopy", "dermoscopy", "dermatology", ()),
    ("chest", "X-ray", "pulmonary medicine", ("right lung", "left lung", "heart")),
    ("fundus", "fundus photography", "ophthalmology", ("optic disc", "macula")),
)
"""Population, modality, department and structures that are asked for, in turn."""
_MARKED = {
    "image level": "does this picture show",
    "box level": "lies in the red box",
    "mask level": "is covered in red",
    "contour level": "is outlined in red",
}


def drawn(pixels: Colour, mask: NDArray[np.bool_], granularity: str) -> Colour:
    """Return a picture with a region marked; every pixel off the mark stays as it is.

    Args:
        pixels: (H, W, 3).
        mask: region, (H, W).
        granularity: of `GRANULARITIES`: nothing, the line of its box, the region half red, or its inner edge.
    """
    made = pixels.copy()
    if granularity == "box level":
        made[_box_line(mask)] = _RED
    elif granularity == "mask level":
        made[mask] = (pixels[mask].astype(np.uint16) + _RED) // 2
    elif granularity == "contour level":
        made[mask & ~_eroded(mask)] = _RED
    return made


def write(root: Path, *, patients: int, seed: int) -> None:
    """Write the validation table, and the first rows once more without answers as the hidden tables."""
    rows = [row for number in range(patients) for row in _rows(number, seed)]
    for place, row in enumerate(rows):
        row["index"] = place
    write_picture_table(root / VALIDATION, rows)
    for place, name in enumerate(HIDDEN):
        kept = [{key: cell for key, cell in row.items() if key != "answer"} for row in rows[place :: len(HIDDEN)][:2]]
        write_picture_table(root / name, kept)


def _rows(number: int, seed: int) -> Iterator[dict[str, Any]]:
    preset, modality, department, structures = _KINDS[number % len(_KINDS)]
    patient = draw_patient(seed, number, preset=preset)
    picture = pictures_of(patient, _SIZE)[0]
    known = [name for name in load_preset(preset).prevalence if name not in patient.concepts]
    about = {"modality": modality, "department": department}
    for concept in sorted(patient.concepts)[:1]:
        region = _region(picture, concept=concept)
        if region is not None:
            for granularity in GRANULARITIES:
                asked = about | {"clinical vqa task": "disease diagnosis", "perceptual granularity": granularity}
                yield _row(patient, picture, region, asked, "abnormality", concept, known)
    for anatomy in structures[number % max(len(structures), 1) :][:1]:
        region = _region(picture, anatomy=anatomy)
        if region is not None:
            level = GRANULARITIES[1 + number // len(_KINDS) % 3]
            asked = about | {"clinical vqa task": "organ recognition", "perceptual granularity": level}
            others = [name for _, _, _, names in _KINDS for name in names if name != anatomy]
            yield _row(patient, picture, region, asked, "structure", anatomy, list(dict.fromkeys(others)))


def _region(picture: Picture, *, concept: str = "", anatomy: str = "") -> NDArray[np.bool_] | None:
    """Return where a finding or a structure is, (H, W); None where nothing of it is seen."""
    masks = [
        mark.mask for mark in picture.marks
        if mark.mask is not None and mark.mask.shape == picture.shape and mark.concept == concept
        and (concept or anatomy == mark.anatomy)
    ]  # fmt: skip
    region = np.logical_or.reduce(masks) if masks else np.zeros(picture.shape, bool)
    return region if region.any() else None


def _row(
    patient: Patient, picture: Picture, region: NDArray[np.bool_], asked: dict[str, str], thing: str, label: str,
    others: list[str],
) -> dict[str, Any]:  # fmt: skip
    level = asked["perceptual granularity"]
    draw = stream(patient.seed, patient.id, "gmai", label)
    options = [label, *draw.permutation(others)[:3]]
    options = [str(options[place]).replace("_", " ") for place in draw.permutation(len(options))]
    letters = dict(zip("ABCDE", (*options, "", "", ""), strict=False))
    pixels = picture.pixels if picture.axes == "YXC" else np.repeat(picture.pixels[..., None], 3, axis=2)
    return {
        "index": 0, "image": encode_png(drawn(pixels, region, level)),
        "question": f"Which {thing} {_MARKED[level]} ({asked['modality']})?", **letters,
        "answer": "ABCDE"[options.index(label.replace("_", " "))], "category": label.replace("_", " "),
        "l2-category": asked["clinical vqa task"], "split": "val", "patient": patient.id, **asked,
    }  # fmt: skip


def _box_line(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    box = box_of(mask)
    line = np.zeros_like(mask)
    if box is not None:
        left, top, right, bottom = (int(side) for side in box)
        line[top:bottom, left:right] = True
        line[top + 1 : bottom - 1, left + 1 : right - 1] = False
    return line


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbours all belong to a region."""
    wide = np.pad(mask, 1)
    return mask & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
