from __future__ import annotations

import multiprocessing
import pickle
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vesalius.data.geometry import Geometry
from vesalius.data.readers.pixels import LookupTable, Pixels, Presentation, Window
from vesalius.data.store import Labels, VolumeStore
from vesalius.errors import DataError

SHAPE = (70, 90, 100)
GEOMETRY = Geometry(
    spacing_mm=(2.5, 0.7, 0.8), directions=((0, 0, 1), (0, 1, 0), (1, 0, 0)), origin_mm=(-10, 20, 30), source="sform"
)


def volume(seed: int = 0, shape: tuple[int, ...] = SHAPE, dtype: str = "int16") -> Pixels:
    array = np.random.default_rng(seed).integers(-1000, 1000, shape).astype(dtype)
    return Pixels(
        array=array,
        axes="ZYX",
        units="HU",
        geometry=GEOMETRY,
        modality="CT",
        info={"format": "nifti"},
        presentation=Presentation(windows=(Window(40, 400),)),
    )


def organs() -> Labels:
    array = np.zeros(SHAPE, np.uint8)
    array[60:64, 80:84, 90:94] = 2
    array[1, 1, 1] = 7
    return Labels(array=array, names={2: "liver", 7: "stone"})


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder on the disk, and one in an object store."""
    if request.param == "disk":
        yield str(tmp_path / "store")
        return
    yield f"memory://{tmp_path.name}/store"
    fsspec.filesystem("memory").store.clear()


def test_what_is_stored_comes_back(place: str) -> None:
    store = VolumeStore.create(place, chunk=32)
    given, labels = volume(), organs()
    item = store.add("ct/1 ä", given, labels={"organs": labels})
    store = VolumeStore.open(place)
    assert store.names == ["ct/1 ä"]
    assert "ct/1 ä" in store
    assert "ct/2" not in store
    whole = store.read("ct/1 ä")
    assert np.array_equal(whole.pixels.array, given.array)
    assert whole.pixels.array.dtype == np.int16
    assert np.array_equal(whole.labels["organs"], labels.array)
    assert whole.pixels.geometry == GEOMETRY
    assert (whole.pixels.units, whole.pixels.modality, whole.pixels.info) == ("HU", "CT", {"format": "nifti"})
    assert whole.pixels.presentation.windows == given.presentation.windows
    assert store.item("ct/1 ä").labels == {"organs": {2: "liver", 7: "stone"}}
    assert store.item("ct/1 ä").hash == item.hash
    store.verify("ct/1 ä")


def test_a_crop_is_the_part_with_its_place(place: str) -> None:
    store = VolumeStore.create(place, chunk=32)
    store.add("a", volume(), labels={"organs": organs()})
    crop = store.crop("a", [(3, 40), (50, 90), (0, 99)])
    assert np.array_equal(crop.pixels.array, volume().array[3:40, 50:90, 0:99])
    assert np.array_equal(crop.labels["organs"], organs().array[3:40, 50:90, 0:99])
    # Slices go along z by 2.5 mm, rows along y by 0.7 mm from (-10, 20, 30).
    assert crop.pixels.geometry is not None
    assert crop.pixels.geometry.origin_mm == pytest.approx((-10, 20 + 50 * 0.7, 30 + 3 * 2.5))


def test_only_the_chunks_of_the_crop_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = VolumeStore.create(tmp_path, chunk=32)
    store.add("a", volume(shape=(256, 256, 256)))
    read: list[tuple[str, int]] = []
    plain = zarr.storage.LocalStore.get

    async def get(self: Any, key: str, *args: Any, **options: Any) -> Any:
        result = await plain(self, key, *args, **options)
        read.append((key, 0 if result is None else len(result)))
        return result

    monkeypatch.setattr(zarr.storage.LocalStore, "get", get)
    store = VolumeStore.open(tmp_path)
    # 96 voxels from 40 to 136 touch the chunks 1 to 4 of 32 along each axis, in 1 or 2 shards of 128: 64 chunks.
    crop = store.crop("a", [(40, 136)] * 3)
    chunks = [size for key, size in read if "/c/" in key]
    shards = {key for key, _ in read if "/c/" in key}
    assert len(shards) == 8
    # One read a chunk, and one a shard for its table of places.
    assert len(chunks) == 64 + 8
    whole = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    # 64 of the 512 chunks are an eighth.
    assert sum(chunks) < 0.14 * whole
    assert np.array_equal(crop.pixels.array, volume(shape=(256, 256, 256)).array[40:136, 40:136, 40:136])


@settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_box_is_that_of_the_array(tmp_path: Path, data: st.DataObject) -> None:
    store = VolumeStore.create(tmp_path / "s", chunk=16)
    store.add("a", volume())
    box = []
    for size in SHAPE:
        first = data.draw(st.integers(0, size - 1))
        box.append((first, data.draw(st.integers(first + 1, size))))
    wanted = volume().array[tuple(slice(*span) for span in box)]
    assert np.array_equal(store.crop("a", box).pixels.array, wanted)


def test_beyond_the_ends_only_with_a_stated_value(place: str) -> None:
    store = VolumeStore.create(place, chunk=32)
    store.add("a", volume(), labels={"organs": organs()})
    with pytest.raises(DataError, match="state fill="):
        store.crop("a", [(-3, 5), (0, 5), (0, 5)])
    crop = store.crop("a", [(-3, 5), (85, 95), (0, 5)], fill=-1024)
    wanted = np.full((8, 10, 5), -1024, np.int16)
    wanted[3:, :5] = volume().array[:5, 85:, :5]
    assert np.array_equal(crop.pixels.array, wanted)
    assert crop.labels["organs"][:3].max() == 0
    assert crop.pixels.geometry is not None
    assert crop.pixels.geometry.origin_mm == pytest.approx((-10, 20 + 85 * 0.7, 30 - 3 * 2.5))
    for box in ([(0, 5), (0, 5)], [(5, 5), (0, 5), (0, 5)], [(200, 210), (0, 5), (0, 5)]):
        with pytest.raises(DataError):
            store.crop("a", box, fill=0)


def test_random_crops_follow_the_generator_and_the_share(place: str) -> None:
    store = VolumeStore.create(place, chunk=32)
    store.add("a", volume(), labels={"organs": organs()})
    store.add("b", volume(1))
    rng = np.random.default_rng(0)
    crops = [store.random_crop(rng, size=(16, 16, 16)) for _ in range(40)]
    again = np.random.default_rng(0)
    assert all(
        store.random_crop(again, size=(16, 16, 16)).box == crop.box and crop.pixels.array.shape == (16, 16, 16)
        for crop in crops
    )
    assert {crop.name for crop in crops} == {"a", "b"}
    around = [store.random_crop(rng, size=(16, 16, 16), foreground=1.0, name="a") for _ in range(40)]
    # Both labels are drawn evenly, though one has 64 voxels and the other 1.
    seen = [set(np.unique(crop.labels["organs"]).tolist()) - {0} for crop in around]
    assert all(seen)
    stones = sum(7 in found for found in seen)
    assert 10 < stones < 30
    # The stone lies at a corner, so that the crop is moved to the volume's end.
    assert all(crop.box == ((0, 16),) * 3 for crop, found in zip(around, seen, strict=True) if 7 in found)
    with pytest.raises(DataError, match="state fill="):
        store.random_crop(rng, size=(96, 96, 96), name="a")
    large = store.random_crop(rng, size=(96, 96, 96), name="a", fill=-1024, foreground=0)
    assert large.pixels.array.shape == (96, 96, 96)


def test_other_axes_and_values(place: str) -> None:
    store = VolumeStore.create(place, chunk=16)
    rng = np.random.default_rng(0)
    series = Pixels(
        array=rng.random((3, 20, 21, 22)).astype(np.float32), axes="TZYX", units="stored", geometry=GEOMETRY
    )
    colour = Pixels(array=rng.integers(0, 255, (20, 21, 22, 3), dtype=np.uint8), axes="ZYXC", units="rgb")
    table = LookupTable(np.arange(5, dtype=np.uint16), -2, 12)
    shown = Presentation(lookup=table, white=255.0, inverted=True)
    big = Pixels(array=np.arange(24, dtype=">i4").reshape(2, 3, 4), axes="ZYX", units="stored", presentation=shown)
    mask = Labels(array=np.ones((20, 21, 22), bool), names={1: "body"})
    for name, pixels in (("series", series), ("big", big)):
        store.add(name, pixels)
    store.add("colour", colour, labels={"m": mask})
    for name, pixels in (("series", series), ("colour", colour), ("big", big)):
        assert np.array_equal(store.read(name).pixels.array, pixels.array)
        store.verify(name)
    assert store.random_crop(rng, size=(8, 8, 8), name="series").pixels.array.shape == (3, 8, 8, 8)
    crop = store.random_crop(rng, size=(8, 8, 8), name="colour", foreground=1)
    assert crop.pixels.array.shape == (8, 8, 8, 3)
    assert crop.labels["m"].dtype == np.uint8
    kept = store.read("big").pixels.presentation
    assert kept.lookup is not None
    assert (kept.lookup.entries.tolist(), kept.lookup.first, kept.lookup.bits) == ([0, 1, 2, 3, 4], -2, 12)
    assert (kept.white, kept.inverted) == (255.0, True)


def test_the_same_again_writes_nothing_and_other_content_is_refused(place: str) -> None:
    store = VolumeStore.create(place, chunk=32)
    first = store.add("a", volume(), labels={"organs": organs()})
    assert store.add("a", volume(), labels={"organs": organs()}).hash == first.hash
    assert VolumeStore.create(place, chunk=64).chunk == 32
    with pytest.raises(DataError, match="holds other content as 'a'"):
        store.add("a", volume(1))
    # The hash is that of the content: another name, the same hash; another value, spacing or label, another.
    assert store.add("b", volume(), labels={"organs": organs()}).hash == first.hash
    hashes = {first.hash, store.add("c", volume()).hash, store.add("d", volume(dtype="int32")).hash}
    moved = Pixels(array=volume().array, axes="ZYX", units="HU")
    assert len(hashes | {store.add("e", moved).hash}) == 4


def test_wrong_input(place: str) -> None:
    with pytest.raises(DataError, match="is no volume store"):
        VolumeStore.open(place)
    store = VolumeStore.create(place)
    with pytest.raises(DataError, match="holds no volume"):
        store.random_crop(np.random.default_rng(0))
    with pytest.raises(DataError, match=r"label map 'x' is float64 of shape \(70, 90, 100\); expected whole numbers"):
        store.add("a", volume(), labels={"x": Labels(array=np.zeros(SHAPE))})
    with pytest.raises(DataError, match="expected whole numbers of shape"):
        store.add("a", volume(), labels={"x": Labels(array=np.zeros((2, 2, 2), int))})
    for name in ("", "x" * 300):
        with pytest.raises(DataError, match="cannot be called"):
            store.add(name, volume())
    store.add("liver-1", volume())
    with pytest.raises(DataError, match=r"no volume 'liver-2'; did you mean 'liver-1'\?"):
        store.crop("liver-2", [(0, 1)] * 3)
    with pytest.raises(DataError, match="at least 8"):
        VolumeStore.create(place + "2", chunk=1)


def test_a_name_stays_in_its_folder(tmp_path: Path) -> None:
    store = VolumeStore.create(tmp_path / "s")
    for name in ("../../evil", "/etc/x", "..", "a/b\\c"):
        store.add(name, volume(shape=(4, 4, 4)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]
    assert sorted(VolumeStore.open(tmp_path / "s").names) == sorted(("../../evil", "/etc/x", "..", "a/b\\c"))


def test_an_unfinished_volume_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = VolumeStore.create(tmp_path)
    monkeypatch.setattr(type(store.place), "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        store.add("a", volume())
    monkeypatch.undo()
    assert VolumeStore.open(tmp_path).names == []
    assert list((tmp_path / "volumes").rglob("zarr.json"))
    store = VolumeStore.open(tmp_path)
    store.add("a", volume())
    store.verify("a")


def test_broken_stores_say_so(tmp_path: Path) -> None:
    store = VolumeStore.create(tmp_path)
    item = store.add("a", volume())
    folder = tmp_path / "volumes" / item.hash[:2] / item.hash
    shard = next(path for path in folder.rglob("*") if path.is_file() and "c" in path.parts)
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-100])
    with pytest.raises(DataError, match="store the volume again"):
        VolumeStore.open(tmp_path).read("a")
    shard.write_bytes(whole)
    (tmp_path / "items" / "a.json").write_text("{}")
    with pytest.raises(DataError, match="does not describe a volume"):
        VolumeStore.open(tmp_path).read("a")
    (tmp_path / "store.json").write_text('{"vesalius_volumes": 99, "chunk": 64}')
    with pytest.raises(DataError, match="version 99"):
        VolumeStore.open(tmp_path)
    shutil.rmtree(folder)


def _write(place: str, seeds: range) -> None:
    store = VolumeStore.open(place)
    for seed in seeds:
        store.add(f"v{seed}", volume(seed, shape=(40, 40, 40)))


def test_writers_beside_each_other(place: str) -> None:
    VolumeStore.create(place, chunk=16)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seeds: _write(place, seeds), [range(6), range(6), range(3, 9), range(9)]))
    store = VolumeStore.open(place)
    assert store.names == [f"v{seed}" for seed in range(9)]
    for name in store:
        store.verify(name)


def _read(place: str, queue: Any) -> None:
    store = VolumeStore.open(place)
    queue.put(int(store.crop("v1", [(0, 9), (3, 9), (5, 9)]).pixels.array.astype(int).sum()))


def test_two_processes_write_and_a_forked_one_reads(tmp_path: Path) -> None:
    VolumeStore.create(tmp_path, chunk=16)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(str(tmp_path), range(4))) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
        assert writer.exitcode == 0
    store = pickle.loads(pickle.dumps(VolumeStore.open(tmp_path)))
    for name in store:
        store.verify(name)
    queue = context.Queue()
    reader = context.Process(target=_read, args=(str(tmp_path), queue))
    reader.start()
    expected = volume(1, shape=(40, 40, 40)).array[0:9, 3:9, 5:9].astype(int).sum()
    assert queue.get(timeout=30) == expected
    reader.join(30)
