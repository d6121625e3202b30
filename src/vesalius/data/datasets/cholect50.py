"""CholecT50: 50 videos of cholecystectomies, one frame a second, with action triplets, phases and some boxes.

Labels are one JSON a video: rows of triplet, instrument, score, box (x, y, w, h), verb, target, …, phase for each
frame; -1 stands for nothing, and boxes are given for few videos. Boxes up to 1 are taken as shares of the frame,
larger ones as pixels. The split is the one of Rendezvous. 45 of the videos are of Cholec80.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._triplets import (
    INSTRUMENTS,
    NUMBERED,
    PHASES,
    TARGETS,
    VERBS,
    Action,
    Frame,
    frame_study,
    frames_of,
    videos_of,
)
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import load_json
from vesalius.data.records import Box
from vesalius.errors import DataError

__all__ = ["ABOUT", "CHALLENGE", "SPLIT", "TWIN", "read", "write"]

ABOUT = About(
    title="CholecT50", slug="cholect50", licence="CC BY-NC-SA 4.0",
    access="Fill in the request form of the CAMMA group",
    home="https://github.com/CAMMA-public/cholect50",
)  # fmt: skip
TWIN = Twin(preset="surgery", image_size=64)

SPLIT = {"val": (8, 12, 29, 50, 78), "test": (6, 51, 10, 73, 14, 74, 32, 80, 42, 111)}
"""Videos of the split of Rendezvous; the others are "train"."""
CHALLENGE = {"val": (5, 18, 36, 65, 74), "test": (92, 96, 103, 110, 111)}
"""Videos of the split of the challenge."""
_LENGTH = 15
_BOX, _VERB, _TARGET = slice(3, 7), 7, 8


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a frame, by video and second, for every video with labels and frames."""
    labels = sorted((root / "labels").glob("VID*.json"))
    if not labels:
        require_files(root, ["labels/VID01.json", "videos/VID01"], ABOUT)
    require_files(root, [f"videos/{path.stem}" for path in labels], ABOUT)
    origin = provenance(root, ABOUT)
    for path in labels:
        split = _split(path.stem)
        for frame in _frames(path):
            yield Sample(frame_study(frame, _picture(root, frame), origin), split)


def _split(video: str) -> str:
    number = int(video.removeprefix("VID"))
    return next((part for part, videos in SPLIT.items() if number in videos), "train")


def _picture(root: Path, frame: Frame) -> Path:
    return root / "videos" / frame.video / f"{frame.second:06d}.png"


def _frames(path: Path) -> Iterator[Frame]:
    rows = load_json(path).get("annotations")
    if not isinstance(rows, dict):
        raise DataError(f"{path}: no object 'annotations' of frames")
    for key in sorted(rows, key=int):
        actions, used, phase = [], set(), None
        for row in rows[key]:
            where = f"{path}, frame {key}"
            if len(row) != _LENGTH:
                raise DataError(f"{where}: a row of {len(row)} numbers, expected {_LENGTH}")
            instrument, verb, target, stage = (int(row[place]) for place in (1, _VERB, _TARGET, -1))
            _require(where, (instrument, verb, target, stage))
            phase = stage if stage >= 0 else phase
            if instrument >= 0:
                used.add(instrument)
            if int(row[0]) >= 0:
                actions.append(Action(instrument, verb, target, _box(row)))
        yield Frame(path.stem, int(key), tuple(actions), tuple(sorted(used)), phase)


def _require(where: str, numbers: tuple[int, ...]) -> None:
    for number, names in zip(numbers, (INSTRUMENTS, VERBS, TARGETS, PHASES), strict=True):
        if not -1 <= number < len(names):
            raise DataError(f"{where}: class {number}; expected -1 or one of {len(names)}: {', '.join(names)}")


def _box(row: list[float]) -> Box | None:
    x, y, width, height = (float(value) for value in row[_BOX])
    return None if min(x, y) < 0 or min(width, height) <= 0 else Box(x, y, x + width, y + height)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write twelve frames a video with their JSON; a frame without an instrument has one row of -1."""
    made = []
    known = [number for number in range(1, 71) if number not in SPLIT["val"] + SPLIT["test"]]
    for study, video in videos_of(corpus, [*SPLIT["val"][:1], *known], SPLIT["test"]):
        frames = frames_of(corpus, study, video, root / "videos")
        rows = {str(frame.second): [*_rows(frame)] for frame in frames}
        path = root / "labels" / f"{video}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        note = {"video": int(video[3:]), "fps": 1, "num_frames": len(frames), "annotations": rows}
        path.write_text(json.dumps(note), encoding="utf-8")
        origin = virtual_origin(ABOUT)
        made += [Sample(frame_study(_kept(frame), _picture(root, frame), origin), _split(video)) for frame in frames]
    return made


def _rows(frame: Frame) -> Iterator[list[Any]]:
    phase = -1 if frame.phase is None else frame.phase
    for action in frame.actions:
        ids = (action.instrument, action.verb, action.target)
        row: list[Any] = [-1] * _LENGTH
        row[0], row[1], row[2], row[_VERB], row[_TARGET] = NUMBERED.index(ids), ids[0], 1.0, ids[1], ids[2]
        if action.box is not None:
            row[_BOX] = _stated(action.box)
        yield [*row[:-1], phase]
    if not frame.actions:
        yield [-1] * (_LENGTH - 1) + [phase]


def _stated(box: Box) -> list[float]:
    return [box.x_min, box.y_min, box.x_max - box.x_min, box.y_max - box.y_min]


def _kept(frame: Frame) -> Frame:
    """Return the frame with its boxes as x, y, width and height leave them."""
    actions = [
        Action(action.instrument, action.verb, action.target, action.box and _box([0, 0, 0, *_stated(action.box)]))
        for action in frame.actions
    ]
    return Frame(frame.video, frame.second, tuple(actions), frame.instruments, frame.phase)
