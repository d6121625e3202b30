"""CholecT45: 45 videos of cholecystectomies, one frame a second, with action triplets as vectors of 0 and 1.

Each line of ``triplet/VID01.txt`` is a frame and a hundred flags; what the numbers of the triplets mean stands in
``dict/maps.txt`` of the release. Fold 1 of the official cross-validation is the split: its videos are "test", the
last five of the others "val". All videos are of Cholec80, and in CholecT50.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._triplets import (
    INSTRUMENTS,
    NUMBERED,
    TARGETS,
    VERBS,
    Action,
    Frame,
    frame_study,
    frames_of,
    videos_of,
)
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.errors import DataError

__all__ = ["ABOUT", "FOLDS", "TWIN", "part_of", "read", "write"]

ABOUT = About(
    title="CholecT45", slug="cholect45", licence="CC BY-NC-SA 4.0",
    access="Fill in the request form of the CAMMA group",
    home="https://github.com/CAMMA-public/cholect45",
)  # fmt: skip
TWIN = Twin(preset="surgery", image_size=64)

FOLDS = (
    (79, 2, 51, 6, 25, 14, 66, 23, 50), (80, 32, 5, 15, 40, 47, 26, 48, 70), (31, 57, 36, 18, 52, 68, 10, 8, 73),
    (42, 29, 60, 27, 65, 75, 22, 49, 12), (78, 43, 62, 35, 74, 1, 56, 4, 13),
)  # fmt: skip
"""Videos of the five folds of the cross-validation."""
_VALIDATED = 5


def part_of(video: int, *, fold: int = 0) -> str:
    """Return the part of a video where `fold`, counted from 0, is tested on."""
    others = [number for place, numbers in enumerate(FOLDS) if place != fold for number in numbers]
    return "test" if video in FOLDS[fold] else "val" if video in others[-_VALIDATED:] else "train"


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a frame, by video and second, for every video with labels."""
    labels = sorted((root / "triplet").glob("VID*.txt"))
    if not labels:
        require_files(root, ["triplet/VID01.txt", "instrument/VID01.txt", "dict/maps.txt", "data/VID01"], ABOUT)
    wanted = [
        f"{folder}/{path.stem}{end}" for path in labels for folder, end in (("data", ""), ("instrument", ".txt"))
    ]
    require_files(root, ["dict/maps.txt", *wanted], ABOUT)
    triplets, origin = _maps(root / "dict" / "maps.txt"), provenance(root, ABOUT)
    for path in labels:
        used = dict(_flags(root / "instrument" / path.name, len(INSTRUMENTS)))
        for second, numbers in _flags(path, len(triplets)):
            if second not in used:
                raise DataError(f"{root / 'instrument' / path.name}: no frame {second}, which {path} has")
            actions = tuple(Action(*triplets[number]) for number in numbers)
            frame = Frame(path.stem, second, actions, used[second])
            yield Sample(frame_study(frame, _picture(root, frame), origin), part_of(int(path.stem[3:])))


def _picture(root: Path, frame: Frame) -> Path:
    return root / "data" / frame.video / f"{frame.second:06d}.png"


def _maps(path: Path) -> list[tuple[int, int, int]]:
    """Return instrument, verb and target of the triplets by number."""
    found: dict[int, tuple[int, int, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            cells = [cell.strip() for cell in line.split(",")]
            if len(cells) < 4 or not all(cell.isdigit() for cell in cells[:4]):
                raise DataError(f"{path}, line {number}: {line!r}; expected triplet, instrument, verb, target, …")
            key, instrument, verb, target = (int(cell) for cell in cells[:4])
            if instrument >= len(INSTRUMENTS) or verb >= len(VERBS) or target >= len(TARGETS):
                raise DataError(f"{path}, line {number}: no such instrument, verb or target: {line!r}")
            found[key] = (instrument, verb, target)
    if sorted(found) != list(range(len(found))):
        raise DataError(f"{path}: triplets {sorted(found)}; expected all numbers from 0")
    return [found[key] for key in range(len(found))]


def _flags(path: Path, classes: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the frame and the numbers of its classes, of every line."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            cells = [cell.strip() for cell in line.split(",")]
            if cells == [""]:
                continue
            if len(cells) != classes + 1 or not set(cells[1:]) <= {"0", "1"} or not cells[0].isdigit():
                raise DataError(
                    f"{path}, line {number}: {len(cells)} cells; expected a frame and {classes} flags 0 or 1"
                )
            yield int(cells[0]), tuple(place for place, cell in enumerate(cells[1:]) if cell == "1")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write twelve frames a video, the four tables of flags and the dictionaries."""
    _write_dictionaries(root / "dict")
    known = [number for fold in FOLDS[1:] for number in fold]
    made, origin = [], virtual_origin(ABOUT)
    for study, video in videos_of(corpus, known, FOLDS[0]):
        frames = [_kept(frame) for frame in frames_of(corpus, study, video, root / "data")]
        _write_flags(root, video, frames)
        made += [
            Sample(frame_study(frame, _picture(root, frame), origin), part_of(int(video[3:]))) for frame in frames
        ]
    return made


def _kept(frame: Frame) -> Frame:
    """Return the frame as flags hold it: each triplet once, in the order of the numbers, without boxes and phase."""
    numbers = sorted({NUMBERED.index((part.instrument, part.verb, part.target)) for part in frame.actions})
    return Frame(frame.video, frame.second, tuple(Action(*NUMBERED[number]) for number in numbers), frame.instruments)


def _write_flags(root: Path, video: str, frames: list[Frame]) -> None:
    def chosen(frame: Frame, what: str) -> set[int]:
        if what == "triplet":
            return {NUMBERED.index((part.instrument, part.verb, part.target)) for part in frame.actions}
        return set(frame.instruments) if what == "instrument" else {getattr(part, what) for part in frame.actions}

    sizes = {"triplet": len(NUMBERED), "instrument": len(INSTRUMENTS), "verb": len(VERBS), "target": len(TARGETS)}
    for what, size in sizes.items():
        lines = [
            ",".join([str(frame.second), *(str(int(number in chosen(frame, what))) for number in range(size))])
            for frame in frames
        ]
        path = root / what / f"{video}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _write_dictionaries(folder: Path) -> None:
    folder.mkdir(parents=True)
    triplets = [f"{INSTRUMENTS[i]},{VERBS[v]},{TARGETS[t]}" for i, v, t in NUMBERED]
    named = {"instrument": INSTRUMENTS, "verb": VERBS, "target": TARGETS, "triplet": triplets}
    for what, names in named.items():
        lines = [f"{number}:{name}" for number, name in enumerate(names)]
        (folder / f"{what}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = ["# IVT, I, V, T, IV, IT"]
    for number, (i, v, t) in enumerate(NUMBERED):
        lines.append(f"{number}, {i}, {v}, {t}, {i * len(VERBS) + v}, {i * len(TARGETS) + t}")
    (folder / "maps.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
