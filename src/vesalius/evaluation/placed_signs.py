"""Planted things whose places are known: two signs in a picture, and discs that are to be counted.

Letters: Y rows, X columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.records import Box, Finding, Region, Study, Text
from vesalius.evaluation.signs import SIGNS, Grey, Media, sign_patch, with_sign

__all__ = ["DISC", "FINDINGS", "discs", "finding_signs", "half_told", "placed_signs"]

DISC = "disc"
"""Concept of what is counted."""
_MOST = 5
"""Discs in a picture, at most."""
_CELLS = 4
"""Discs lie in different cells of a grid of so many rows and columns."""
_SHARE = 3
"""A sign covers about one third of the shorter side, so that two of them stand side by side."""
_SIDE = 9
"""Cells of a sign with its border."""
FINDINGS = {
    "ring": ("pneumothorax", "pneumothorax"), "cross": ("edema", "pulmonary edema"),
    "star": ("consolidation", "consolidation"), "bar": ("lung_nodule", "nodule"),
    "post": ("pleural_effusion", "pleural effusion"), "stairs": ("fibrosis", "fibrosis"),
    "corner": ("cardiomegaly", "cardiomegaly"), "grid": ("emphysema", "emphysema"),
}  # fmt: skip
"""What a sign stands for where it is told as a finding of the chest: its concept and its word."""
_NOTHING = "There is a picture."


def placed_signs(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Put two different signs into the halves of every picture, each with its box; the report names both.

    What lies on which side, and how high, is drawn.
    """
    rows, columns = _size(study)
    side = max(1, min(round(min(rows, columns) / _SHARE), columns // 2))
    cells = np.arange(side) * _SIDE // side
    chosen = [SIGNS[place] for place in rng.permutation(len(SIGNS))[:2]]
    corners = [
        (int(rng.integers(rows - side + 1)), half * (columns // 2) + int(rng.integers(columns // 2 - side + 1)))
        for half in range(2)
    ]
    boxes = {f"{sign}_sign": [_box(*corner, side)] for sign, corner in zip(chosen, corners, strict=True)}
    said = " ".join(f"There is a {sign} sign." for sign in chosen)

    def draw(grey: Grey) -> Grey:
        out = np.array(grey, np.float32)
        for sign, (top, left) in zip(chosen, corners, strict=True):
            out[..., top : top + side, left : left + side] = sign_patch(sign, cell=1)[np.ix_(cells, cells)]
        return out

    return with_sign(corpus, _told(study, boxes, tuple(f"{sign}_sign" for sign in SIGNS), said), draw)


def discs(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Put none to five discs with dark rims into every picture, each with its box; the report tells how many."""
    rows, columns = _size(study)
    number = int(rng.integers(_MOST + 1))
    side = max(3, min(rows, columns) // (_CELLS + 2))
    corners = []
    for place in rng.permutation(_CELLS**2)[:number]:
        down, across = divmod(int(place), _CELLS)
        free = (rows // _CELLS - side, columns // _CELLS - side)
        corners.append(
            (
                down * (rows // _CELLS) + int(rng.integers(free[0] + 1)),
                across * (columns // _CELLS) + int(rng.integers(free[1] + 1)),
            )
        )
    boxes = {DISC: [_box(*corner, side) for corner in corners]}
    said = f"There are {number} discs." if number != 1 else "There is 1 disc."

    def draw(grey: Grey) -> Grey:
        out = np.array(grey, np.float32)
        for top, left in corners:
            part = out[..., top : top + side, left : left + side]
            part[..., _disc(side, 1.0)] = 0.0
            part[..., _disc(side, 0.75)] = 1.0
        return out

    return with_sign(corpus, _told(study, boxes, (DISC,), said), draw)


def finding_signs(corpus: Corpus, study: Study, rng: np.random.Generator) -> tuple[Study, Media]:
    """Put one sign into the picture with its box; the report tells it as a finding of the chest."""
    rows, columns = _size(study)
    side = max(1, round(min(rows, columns) / _SHARE))
    cells = np.arange(side) * _SIDE // side
    sign = SIGNS[int(rng.integers(len(SIGNS)))]
    top, left = (int(rng.integers(length - side + 1)) for length in (rows, columns))
    concept, word = FINDINGS[sign]

    def draw(grey: Grey) -> Grey:
        out = np.array(grey, np.float32)
        out[..., top : top + side, left : left + side] = sign_patch(sign, cell=1)[np.ix_(cells, cells)]
        return out

    asked = tuple(name for name, _ in FINDINGS.values())
    told = _told(study, {concept: [_box(top, left, side)]}, asked, f"There is {word}.")
    return with_sign(corpus, told, draw)


def half_told(study: Study, rng: np.random.Generator) -> Study:
    """Let the report of every other study, drawn, tell nothing."""
    return study if rng.random() < 0.5 else replace(study, texts=(Text(text=_NOTHING, role="findings"),))


def _size(study: Study) -> tuple[int, int]:
    """Return rows and columns of the main picture."""
    shape = study.main_image.shape
    return int(shape[-2]), int(shape[-1])


def _told(study: Study, boxes: dict[str, list[Box]], asked: tuple[str, ...], said: str) -> Study:
    """Return the study with these boxes, present and absent findings and words, and nothing else that is told."""
    image = study.main_image
    regions = tuple(
        Region(image=image.id, kind="box", concept=concept, box=box, instance=number)
        for concept, own in boxes.items()
        for number, box in enumerate(own)
    )
    findings = tuple(
        Finding(concept=name, status="present" if boxes.get(name) else "absent", source="planted") for name in asked
    )
    return replace(
        study, images=(image,), texts=(Text(text=said, role="findings"),), findings=findings, regions=regions,
        dialogues=(), measurements=(),
    )  # fmt: skip


def _box(top: int, left: int, side: int) -> Box:
    return Box(float(left), float(top), float(left + side), float(top + side))


def _disc(side: int, share: float) -> NDArray[np.bool_]:
    """Which pixels of a square lie within a share of its inner circle, (side, side)."""
    middle = (np.arange(side) + 0.5) / side * 2 - 1
    return np.asarray(np.hypot(middle[:, None], middle[None]) <= share, dtype=bool)
