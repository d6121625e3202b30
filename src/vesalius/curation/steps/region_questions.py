"""Questions about regions: where is it, what is here, how large is it (MedRegInstruct, MedVision, GMAI-VL).

Boxes are written in one of two conventions. thousand: integers 0 to 999 of the picture's width and height, the
origin at the upper left, as ``<ref>liver</ref><box>[[x1, y1, x2, y2]]</box>`` (MedRegA). lower_left: four numbers 0
to 1 with three decimals, x and y of the lower left and of the upper right corner, the origin at the lower left
(MedVision).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from vesalius.curation.base import Outcome, Stage, StudyStep, chance
from vesalius.curation.steps.mask_regions import flat_spacing
from vesalius.curation.terms import concept_names, humanised, modality_name
from vesalius.data.records import Box, Dialogue, Measurement, Region, Study, Turn
from vesalius.errors import DataError

__all__ = [
    "SCALE", "STEP", "RegionQuestions", "from_lower_left", "from_thousand", "lower_left", "parse_boxes",
    "pixel_size_mm", "thousand", "written",
]  # fmt: skip

SCALE = 999
"""The largest coordinate of the convention with integers: 999, not 1000."""
_ASK_WHERE = (
    "Where is the {name} in this {picture}?", "Find the {name} and give its box.", "Locate the {name} in the image.",
    "Mark the {name} with a bounding box.", "Give the box of every {name} that you see.",
    "Which part of this {picture} shows the {name}? Answer with a box.",
)  # fmt: skip
_ASK_WHAT = (
    "What is shown in the region {box}?", "Name the structure in {box}.", "What does the box {box} contain?",
    "Which structure or finding lies at {box}?", "Say what the marked area {box} is.",
    "Look at {box}: what is it?",
)  # fmt: skip
_ASK_SIZE = (
    "How long are the major and the minor axis of the {name}, in mm?",
    "Measure the {name}: give its longest and shortest axis in mm.",
    "What size is the {name}? Answer with the major and minor axis in mm.",
    "State both axes of the ellipse that fits the {name}, in mm.",
)
_FORMAT = {
    "thousand": "Boxes are [[x1, y1, x2, y2]] with integers from 0 to 999, the origin at the upper left.",
    "lower_left": "Answer with four numbers from 0 to 1: x and y of the lower left corner, then of the upper right; "
    "the origin is at the lower left.",
}
_BOX = re.compile(r"\[\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*\]")
_REF = re.compile(r"<ref>(.*?)</ref>\s*<box>\s*(\[.*?\])\s*</box>", re.DOTALL)


class Named(NamedTuple):
    """A name and its boxes."""

    name: str
    boxes: tuple[tuple[int, int, int, int], ...]


def thousand(box: Box, shape: Sequence[int]) -> tuple[int, int, int, int]:
    """Return a box as integers 0 to 999 of width and height, (x1, y1, x2, y2).

    Args:
        box: in pixels.
        shape: (rows, columns), or more axes with these last.
    """
    rows, columns = shape[-2:]
    x1, x2 = (round(value / columns * SCALE) for value in (box.x_min, box.x_max))
    y1, y2 = (round(value / rows * SCALE) for value in (box.y_min, box.y_max))
    return x1, y1, x2, y2


def from_thousand(values: Sequence[int], shape: Sequence[int]) -> Box:
    """Return the box in pixels; the inverse of `thousand` to within a two-thousandth of each side."""
    rows, columns = shape[-2:]
    x1, y1, x2, y2 = values
    return Box(x1 / SCALE * columns, y1 / SCALE * rows, x2 / SCALE * columns, y2 / SCALE * rows)


def lower_left(box: Box, shape: Sequence[int]) -> tuple[float, float, float, float]:
    """Return (x lower left, y lower left, x upper right, y upper right) from 0 to 1, the origin at the lower left.

    A row r of a picture of H rows lies at y = 1 - r / H, so the lower and the upper edge change places.
    """
    rows, columns = shape[-2:]
    return box.x_min / columns, 1 - box.y_max / rows, box.x_max / columns, 1 - box.y_min / rows


def from_lower_left(values: Sequence[float], shape: Sequence[int]) -> Box:
    """Return the box in pixels; the inverse of `lower_left`."""
    rows, columns = shape[-2:]
    left, low, right, high = values
    return Box(left * columns, (1 - high) * rows, right * columns, (1 - low) * rows)


def pixel_size_mm(spacing: float, *, original: int, shown: int) -> float:
    """Return the size of a pixel after a picture's side is resized: 0.8 mm at 512 shown at 896 is 0.457 mm."""
    return spacing / (shown / original)


def written(name: str, boxes: Sequence[tuple[int, int, int, int]]) -> str:
    """Return a name with its boxes in the syntax of MedRegA."""
    return f"<ref>{name}</ref><box>{[list(box) for box in boxes]}</box>"


def parse_boxes(text: str) -> list[Named]:
    """Read names with boxes; a box whose corners are swapped or beyond 0 to 999 is left out."""
    found = []
    for name, boxes in _REF.findall(text):
        values = [(int(a), int(b), int(c), int(d)) for a, b, c, d in _BOX.findall(boxes)]
        good = tuple(box for box in values if 0 <= box[0] < box[2] <= SCALE and 0 <= box[1] < box[3] <= SCALE)
        found.append(Named(name.strip(), good))
    return found


