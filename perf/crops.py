"""Random crops of 96 × 96 × 96 with labels: from the volume store, from whole NIfTI files, and as nnU-Net reads them.

Run: ``python perf/crops.py --out perf/results/crops.json``; makes its own CT-like volumes of smooth and fine noise.
Everyone reads the same boxes and equality is checked first; the ways then take turns, crop by crop. Files are
in the page cache, so this is decoding, not disk.

- ``nifti``: the whole .nii.gz of image and labels by our reader, then the box.
- ``nifti_slice``: nibabel reads the box alone from an unpacked .nii.
- ``npy``: NumPy memory maps, nnU-Net's unpacked form (``.npy`` beside its ``.npz``); see also its size on disk.
- ``blosc2``: nnU-Net's later preprocessed form (``.b2nd``), where the package is there (``pip install blosc2``);
  chunks of the crop's size and blocks of 32.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from measure import save, spread

CROP = 96
Box = tuple[slice, slice, slice]
Way = Callable[[int, Box], tuple[np.ndarray, np.ndarray]]


def make(seed: int, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return an image in HU and a label map of four classes, (slices, rows, columns)."""
    rng = np.random.default_rng(seed)
    image = np.empty(shape, np.int16)
    coarse = rng.normal(0, 300, [-(-side // 16) for side in shape])
    for number in range(shape[0]):
        plane = coarse[number // 16].repeat(16, axis=0).repeat(16, axis=1)[: shape[1], : shape[2]]
        image[number] = plane + rng.normal(0, 12, shape[1:])
    labels = np.digitize(coarse, [200, 350, 500]).astype(np.uint8)
    for axis in range(3):
        labels = labels.repeat(16, axis=axis)
    return image, np.ascontiguousarray(labels[: shape[0], : shape[1], : shape[2]])


def write(folder: Path, volumes: int, shape: tuple[int, int, int]) -> dict[str, float]:
    """Write every volume in all forms; return megabytes of each."""
    import nibabel

    from vesalius.data.geometry import Geometry
    from vesalius.data.readers import Pixels
    from vesalius.data.store import Labels, VolumeStore

    store = VolumeStore.create(folder / "store")
    geometry = Geometry.from_nifti(np.diag([0.8, 0.8, 1.5, 1.0]))
    for number in range(volumes):
        image, labels = make(number, shape)
        pixels = Pixels(array=image, axes="ZYX", units="HU", geometry=geometry)
        store.add(str(number), pixels, labels={"organs": Labels(array=labels)})
        for name, array in (("image", image), ("labels", labels)):
            packed = nibabel.Nifti1Image(array.T, np.diag([0.8, 0.8, 1.5, 1.0]))
            for suffix in (".nii.gz", ".nii"):
                nibabel.save(packed, folder / f"{name}-{number}{suffix}")
            np.save(folder / f"{name}-{number}.npy", array)
            if find_spec("blosc2"):
                _write_blosc2(folder / f"{name}-{number}.b2nd", array)
    sizes = {suffix: sum(path.stat().st_size for path in folder.glob(f"*{suffix}")) for suffix in _FORMS}
    sizes["store"] = sum(path.stat().st_size for path in (folder / "store").rglob("*") if path.is_file())
    return {name: size / 2**20 for name, size in sizes.items() if size}


_FORMS = (".nii.gz", ".nii", ".npy", ".b2nd")


def _write_blosc2(path: Path, array: np.ndarray) -> None:
    blosc2 = import_module("blosc2")
    chunks = tuple(min(CROP, side) for side in array.shape)
    blosc2.asarray(array, urlpath=str(path), chunks=chunks, blocks=tuple(min(32, side) for side in chunks), mode="w")


def ways(folder: Path) -> dict[str, Way]:
    """Return how each form is read."""
    import nibabel

    from vesalius.data.readers import read
    from vesalius.data.store import VolumeStore

    store = VolumeStore.open(folder / "store")

    def from_store(number: int, box: Box) -> tuple[np.ndarray, np.ndarray]:
        crop = store.crop(str(number), [(part.start, part.stop) for part in box])
        return crop.pixels.array, crop.labels["organs"]

    def each(one: Callable[[str, Box], np.ndarray]) -> Way:
        return lambda number, box: (one(f"image-{number}", box), one(f"labels-{number}", box))

    found = {
        "store": from_store,
        "nifti": each(lambda name, box: read(folder / f"{name}.nii.gz").array[box]),
        "nifti_slice": each(
            lambda name, box: np.ascontiguousarray(
                np.asarray(nibabel.load(folder / f"{name}.nii").dataobj[box[::-1]]).T
            )
        ),
        "npy": each(lambda name, box: np.array(np.load(folder / f"{name}.npy", mmap_mode="r")[box])),
    }
    if find_spec("blosc2"):
        blosc2 = import_module("blosc2")
        found["blosc2"] = each(
            lambda name, box: blosc2.open(urlpath=str(folder / f"{name}.b2nd"), mode="r", mmap_mode="r")[box]
        )
    return found


def anywhere(rng: np.random.Generator, shape: tuple[int, int, int]) -> Box:
    """Draw a crop's place."""
    slices, rows, columns = (int(rng.integers(side - CROP + 1)) for side in shape)
    return slice(slices, slices + CROP), slice(rows, rows + CROP), slice(columns, columns + CROP)


def run(*, volumes: int, shape: tuple[int, int, int], repeats: int) -> None:
    """Write the volumes, check that all ways agree, time them in turns, and write the figures."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sizes = write(folder, volumes, shape)
        reading = ways(folder)
        seconds: dict[str, list[float]] = {name: [] for name in reading}
        for repeat in range(-1, repeats):
            number = int(rng.integers(volumes))
            box = anywhere(rng, shape)
            expected = None
            for name, way in reading.items():
                begun = perf_counter()
                crop = way(number, box)
                if repeat >= 0:
                    seconds[name].append(perf_counter() - begun)
                expected = expected or crop
                assert all(np.array_equal(ours, theirs) for ours, theirs in zip(expected, crop, strict=True)), name
    figures: dict[str, Any] = {name: spread([1e3 * value for value in values]) for name, values in seconds.items()}
    ours = figures["store"]["median"]
    ratios = {f"{name} over store": figures[name]["median"] / ours for name in figures if name != "store"}
    document = {
        "volumes": volumes,
        "shape": list(shape),
        "milliseconds": figures,
        "megabytes": sizes,
        "ratios": ratios,
        "target": {"nifti over store": 20.0},
        "blosc2": "measured" if "blosc2" in figures else "not installed",
    }
    print(json.dumps(document, indent=1))
    print(save("crops", document))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volumes", type=int, default=4)
    parser.add_argument("--shape", type=int, nargs=3, default=(300, 512, 512))
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_known_args()[0]
    run(volumes=arguments.volumes, shape=tuple(arguments.shape), repeats=arguments.repeats)
