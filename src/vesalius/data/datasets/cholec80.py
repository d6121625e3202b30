"""Cholec80: 80 videos of cholecystectomies with the phase of every frame and seven instruments once a second.

Phase rows are numbered by the frame of the video (25 a second in the release), instrument rows by every 25th of
these: both are turned into seconds by the frame rate of the container. The two files differ by some frames, and the
last frames of a video may have no label: an event ends with its last row. The split is the 40/40 of papers (videos
1 to 40 train).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._clips import clip, runs, write_clip
from vesalius.data.datasets._virtual import pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Event, Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "PHASES", "TOOLS", "TWIN", "read", "write"]

ABOUT = About(
    title="Cholec80", slug="cholec80", licence="CC BY-NC-SA 4.0",
    access="Fill in the request form of the CAMMA group",
    home="https://camma.unistra.fr/datasets/",
)  # fmt: skip
TWIN = Twin(preset="surgery", image_size=64)

PHASES = {
    "Preparation": "preparation", "CalotTriangleDissection": "calot triangle dissection",
    "ClippingCutting": "clipping and cutting", "GallbladderDissection": "gallbladder dissection",
    "GallbladderPackaging": "packaging", "CleaningCoagulation": "cleaning and coagulation",
    "GallbladderRetraction": "extraction",
}  # fmt: skip
"""The release's names and ours."""
TOOLS = {
    "Grasper": "grasper", "Bipolar": "bipolar", "Hook": "hook", "Scissors": "scissors", "Clipper": "clipper",
    "Irrigator": "irrigator", "SpecimenBag": "specimen bag",
}  # fmt: skip
"""The release's columns and our names."""
_TOOL_STEP = 25
_LAST_TRAINING = 40
_RATE = 25
_SOURCE = "annotation"


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a video, by number."""
    videos = sorted((root / "videos").glob("video*.mp4"))
    if not videos:
        require_files(root, ["videos/video01.mp4", "phase_annotations", "tool_annotations"], ABOUT)
    origin = provenance(root, ABOUT)
    for path in videos:
        found = re.fullmatch(r"video(\d+)", path.stem)
        if found is None:
            raise DataError(f"{path}: expected a name such as video01.mp4")
        yield _sample(root, path.stem, origin)


def _sample(root: Path, name: str, origin: Provenance) -> Sample:
    files = [f"phase_annotations/{name}-phase.txt", f"tool_annotations/{name}-tool.txt"]
    require_files(root, files, ABOUT)
    like = Image(id="video", path="", modality="ES", body_part="GALLBLADDER", view="laparoscopic")
    video = clip(root / "videos" / f"{name}.mp4", like=like)
    split = "train" if int(name.removeprefix("video")) <= _LAST_TRAINING else "test"
    events = (*_phases(root / files[0], video), *_tools(root / files[1], video))
    return Sample(Study(id=name, patient=name, images=(video,), events=events, provenance=origin), split)


def _rows(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the frame and the other cells of each row below the header."""
    with path.open(encoding="utf-8") as file:
        header = file.readline().split()
        if len(header) != columns or header[0] != "Frame":
            raise DataError(f"{path}, line 1: {' '.join(header)!r}; expected Frame and {columns - 1} more, by tabs")
        for number, line in enumerate(file, start=2):
            cells = line.split()
            if cells and (len(cells) != columns or not cells[0].isdigit()):
                raise DataError(
                    f"{path}, line {number}: {line.strip()!r}; expected {columns} cells, the first a frame"
                )
            if cells:
                yield int(cells[0]), cells[1:]


def _phases(path: Path, video: Image) -> Iterator[Event]:
    labels: list[tuple[str, ...]] = []
    for frame, (name,) in _rows(path, 2):
        if name not in PHASES:
            raise DataError(f"{path}, frame {frame}: phase {name!r}; expected one of {', '.join(PHASES)}")
        if frame != len(labels):
            raise DataError(f"{path}: frame {frame} after frame {len(labels) - 1}; expected every frame of the video")
        labels.append((PHASES[name],))
    yield from _events(labels, video, "phase", step=1)


def _tools(path: Path, video: Image) -> Iterator[Event]:
    labels: list[tuple[str, ...]] = []
    for frame, cells in _rows(path, 1 + len(TOOLS)):
        if frame != _TOOL_STEP * len(labels):
            raise DataError(f"{path}: frame {frame}; expected {_TOOL_STEP * len(labels)}: one row a second")
        labels.append(tuple(name for name, cell in zip(TOOLS.values(), cells, strict=True) if cell == "1"))
    yield from _events(labels, video, "instrument", step=_TOOL_STEP)


