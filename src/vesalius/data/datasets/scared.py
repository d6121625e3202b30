"""SCARED (EndoVis 2019): endoscopic frames with depth and camera poses, in the form that depth papers unpack it to.

A study is a keyframe: its frames in order as images, with the pose of each as an event of one frame, and the depth
map as an image of its own where it is there as PNG of 16 bits; the point maps of the release (TIFF) are not read.
Rows of the poses are camera-to-world in millimetres. The lists of frames of papers (``splits/endovis/*.txt``, lines
such as "dataset3/keyframe4 390 l") are the split, by the keyframe's first listed frame; without them there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import load_json
from vesalius.data.records import Event, Image, Provenance, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="SCARED, EndoVis 2019", slug="scared", licence="by agreement, for research",
    access="Register with the sub-challenge, download the data sets and unpack the frames of their videos",
    home="https://endovissub2019-scared.grand-challenge.org",
)  # fmt: skip
TWIN = Twin(preset="endoscopy", image_size=64)

_LISTS = {"train_files": "train", "val_files": "val", "test_files": "test"}
_ROW = re.compile(r"dataset_?(\d+)/keyframe_?(\d+)\s+(\d+)\s+[lr]")
_FRAMES = 6


def read(root: Path) -> Iterator[Sample]:
    """Yield the keyframes by number of data set and keyframe."""
    keyframes = [path.parents[1] for path in root.glob("dataset_*/keyframe_*/data/left_finalpass")]
    if not keyframes:
        require_files(root, ["dataset_1/keyframe_1/data/left_finalpass"], ABOUT)
    origin, splits = provenance(root, ABOUT), _splits(root)
    for folder in sorted(keyframes, key=_numbers):
        yield Sample(_study(folder, origin), splits.get(_numbers(folder), ""))


def _numbers(folder: Path) -> tuple[int, int]:
    found = [re.fullmatch(r"(?:dataset|keyframe)_(\d+)", part) for part in folder.parts[-2:]]
    if found[0] is None or found[1] is None:
        raise DataError(f"{folder}: expected a folder such as dataset_1/keyframe_1")
    return int(found[0][1]), int(found[1][1])


def _splits(root: Path) -> dict[tuple[int, int], str]:
    splits: dict[tuple[int, int], str] = {}
    for name, part in _LISTS.items():
        path = root / "splits" / "endovis" / f"{name}.txt"
        if path.exists():
            for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                found = _ROW.fullmatch(text.strip())
                if found is None and text.strip():
                    raise DataError(f"{path}, line {line}: {text!r}; expected a row such as dataset3/keyframe4 390 l")
                if found is not None:
                    splits.setdefault((int(found[1]), int(found[2])), part)
    return splits


def _study(folder: Path, origin: Provenance) -> Study:
    frames = sorted((folder / "data" / "left_finalpass").glob("*.png"))
    if not frames:
        raise DataError(f"{folder / 'data' / 'left_finalpass'}: no frames; unpack them from the video first")
    images, events = [], []
    for number, path in enumerate(frames):
        name = f"{number:06d}"
        images.append(described(path, like=Image(id=name, path="", modality="ES", view="endoscopic")))
        depth = folder / "data" / "scene_points" / f"{path.stem}.png"
        if depth.exists():
            like = Image(id=f"{name}_depth", path="", modality="OT", sequence="depth")
            images.append(described(depth, like=like))
        pose = folder / "data" / "frame_data" / f"{path.stem}.json"
        if pose.exists():
            events.append(Event(image=name, kind="pose", label="camera to world", start_s=float(number),
                                end_s=float(number + 1), source="calibration", values=_pose(pose)))  # fmt: skip
    first, second = _numbers(folder)
    return Study(
        id=f"dataset_{first}_keyframe_{second}", patient=f"dataset_{first}", images=tuple(images),
        events=tuple(events), provenance=origin,
    )  # fmt: skip


def _pose(path: Path) -> tuple[float, ...]:
    """Return the 3 × 4 matrix by rows: of a 4 × 4 one under "camera-pose", the first three rows."""
    found = load_json(path).get("camera-pose")
    try:
        matrix = np.array(found, np.float64).reshape(-1, 4)
    except (TypeError, ValueError):
        raise DataError(f"{path}: camera-pose is {found!r}; expected a 4 × 4 matrix") from None
    if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise DataError(f"{path}: camera-pose of shape {matrix.shape}; expected 4 × 4 finite numbers")
    return tuple(matrix[:3].ravel().tolist())


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write six frames of each clip with depth and poses, and the lists of papers."""
    tests, validated, made = studies_of(corpus, "test"), studies_of(corpus, "val"), []
    rows: dict[str, list[str]] = {part: [] for part in _LISTS.values()}
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        folder = root / f"dataset_{1 + number // 5}" / f"keyframe_{1 + number % 5}"
        film = next(image for image in study.images if image.modality == "ES")
        depth = next((image for image in study.images if image.kind == "video" and image.id != film.id), None)
        frames, maps = pixels(corpus, film)[:_FRAMES], None if depth is None else pixels(corpus, depth)[:_FRAMES]
        poses = [event.values for event in study.events if event.kind == "pose"][:_FRAMES]
        for frame, values in enumerate(frames):
            save_picture(folder / "data" / "left_finalpass" / f"{frame:06d}.png", values)
            if maps is not None:
                save_picture(folder / "data" / "scene_points" / f"{frame:06d}.png", maps[frame])
            if frame < len(poses):
                path = folder / "data" / "frame_data" / f"{frame:06d}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                matrix = [*np.reshape(poses[frame], (3, 4)).tolist(), [0.0, 0.0, 0.0, 1.0]]
                path.write_text(json.dumps({"camera-pose": matrix}), encoding="utf-8")
        part = "test" if study.id in tests else "val" if study.id in validated else "train"
        rows[part] += [f"dataset{1 + number // 5}/keyframe{1 + number % 5} {frame} l" for frame in range(1, _FRAMES)]
        made.append(Sample(_study(folder, virtual_origin(ABOUT)), part))
    for name, part in _LISTS.items():
        path = root / "splits" / "endovis" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{row}\n" for row in rows[part]), encoding="utf-8")
    return made