@dataclass(frozen=True, kw_only=True)
class RegionQuestions(StudyStep):
    """Dialogues about the boxes of a study, and about the axes that `mask_regions` measured."""

    kinds: tuple[str, ...] = ("text_to_region", "region_to_text", "size")
    boxes: str = "thousand"
    most: int = 6
    """Dialogues of a study."""
    anatomy: bool = False
    """Ask of organs, too, not of findings alone."""
    spare: tuple[str, ...] = field(default=())
    """Concepts and structures that are not asked for."""

    def __post_init__(self) -> None:
        if self.boxes not in _FORMAT:
            raise ValueError(f"boxes is {' or '.join(_FORMAT)}")
        unknown = sorted(set(self.kinds) - {"text_to_region", "region_to_text", "size"})
        if unknown:
            raise ValueError(f"unknown kind {unknown[0]!r}; known: text_to_region, region_to_text, size")

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Ask of each named thing; the wording is drawn from the seed and the study."""
        made: list[Dialogue] = []
        for (image, name, frame), places in self._things(study).items():
            rng = chance(stage.seed, study.id, f"{image}/{name}/{frame}")
            pick = rng.random(3)
            for kind, wording in zip(("text_to_region", "region_to_text", "size"), pick, strict=True):
                if kind in self.kinds:
                    made += self._asked(study, kind, name, places, float(wording))
        order = chance(stage.seed, study.id, "region questions").permutation(len(made))[: self.most]
        kept = [replace(made[place], id=f"regions-{number}") for number, place in enumerate(sorted(order.tolist()))]
        return replace(study, dialogues=(*study.dialogues, *kept)) if kept else study

    def _things(self, study: Study) -> Mapping[tuple[str, str, int | None], list[int]]:
        """Places in `regions` of the boxes, by image, name and frame."""
        found: dict[tuple[str, str, int | None], list[int]] = defaultdict(list)
        for place, region in enumerate(study.regions):
            name = region.concept or (region.anatomy if self.anatomy else "")
            image = study.image(region.image)
            if region.kind == "box" and name and name not in self.spare and len(image.shape) >= 2:
                found[region.image, name, region.frame].append(place)
        return found

    def _asked(self, study: Study, kind: str, name: str, places: list[int], wording: float) -> Iterator[Dialogue]:
        regions = [study.regions[place] for place in places]
        shape = study.image(regions[0].image).shape
        spoken = _spoken(name)
        picture = modality_name(study.image(regions[0].image))
        if kind == "size":
            yield from _sized(study, spoken, name, places, wording)
            return
        if kind == "text_to_region":
            if self.boxes == "lower_left" and len(regions) > 1:
                # Four numbers name one box; which of several is meant would be a guess.
                return
            question = _chosen(_ASK_WHERE, wording).format(name=spoken, picture=picture)
            answer = self._located(spoken, regions, shape)
            yield _dialogue(study, regions[0], f"{question} {_FORMAT[self.boxes]}", answer, places, kind="box")
        elif self.boxes == "thousand":
            here = f"<box>{[list(thousand(_box(region), shape)) for region in regions]}</box>"
            question = _chosen(_ASK_WHAT, wording).format(box=here)
            yield _dialogue(study, regions[0], f"{question} {_FORMAT['thousand']}", spoken, places, kind="open")

    def _located(self, name: str, regions: Sequence[Region], shape: Sequence[int]) -> str:
        if self.boxes == "thousand":
            return written(name, [thousand(_box(region), shape) for region in regions])
        return ", ".join(f"{value:.3f}" for value in lower_left(_box(regions[0]), shape))


def _sized(study: Study, spoken: str, name: str, places: list[int], wording: float) -> Iterator[Dialogue]:
    """Ask for both axes in mm, the size of a pixel given in the prompt with three decimals."""
    region = study.regions[places[0]]
    axes = [_measured(study, region, f"{name} {axis} axis") for axis in ("major", "minor")]
    spacing = flat_spacing(study, region.image)
    if spacing is None or axes[0] is None or axes[1] is None:
        return
    question = _chosen(_ASK_SIZE, wording).format(name=spoken)
    size = f"A pixel is {spacing[1]:.3f} mm wide and {spacing[0]:.3f} mm high."
    answer = f"{axes[0].value:.1f}, {axes[1].value:.1f}"
    yield _dialogue(study, region, f"{question} {size} Answer with two numbers.", answer, places, kind="number")


def _measured(study: Study, region: Region, name: str) -> Measurement | None:
    found = [part for part in study.measurements if part.name == name and part.image == region.image]
    return next((part for part in found if part.anatomy == region.anatomy), None)


def _dialogue(study: Study, region: Region, question: str, answer: str, places: list[int], *, kind: str) -> Dialogue:
    if study.image(region.image).kind != "image" and region.frame is not None:
        question = f"Slice or frame {region.frame + 1}: {question}"
    turns = (Turn(role="user", text=question, images=(region.image,)), Turn(role="assistant", text=answer))
    return Dialogue(
        id="regions", turns=turns, answer=answer, answer_type=kind, evidence=tuple(places),
        source="curation/region_questions",
    )  # fmt: skip


def _box(region: Region) -> Box:
    if region.box is None:
        raise DataError(f"region of {region.concept!r} has no box")
    return region.box


def _spoken(name: str) -> str:
    return concept_names(name)[0] if "_" in name else humanised(name)


def _chosen(wordings: Sequence[str], draw: float) -> str:
    return wordings[int(draw * len(wordings))]


STEP = RegionQuestions
