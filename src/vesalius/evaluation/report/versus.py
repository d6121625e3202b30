"""The items of several systems side by side: which answered right where another was wrong, with what each said.

Made of the items that their own pages hold, so that no model and no release is needed. Letters: S systems.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from vesalius.errors import DataError
from vesalius.evaluation.paired import LOWER_IS_BETTER
from vesalius.evaluation.report.browser import browser_section, every
from vesalius.evaluation.report.items import BLOCK, MOST_PICTURES, write_script
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.summary import headline_names
from vesalius.page import Section

__all__ = ["StoredItems", "versus_section", "write_versus"]

_HELD = 4
"""Blocks of a system that are kept open at once."""


def write_versus(systems: Sequence[tuple[str, Evaluation]], folder: Path) -> Mapping[str, Any] | None:
    """Write the items that all systems answered into a folder, and return what the page's filters offer.

    Args:
        systems: name and evaluation, S of them; the pictures are those of the first.
        folder: of the items, such as comparison/items.

    Returns:
        None where an evaluation keeps no items (it has no page, or is none of questions) or none is shared.
    """
    stored = [StoredItems(one.folder / "items") for _, one in systems]
    if not all((one.folder / "index.js").is_file() for one in stored):
        return None
    shared = [name for name in stored[0].places if all(name in one.places for one in stored[1:])]
    if not shared:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name, _ in systems]
    pictures = _Copies(source=stored[0].folder / "pictures", folder=folder / "pictures")
    metrics = _metrics(systems[0][1])
    rows = (_row(name, names, stored, metrics, pictures) for name in shared)
    index: dict[str, Any] = {"id": [], "part": [], "question": [], "fields": [], "metric": [], "lower": []}
    values: list[list[float | None]] = [[] for _ in systems]
    number = 0
    while block := list(islice(rows, BLOCK)):
        write_script(folder / f"block-{number:05d}.js", f"vesaliusBlock({number},", block, ")")
        number += 1
        for row in block:
            for name in ("id", "part", "metric", "lower"):
                index[name].append(row[name])
            index["question"].append(row["question"][:90])
            index["fields"].append(sorted(f"{name}={value}" for name, value in row["fields"].items()))
            for column, one in zip(values, row["systems"], strict=True):
                column.append(one["value"])
    write_script(folder / "index.js", "window.vesaliusItems=", {**index, "values": values, "block": BLOCK}, ";")
    groups = sorted({group for fields in index["fields"] for group in fields})[:400]
    return {"names": names, "count": len(shared), "parts": sorted(set(index["part"])), "groups": groups}


def versus_section(columns: Mapping[str, Any] | None) -> Section:
    """Return the browser of what `write_versus` wrote; empty where it wrote nothing."""
    if columns is None:
        return Section(anchor="items", title="Items", body="")
    names = columns["names"]
    numbered = {str(number): name for number, name in enumerate(names)}
    second = {str(number): names[number] for number in (1, 0, *range(2, len(names)))}
    which = {
        "": "all", "apart": "one better than the other", "first": "the first better", "second": "the second better",
        "both": "both right", "neither": "alike and not right",
    }  # fmt: skip
    filters = (
        ("First", "first", numbered), ("Second", "second", second), ("Show", "which", which),
        ("Part", "part", every(columns["parts"])), ("Group", "group", every(columns["groups"])),
    )  # fmt: skip
    lead = f"{columns['count']:,} items that all answered; green where the first is better, red where the second is."
    return browser_section(filters, lead=lead, title="Items side by side")


@dataclass
class StoredItems:
    """The items of a page, read again block by block."""

    folder: Path
    places: dict[str, int] = field(default_factory=dict)
    _blocks: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = self.folder / "index.js"
        if path.is_file():
            index = _script(path)
            self._size = int(index["block"])
            self.places = {name: place for place, name in enumerate(index["id"])}

    def item(self, name: str) -> dict[str, Any]:
        """Return an item by its id."""
        number, place = divmod(self.places[name], self._size)
        if number not in self._blocks:
            while len(self._blocks) >= _HELD:
                self._blocks.pop(next(iter(self._blocks)))
            self._blocks[number] = _script(self.folder / f"block-{number:05d}.js")
        return self._blocks[number][place]


@dataclass
class _Copies:
    """Pictures copied beside the comparison, each once."""

    source: Path
    folder: Path
    made: set[str] = field(default_factory=set)

    def name(self, file: str) -> str:
        """Return the file of the copy, or nothing where there is none."""
        if file in self.made:
            return file
        if not file or len(self.made) >= MOST_PICTURES or not (self.source / file).is_file():
            return ""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.source / file, self.folder / file)
        self.made.add(file)
        return file


def _row(
    name: str,
    names: Sequence[str],
    stored: Sequence[StoredItems],
    metrics: Mapping[str, list[str]],
    pictures: _Copies,
) -> dict[str, Any]:
    found = [one.item(name) for one in stored]
    first = found[0]
    marks: list[dict[str, float]] = [next(iter(one["marks"].values()), {}) for one in found]
    wanted = ["accuracy", *metrics.get(first["part"], []), *marks[0]]
    metric = next((one for one in wanted if one in marks[0]), "")
    systems = [
        {
            "name": system, "replies": one["replies"], "said": one["said"], "status": one["status"], "marks": mark,
            "value": mark.get(metric),
        }
        for system, one, mark in zip(names, found, marks, strict=True)
    ]  # fmt: skip
    kept = ("id", "part", "cluster", "question", "options", "truth", "prompt", "fields", "boxes")
    shown = [{**one, "file": pictures.name(one["file"])} for one in first["pictures"]]
    return {
        **{key: first[key] for key in kept}, "pictures": shown, "metric": metric,
        "lower": metric.startswith(LOWER_IS_BETTER), "systems": systems,
    }  # fmt: skip


def _metrics(evaluation: Evaluation) -> dict[str, list[str]]:
    """Headline metrics of each part."""
    found: dict[str, list[str]] = {}
    for task, metric, *_ in headline_names(evaluation.document):
        found.setdefault(task.partition(".")[2], []).append(metric)
    return found


def _script(path: Path) -> Any:
    """Read the JSON of a file that `write_script` wrote.

    Raises:
        DataError: it holds something else.
    """
    text = path.read_text(encoding="utf-8").strip()
    start = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=-1)
    try:
        return json.loads(text[start:].rstrip(";)"))
    except ValueError as error:
        raise DataError(f"{path} is not what vesalius wrote ({error}); evaluate again with --rescore") from None
