"""SVL, SurgVLP lectures (not released as video): videos of operations with two transcripts each.

`train.csv` names the videos (column `video_path`); each of two folders of transcripts holds ``<video id>.csv`` with
start, end and text in seconds. What was said becomes events of speech, by recogniser; texts of the hierarchy
(`phase`, `abstract`) are not read. A transcript that ends beyond its video is cut at its end; a row without words
is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._clips import clip, write_clip
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._virtual import pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Event, Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="SVL, SurgVLP lectures", slug="svl", licence="not released",
    access="It is not released: build it from lectures of your own in the form that this module reads",
    home="https://github.com/CAMMA-public/SurgVLP",
)  # fmt: skip
TWIN = Twin(preset="surgery", image_size=64)

_FOLDERS = ("asr_whisper", "asr_aws")
"""Transcripts timed by sentences, and medical ones timed by fragments."""
_HEADER = ("start", "end", "text")
_PARTS = ("train", "val", "test")


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a video in the order of the tables."""
    parts = [part for part in _PARTS if (root / f"{part}.csv").exists()]
    if not parts:
        require_files(root, ["train.csv", *_FOLDERS], ABOUT)
    origin = provenance(root, ABOUT)
    for part in parts:
        for _, row in rows_of(root / f"{part}.csv", needs=["video_path"]):
            path = below(root, row["video_path"])
            said = {folder: list(_said(root / folder / f"{path.stem}.csv")) for folder in _FOLDERS}
            yield Sample(_study(path, said, origin), part)


def _said(table: Path) -> Iterator[tuple[float, float, str]]:
    """Yield start, end and words; a missing transcript says nothing."""
    if not table.exists():
        return
    for line, row in rows_of(table, needs=_HEADER):
        try:
            start, end = float(row["start"]), float(row["end"])
        except ValueError:
            raise DataError(f"{table}, line {line}: {row['start']!r} to {row['end']!r}; expected seconds") from None
        if row["text"].strip():
            yield start, end, row["text"].strip()


def _study(path: Path, said: dict[str, list[tuple[float, float, str]]], origin: Provenance) -> Study:
    video = clip(path, like=Image(id="video", path="", modality="ES", view="laparoscopic"))
    length = video.shape[0] / (video.frames_per_second or 1.0)
    events = tuple(
        Event(image="video", kind="speech", label=text, start_s=start, end_s=min(end, length), source=source)
        for source, rows in said.items()
        for start, end, text in rows
        if start < min(end, length)
    )
    return Study(id=path.stem, patient=path.stem, images=(video,), events=events, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write a second of video for each frame of a time lapse with what two recognisers heard, in its time."""
    made, tables = [], {part: list[tuple[str]]() for part in _PARTS}
    for part in _PARTS:
        for study in sorted(corpus, key=lambda study: study.id):
            if study.id in studies_of(corpus, part):
                said, path = _heard(study), root / "videos" / f"virtual_{study.id[:12]}.mp4"
                frames = pixels(corpus, study.images[0]).astype(np.uint8)
                write_clip(path, np.repeat(frames, 5, axis=0), frames_per_second=5)
                for folder, rows in said.items():
                    write_rows(root / folder / f"{path.stem}.csv", _HEADER, rows)
                tables[part].append((f"videos/{path.name}",))
                made.append(Sample(_study(path, said, virtual_origin(ABOUT)), part))
    for part, names in tables.items():
        if names:
            write_rows(root / f"{part}.csv", ("video_path",), names)
    return made


def _heard(study: Study) -> dict[str, list[tuple[float, float, str]]]:
    """Return what each recogniser heard, the operation's time brought to a second a frame."""
    image = study.images[0]
    scale = image.frames_per_second or 1.0
    speech: Sequence[Event] = [
        event for event in study.events if event.kind == "speech" and event.source != "narrator"
    ]
    sources = sorted({event.source for event in speech})
    found: dict[str, list[tuple[float, float, str]]] = {folder: [] for folder in _FOLDERS}
    for folder, source in zip(_FOLDERS, sources, strict=False):
        for event in speech:
            start, end = round(event.start_s * scale, 3), round(event.end_s * scale, 3)
            if event.source == source and event.label.strip() and start < end:
                found[folder].append((start, end, event.label.strip()))
    return found
