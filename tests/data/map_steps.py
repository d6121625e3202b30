"""Steps over studies that other processes import."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.parallel import Made
from vesalius.data.records import Image, Study, Text
from vesalius.errors import DataError


def longer(study: Study, corpus: Corpus) -> Study | Made | None:
    """Leave out every seventh, fail at every eleventh, add a file to every fifth, and a text to all."""
    number = int(study.id.removeprefix("study-"))
    if number % 7 == 3:
        return None
    if number % 11 == 5:
        raise DataError(f"study {study.id}: nothing to work on")
    study = replace(study, texts=(*study.texts, Text(text=f"{study.texts[0].text} seen", role="note")))
    if number % 5 == 0:
        made = Image(id="made", path=f"made/{number}.bin", modality="OT")
        data = corpus.path(study.images[0].path).read_bytes()[::-1]
        return Made(replace(study, images=(*study.images, made)), {made.path: data})
    return study


def killed_once(study: Study, corpus: Corpus) -> Study:
    """Kill the process at the first sight of study 20."""
    marker = Path(os.environ["VESALIUS_TEST_MARKER"])
    if study.id == "study-20" and not marker.exists():
        marker.write_text("killed")
        os.kill(os.getpid(), signal.SIGKILL)
    return study


def nothing(study: Study, corpus: Corpus) -> None:
    """Leave everything out."""