def _events(labels: list[tuple[str, ...]], video: Image, kind: str, *, step: int) -> Iterator[Event]:
    rate = video.frames_per_second or _RATE
    end = video.shape[0] / rate
    return runs(labels, image="video", kind=kind, step_s=step / rate, source=_SOURCE, end_s=end)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write videos with a second for each frame of a time lapse; the labels of the last frames are missing, as there.

    Operations beyond the forty of a part are left out.
    """
    made = []
    studies = sorted(corpus, key=lambda study: study.id)
    tests = studies_of(corpus, "test")
    free = {True: iter(range(_LAST_TRAINING + 1, 81)), False: iter(range(1, _LAST_TRAINING + 1))}
    for study in studies:
        number = next(free[study.id in tests], None)
        if number is not None:
            made.append((f"video{number:02d}", _write_video(corpus, study, root, f"video{number:02d}")))
    return [_expected(root, name, labels) for name, labels in sorted(made, key=lambda pair: pair[0])]


def _write_video(corpus: Corpus, study: Study, root: Path, name: str) -> dict[str, list[tuple[str, ...]]]:
    frames = _filmed(pixels(corpus, study.images[0]))
    write_clip(root / "videos" / f"{name}.mp4", frames, frames_per_second=_RATE)
    seconds = len(frames) // _RATE
    at = {kind: [labels_at(study, kind, second, seconds) for second in range(seconds)]
          for kind in ("phase", "instrument")}  # fmt: skip
    phases = [at["phase"][frame // _RATE] for frame in range(len(frames) - 3)]
    theirs = {ours: name for name, ours in PHASES.items()}
    lines = ["Frame\tPhase", *(f"{frame}\t{theirs[label[0]]}" for frame, label in enumerate(phases))]
    _write_lines(root / "phase_annotations" / f"{name}-phase.txt", lines)
    tools = [tuple(tool for tool in TOOLS.values() if tool in row) for row in at["instrument"]][:-1]
    lines = ["\t".join(["Frame", *TOOLS])]
    lines += [
        "\t".join([str(_TOOL_STEP * second), *(str(int(tool in row)) for tool in TOOLS.values())])
        for second, row in enumerate(tools)
    ]
    _write_lines(root / "tool_annotations" / f"{name}-tool.txt", lines)
    _write_lines(root / "videos" / f"{name}-timestamp.txt",
                 [f"{frame}\t{_clock(frame / _RATE)}" for frame in range(len(frames))])  # fmt: skip
    return {"phase": phases, "instrument": tools}


def _filmed(frames: NDArray[Any]) -> NDArray[np.uint8]:
    """Show each frame of a time lapse for one second."""
    return np.repeat(frames.astype(np.uint8), _RATE, axis=0)


def labels_at(study: Study, kind: str, row: int, rows: int) -> tuple[str, ...]:
    """Return what holds at a row of a clip whose rows are spread evenly over it, sorted."""
    image = study.images[0]
    length = image.shape[0] / (image.frames_per_second or 1.0)
    time = (row + 0.5) / rows * length
    found = {event.label for event in study.events if event.kind == kind and event.start_s <= time < event.end_s}
    return tuple(sorted(found))


def _clock(seconds: float) -> str:
    return f"{int(seconds // 3600):02d}:{int(seconds // 60 % 60):02d}:{seconds % 60:06.3f}"


def _write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _expected(root: Path, name: str, labels: Mapping[str, list[tuple[str, ...]]]) -> Sample:
    """Return what must be read: the labels that were written, on the video as it is."""
    like = Image(id="video", path="", modality="ES", body_part="GALLBLADDER", view="laparoscopic")
    video = clip(root / "videos" / f"{name}.mp4", like=like)
    split = "train" if int(name.removeprefix("video")) <= _LAST_TRAINING else "test"
    events = (
        *_events(labels["phase"], video, "phase", step=1),
        *_events(labels["instrument"], video, "instrument", step=_TOOL_STEP),
    )
    study = Study(id=name, patient=name, images=(video,), events=events, provenance=virtual_origin(ABOUT))
    return Sample(study, split)
