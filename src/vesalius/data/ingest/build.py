"""From a planned study to a record: every file is opened and decoded once, so that a bad one is found now."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from vesalius.data import readers
from vesalius.data.fingerprint import file_sha256, folder_sha256
from vesalius.data.ingest.attach import Place, attach, place_of
from vesalius.data.ingest.marks import suffix_of, with_marks
from vesalius.data.ingest.media import described
from vesalius.data.ingest.plan import ImagePlan, StudyPlan
from vesalius.data.ingest.report import Problem
from vesalius.data.media import Content, Media
from vesalius.data.readers import Pixels, series
from vesalius.data.readers.block import Grid
from vesalius.data.records import Image, ImageKind, Study
from vesalius.errors import DataError

__all__ = ["Built", "build", "link_into"]

_HELD_BYTES = 8 * 2**20
_HELD_FILES = 16
"""Files of a study that are held in memory between reading and copying, and the bytes of one: 128 MiB at most."""
_DETACHABLE = ("nrrd", "metaimage")
_KINDS: dict[str, ImageKind] = {"Y": "image", "Z": "volume", "T": "video"}
_UNSTATED = "OT"
"""Code of DICOM for "other", where neither the file nor the caller states a modality."""
_SLICED = ("CT", "MR", "PT", "NM", _UNSTATED)
"""Modalities whose view is the plane of the slice where the file names none."""


class Built(NamedTuple):
    """A record, None where no image could be opened; the files that it names; and the problems."""

    study: Study | None
    media: Media
    problems: tuple[Problem, ...]


class _Opened(NamedTuple):
    image: Image
    media: Mapping[str, Path | Content]
    place: Place


def build(plan: StudyPlan, *, link: bool) -> Built:
    """Open every image of a study; what cannot be opened is a problem, the rest goes in.

    Args:
        plan: the study and its files.
        link: the files will be linked, so that none is held in memory to be copied.
    """
    hold = 0 if link or len(plan.images) > _HELD_FILES else _HELD_BYTES
    images: list[Image] = []
    media: dict[str, bytes | Path | Content] = {}
    problems: list[Problem] = []
    places: list[Place] = []
    for planned in plan.images:
        whole = _volume(planned, problems) if planned.slices else None
        singles = () if whole else planned.slices or (planned,)
        opened = [whole] if whole else [_single(one, problems, hold=hold) for one in singles]
        for found in opened:
            if found is not None:
                images.append(found.image)
                media.update(found.media)
                places.append(found.place)
    if plan.images and not images:
        return Built(None, {}, tuple(problems))
    study = with_marks(replace(plan.study, images=tuple(images)), plan.images, media, problems)
    for one in plan.objects:
        study = attach(one, study, places, media, problems)
    return Built(study, media, tuple(problems))


def _single(planned: ImagePlan, problems: list[Problem], *, hold: int) -> _Opened | None:
    """Open one file, or a folder with one series, and name it by its content; see `_content` for `hold`."""
    if planned.path.is_dir():
        return _folder(planned, problems)
    try:
        if (record := described(planned)) is not None:
            place = Place(record, planned.instances, planned.series_uid, None)
            return _Opened(record, {record.path: planned.path}, place)
    except DataError as error:
        problems.append(Problem(planned.item, str(error).removeprefix(f"{planned.path}: ")))
        return None
    opened = _first_good(planned, problems)
    if opened is None:
        return None
    file, pixels = opened
    content = _content(file, hold)
    path = f"media/{content.sha256[:2]}/{content.sha256}{suffix_of(file, pixels)}"
    record = _record(planned, pixels, path=path, digest=content.sha256)
    return _Opened(record, {path: content}, place_of(planned, record, pixels))


def _content(file: Path, hold: int) -> Content:
    """Hash a file; what has no more than `hold` bytes stays in memory until it is copied, and is hashed once."""
    size = file.stat().st_size
    if size > hold:
        return Content(file, file_sha256(file), size)
    data = file.read_bytes()
    return Content(data, hashlib.sha256(data).hexdigest(), len(data))


def _volume(planned: ImagePlan, problems: list[Problem]) -> _Opened | None:
    """Open slices as one volume and name their folder by its content; None where they are none."""
    files = [one.path for one in planned.slices]
    pixels, reason = _series(files)
    if pixels is None:
        # A slice may be bad and a copy of it good; what each is, the slices' own reading will say.
        files = [found[0] for one in planned.slices if (found := _first_good(one, [])) is not None]
        pixels = _series(files)[0] if len(files) == len(planned.slices) else None
    if pixels is None:
        reason = reason.replace(str(planned.path).removesuffix(planned.slices[0].item), "")
        problems.append(Problem(planned.item, f"no volume, its slices go in one by one: {reason}"))
        return None
    for one in planned.slices:
        problems += [Problem(item, f"the same SOP instance as {one.item} (0008,0018)") for _, item in one.copies]
    return _named_by_content(planned, pixels, files)


def _folder(planned: ImagePlan, problems: list[Problem]) -> _Opened | None:
    """Open the one volume of a folder."""
    try:
        stack = series.choose(series.find_volumes(planned.path))
        return _named_by_content(planned, series.load(stack)[0], stack.paths)
    except DataError as error:
        problems.append(Problem(planned.item, str(error).replace(str(planned.path), planned.item)))
        return None


def _named_by_content(planned: ImagePlan, pixels: Pixels, files: Sequence[Path]) -> _Opened:
    """Give the slices of a volume a folder of their own: its name is the hash of all of them in their order."""
    names = {f"{place:04d}.dcm": file for place, file in enumerate(files)}
    digest = folder_sha256({name: file_sha256(file) for name, file in names.items()})
    path = f"media/{digest[:2]}/{digest}"
    record = _record(planned, pixels, path=path, digest=digest)
    media = {f"{path}/{name}": file for name, file in names.items()}
    return _Opened(record, media, place_of(planned, record, pixels))


def _series(files: list[Path]) -> tuple[Pixels | None, str]:
    """Read slices as one volume, or say why they are none."""
    try:
        return series.read(files), ""
    except DataError as error:
        return None, str(error)


def _first_good(planned: ImagePlan, problems: list[Problem]) -> tuple[Path, Pixels] | None:
    """Open the file, or the first of its copies that is whole; say what became of every other."""
    good: tuple[Path, Pixels] | None = None
    taken = ""
    for path, item in ((planned.path, planned.item), *planned.copies):
        if good is not None:
            problems.append(Problem(item, f"the same SOP instance as {taken} (0008,0018)"))
            continue
        try:
            good, taken = (path, _read(path)), item
        except DataError as error:
            problems.append(Problem(item, str(error).removeprefix(f"{path}: ")))
    return good


def _read(path: Path) -> Pixels:
    """Read a file that is to be copied: all of it has to be in that file."""
    pixels = readers.read(path)
    if pixels.info["format"] in _DETACHABLE:
        grid: Grid = import_module(f"vesalius.data.readers.{pixels.info['format']}").describe(path)
        if grid.block.path.resolve() != path.resolve():
            raise DataError(f"{path}: its samples are in another file; save header and samples as one file")
    return pixels


def link_into(root: Path, name: str, source: Path) -> None:
    """Give a file a second name inside the corpus (a hard link), so that nothing is copied.

    Raises:
        DataError: the corpus lies on another file system.
    """
    target = root / name
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError as error:
        raise DataError(
            f"{source} cannot be linked into {root}: {error.strerror}; a link needs one file system, so "
            "put the corpus there or leave --link out to copy"
        ) from None


def _record(planned: ImagePlan, pixels: Pixels, *, path: str, digest: str) -> Image:
    geometry = pixels.geometry
    modality = planned.modality or pixels.modality or _UNSTATED
    spacing = geometry.spacing_mm if geometry else ()
    # Time has no spacing in millimetres: its place is held by NaN.
    spacing = (math.nan,) * (len(pixels.shape) - len(spacing)) + spacing if spacing else ()
    plane = geometry.orientation if geometry and modality in _SLICED else ""
    rate = pixels.info.get("frames_per_second")
    kind = _KINDS["Z" if "Z" in pixels.axes else pixels.axes[0]]
    return Image(
        id=planned.id,
        path=path,
        modality=modality,
        kind="slide" if modality == "SM" and kind == "video" else kind,
        shape=pixels.shape,
        channels=pixels.channels,
        spacing_mm=spacing,
        orientation=geometry.cosines if geometry else (),
        origin_mm=geometry.origin_mm if geometry else (),
        units=pixels.units,
        view=planned.view or pixels.info.get("view", "") or plane,
        body_part=planned.body_part or pixels.info.get("body_part", ""),
        laterality=planned.laterality,
        frames_per_second=float(rate) if rate else None,
        sha256=digest,
    )
