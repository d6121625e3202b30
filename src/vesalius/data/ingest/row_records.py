"""Boxes, masks and questions in the rows of a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vesalius.data.ingest.columns import Columns, cell, concept_name
from vesalius.data.ingest.plan import ImagePlan, MaskPlan, Plan
from vesalius.data.ingest.report import Problem
from vesalius.data.ingest.table import Row
from vesalius.data.records import Box, Dialogue, Region, Turn
from vesalius.errors import DataError

__all__ = ["dialogues", "with_regions"]


def with_regions(
    image: ImagePlan, row: Row, columns: Columns, plan: Plan, *, find: Callable[[str], Path]
) -> ImagePlan:
    """Return the image with the box and the masks of a row; what cannot be one is a problem.

    Args:
        image: of the row.
        row: of the table.
        columns: what its cells mean.
        plan: takes the problems.
        find: gives the path of a file by its name in the table.
    """
    regions, masks = image.regions, image.masks
    try:
        box = _box(row.cells, columns)
        if box is not None:
            name = _concept(row.cells, columns)
            regions = (*regions, Region(image=image.id, kind="box", box=box, concept=name))
        masks = tuple(dict.fromkeys((*masks, *_masks(row.cells, columns, find))))
    except DataError as error:
        plan.problems.append(Problem(f"line {row.line}", str(error)))
    return replace(image, regions=regions, masks=masks)


def _box(cells: Mapping[str, Any], columns: Columns) -> Box | None:
    """Return the box of a row; none where all four cells are empty.

    Raises:
        DataError: a cell is no number, or the box has no area.
    """
    if not columns.box:
        return None
    names = columns.box.split(",")[:4]
    stated = [cell(cells.get(name)) for name in names]
    if not any(stated):
        return None
    try:
        values = [float(text) for text in stated]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        raise DataError(f"box {', '.join(stated)}: expected four numbers in the columns {', '.join(names)}")
    box = Box(*values)
    if not (box.x_min < box.x_max and box.y_min < box.y_max):
        raise DataError(f"box {tuple(box)} has no area; expected x_min, y_min, x_max, y_max")
    return box


def _concept(cells: Mapping[str, Any], columns: Columns) -> str:
    named = columns.box.split(",")[4:]
    return concept_name(cell(cells.get(named[0]))) if named else ""


def _masks(cells: Mapping[str, Any], columns: Columns, find: Callable[[str], Path]) -> list[MaskPlan]:
    """Return the mask files of a row.

    Raises:
        DataError: a path leaves the folder.
    """
    found = []
    for item in columns.mask:
        column, name, kind = (*item.split(":"), "", "")[:3]
        stated = cells.get(column)
        for path in stated if isinstance(stated, list) else [stated]:
            if not cell(path):
                continue
            spoken = name or column
            about = {"anatomy": spoken} if kind == "anatomy" else {"concept": concept_name(spoken)}
            found.append(MaskPlan(path=find(cell(path)), item=cell(path), **about))
    return found


def dialogues(rows: Sequence[tuple[Mapping[str, Any], Sequence[str]]], columns: Columns) -> tuple[Dialogue, ...]:
    """Return the questions of a study's rows, each with the ids of its row's images; rows without one give none."""
    asked = [(cells, images) for cells, images in rows if columns.question and columns.value(cells, "question")]
    return tuple(
        _dialogue(f"question-{number}", cells, tuple(images), columns)
        for number, (cells, images) in enumerate(asked, start=1)
    )


def _dialogue(name: str, cells: Mapping[str, Any], images: tuple[str, ...], columns: Columns) -> Dialogue:
    answer = columns.value(cells, "answer")
    turns = [Turn(role="user", text=columns.value(cells, "question"), images=images)]
    if answer:
        turns.append(Turn(role="assistant", text=answer))
    return Dialogue(
        id=name, turns=tuple(turns), answer=answer, answer_type=columns.value(cells, "answer_type"),
        options=tuple(columns.parted(cells.get(columns.options))) if columns.options else (),
        language=columns.language_of(cells), source="table",
    )  # fmt: skip
