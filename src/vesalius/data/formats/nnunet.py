"""The raw folder of nnU-Net and what is like it: `dataset.json`, channels as files, label maps.

Both versions are read: in version 2 `labels` says name → value, or name → values for a region that overlaps others;
in version 1 (``Task005_Name``) `labels` and `modality` say value → name. A region becomes one mask record a value,
all of the same concept; the region is their union. A mask record says where a class would be: whether a voxel has
its value is known only when the file is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vesalius.data.media import inside
from vesalius.data.records import Region
from vesalius.errors import DataError

__all__ = ["Case", "Description", "cases", "concept_of", "describe", "describe_as", "folds", "label_regions"]

_NUMBER = re.compile(r"_(\d{4})$")
_IGNORE = "ignore"
_BACKGROUND = "background"
_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".png", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `dataset.json` says."""

    channels: tuple[str, ...]
    """Names by number."""
    labels: tuple[tuple[str, tuple[int, ...]], ...]
    """Classes and their values in the label map, in the order of the file, without background and "ignore"."""
    ignore: int | None = None
    """Value of voxels without a label."""
    file_ending: str = ".nii.gz"
    stated: Mapping[str, Any] | None = None
    """The entry "dataset": files by case, where they do not lie in the usual folders."""
    version: int = 2


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case with its files."""

    name: str
    images: tuple[Path, ...]
    """One a channel."""
    label: Path | None
    """None for a test case."""


def describe(folder: Path) -> Description:
    """Read `dataset.json` of a data set's folder.

    Raises:
        DataError: no JSON, or without channels and labels; says what was found.
    """
    path = folder / "dataset.json"
    found = load_json(path)
    channels = found.get("channel_names", found.get("modality"))
    labels = found.get("labels")
    if not isinstance(channels, dict) or not isinstance(labels, dict) or not channels:
        raise DataError(
            f"{path}: found {', '.join(found) or 'nothing'}; expected channel_names (or modality) and labels"
        )
    version = 2 if "channel_names" in found else 1
    values = {name: value for name, value in _values(path, labels) if value != (0,) and name != _BACKGROUND}
    ignore = values.pop(_IGNORE, None)
    ending = found.get("file_ending") or _ending(folder)
    return Description(
        channels=tuple(str(channels[key]) for key in sorted(channels, key=int)),
        labels=tuple(values.items()), ignore=ignore[0] if ignore else None, file_ending=ending,
        stated=found.get("dataset"), version=version,
    )  # fmt: skip


def load_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file.

    Raises:
        DataError: no such file, or no JSON object in it.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: no JSON that can be read: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: found a {type(found).__name__}, expected an object with names")
    return found


def _values(path: Path, labels: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield names and values, of either version: where all keys are numbers, they are the values."""
    if labels and all(re.fullmatch(r"\d+", key) for key in labels):
        for key, name in labels.items():
            yield str(name), (int(key),)
        return
    for name, value in labels.items():
        several = value if isinstance(value, list) else [value]
        try:
            yield name, tuple(int(part) for part in several)
        except (TypeError, ValueError):
            raise DataError(f"{path}: label {name!r} has the value {value!r}; expected a number or a list") from None


def _ending(folder: Path) -> str:
    """Find the ending of the files where `dataset.json`, as that of version 1, does not state it."""
    for path in sorted((folder / "imagesTr").glob("*")):
        for ending in _ENDINGS:
            if path.name.endswith(ending) and not path.name.startswith("."):
                return ending
    return ".nii.gz"


def cases(folder: Path, description: Description) -> Iterator[tuple[Case, str]]:
    """Yield all cases by name with their part, "train" (imagesTr) or "test" (imagesTs).

    Raises:
        DataError: a channel or a training label is missing, or a file has no channel number.
    """
    if description.stated is not None:
        for name in sorted(description.stated):
            yield _stated(folder, name, description), "train"
    else:
        for name, files in _grouped(folder / "imagesTr", description).items():
            label = folder / "labelsTr" / f"{name}{description.file_ending}"
            if not label.exists():
                raise DataError(
                    f"{folder}: case {name} has no {label.relative_to(folder)}; add it, or move its images"
                )
            yield Case(name=name, images=files, label=label), "train"
    for name, files in _grouped(folder / "imagesTs", description).items():
        label = folder / "labelsTs" / f"{name}{description.file_ending}"
        yield Case(name=name, images=files, label=label if label.exists() else None), "test"


