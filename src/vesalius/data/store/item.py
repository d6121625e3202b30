"""What a store knows of a volume besides its samples, as a small JSON file, and the hash of all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.readers.pixels import Axes, LookupTable, Pixels, Presentation, Units, Window
from vesalius.errors import DataError

__all__ = ["SPATIAL", "Item", "Labels", "describe", "whole_numbers"]

SPATIAL = "ZYX"
"""Letters of the axes that a crop cuts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """A label map on the grid of its volume."""

    array: NDArray[Any]
    """Whole numbers, 0 for nothing, in the volume's shape without colours."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Meaning of each value; 0 needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Description of a stored volume."""

    name: str
    hash: str
    """SHA-256 of samples, labels and this description without its name."""
    axes: Axes
    shape: tuple[int, ...]
    """Of the stored array, colours counted."""
    dtype: str
    units: Units
    modality: str = ""
    geometry: Geometry | None = None
    info: Mapping[str, str] = field(default_factory=dict)
    presentation: Presentation = field(default_factory=Presentation)
    labels: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Names of the label maps, and of the values in each."""

    def to_json(self) -> bytes:
        """Return the description as a JSON document."""
        return (json.dumps({"name": self.name, "hash": self.hash, **_document(self)}, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, *, where: str) -> Item:
        """Read a description; `where` names it in messages.

        Raises:
            DataError: it is not whole.
        """
        try:
            document = json.loads(data)
            return _item(document)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{where} does not describe a volume: {type(error).__name__} {error}") from None

    def pixels(self, array: NDArray[Any], start: tuple[int, ...]) -> Pixels:
        """Dress samples that begin at the index `start` of the volume in its meaning and geometry."""
        geometry = self.geometry
        if geometry is not None and geometry.directions:
            spatial = [at for axis, at in zip(self.axes, start, strict=True) if axis in SPATIAL]
            x, y, z = geometry.to_patient(spatial[-len(geometry.spacing_mm) :]).tolist()
            geometry = replace(geometry, origin_mm=(x, y, z))
        return Pixels(
            array=array,
            axes=self.axes,
            units=self.units,
            geometry=geometry,
            modality=self.modality,
            info=self.info,
            source=self.name,
            presentation=self.presentation,
        )


def describe(name: str, pixels: Pixels, labels: Mapping[str, Labels]) -> Item:
    """Return the description of a volume with its hash.

    Raises:
        DataError: a label map does not fit the volume, or holds other than whole numbers.
    """
    for label, given in labels.items():
        if given.array.shape != pixels.shape or given.array.dtype.kind not in "iub":
            raise DataError(
                f"volume {name!r}: label map {label!r} is {given.array.dtype} of shape {given.array.shape}; expected "
                f"whole numbers of shape {pixels.shape}"
            )
    item = Item(
        name=name,
        hash="",
        axes=pixels.axes,
        shape=pixels.array.shape,
        dtype=pixels.array.dtype.newbyteorder("=").str[1:],
        units=pixels.units,
        modality=pixels.modality,
        geometry=pixels.geometry,
        info=dict(pixels.info),
        presentation=pixels.presentation,
        labels={label: dict(sorted(given.names.items())) for label, given in sorted(labels.items())},
    )
    digest = hashlib.sha256(json.dumps(_document(item), sort_keys=True).encode())
    for array in (pixels.array, *(whole_numbers(labels[label].array) for label in sorted(labels))):
        digest.update(f"{array.dtype.str[1:]}{array.shape}".encode())
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(little.reshape(-1).view(np.uint8).data)
    return replace(item, hash=digest.hexdigest())


def _document(item: Item) -> dict[str, Any]:
    shown = item.presentation
    return {
        "axes": item.axes,
        "shape": list(item.shape),
        "dtype": item.dtype,
        "units": item.units,
        "modality": item.modality,
        "geometry": _geometry_document(item.geometry) if item.geometry else None,
        "info": dict(item.info),
        "windows": [[float(window.centre), float(window.width), window.shape] for window in shown.windows],
        "lookup": _lookup_document(shown.lookup),
        "white": None if shown.white is None else float(shown.white),
        "inverted": shown.inverted,
        "labels": {name: {str(value): text for value, text in names.items()} for name, names in item.labels.items()},
    }


def whole_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Return a label map as it is stored: true and false are 1 and 0."""
    return array.astype(np.uint8) if array.dtype.kind == "b" else array


def _geometry_document(geometry: Geometry) -> dict[str, Any]:
    """Return all numbers as fractions, so that 1 and 1.0 have one hash."""
    return {
        "spacing_mm": [float(step) for step in geometry.spacing_mm],
        "directions": [[float(value) for value in direction] for direction in geometry.directions],
        "origin_mm": [float(value) for value in geometry.origin_mm],
        "source": geometry.source,
        "plane": geometry.plane,
    }


def _lookup_document(table: LookupTable | None) -> dict[str, Any] | None:
    if table is None:
        return None
    return {"entries": table.entries.tolist(), "first": table.first, "bits": table.bits}


def _item(document: Mapping[str, Any]) -> Item:
    placed, table = document["geometry"], document["lookup"]
    geometry = None
    if placed:
        geometry = Geometry(
            spacing_mm=tuple(placed["spacing_mm"]),
            directions=tuple(tuple(direction) for direction in placed["directions"]),
            origin_mm=tuple(placed["origin_mm"]),
            source=placed["source"],
            plane=placed["plane"],
        )
    return Item(
        name=document["name"],
        hash=document["hash"],
        axes=document["axes"],
        shape=tuple(document["shape"]),
        dtype=document["dtype"],
        units=document["units"],
        modality=document["modality"],
        geometry=geometry,
        info=document["info"],
        presentation=Presentation(
            windows=tuple(Window(*window) for window in document["windows"]),
            lookup=LookupTable(np.array(table["entries"], np.uint16), table["first"], table["bits"])
            if table
            else None,
            white=document["white"],
            inverted=document["inverted"],
        ),
        labels={
            name: {int(value): text for value, text in names.items()} for name, names in document["labels"].items()
        },
    )
