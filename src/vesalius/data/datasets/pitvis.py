"""PitVis-2023: videos of endoscopic pituitary operations with a step and up to two instruments every second.

Rows are numbered by the second; they are one more than the seconds of the video that have a frame, so that the last
event ends with the video. Step -1 stands for three things (not started, out of the patient, ended) and becomes
"outside"; instrument -1 is out of the patient, 0 none that is seen, and -2 no second one. Video 24 has 25 frames a
second, the others 24: the rate is the container's. `annotations_19.csv` does not exist, so that a video without a
table is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._clips import clip, runs, write_clip
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._virtual import pixels
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "INSTRUMENTS", "SCORED_STEPS", "STEPS", "TWIN", "read", "write"]

ABOUT = About(
    title="PitVis-2023", slug="pitvis", licence="CC BY-NC-SA 4.0",
    access="It is open: download the videos and annotations of the challenge from the UCL research data repository",
    home="https://doi.org/10.5522/04/26531686",
)  # fmt: skip
TWIN = Twin(preset="pituitary", image_size=64)

STEPS = (
    "nasal corridor creation", "anterior sphenoidotomy", "septum displacement", "sphenoid sinus clearance",
    "sellotomy", "durotomy", "tumour excision", "haemostasis", "synthetic graft placement", "fat graft placement",
    "gasket seal construct", "dural sealant", "nasal packing", "debris clearance",
)  # fmt: skip
"""Steps 1 to 14."""
INSTRUMENTS = (
    "bipolar forceps", "cottle elevator", "cup forceps", "dural scissors", "freer elevator", "haemostatic foam",
    "irrigation syringe", "kerrison", "micro-doppler", "nasal cutting forceps", "pituitary rongeur",
    "retractable knife", "ring curette", "spatula dissector", "navigation pointer", "suction", "drill", "tissue glue",
)  # fmt: skip
"""Instruments 1 to 18, in our words."""
SCORED_STEPS = tuple(number for number in range(1, 15) if number not in (11, 13))
"""Steps that the challenge scores."""
_HEADER = ("int_video", "int_time", "int_step", "int_instrument1", "int_instrument2")
_OUTSIDE, _NOT_USED = -1, -2
_SOURCE = "annotation"
_SECOND = (5, 11, 13, 14, 16, 17)
_LIKE = Image(id="video", path="", modality="ES", body_part="PITUITARY", view="transsphenoidal")


class _Row(NamedTuple):
    """One second."""

    step: int
    first: int
    second: int


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a table of annotations, by number; the release has one part only, for training."""
    tables = sorted(root.rglob("annotations_*.csv"))
    if not tables:
        require_files(root, ["annotations_01.csv", "video_01.mp4"], ABOUT)
    origin = provenance(root, ABOUT)
    for table in tables:
        name = table.stem.replace("annotations", "video")
        found = next((path for path in sorted(root.rglob(f"{name}.mp4"))), table.with_name(f"{name}.mp4"))
        yield Sample(_study(name, found, _rows(table), origin), "train")


def _rows(path: Path) -> list[_Row]:
    rows: list[_Row] = []
    for line, row in rows_of(path, needs=_HEADER):
        try:
            second, step, first, other = (int(float(row[key])) for key in _HEADER[1:])
        except ValueError:
            raise DataError(f"{path}, line {line}: {list(row.values())}; expected whole numbers") from None
        if second != len(rows):
            raise DataError(
                f"{path}, line {line}: second {second}, expected {len(rows)}: seconds follow without a gap"
            )
        if not (step == -1 or 1 <= step <= len(STEPS)):
            raise DataError(f"{path}, line {line}: step {step}; expected -1 or 1 to {len(STEPS)}")
        if not (-1 <= first <= len(INSTRUMENTS) and _NOT_USED <= other <= len(INSTRUMENTS)):
            raise DataError(
                f"{path}, line {line}: instruments {first} and {other}; expected -2 to {len(INSTRUMENTS)}"
            )
        rows.append(_Row(step, first, other))
    return rows


