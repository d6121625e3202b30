"""What a segmentation, a structure set or a report says, as records of the study that it belongs to.

Masks are written anew, on the grid of the image that they were drawn on: as NIfTI for a volume, as PNG for a picture.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from vesalius.data.ingest.plan import ImagePlan, ObjectPlan
from vesalius.data.ingest.report import Problem
from vesalius.data.media import Content
from vesalius.data.readers import Pixels
from vesalius.data.readers.objects import (
    Grid,
    ObjectRecords,
    PackedMasks,
    pack_segments,
    pack_structures,
    read_report,
    read_segmentation,
    read_structures,
    report_records,
    segmentation_records,
    structure_records,
)
from vesalius.data.records import Image, Study
from vesalius.data.writers.nifti import write_nifti
from vesalius.errors import DataError, MissingDependency

__all__ = ["Place", "attach", "place_of"]


class Place(NamedTuple):
    """An image of a study with what objects may refer to."""

    image: Image
    instances: tuple[str, ...]
    series: str
    grid: Grid | None
    """None for a clip, whose frames are no places."""


def place_of(planned: ImagePlan, image: Image, pixels: Pixels) -> Place:
    """Say where an image is in the patient, for the objects of its study."""
    grid = Grid.of(pixels) if image.kind in ("image", "volume") else None
    return Place(image, planned.instances, planned.series_uid, grid)


def attach(
    one: ObjectPlan, study: Study, places: Sequence[Place], media: MutableMapping[str, bytes | Path | Content],
    problems: list[Problem],
) -> Study:  # fmt: skip
    """Return the study with the records of an object, its masks among the files; what stays out is a problem."""
    try:
        records = _report(one, places) if one.kind == "report" else _masks(one, places, media)
    except (DataError, MissingDependency) as error:
        reason = str(error).removeprefix(f"{one.path}: ").replace(str(one.path), one.item)
        problems.append(Problem(one.item, reason))
        return study
    problems += [Problem(one.item, f"left out: {what}") for what in records.left_out]
    return replace(
        study,
        regions=(*study.regions, *records.regions),
        measurements=(*study.measurements, *records.measurements),
        findings=(*study.findings, *records.findings),
        texts=(*study.texts, *records.texts),
    )


def _report(one: ObjectPlan, places: Sequence[Place]) -> ObjectRecords:
    images = {uid: place.image.id for place in places for uid in place.instances}
    return report_records(read_report(one.path), images=images)


def _masks(
    one: ObjectPlan, places: Sequence[Place], media: MutableMapping[str, bytes | Path | Content]
) -> ObjectRecords:
    place = _drawn_on(one, places)
    assert place.grid is not None
    if one.kind == "segmentation":
        segmentation = read_segmentation(one.path, onto=place.grid, sources=place.instances)
        packed = pack_segments(segmentation)
        paths = _written(packed, place, media)
        return segmentation_records(segmentation, image=place.image.id, paths=paths, places=packed.places)
    structures = read_structures(one.path)
    packed = pack_structures(structures, place.grid)
    paths = _written(packed, place, media)
    return structure_records(structures, image=place.image.id, grid=place.grid, paths=paths, places=packed.places)


def _drawn_on(one: ObjectPlan, places: Sequence[Place]) -> Place:
    """Return the image with most of the instances that an object refers to, or of its series.

    Raises:
        DataError: it was drawn on several images that form no volume, or on a clip.
    """
    wanted = set(one.instances)
    shares = [len(wanted.intersection(place.instances)) for place in places]
    touched = [place for place, share in zip(places, shares, strict=True) if share]
    touched = touched or [place for place in places if place.series in one.series]
    if not touched:
        raise DataError("none of the images that it refers to could be opened")
    volumes = [place for place in touched if place.image.kind == "volume"]
    if len(touched) > 1 and not volumes:
        raise DataError(f"it refers to {len(touched)} images that form no volume; masks need one grid")
    found = max(volumes or touched, key=lambda place: len(wanted.intersection(place.instances)))
    if found.grid is None:
        raise DataError(f"it was drawn on a {found.image.kind}; masks are taken for images and volumes")
    return found


def _written(packed: PackedMasks, place: Place, media: MutableMapping[str, bytes | Path | Content]) -> list[str]:
    """Put label maps among the files, each under the hash of its content, and return their paths."""
    paths = []
    for labels in packed.maps:
        data, suffix = _encoded(labels, place)
        digest = hashlib.sha256(data).hexdigest()
        paths.append(f"media/{digest[:2]}/{digest}{suffix}")
        media[paths[-1]] = data
    return paths


def _encoded(labels: NDArray[np.uint8], place: Place) -> tuple[bytes, str]:
    if place.image.kind == "image":
        buffer = io.BytesIO()
        Picture.fromarray(labels[0]).save(buffer, "PNG")
        return buffer.getvalue(), ".png"
    if place.grid is None or place.grid.geometry is None:
        raise DataError("its volume states no spacing, so that a mask on it cannot be stored")
    with tempfile.TemporaryDirectory() as folder:
        return write_nifti(labels, place.grid.geometry, Path(folder, "mask.nii.gz")).read_bytes(), ".nii.gz"
