"""DICOM to tensor: our reader beside the bare decoders, with one worker and with two.

Files are the real ones of VESALIUS_REAL_DATA where present, and generated ones: CT slices of 512 × 512 and
radiographs of 2048 × 2048, native, RLE, JPEG-LS and JPEG 2000. Ours gives true values, units, geometry and
presentation; the bare decoder gives stored samples. Both end in a tensor of float32. Every set is read by both in
turn, and rates are compared by processor time, so that what else the machine does falls on neither.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from measure import peer_has, peer_python, save, spread

REPEATS = 7
GENERATED = 24
SYNTAXES = {
    "native": ("1.2.840.10008.1.2.1", ""),
    "rle": ("1.2.840.10008.1.2.5", "pydicom"),
    "jpeg-ls": ("1.2.840.10008.1.2.4.80", "pyjpegls"),
    "jpeg 2000": ("1.2.840.10008.1.2.4.90", "pylibjpeg"),
}
REAL = Path(os.environ.get("VESALIUS_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")) / "dicom"
PEERS = {
    "monai": "from monai.transforms import LoadImage\nload = LoadImage(image_only=True)\n",
    "torchxrayvision": "from torchxrayvision.utils import read_xray_dcm as load\n",
}


def ours(path: str) -> Any:
    """Read a file with Vesalius into a float32 tensor."""
    import torch

    from vesalius.data import readers

    return torch.from_numpy(readers.read(path).array.astype(np.float32))


def pydicom_bare(path: str) -> Any:
    """Read a file with pydicom and the same codec into a float32 tensor of stored samples."""
    import torch
    from pydicom import dcmread

    return torch.from_numpy(dcmread(path).pixel_array.astype(np.float32))


def gdcm_bare(path: str) -> Any:
    """Read a file with gdcm into a float32 tensor of stored samples."""
    import gdcm
    import torch

    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    if not reader.Read():
        raise OSError(path)
    image = reader.GetImage()
    data = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), dtype=np.uint16)
    return torch.from_numpy(data.astype(np.float32))


def generate(folder: Path, *, side: int, number: int) -> dict[str, list[str]]:
    """Write smooth pictures with noise, as scanners make them, in every syntax."""
    from pydicom import dcmread

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data"))
    from dicom_files import write_dicom

    tags = {
        "Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "-1024", "WindowCenter": "40",
        "WindowWidth": "400", "PixelSpacing": [0.7, 0.7], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": [-180, -180, 0], "PatientID": "generated",
    }  # fmt: skip
    rng = np.random.default_rng(side)
    wave = np.sin(np.linspace(0, 9, side))
    smooth = 1000 + 500 * np.outer(wave, wave)
    files: dict[str, list[str]] = {name: [] for name in SYNTAXES}
    for item in range(number):
        array = (smooth + rng.normal(0, 10, (side, side))).clip(0, 4095).astype(np.uint16)
        for name, (syntax, plugin) in SYNTAXES.items():
            path = write_dicom(folder / f"{side}-{name}-{item}.dcm", array, BitsStored=12, HighBit=11, **tags)
            if plugin:
                dataset = dcmread(path)
                dataset.compress(syntax, encoding_plugin=plugin)
                dataset.save_as(path)
            files[name].append(str(path))
    return files


def sets(folder: Path) -> dict[str, list[str]]:
    """Return the files of each set, by name."""
    found = {f"CT 512, {name}": files for name, files in generate(folder, side=512, number=GENERATED).items()}
    large = generate(folder, side=2048, number=4)
    found |= {f"radiograph 2048, {name}": large[name] for name in ("native", "jpeg-ls")}
    series = sorted(str(path) for path in (REAL / "series-mr-vs").glob("*.dcm"))
    if series:
        found["real MR series 512, native"] = series
    return found


def seconds(read: Callable[[str], Any], files: Sequence[str]) -> tuple[float, float]:
    """Time one pass over the files: by the wall and by the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    for path in files:
        read(path)
    return time.perf_counter() - wall, time.process_time() - processor


