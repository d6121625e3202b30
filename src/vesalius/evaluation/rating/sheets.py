"""Blinded sheets for people who rate answers: a table and a page for each rater, and the key that stays behind.

What a rater sees of an answer: the pictures, the question, the reference, the words; neither the system nor its
scores. Answers stand under codes of that rater alone, the items in an order of the rater's own, and the answers to an
item in an order drawn anew for each item. The key (`KEY_FILE`) is for the one who evaluates and not for raters.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.errors import DataError
from vesalius.evaluation.rating.page import rating_page
from vesalius.evaluation.rating.records import KEY_FILE, Case, RatingSettings
from vesalius.evaluation.report.versus import StoredItems
from vesalius.evaluation.results import Evaluation, open_evaluation, write_json

__all__ = ["SHEET_FILE", "write_sheets"]

SHEET_FILE = "sheet.csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""


def write_sheets(systems: Sequence[str | Path | Evaluation], folder: str | Path, *, settings: RatingSettings) -> Path:
    """Write a folder for each rater with sheet.csv, sheet.html and pictures, and the key beside them.

    Args:
        systems: evaluations of the same benchmark with their pages, whose items are read.
        folder: empty or new.
        settings: what is rated.

    Returns:
        The key.

    Raises:
        DataError: the folder is not empty, an evaluation keeps no items, or none is answered by all.
    """
    root = Path(folder)
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root} is not empty; sheets and a key of another draw may lie there, name another folder")
    opened = [one if isinstance(one, Evaluation) else open_evaluation(one) for one in systems]
    stored = [_items_of(one) for one in opened]
    shared = sorted(name for name in stored[0].places if all(name in one.places for one in stored[1:]))
    chosen = [name for name in shared if settings.part in ("", stored[0].item(name)["part"])]
    if not chosen:
        raise DataError(f"no item of part {settings.part!r} is answered by all {len(opened)} systems")
    names = [f"{place + 1}. {one.document['model']['name']}" for place, one in enumerate(opened)]
    drawn = np.random.default_rng(settings.seed).permutation(len(chosen))[: settings.items]
    answers: dict[str, Any] = {}
    for rater in settings.raters:
        place = root / rater
        place.mkdir(parents=True)
        cases = list(_cases(rater, [chosen[n] for n in sorted(drawn)], names, stored, settings, answers, place))
        _write_table(place / SHEET_FILE, cases, settings.criteria)
        (place / "sheet.html").write_text(rating_page(rater, cases, settings), encoding="utf-8")
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(settings).items()}
    evaluations = {name: str(one.folder.resolve()) for name, one in zip(names, opened, strict=True)}
    write_json(root / KEY_FILE, {"settings": fields, "systems": evaluations, "answers": answers})
    return root / KEY_FILE


def _escaped(text: str) -> str:
    """Return words that a spreadsheet takes for words: what begins like a formula gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _items_of(evaluation: Evaluation) -> StoredItems:
    found = StoredItems(evaluation.folder / "items")
    if not found.places:
        raise DataError(f"{evaluation.folder} keeps no items; evaluate on a benchmark of questions, with its page")
    return found


def _cases(
    rater: str, chosen: Sequence[str], names: Sequence[str], stored: Sequence[StoredItems], settings: RatingSettings,
    answers: dict[str, Any], place: Path,
) -> Iterator[Case]:  # fmt: skip
    """Yield a rater's cases in their order, and enter their codes."""
    rng = np.random.default_rng([settings.seed, *rater.encode()])
    for number, row in enumerate(rng.permutation(len(chosen)).tolist(), start=1):
        found = [one.item(chosen[row]) for one in stored]
        first = found[0]
        shown = []
        for system in rng.permutation(len(names)).tolist():
            text = found[system]["replies"][-1]
            code = _code(settings.seed, rater, first["id"], names[system])
            answers[code] = {
                "rater": rater, "item": first["id"], "part": first["part"], "cluster": first["cluster"],
                "system": names[system], "status": found[system]["status"], "metrics": _own_marks(found[system]),
            }  # fmt: skip
            shown.append((code, text))
        yield Case(
            number=number, question=first["question"], reference=first["truth"],
            pictures=_copied(first["pictures"], stored[0].folder / "pictures", place / "pictures"),
            answers=tuple(shown),
        )  # fmt: skip


def _own_marks(row: Mapping[str, Any]) -> dict[str, float]:
    """Return what the benchmark's first rule gave."""
    return {name: float(value) for name, value in next(iter(row["marks"].values()), {}).items()}


def _code(seed: int, rater: str, item: str, system: str) -> str:
    return hashlib.sha256(json.dumps([seed, rater, item, system]).encode()).hexdigest()[:10]


def _copied(pictures: Sequence[Mapping[str, str]], source: Path, target: Path) -> tuple[str, ...]:
    found = [one["file"] for one in pictures if one["file"] and (source / one["file"]).is_file()]
    for name in found:
        target.mkdir(exist_ok=True)
        shutil.copyfile(source / name, target / name)
    return tuple(f"pictures/{name}" for name in found)


def _write_table(path: Path, cases: Sequence[Case], criteria: Sequence[str]) -> None:
    heads = ("case", "code", "question", "reference", "answer", "pictures", *criteria)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(heads)
        for case in cases:
            for code, text in case.answers:
                words = (_escaped(one) for one in (case.question, case.reference, text))
                rows.writerow([case.number, code, *words, " ".join(case.pictures), *("" for _ in criteria)])
