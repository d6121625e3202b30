"""Volumes and label maps in chunks of 64 voxels a side: Zarr version 3 with Blosc, on disk or in an object store.

    store/
      store.json                         version and side of a chunk
      items/<name>.json                  description; written last, so that a volume is there whole or not at all
      volumes/<ha>/<hash>/image          Zarr array; chunks lie together in shards of 256 voxels a side
      volumes/<ha>/<hash>/labels/<name>  one array a label map
      volumes/<ha>/<hash>/places         voxels drawn from every label, to crop around without reading the map

A volume lies under the hash of its content: two writers of the same volume write the same bytes to the same place,
and a writer that was killed leaves nothing that a reader sees.
"""

# Z slices, Y rows, X columns

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from vesalius.data.place import Place
from vesalius.data.readers.limits import check_size
from vesalius.data.readers.pixels import Pixels
from vesalius.data.store.item import SPATIAL, Item, Labels, describe, whole_numbers
from vesalius.errors import DataError, did_you_mean
from vesalius.optional import require

__all__ = ["Crop", "Span", "VolumeStore"]

Span = tuple[int, int]
"""First index and the index after the last."""

_VERSION = 1
_CHUNKS_PER_SHARD = 4
_PLACES_PER_LABEL = 512
_OPEN_ARRAYS = 64
_KNOWN_ITEMS = 4096
_LONGEST_NAME = 240
"""Bytes of a file name on most file systems, less the suffix."""
_FAULTS = (OSError, ValueError, TypeError, KeyError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crop:
    """A part of a volume."""

    name: str
    box: tuple[Span, ...]
    """Span of indices along each axis of the volume, colours left out; may pass its ends where it was filled."""
    pixels: Pixels
    """Samples with the geometry of the part."""
    labels: Mapping[str, NDArray[Any]]
    """Label maps of the same part."""


class VolumeStore:
    """A store at a local path or any address of fsspec; it may be sent to worker processes, which open it anew."""

    def __init__(self, place: str | Path | Place, *, chunk: int) -> None:
        self.place = Place.of(place)
        self.chunk = chunk
        """Voxels along a side of a chunk."""
        self._names: list[str] | None = None
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._arrays: OrderedDict[str, Any] = OrderedDict()
        self._zarr_store: Any = None

    @classmethod
    def create(cls, place: str | Path, *, chunk: int = 64) -> VolumeStore:
        """Make a store, or open the one that is there."""
        if chunk < 8:
            raise DataError(f"chunks of {chunk} voxels a side; expected at least 8")
        folder = Place.of(place)
        if folder.exists("store.json"):
            return cls.open(place)
        folder.write("store.json", json.dumps({"vesalius_volumes": _VERSION, "chunk": chunk}).encode())
        return cls(folder, chunk=chunk)

    @classmethod
    def open(cls, place: str | Path) -> VolumeStore:
        """Open a store.

        Raises:
            DataError: there is none, or it is of a newer version.
        """
        folder = Place.of(place)
        try:
            document = json.loads(folder.read("store.json"))
            version, chunk = int(document["vesalius_volumes"]), int(document["chunk"])
        except FileNotFoundError:
            raise DataError(
                f"{folder.url} is no volume store: it has no store.json; VolumeStore.create makes one"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder.url}/store.json is broken: {type(error).__name__} {error}") from None
        if version > _VERSION:
            raise DataError(f"{folder.url} is of version {version}, this release reads {_VERSION}; update vesalius")
        return cls(folder, chunk=chunk)

    def __reduce__(self) -> tuple[object, ...]:
        return VolumeStore.open, (self.place.url,)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._items or self.place.exists(_item_file(name)))

    @property
    def names(self) -> list[str]:
        """Names of the finished volumes, sorted; `refresh` sees what other writers have added since."""
        if self._names is None:
            files = self.place.names("items")
            self._names = sorted(unquote(file.removesuffix(".json")) for file in files if file.endswith(".json"))
        return self._names

    def refresh(self) -> None:
        """Forget what was listed, to see what other writers have added."""
        self._names = None
        self._items.clear()

    def item(self, name: str) -> Item:
        """Return the description of a volume.

        Raises:
            DataError: no such volume; offers the nearest names.
        """
        if name not in self._items:
            try:
                data = self.place.read(_item_file(name))
            except FileNotFoundError:
                raise DataError(
                    f"store {self.place.url} has no volume {name!r}{did_you_mean(name, self.names[:1000])}"
                ) from None
            self._items[name] = Item.from_json(data, where=f"{self.place.url}/{_item_file(name)}")
            while len(self._items) > _KNOWN_ITEMS:
                self._items.popitem(last=False)
        return self._items[name]

    def add(self, name: str, pixels: Pixels, *, labels: Mapping[str, Labels] | None = None) -> Item:
        """Store a volume with its label maps; the same content again is fine and writes nothing.

        Raises:
            DataError: the name holds other content, no axis of the array is spatial, or a label map does not fit.
        """
        labels = labels or {}
        if not name or len(_quoted(name)) > _LONGEST_NAME:
            raise DataError(f"a volume of the store cannot be called {name!r}: give it 1 to {_LONGEST_NAME} letters")
        item = describe(name, pixels, labels)
        if name in self:
            if self.item(name).hash != item.hash:
                raise DataError(f"store {self.place.url} holds other content as {name!r}; give it another name")
            return self.item(name)
        folder = _folder(item)
        self._write(f"{folder}/image", pixels.array, axes=item.axes)
        for label, given in labels.items():
            path = f"{folder}/labels/{_quoted(label)}"
            self._write(path, whole_numbers(given.array), axes=item.axes.removesuffix("C"))
        if labels:
            self._write(f"{folder}/places", _places(item, labels), axes="")
        self.place.write(_item_file(name), item.to_json())
        self._names = None
        return item

    def read(self, name: str) -> Crop:
        """Return a whole volume."""
        return self.crop(name, [(0, size) for size in _grid(self.item(name))])

    def crop(self, name: str, box: Sequence[Span], *, fill: float | None = None) -> Crop:
        """Return a part of a volume and of its label maps; only the chunks that it touches are read.

        Args:
            name: of the volume.
            box: first index and the one after the last along each axis, colours left out.
            fill: value of what lies beyond the ends (labels are 0 there); without it that is an error.
        """
        item = self.item(name)
        grid = _grid(item)
        spans = tuple((int(first), int(last)) for first, last in box)
        if len(spans) != len(grid) or any(first >= last for first, last in spans):
            raise DataError(f"volume {name!r}: box {spans} does not fit its axes {item.axes} of {grid}")
        inside = tuple((max(first, 0), min(last, size)) for (first, last), size in zip(spans, grid, strict=True))
        if inside != spans and fill is None:
            raise DataError(f"volume {name!r}: box {spans} passes the ends of {grid}; state fill= for what is beyond")
        if any(first >= last for first, last in inside):
            raise DataError(f"volume {name!r}: box {spans} lies outside {grid}")
        size = int(np.prod([last - first for first, last in spans]))
        check_size(name, size * np.dtype(item.dtype).itemsize * (item.shape[-1] if item.axes.endswith("C") else 1))
        folder = _folder(item)
        array = _filled(self._part(f"{folder}/image", inside), spans, inside, fill or 0)
        labels = {
            label: _filled(self._part(f"{folder}/labels/{_quoted(label)}", inside), spans, inside, 0)
            for label in item.labels
        }
        start = tuple(first for first, _ in spans)
        start = (*start, 0) if item.axes.endswith("C") else start
        return Crop(name=name, box=spans, pixels=item.pixels(array, start), labels=labels)

    def random_crop(
        self,
        rng: np.random.Generator,
        *,
        size: tuple[int, int, int] = (96, 96, 96),
        foreground: float = 1 / 3,
        fill: float | None = None,
        name: str | None = None,
    ) -> Crop:
        """Return a crop at random: of a volume drawn evenly, at a place drawn evenly or around a labelled voxel.

        Args:
            rng: decides everything.
            size: slices, rows, columns.
            foreground: share of the crops whose centre is a voxel of a label that was drawn evenly from those of the
                volume, moved no further than its ends need; nnU-Net's share is the default.
            fill: value beyond the ends of a volume smaller than `size`; without it that is an error.
            name: volume to crop; drawn where not given.
        """
        if name is None:
            if not self.names:
                raise DataError(f"store {self.place.url} holds no volume")
            name = self.names[int(rng.integers(len(self.names)))]
        item = self.item(name)
        grid = _grid(item)
        centre = self._labelled(item, rng) if item.labels and rng.random() < foreground else None
        box: list[Span] = []
        for axis, length in enumerate(grid):
            letter = item.axes[axis]
            side = size[SPATIAL.index(letter)] if letter in SPATIAL else length
            room = length - side
            if room < 0:
                first = -((side - length) // 2)
            elif centre is None:
                first = int(rng.integers(room + 1))
            else:
                first = int(np.clip(centre[axis] - side // 2, 0, room))
            box.append((first, first + side))
        return self.crop(name, box, fill=fill)

    def verify(self, name: str) -> None:
        """Read a volume again and compare it with its hash.

        Raises:
            DataError: it is not what was stored.
        """
        item, whole = self.item(name), self.read(name)
        labels = {label: Labels(array=whole.labels[label], names=item.labels[label]) for label in item.labels}
        if describe(name, whole.pixels, labels).hash != item.hash:
            raise DataError(f"store {self.place.url}: volume {name!r} is not what its hash says; store it again")

    def _labelled(self, item: Item, rng: np.random.Generator) -> list[int] | None:
        """Draw a label of the volume, then a voxel of it; None where nothing is labelled."""
        places = self._part(f"{_folder(item)}/places", None)
        if not len(places):
            return None
        kinds, of = np.unique(places[:, :2], axis=0, return_inverse=True)
        rows = np.flatnonzero(of.reshape(-1) == rng.integers(len(kinds)))
        return [int(value) for value in places[rows[rng.integers(len(rows))], 2:]]

    def _write(self, path: str, array: NDArray[Any], *, axes: str) -> None:
        """Write an array where its content says: a half of it, or another writer's, is written over with the same."""
        zarr = require("zarr", purpose="the volume store")
        chunks, shards = _layout(array.shape, axes, self.chunk)
        try:
            target = _created_or_there(
                zarr,
                self._store(),
                name=path,
                shape=array.shape,
                dtype=array.dtype.newbyteorder("="),
                chunks=chunks,
                shards=shards,
                compressors=zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
                fill_value=0,
                dimension_names=list(axes) or None,
            )
            target[...] = array
        except _FAULTS as error:
            raise DataError(
                f"store {self.place.url}: {path} cannot be written: {type(error).__name__} {error}"
            ) from error

    def _part(self, path: str, box: Sequence[Span] | None) -> NDArray[Any]:
        zarr = require("zarr", purpose="the volume store")
        try:
            if path not in self._arrays:
                self._arrays[path] = zarr.open_array(self._store(), path=path, mode="r")
                while len(self._arrays) > _OPEN_ARRAYS:
                    self._arrays.popitem(last=False)
            self._arrays.move_to_end(path)
            where = ... if box is None else tuple(slice(first, last) for first, last in box)
            return np.asarray(self._arrays[path][where])
        except _FAULTS as error:
            raise DataError(
                f"store {self.place.url}: {path} is broken: {type(error).__name__} {str(error)[:200]}; "
                "store the volume again"
            ) from error

    def _store(self) -> Any:
        if self._zarr_store is None:
            zarr = require("zarr", purpose="the volume store")
            local = self.place.local
            if local is not None:
                self._zarr_store = zarr.storage.LocalStore(local)
            else:
                self._zarr_store = zarr.storage.FsspecStore.from_url(self.place.url)
        return self._zarr_store


def _grid(item: Item) -> tuple[int, ...]:
    return item.shape[:-1] if item.axes.endswith("C") else item.shape


def _folder(item: Item) -> str:
    return f"volumes/{item.hash[:2]}/{item.hash}"


def _quoted(name: str) -> str:
    return quote(name, safe=" ").replace(".", "%2E")


def _item_file(name: str) -> str:
    return f"items/{_quoted(name)}.json"


def _created_or_there(zarr: Any, store: Any, *, name: str, **options: Any) -> Any:
    """Make an array, or open the one that is there; nothing is deleted, for another writer may be at work in it."""
    try:
        return zarr.create_array(store, name=name, **options)
    except zarr.errors.ContainsArrayError:
        return zarr.open_array(store, path=name, mode="r+")


def _layout(shape: tuple[int, ...], axes: str, side: int) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the shapes of chunks and shards: one frame of a time axis, all colours, cubes in space."""
    if not axes:
        return shape, None
    chunks = tuple(
        min(side, size) if axis in SPATIAL else 1 if axis == "T" else size
        for axis, size in zip(axes, shape, strict=True)
    )
    shards = tuple(
        chunk * min(_CHUNKS_PER_SHARD, -(-size // chunk)) if axis in SPATIAL else chunk
        for axis, size, chunk in zip(axes, shape, chunks, strict=True)
    )
    return chunks, shards


def _filled(array: NDArray[Any], spans: Sequence[Span], inside: Sequence[Span], fill: float) -> NDArray[Any]:
    """Set a part into a larger box of one value."""
    if tuple(spans) == tuple(inside):
        return array
    shape = [last - first for first, last in spans]
    whole = np.full((*shape, *array.shape[len(shape) :]), fill, array.dtype)
    place = tuple(slice(a - first, b - first) for (first, _), (a, b) in zip(spans, inside, strict=True))
    whole[place] = array
    return whole


def _places(item: Item, labels: Mapping[str, Labels]) -> NDArray[np.int32]:
    """Draw voxels of every label by the content's hash: number of the map, value, index along each axis."""
    rng = np.random.default_rng(int(item.hash[:16], 16))
    rows = []
    for number, label in enumerate(sorted(labels)):
        array = labels[label].array
        voxels = np.flatnonzero(array)
        values = array.reshape(-1)[voxels]
        order = np.argsort(values, kind="stable")
        starts = np.flatnonzero(np.diff(values[order], prepend=values[order][:1] - 1 if len(order) else 0))
        for group in np.split(order, starts[1:]) if len(order) else []:
            drawn = group if len(group) <= _PLACES_PER_LABEL else rng.choice(group, _PLACES_PER_LABEL, replace=False)
            index = np.stack(np.unravel_index(voxels[np.sort(drawn)], array.shape), axis=1)
            kind = np.broadcast_to([number, int(values[group[0]])], (len(index), 2))
            rows.append(np.concatenate([kind, index], axis=1))
    empty = np.empty((0, 2 + len(_grid(item))), np.int64)
    return np.concatenate([empty, *rows]).astype(np.int32)
