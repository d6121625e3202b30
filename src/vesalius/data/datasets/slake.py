"""SLAKE 1.0: 14,028 questions in English and Chinese about 642 pictures with masks, boxes and a knowledge graph.

Each language is split by picture, but the two languages are split differently: over both, most pictures of the test
part are also in the training part. `read` gives the release's own parts, or one language, or with ``clean`` a split
of pictures in which the stricter part of the two languages holds. A mask names its classes by grey value; organs are
`Region.anatomy` and diseases `Region.concept`. The twin's pictures are chest radiographs; its Chinese questions are
the English ones behind a Chinese lead, to test plumbing and not language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vesalius.data import readers
from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Box, Image, Region
from vesalius.data.releases.pictures import first_of, modality_of, picture
from vesalius.data.releases.questions import answer_kind, asked
from vesalius.data.releases.rows import Row, csv_rows, json_list, text_lines
from vesalius.data.releases.slake_twin import write_release
from vesalius.data.releases.studies import Item, by_picture
from vesalius.data.releases.twins import QUESTION_FAMILIES
from vesalius.errors import ConfigError, DataError

__all__ = ["ABOUT", "TWIN", "Triple", "knowledge", "read", "write"]

ABOUT = About(
    title="SLAKE", slug="slake", licence="CC BY 4.0",
    access="It is open: download Slake1.0.zip from its page",
    home="https://www.med-vqa.com/slake/",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=6.0, families=QUESTION_FAMILIES)

LANGUAGES = ("en", "zh")
_FILES = {"train": "train.json", "val": "validate.json", "test": "test.json"}
_STRICTNESS = ("train", "val", "test")
_FOLDERS = ("imgs", "imgs/imgs")
"""One mirror has the folder of the pictures twice."""
_CLASS = re.compile(r"^\s*(.*?)\s*[:#,\t ]\s*(\d{1,3})\s*$")
_DISEASE = re.compile(
    r"cancer|tumou?r|edema|oedema|mass|nodule|pneumo(?:thorax|nia)|effusion|infiltrat|atelectasis|cardiomegaly|lesion",
    re.IGNORECASE,
)
"""Names of diseases; all other classes are organs."""


class Triple(NamedTuple):
    """A fact of the knowledge graph."""

    head: str
    relation: str
    tail: str


def read(root: Path, *, language: str = "", clean: bool = False) -> Iterator[Sample]:
    """Yield one study for each picture and part, "train", "val" or "test".

    `Dialogue.source` is ``slake/<base_type>/<content_type>``; the triple of a question that needs the knowledge graph
    follows it.

    Args:
        root: folder with train.json, validate.json, test.json and imgs.
        language: "en" or "zh"; both where none is given.
        clean: put all questions of a picture into one part, the strictest that any of them has.
    """
    if language and language not in LANGUAGES:
        raise ConfigError(f"language {language!r} of SLAKE; it has {' and '.join(LANGUAGES)}")
    root = root.absolute()
    require_files(root, [*_FILES.values()], ABOUT)
    rows = ((part, row) for part, name in _FILES.items() for row in json_list(root / name))
    yield from _samples(rows, root, provenance(root, ABOUT), language=language, clean=clean)


def knowledge(root: Path, *, language: str = "en") -> Iterator[Triple]:
    """Yield the facts of the knowledge graph in one language, from the tables of ``KG`` with "#" between cells.

    Raises:
        DataError: no such table, or a line without three cells.
    """
    tables = sorted((root / "KG").glob(f"{language}_*.csv"))
    if not tables:
        raise DataError(f"{root} has no knowledge graph in {language!r}: expected KG/{language}_*.csv")
    for path in tables:
        for row in csv_rows(path, ("head", "relation", "tail"), delimiter="#", header=False, quoted=False):
            fact = Triple(*(row.text(name).strip() for name in ("head", "relation", "tail")))
            if fact != ("entity", "attribute", "value") and fact != ("head", "relation", "tail"):
                yield fact


def _samples(
    rows: Iterable[tuple[str, Row]], root: Path, origin: Any, *, language: str, clean: bool
) -> Iterator[Sample]:
    items = (_item(row, part, root) for part, row in rows if not language or row.text("q_lang") == language)
    if clean:
        held = list(items)
        strictest: dict[str, str] = {}
        for item in held:
            strictest[item.name] = max(strictest.get(item.name, "train"), item.part, key=_STRICTNESS.index)
        items = (replace(item, part=strictest[item.name]) for item in held)
    classes = _classes(root / "mask.txt")
    yield from by_picture(items, _described, origin, regions=partial(_regions, classes=classes))


def _item(row: Row, part: str, root: Path) -> Item:
    name = f"xmlab{row.whole('img_id')}"
    triple = [str(value) for value in row.items("triple")]
    kind = f"slake/{row.text('base_type')}/{row.text('content_type')}"
    if any(value != "_" for value in triple[1:]):
        kind += f"/{'#'.join(triple)}"
    dialogue = asked(
        row.text("qid"), row.text("question"), row.text("answer"), images=(name,),
        answer_type=answer_kind(row.text("answer_type")), source=kind, language=row.text("q_lang"),
    )  # fmt: skip
    return Item(
        part=part, path=first_of([root / folder for folder in _FOLDERS], row.text("img_name")), dialogue=dialogue,
        name=name, facts=(("modality", modality_of(row.text("modality"))), ("body_part", row.text("location"))),
    )  # fmt: skip


def _described(item: Item) -> Image | None:
    return picture(item.path, id=item.name, **dict(item.facts))


def _classes(path: Path) -> dict[int, str]:
    """Read the grey value of every class; nothing where the list is not there."""
    found: dict[int, str] = {}
    if path.exists():
        for number, line in enumerate(text_lines(path), start=1):
            match = _CLASS.match(line)
            if line.strip() and not match:
                raise DataError(f"{path}, line {number}: {line!r}, expected the name of a class and its grey value")
            if match:
                found[int(match[2])] = match[1]
    return found


def _regions(image: Image, *, classes: dict[int, str]) -> tuple[Region, ...]:
    folder = Path(image.path).parent
    return (*_boxes(folder / "detection.json", image), *_masks(folder / "mask.png", image, classes))


def _boxes(path: Path, image: Image) -> Iterator[Region]:
    if not path.exists():
        return
    for row in json_list(path):
        for name in row.cells:
            place = row.items(name)
            if len(place) != 4 or not all(isinstance(value, int | float) for value in place):
                raise row.fault(f"{name} is {place}, expected [x, y, width, height]")
            x, y, width, height = place
            yield Region(image=image.id, kind="box", box=Box(x, y, x + width, y + height), **_named(name))


def _masks(path: Path, image: Image, classes: dict[int, str]) -> Iterator[Region]:
    if not path.exists() or not classes:
        return
    values = readers.read(path).array
    grey = values if values.ndim == 2 else values[..., 0]
    if grey.shape != image.shape:
        raise DataError(f"{path}: {grey.shape} pixels, its picture has {image.shape}; the release is changed")
    for value in np.unique(grey).tolist():
        if value in classes:
            yield Region(image=image.id, kind="mask", mask=str(path), mask_value=value, **_named(classes[value]))


def _named(name: str) -> dict[str, Any]:
    plain = re.sub(r"[\W_]+", "_", name.strip()).lower().strip("_")
    return {"concept": plain} if _DISEASE.search(name) else {"anatomy": plain}


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the layout; the languages are parted differently, and one row has no answer."""
    written = write_release(corpus, root)
    rows = ((part, Row(row, "row")) for part, found in written.items() for row in found)
    return list(_samples(rows, root.absolute(), virtual_origin(ABOUT), language="", clean=False))
