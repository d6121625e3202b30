"""Rows for training whose pictures are drawn: the text of a question in a picture, and regions marked on a scan.

Source: Lingshu 2025 (arXiv 2506.07044): exam questions rendered as pictures for reading, and regions of interest
rendered from boxes and masks. What was drawn is kept as the answer, so that the truth is known by construction.

Letters: H rows, W columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.curation.gmai_vl import extract
from vesalius.curation.terms import concept_names, humanised
from vesalius.data.conversations.records import Conversation
from vesalius.data.conversations.writing import row_of
from vesalius.data.corpus import Corpus
from vesalius.data.disk import replacing
from vesalius.data.messages import Media, Message
from vesalius.errors import DataError

__all__ = ["drawn_text", "marked_rows", "text_rows", "write_rows"]

_SIZE, _MARGIN, _SPACE = 16, 8, 4
"""Height of letters, edge of the picture, and space between lines, in pixels."""
_READ = ("What is written here?", "Read the text in the picture.", "Write down what the picture says.")
_MARKED = ("What does the frame mark?", "Name what lies in the frame.", "What is framed in the picture?")
_FRAME = (255, 64, 0)
_LONGEST = 4000
"""Letters of a text; more would not be legible in a picture that a model sees."""


def drawn_text(text: str, *, width: int = 448) -> NDArray[np.uint8]:
    """Draw a text black on white, in lines that break between words, (H, W).

    Args:
        text: of printable letters of Latin-1, lines kept.
        width: W; a longer word is cut into pieces that fit.

    Raises:
        DataError: nothing to draw, too much, or letters that the font lacks, named.
    """
    from PIL import Image, ImageDraw

    strange = sorted(
        {letter for letter in text if letter != "\n" and not (letter.isprintable() and ord(letter) < 256)}
    )
    if strange or not text.strip() or len(text) > _LONGEST:
        raise DataError(
            f"a text of {len(text)} letters with {strange[:5] or 'no'} letters beyond Latin-1; expected 1 to "
            f"{_LONGEST} printable ones of Latin-1"
        )
    font = _font()
    room = width - 2 * _MARGIN
    lines = [piece for line in text.split("\n") for piece in _wrapped(line, room)]
    picture = Image.new("L", (width, 2 * _MARGIN + len(lines) * (_SIZE + _SPACE)), 255)
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + number * (_SIZE + _SPACE)), line, fill=0, font=font)
    return np.array(picture)


def text_rows(texts: Iterable[str], folder: Path, *, width: int = 448) -> Iterator[Conversation]:
    """Draw texts into PNG files of a folder, and yield for each a request to read it with the text as the answer."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        path = folder / f"text-{number:06d}.png"
        _save(path, drawn_text(text, width=width))
        yield _row(f"text-{number:06d}", path, _READ[number % len(_READ)], text, task="reading", patient="")


def marked_rows(corpus: Corpus, folder: Path) -> Iterator[Conversation]:
    """Draw a frame round the largest part of every named box and mask, and yield for each the question what it is.

    Masks and boxes of volumes and clips are shown on the slice or frame where they are largest.
    """
    from vesalius.models.media import shown

    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for study in corpus:
        for facts in extract(study, corpus):
            if not facts.boxes:
                continue
            image = study.image(facts.record.split("/")[1])
            kind = "image" if image.kind == "slide" else image.kind
            place = facts.frame if facts.frame is not None and kind != "image" else image.frame
            picture = shown(Media(path=str(corpus.path(image.path)), kind=kind, frame=place), planes=1)[0]
            path = folder / f"frame-{number:06d}.png"
            _save(path, _framed(picture, tuple(facts.boxes[0])))
            name = concept_names(facts.label)[0] if "_" in facts.label else humanised(facts.label)
            question = _MARKED[number % len(_MARKED)]
            yield _row(f"frame-{number:06d}", path, question, name, task="region2text", patient=study.patient)
            number += 1


def write_rows(rows: Iterable[Conversation], path: Path) -> int:
    """Write conversations as a JSONL file that a recipe's `data.sources.NAME.path` reads; return how many."""
    count = 0
    with replacing(path, scratch=path.parent) as file:
        for row in rows:
            file.write((json.dumps(row_of(row), ensure_ascii=False) + "\n").encode("utf-8"))
            count += 1
    return count


def _row(name: str, path: Path, question: str, answer: str, *, task: str, patient: str) -> Conversation:
    messages = (
        Message(role="user", parts=(Media(path=str(path.absolute())), f"\n{question}")),
        Message(role="assistant", parts=(answer,)),
    )
    return Conversation(id=name, messages=messages, task=task, patient=patient, source="drawn")


def _framed(picture: NDArray[np.uint8], box: tuple[float, ...]) -> NDArray[np.uint8]:
    """Draw a frame just outside a box (x0, y0, x1, y1) into a picture (H, W, 3)."""
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(picture)
    width = max(1, round(min(picture.shape[:2]) / 128))
    left, top, right, bottom = box
    ImageDraw.Draw(canvas).rectangle(
        (round(left) - width, round(top) - width, round(right) + width - 1, round(bottom) + width - 1),
        outline=_FRAME, width=width,
    )  # fmt: skip
    return np.array(canvas)


def _wrapped(line: str, room: int) -> list[str]:
    """Break a line so that every piece is at most so many pixels wide."""
    font = _font()
    pieces = [""]
    for word in line.split(" "):
        longer = f"{pieces[-1]} {word}" if pieces[-1] else word
        if font.getlength(longer) <= room:
            pieces[-1] = longer
            continue
        pieces += [""] if pieces[-1] else []
        for letter in word:
            if font.getlength(pieces[-1] + letter) > room:
                pieces.append("")
            pieces[-1] += letter
    return pieces


@cache
def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=_SIZE)


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    from PIL import Image

    Image.fromarray(picture).save(path)
