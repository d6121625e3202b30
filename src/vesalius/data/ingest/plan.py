"""What an ingest is going to do: studies without pixels, and the files that each of them will open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from vesalius.data.ingest.report import Problem
from vesalius.data.records import Laterality, Region, Study
from vesalius.errors import DataError

__all__ = ["ImagePlan", "MaskPlan", "ObjectPlan", "Plan", "StudyPlan", "short_names", "within"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPlan:
    """A mask file on the grid of an image."""

    path: Path
    item: str
    concept: str = ""
    anatomy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """One file of a study, or the slices of a volume; what is stated here goes before what the file says."""

    path: Path
    item: str
    """Name for messages, relative to the source."""
    id: str
    modality: str = ""
    view: str = ""
    body_part: str = ""
    laterality: Laterality = ""
    copies: tuple[tuple[Path, str], ...] = ()
    """Path and item of files with the same SOP instance; one is opened where those before are bad."""
    slices: tuple[ImagePlan, ...] = ()
    """Files of which this is the volume, in its order; they go in one by one where they turn out to be none."""
    sop: str = ""
    """UID of a DICOM file, to find what refers to it; it goes into no record."""
    series_uid: str = ""
    regions: tuple[Region, ...] = ()
    masks: tuple[MaskPlan, ...] = ()

    @property
    def instances(self) -> tuple[str, ...]:
        """UIDs of the file, or of the slices in their order."""
        return tuple(one.sop for one in self.slices or (self,) if one.sop)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPlan:
    """A DICOM object that speaks of images, and what it refers to."""

    path: Path
    item: str
    kind: str
    """segmentation, structures or report."""
    what: str
    """The same in words."""
    sop: str
    study: str
    """Id that a study of its patient and study UID has."""
    instances: tuple[str, ...] = ()
    series: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """A study without images, the files to open for it, and the part of the split that the source states."""

    study: Study
    images: tuple[ImagePlan, ...]
    split: str = ""
    objects: tuple[ObjectPlan, ...] = ()


@dataclass(slots=True, kw_only=True)
class Plan:
    """All studies of a source, and what is already known not to go in."""

    studies: list[StudyPlan] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)


def within(root: Path, name: str) -> Path:
    """Return the path of a file below `root`; links are followed before the check.

    Raises:
        DataError: the path leaves the root.
    """
    base = root.resolve()
    try:
        path = (base / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"path {name!r} is not usable: {error}") from None
    if not path.is_relative_to(base):
        raise DataError(
            f"path {name!r} leaves the folder {root}; refused, give a folder that holds all files with --root"
        )
    return path


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Return a name for every path: its stem where that is unique, else as much of the path as is needed."""
    paths = list(dict.fromkeys(paths))
    stems = Counter(_stem(path) for path in paths)
    longer = Counter(_without_suffix(path) for path in paths)
    return {
        path: _stem(path)
        if stems[_stem(path)] == 1
        else _without_suffix(path)
        if longer[_without_suffix(path)] == 1
        else path
        for path in paths
    }


def _stem(path: str) -> str:
    return PurePath(_without_suffix(path)).name


def _without_suffix(path: str) -> str:
    return path.removesuffix(".gz").removesuffix(PurePath(path.removesuffix(".gz")).suffix)