def _study(name: str, path: Path, rows: Sequence[_Row], origin: Provenance) -> Study:
    video = clip(path, like=_LIKE)
    end = video.shape[0] / (video.frames_per_second or 1.0)
    steps = [(STEPS[row.step - 1],) if row.step > 0 else () for row in rows]
    tools = [
        tuple(dict.fromkeys(INSTRUMENTS[number - 1] for number in (row.first, row.second) if number > 0))
        for row in rows
    ]
    outside = [("out of body",) if row.step == _OUTSIDE else () for row in rows]
    labelled: Mapping[str, Sequence[tuple[str, ...]]] = {"step": steps, "instrument": tools, "outside": outside}
    events = tuple(
        event for kind, labels in labelled.items()
        for event in runs(labels, image="video", kind=kind, step_s=1.0, source=_SOURCE, end_s=end)
    )  # fmt: skip
    return Study(id=name, patient=name, images=(video,), events=events, provenance=origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write a second of video for each frame of a time lapse, one row more, and the two maps with their flaws.

    The last video has no table, and one row has 0 for its second instrument.
    """
    made, origin = [], virtual_origin(ABOUT)
    studies = sorted(corpus, key=lambda study: study.id)
    for number, study in enumerate(studies, start=1):
        name, frames = f"video_{number:02d}", pixels(corpus, study.images[0]).astype(np.uint8)
        rate = 25 if number == 2 else 24
        path = root / f"{name}.mp4"
        write_clip(path, np.repeat(frames, rate, axis=0), frames_per_second=rate)
        if number == len(studies) > 1:
            break
        rows = [_row_at(study, second, len(frames)) for second in range(len(frames))]
        rows.append(_Row(_OUTSIDE, _OUTSIDE, _NOT_USED))
        if number == 1:
            rows[0] = rows[0]._replace(second=0) if rows[0].step > 0 else rows[0]
        write_rows(root / f"annotations_{number:02d}.csv", _HEADER, [(number, t, *row) for t, row in enumerate(rows)])
        made.append(Sample(_study(name, path, rows, origin), "train"))
    _write_maps(root)
    return made


def _row_at(study: Study, second: int, seconds: int) -> _Row:
    image = study.images[0]
    time = (second + 0.5) / seconds * image.shape[0] / (image.frames_per_second or 1.0)
    now = [event for event in study.events if event.start_s <= time < event.end_s]
    step = next((STEPS.index(event.label) + 1 for event in now if event.kind == "step" and event.label in STEPS), -1)
    if step < 0 or any(event.kind == "outside" for event in now):
        return _Row(_OUTSIDE, _OUTSIDE, _NOT_USED)
    used = [INSTRUMENTS.index(event.label) + 1 for event in now
            if event.kind == "instrument" and event.label in INSTRUMENTS]  # fmt: skip
    used.sort(key=lambda number: (number in _SECOND, number))
    return _Row(step, used[0] if used else 0, used[1] if len(used) > 1 else _NOT_USED)


def _write_maps(root: Path) -> None:
    """Write the names with the flaws of the release: a trailing space, and three names of step -1."""
    steps = [(number, name + " " * (number == 1)) for number, name in enumerate(STEPS, start=1)]
    named = [(-1, "operation_not_started"), (-1, "out_of_patient"), (-1, "operation_ended")]
    rows = [(number, re.sub(r" (?=\S)", "_", name)) for number, name in steps]
    write_rows(root / "map_steps.csv", ("int_step", "str_step"), [*named, *rows])
    tools = [(-2, "no_secondary_instrument"), (-1, "out_of_patient"), (0, "no_visible_instrument/occluded_image")]
    tools += [(number, name.replace(" ", "_")) for number, name in enumerate(INSTRUMENTS, start=1)]
    write_rows(root / "map_instruments.csv", ("int_instrument", "str_instrument"), tools)
