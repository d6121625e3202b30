"""From a planned study to a record: every file is opened and decoded once, so that a bad one is found now."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from vesalius.data import readers
from vesalius.data.fingerprint import file_sha256
from vesalius.data.ingest.plan import ImagePlan, StudyPlan
from vesalius.data.ingest.report import Problem
from vesalius.data.readers import Pixels
from vesalius.data.records import Image, ImageKind, Study
from vesalius.errors import DataError

__all__ = ["Built", "build", "link_into"]

_SUFFIX = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif", "dicom": ".dcm"}
_KINDS: dict[str, ImageKind] = {"Y": "image", "Z": "volume", "T": "video"}
_UNSTATED = "OT"
"""Code of DICOM for "other", where neither the file nor the caller states a modality."""
_SLICED = ("CT", "MR", "PT", "NM", _UNSTATED)
"""Modalities whose view is the plane of the slice where the file names none."""


class Built(NamedTuple):
    """A record and the files that it names, None where no image could be opened; and the problems."""

    study: Study | None
    media: Mapping[str, Path]
    problems: tuple[Problem, ...]


def build(plan: StudyPlan) -> Built:
    """Open every image of a study; what cannot be opened is a problem, the rest goes in."""
    images: list[Image] = []
    media: dict[str, Path] = {}
    problems: list[Problem] = []
    for planned in plan.images:
        opened = _first_good(planned, problems)
        if opened is None:
            continue
        file, pixels = opened
        digest = file_sha256(file)
        path = f"media/{digest[:2]}/{digest}{_suffix(file, pixels)}"
        media[path] = file
        images.append(_record(planned, pixels, path=path, digest=digest))
    study = replace(plan.study, images=tuple(images)) if images else None
    return Built(study, media, tuple(problems))


def _first_good(planned: ImagePlan, problems: list[Problem]) -> tuple[Path, Pixels] | None:
    """Open the file, or the first of its copies that is whole; say what became of every other."""
    good: tuple[Path, Pixels] | None = None
    taken = ""
    for path, item in ((planned.path, planned.item), *planned.copies):
        if good is not None:
            problems.append(Problem(item, f"the same SOP instance as {taken} (0008,0018)"))
            continue
        try:
            good, taken = (path, readers.read(path)), item
        except DataError as error:
            problems.append(Problem(item, str(error).removeprefix(f"{path}: ")))
    return good


def link_into(root: Path, name: str, source: Path) -> None:
    """Give a file a second name inside the corpus (a hard link), so that nothing is copied.

    Raises:
        DataError: the corpus lies on another file system.
    """
    target = root / name
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


def _suffix(path: Path, pixels: Pixels) -> str:
    """Suffix of the format that was found, whatever the file was called."""
    if pixels.info["format"] == "nifti":
        with path.open("rb") as file:
            return ".nii.gz" if file.read(2) == b"\x1f\x8b" else ".nii"
    return _SUFFIX[pixels.info["format"]]


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