def one_worker(files: dict[str, list[str]]) -> dict[str, Any]:
    """Read every set with every reader in turn; the ratio is of the medians of neighbouring passes."""
    figures = {}
    for name, paths in files.items():
        readers = {"ours": ours, "pydicom": pydicom_bare, "gdcm": gdcm_bare}
        passes: dict[str, list[tuple[float, float]]] = {reader: [] for reader in readers}
        for repeat in range(REPEATS + 1):
            for reader, read in readers.items():
                taken = seconds(read, paths)
                if repeat:
                    passes[reader].append(taken)
        figures[name] = {
            reader: {
                "wall_s_per_file": spread([wall / len(paths) for wall, _ in taken]),
                "processor_s_per_file": spread([processor / len(paths) for _, processor in taken]),
            }
            for reader, taken in passes.items()
        }
        for bare in ("pydicom", "gdcm"):
            ratios = [other[1] / own[1] for other, own in zip(passes[bare], passes["ours"], strict=True)]
            figures[name][f"rate_of_bare_{bare}"] = statistics.median(ratios)
        shown = ", ".join(f"{figures[name][f'rate_of_bare_{bare}']:.2f} of {bare}'s" for bare in ("pydicom", "gdcm"))
        print(f"{name:30} {shown} rate", flush=True)
    return figures


def many_workers(files: Sequence[str]) -> dict[str, Any]:
    """Read the same files with one and two processes, interleaved; starting them is not counted."""
    context = get_context("spawn")
    timed: dict[int, list[float]] = {1: [], 2: []}
    busy = os.getloadavg()[0]
    pools = {number: ProcessPoolExecutor(number, mp_context=context) for number in timed}
    try:
        for repeat in range(REPEATS + 1):
            for number, pool in pools.items():
                start = time.perf_counter()
                list(pool.map(ours_shape, files, chunksize=max(1, len(files) // 8)))
                if repeat:
                    timed[number].append(time.perf_counter() - start)
    finally:
        for pool in pools.values():
            pool.shutdown()
    speedup = statistics.median([one / two for one, two in zip(timed[1], timed[2], strict=True)])
    print(f"two workers: {speedup:.2f} times one", flush=True)
    note = "the machine was busy with other work: no measure of two workers" if busy > 1.5 else ""
    return {"one": spread(timed[1]), "two": spread(timed[2]), "speedup": speedup, "load_before": busy, "note": note}


def ours_shape(path: str) -> tuple[int, ...]:
    """Read a file and give back the shape alone, so that sending pixels is not measured."""
    return tuple(ours(path).shape)


def peers(files: Sequence[str]) -> dict[str, Any]:
    """Time the peers' loaders in their environment, on the same files, or say that they are not there."""
    figures: dict[str, Any] = {}
    for name, prelude in PEERS.items():
        if not peer_has(name):
            figures[name] = "not installed"
            continue
        script = (
            prelude + "import sys, time\nfor repeat in range(4):\n    start = time.perf_counter()\n"
            "    for path in sys.argv[1:]: load(path)\n    print(time.perf_counter() - start)\n"
        )
        done = subprocess.run([peer_python(), "-c", script, *files], capture_output=True, text=True, check=False)
        taken = [float(line) / len(files) for line in done.stdout.split()[1:]]
        figures[name] = spread(taken) if taken else f"failed: {done.stderr.strip().splitlines()[-1]}"
    return figures


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as folder:
        files = sets(Path(folder))
        single = one_worker(files)
        figures = {
            "seconds_per_file": single,
            "lowest_rate_of_bare_pydicom": min(value["rate_of_bare_pydicom"] for value in single.values()),
            "workers": many_workers(files["CT 512, jpeg 2000"] * 2),
            "peers": peers(files["CT 512, native"]),
        }
    path = save("dicom", figures)
    print(f"lowest {figures['lowest_rate_of_bare_pydicom']:.2f} of the bare rate, written to {path.name}")


if __name__ == "__main__":
    main()
