"""The page of what needs a look: the outputs themselves, small, with what was masked and what may be text."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.journal import Entry
from vesalius.data.deidentify.second_look import frames_of
from vesalius.data.deidentify.strokes import grey
from vesalius.errors import DataError
from vesalius.page import Section, page, paragraph

__all__ = ["REVIEW_PAGE", "write_review"]

REVIEW_PAGE = "deidentify-review.html"
_PICTURES, _SIDE = 60, 320
"""Of the page, and their longer side in pixels; all other files are told by their names."""
_MASKED, _DOUBTFUL = (0, 160, 220), (230, 120, 0)


def write_review(root: Path, entries: Iterable[Entry]) -> None:
    """Write the page into the output folder, or remove an older one where nothing needs a look.

    It holds pixels of the output alone. What a finder overlooked is in them too: keep the page as closely as they.
    """
    path = root / REVIEW_PAGE
    listed = sorted(entries, key=lambda entry: (not entry.doubtful, not entry.masked, entry.output))
    if not listed:
        path.unlink(missing_ok=True)
        return
    shown = "".join(_figure(root, entry) for entry in listed[:_PICTURES])
    rest = "".join(f"<li>{escape(entry.output)}</li>" for entry in listed[_PICTURES:])
    sections = [
        Section(
            anchor="pictures", title="Outputs", body=shown, lead="Blue: masked. Orange: may be text, not masked."
        ),
        Section(anchor="rest", title="Further files", body=f"<ul>{rest}</ul>" if rest else ""),
    ]
    head = paragraph(f"{len(listed)} files need a look; {min(len(listed), _PICTURES)} are shown.")
    path.write_text(
        page("Needs a look", eyebrow="De-identification", head=head, sections=sections, foot=""), encoding="utf-8"
    )


def _figure(root: Path, entry: Entry) -> str:
    try:
        frame = frames_of(root / entry.output, entry.kind)[0]
    except DataError:
        return paragraph(f"{entry.output}: cannot be shown; {entry.review}")
    picture = base64.b64encode(_thumbnail(frame, entry)).decode()
    told = f"{entry.output}: {entry.review} ({len(entry.masked)} masked, {len(entry.doubtful)} doubtful)"
    return (
        f'<figure><img alt="" src="data:image/png;base64,{picture}"><figcaption>{escape(told)}</figcaption></figure>'
    )


def _thumbnail(frame: NDArray[Any], entry: Entry) -> bytes:
    """Return a PNG of a frame (H, W) or (H, W, 3) with its boxes drawn."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(grey(frame).astype(np.uint8)).convert("RGB")
    factor = min(1.0, _SIDE / max(image.size))
    image = image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))))
    pen = ImageDraw.Draw(image)
    for boxes, colour in ((entry.masked, _MASKED), (entry.doubtful, _DOUBTFUL)):
        for top, left, bottom, right in boxes:
            first, last = (left * factor, top * factor), (right * factor, bottom * factor)
            if last[0] - first[0] >= 1 and last[1] - first[1] >= 1:
                pen.rectangle((max(0, first[0]), max(0, first[1]), *last), outline=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