def _stated(folder: Path, name: str, description: Description) -> Case:
    entry = (description.stated or {})[name]
    images = tuple(inside(folder, image) for image in entry["images"])
    _require_channels(folder, name, len(images), description)
    return Case(name=name, images=images, label=inside(folder, entry["label"]))


def _grouped(folder: Path, description: Description) -> dict[str, tuple[Path, ...]]:
    found: dict[str, dict[int, Path]] = {}
    ending = description.file_ending
    for path in sorted(folder.glob(f"*{ending}")):
        if path.name.startswith("."):
            continue
        stem = path.name.removesuffix(ending)
        number = _NUMBER.search(stem)
        if not number:
            raise DataError(f"{path}: no channel number such as _0000 before {ending}; rename it")
        found.setdefault(stem[: number.start()], {})[int(number[1])] = path
    for name, files in found.items():
        if sorted(files) != list(range(len(files))):
            raise DataError(f"{folder}: case {name} has the channels {sorted(files)}; expected 0 to {max(files)}")
        _require_channels(folder, name, len(files), description)
    return {name: tuple(files[number] for number in sorted(files)) for name, files in found.items()}


def _require_channels(folder: Path, name: str, count: int, description: Description) -> None:
    """Colour pictures may keep their three channels in one file."""
    expected = {len(description.channels)} | ({1} if description.file_ending in (".png", ".bmp", ".tif") else set())
    if count not in expected:
        raise DataError(
            f"{folder}: case {name} has {count} channel files, dataset.json names {len(description.channels)}: "
            f"{', '.join(description.channels)}"
        )


def label_regions(
    description: Description, label: Path, *, image: str, structures: Mapping[str, str] | None = None
) -> tuple[Region, ...]:
    """Return one mask record for every value of every class, in the order of `dataset.json`.

    Args:
        description: of the data set.
        label: file with the values.
        image: id of the image on whose grid it is.
        structures: classes that are parts of the body, and their names there; the others are concepts.
    """
    known = structures or {}
    return tuple(
        Region(image=image, kind="mask", mask=str(label), mask_value=value, anatomy=known.get(name, ""),
               concept="" if name in known else concept_of(name))
        for name, values in description.labels
        for value in values
    )  # fmt: skip


def concept_of(name: str) -> str:
    """Return the name of a class as records spell concepts: lower case with underscores."""
    return re.sub(r"[^0-9a-z]+", "_", name.casefold()).strip("_")


def folds(folder: Path) -> list[dict[str, list[str]]]:
    """Return the folds of `splits_final.json`, in the folder or in its sister under nnUNet_preprocessed, or none."""
    places = (folder, folder.parent.parent / "nnUNet_preprocessed" / folder.name)
    path = next((place / "splits_final.json" for place in places if (place / "splits_final.json").exists()), None)
    if path is None:
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [{part: [str(name) for name in fold[part]] for part in ("train", "val")} for fold in found]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected a list of folds with train and val: {error}") from None


def describe_as(
    folder: Path, *, channels: Sequence[str], labels: Mapping[str, int | list[int]], num_training: int,
    file_ending: str = ".nii.gz", version: int = 2, order: Sequence[int] = (), more: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write `dataset.json`.

    Args:
        folder: of the data set.
        channels: names by number; "CT" makes nnU-Net normalise Hounsfield values.
        labels: background first; name to value, or to the values of a region.
        num_training: training cases.
        file_ending: of images and labels.
        version: 1 writes `modality` and value → name.
        order: of the regions' values, `regions_class_order`.
        more: further entries.
    """
    named = {str(number): name for number, name in enumerate(channels)}
    if version == 1:
        found: dict[str, Any] = {"modality": named, "labels": {str(value): name for name, value in labels.items()}}
    else:
        found = {"channel_names": named, "labels": dict(labels), "file_ending": file_ending}
    found |= (
        {"numTraining": num_training} | ({"regions_class_order": list(order)} if order else {}) | dict(more or {})
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
