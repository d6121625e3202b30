"""AutoLaparo: 21 hysterectomies with the phase of every second, and frames with masks of instruments and anatomy.

Task 1: videos and phases, 1 to 7 as the release numbers them; each row is a second. Task 3: frames with label maps
of nine values. Task 2 (motion of the laparoscope) is not read. The split is that of the release: videos 1 to 10
"train", 11 to 14 "val", 15 to 21 "test"; frames of task 3 go by the video in their name, where it has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._clips import clip, runs, write_clip
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import masks, pixels, studies_of, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "PARTS", "PHASES", "TWIN", "read", "write"]

ABOUT = About(
    title="AutoLaparo", slug="autolaparo", licence="by agreement, for research",
    access="Fill in the request form of its page and download the tasks",
    home="https://autolaparo.github.io",
)  # fmt: skip
TWIN = Twin(preset="surgery", image_size=64)

PHASES = (
    "preparation", "dividing ligament and peritoneum", "dividing uterine vessels and ligament",
    "transecting the vagina", "specimen removal", "suturing", "washing",
)  # fmt: skip
"""Phases 1 to 7."""
PARTS = {"train": range(1, 11), "val": range(11, 15), "test": range(15, 22)}
"""Videos of the parts."""
_CLASSES = (
    "grasping forceps manipulator", "grasping forceps shaft", "ligasure manipulator", "ligasure shaft",
    "dissecting and grasping forceps manipulator", "dissecting and grasping forceps shaft",
    "electric hook manipulator", "electric hook shaft", "uterus",
)  # fmt: skip
"""Classes 1 to 9 of the label maps of task 3."""
_VIRTUAL = (
    "preparation", "calot triangle dissection", "clipping and cutting", "gallbladder dissection", "packaging",
    "cleaning and coagulation", "extraction",
)  # fmt: skip
"""Phases of a cholecystectomy that stand for those of a hysterectomy in the twin."""


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a video of task 1 by number, then a study a frame of task 3."""
    videos = sorted((root / "task1" / "videos").glob("*.mp4"))
    frames = sorted((root / "task3" / "imgs").glob("*.jpg")) + sorted((root / "task3" / "imgs").glob("*.png"))
    if not videos and not frames:
        require_files(root, ["task1/videos/01.mp4", "task1/labels/label_01.txt"], ABOUT)
    origin = provenance(root, ABOUT)
    for path in videos:
        if not path.stem.isdigit():
            raise DataError(f"{path}: expected a name such as 01.mp4")
        table = root / "task1" / "labels" / f"label_{path.stem}.txt"
        require_files(root, [f"task1/labels/{table.name}"], ABOUT)
        yield Sample(_video(path, _phases(table), origin), _part(int(path.stem)))
    for path in frames:
        yield _frame(path, origin)


def _part(video: int) -> str:
    return next((part for part, videos in PARTS.items() if video in videos), "")


def _phases(table: Path) -> list[int]:
    """Return the phase of every second; the header is passed over."""
    found = []
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
        cells = line.split()
        if not cells or (number == 1 and cells[0] == "Frame"):
            continue
        if len(cells) != 2 or not cells[1].isdigit() or not 1 <= int(cells[1]) <= len(PHASES):
            raise DataError(
                f"{table}, line {number}: {line!r}; expected a second and a phase from 1 to {len(PHASES)}"
            )
        found.append(int(cells[1]))
    return found


def _video(path: Path, phases: Sequence[int], origin: Provenance) -> Study:
    video = clip(path, like=Image(id="video", path="", modality="ES", body_part="UTERUS", view="laparoscopic"))
    end = video.shape[0] / (video.frames_per_second or 1.0)
    labels = [(PHASES[phase - 1],) for phase in phases]
    events = tuple(runs(labels, image="video", kind="phase", step_s=1.0, source="annotation", end_s=end))
    name = f"video_{path.stem}"
    return Study(id=name, patient=name, images=(video,), events=events, provenance=origin)


def _frame(path: Path, origin: Provenance) -> Sample:
    mask = path.parents[1] / "masks" / f"{path.stem}.png"
    if not mask.exists():
        raise DataError(f"{path}: no mask {mask}; unpack the task again")
    image = described(path, like=Image(id="frame", path="", modality="ES", body_part="UTERUS", view="laparoscopic"))
    regions = tuple(
        Region(image="frame", kind="mask", mask=str(mask), mask_value=value, anatomy=name)
        for value, name in enumerate(_CLASSES, start=1)
    )
    video = re.match(r"(\d\d)_", path.stem)
    patient = f"video_{video[1]}" if video else f"task3_{path.stem}"
    study = Study(id=f"task3_{path.stem}", patient=patient, images=(image,), regions=regions, provenance=origin)
    return Sample(study, _part(int(video[1])) if video else "")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write a second of video for each frame of a time lapse, its phases, and one frame of each with a mask."""
    tests, validated = studies_of(corpus, "test"), studies_of(corpus, "val")
    free = {part: iter(numbers) for part, numbers in PARTS.items()}
    videos, frames, origin = [], [], virtual_origin(ABOUT)
    for study in sorted(corpus, key=lambda study: study.id):
        part = "test" if study.id in tests else "val" if study.id in validated else "train"
        number = next(free[part], None)
        if number is not None:
            values = pixels(corpus, study.images[0]).astype(np.uint8)
            path = root / "task1" / "videos" / f"{number:02d}.mp4"
            write_clip(path, np.repeat(values, 25, axis=0), frames_per_second=25)
            phases = [_phase_at(study, second, len(values)) for second in range(len(values))]
            table = root / "task1" / "labels" / f"label_{number:02d}.txt"
            table.parent.mkdir(parents=True, exist_ok=True)
            rows = "".join(f"{second + 1}\t{phase}\n" for second, phase in enumerate(phases))
            table.write_text(f"Frame\tPhase\n{rows}", encoding="utf-8")
            videos.append((path, phases, part))
            frames.append(_write_frame(corpus, study, root / "task3", number))
    videos.sort(key=lambda item: item[0])
    made = [Sample(_video(path, phases, origin), part) for path, phases, part in videos]
    return made + [_frame(path, origin) for path in sorted(frames)]


def _phase_at(study: Study, second: int, seconds: int) -> int:
    image = study.images[0]
    time = (second + 0.5) / seconds * image.shape[0] / (image.frames_per_second or 1.0)
    found = (event for event in study.events if event.kind == "phase" and event.start_s <= time < event.end_s)
    return next((_VIRTUAL.index(event.label) + 1 for event in found), 1)


def _write_frame(corpus: Corpus, study: Study, folder: Path, number: int) -> Path:
    clip_, path = study.images[0], folder / "imgs" / f"{number:02d}_00010.jpg"
    labels = np.zeros(clip_.shape[1:], np.uint8)
    for value, names in ((9, ["gallbladder"]), (2, ["grasper"]), (8, ["hook"])):
        labels[union(corpus, masks(study, anatomy=names, frame=10), labels.shape)] = value
    save_picture(path, pixels(corpus, clip_)[10])
    save_picture(folder / "masks" / f"{path.stem}.png", labels)
    return path
