"""What writers of twins share: pictures, captions and questions of virtual studies, and files of releases."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo

from vesalius.data import readers
from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import virtual_origin
from vesalius.data.records import Study

__all__ = [
    "QUESTION_FAMILIES", "Asked", "asked_of", "cut_short", "digest", "identity", "options_of", "part_of",
    "picture_bytes", "save_picture", "spoken", "virtual_origin", "write_csv", "write_json", "write_json_lines",
    "write_text",
]  # fmt: skip

QUESTION_FAMILIES = (
    "presence", "any_abnormality", "in_place", "side", "site", "which_finding", "severity", "appearance", "what",
    "where", "count", "modality", "view_of",
)  # fmt: skip
"""Families whose answers are words and that a picture of a release is asked for."""
_NOTE = "rendered virtual patient, not a person"
_QUALITY = 92


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question of a virtual study."""

    question: str
    answer: str
    options: tuple[str, ...]
    closed: bool
    """Whether the answer is yes or no."""
    family: str
    """What it asks for, such as "presence"."""


def asked_of(study: Study) -> list[Asked]:
    """Return the questions of a study that are one turn long."""
    return [
        Asked(
            question=dialogue.turns[-1].text,
            answer=dialogue.answer,
            options=dialogue.options,
            closed=dialogue.answer_type == "closed",
            family=dialogue.source.rpartition("/")[2],
        )
        for dialogue in study.dialogues
        if len(dialogue.turns) == 1
    ]


def options_of(asked: Asked, others: Iterable[Asked], count: int, *, seed: str) -> tuple[str, ...]:
    """Return the answer among other options, in an order that only `seed` decides.

    Args:
        asked: its own options come first.
        others: questions whose answers fill up what is missing, those of the same family first.
        count: of options; fewer where there are not so many answers.
        seed: any text.
    """
    pool = [*asked.options, *(("yes", "no") if asked.closed else ())]
    ranked = sorted(others, key=lambda other: other.family != asked.family)
    pool += [other.answer for other in ranked if other.closed == asked.closed]
    pool += [other.answer for other in ranked]
    wrong = [option for option in dict.fromkeys(pool) if option != asked.answer]
    chosen = [asked.answer, *wrong[: count - 1]]
    return tuple(sorted(chosen, key=lambda option: digest(seed, option)))


def digest(*parts: object, length: int = 16) -> str:
    """Return hexadecimal digits that depend on the parts only."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:length]


def part_of(corpus: Corpus) -> dict[str, str]:
    """Return "train", "val" or "test" for every study; all are "train" in a corpus without a split."""
    return dict.fromkeys(corpus.ids, "train") | corpus.parts()


def spoken(study: Study) -> str:
    """Return the caption of a study, or where it has none its findings, impression or report, in one line."""
    texts = [study.text(role) for role in ("caption", "findings", "impression", "report")]
    text = next((text for text in texts if text), "A picture of a virtual patient.")
    return " ".join(text.split())


def identity(corpus: Corpus) -> Iterator[tuple[int, Study]]:
    """Yield the studies that have a flat picture, numbered from 0 in an order that does not follow the split."""
    ordered = sorted(corpus, key=lambda study: digest(study.id))
    yield from enumerate(study for study in ordered if any(image.kind == "image" for image in study.images))


def save_picture(corpus: Corpus, study: Study, target: Path, *, mode: str = "RGB") -> None:
    """Write the first flat picture of a study as it is shown, in a mode of Pillow's and the format of the ending."""
    target.parent.mkdir(parents=True, exist_ok=True)
    kind = "PNG" if target.suffix == ".png" else "JPEG"
    target.write_bytes(picture_bytes(corpus, study, mode=mode, kind=kind))


def picture_bytes(corpus: Corpus, study: Study, *, mode: str = "RGB", kind: str = "JPEG") -> bytes:
    """Return the first flat picture of a study as it is shown, as a file of a kind ("JPEG" or "PNG")."""
    image = next(image for image in study.images if image.kind == "image")
    shown = readers.read(corpus.path(image.path)).display()
    picture = Picture.fromarray(np.round(shown * 255).astype(np.uint8)).convert(mode)
    buffer = io.BytesIO()
    if kind == "PNG":
        notes = PngInfo()
        notes.add_text("VIRTUAL", _NOTE)
        picture.save(buffer, kind, pnginfo=notes)
    else:
        picture.save(buffer, kind, quality=_QUALITY, comment=f"VIRTUAL: {_NOTE}".encode())
    return buffer.getvalue()


def cut_short(path: Path) -> None:
    """Leave a picture whose header is whole and whose end is missing, as broken downloads do."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write lines; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document; folders are made."""
    write_text(path, [json.dumps(value, ensure_ascii=False, indent=1)])


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one object a line; folders are made."""
    write_text(path, (json.dumps(row, ensure_ascii=False) for row in rows))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> None:
    """Write a table, without a header where it is empty; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        if header:
            table.writerow(header)
        table.writerows(rows)
