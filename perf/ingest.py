"""Ingest of 10 000 PNG and 10 000 DICOM files beside decoding them in as many processes.

Two loops over the same files stand beside it, each in a pool of processes that is warm. *bare* opens, decodes and
throws away: ``numpy.asarray(Image.open(path))`` with Pillow, ``pydicom.dcmread(path).pixel_array`` with pydicom; for
uncompressed DICOM the second is a view of the bytes read, so that bare is the parsing of one header. *picture* gives
what a model is shown, float32 of 0 to 1: ``readers.read(path).display()``.

Ingest starts its processes itself (counted), decodes every file to find broken ones, reads its header, hashes it,
copies it (or links it) and forces it onto the disk, and writes its record. `share` is its rate over that of a loop in
the same round; the kinds of work take turns, and all find the files in memory. `processor_share` is the same by
processor seconds, which a machine with other work on it disturbs less; those of starting ingest's processes count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from measure import save, spread

FILES = 10_000
SIDE = 512
ROUNDS = 3


def picture(number: int) -> np.ndarray:
    """A smooth picture with noise, whose PNG is of the size of a radiograph's."""
    rng = np.random.default_rng(number)
    coarse = rng.normal(0, 1, (9, 9)).astype(np.float32)
    smooth = np.asarray(Image.fromarray(coarse, "F").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return np.clip(128 + 40 * smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def write_pngs(folder: Path, count: int) -> None:
    """Write pictures of which each hundredth is new; the name's number makes every file another one."""
    shown = [picture(number) for number in range(100)]
    for number in range(count):
        values = shown[number % 100].copy()
        values[0, :8] = np.frombuffer(number.to_bytes(8, "little"), np.uint8)
        Image.fromarray(values).save(folder / f"{number:05d}.png", compress_level=1)


def write_dicoms(folder: Path, count: int) -> None:
    """Write uncompressed radiographs, one a patient."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    shown = [picture(number) for number in range(100)]
    for number in range(count):
        values = shown[number % 100].copy()
        values[0, :8] = np.frombuffer(number.to_bytes(8, "little"), np.uint8)
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
        uid = f"2.25.{number + 1}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{uid}.1", f"{uid}.2"
        dataset.PatientID, dataset.Modality, dataset.InstanceNumber = f"P{number}", "DX", 1
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = SIDE, SIDE, 1
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.PixelRepresentation, dataset.PhotometricInterpretation = 0, "MONOCHROME2"
        dataset.PixelData = values.tobytes()
        dataset.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)


def decode_png(path: Path) -> int:
    """Decode as Pillow does."""
    with Image.open(path) as image:
        return int(np.asarray(image)[0, 0])


def decode_dicom(path: Path) -> int:
    """Decode as pydicom does."""
    import pydicom

    return int(pydicom.dcmread(path).pixel_array[0, 0])


def show(path: Path) -> float:
    """Make the picture that a model is shown."""
    from vesalius.data import readers

    return float(readers.read(path).display()[0, 0])


class Took(NamedTuple):
    """Seconds by the clock, and of the processors."""

    wall: float
    processor: float


def processor_seconds(work: Callable[[Path], float], path: Path) -> float:
    """Do the work and return what it took of the processor."""
    start = process_time()
    work(path)
    return process_time() - start


def loop(work: Callable[[Path], float], folder: Path, processes: int) -> Took:
    """Time a function over all files in a pool that is warm already."""
    files = sorted(folder.iterdir())
    timed = partial(processor_seconds, work)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(timed, files[: 8 * processes], chunksize=1)
        start = perf_counter()
        processor = sum(pool.map(timed, files, chunksize=64))
        return Took(perf_counter() - start, processor)


def used() -> float:
    """Processor seconds of this process and of those that it started and that ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def ingested(folder: Path, *, out: Path, link: bool) -> Took:
    """Time an ingest of all files."""
    from vesalius.data.ingest import ingest

    start, before = perf_counter(), used()
    report = ingest(folder, out=out, link=link)
    took = Took(perf_counter() - start, used() - before)
    assert report.counts["images"] == len(list(folder.iterdir()))
    shutil.rmtree(out)
    return took


def rounds(folder: Path, scratch: Path, decode: Callable[[Path], float], processes: int) -> dict[str, Any]:
    """Let the kinds of work take turns; return files a second of each, and ingest's shares of the loops."""
    count = len(list(folder.iterdir()))
    took: dict[str, list[Took]] = {name: [] for name in ("bare", "picture", "copied", "linked")}
    for _ in range(ROUNDS):
        took["bare"].append(loop(decode, folder, processes))
        took["picture"].append(loop(show, folder, processes))
        for name in ("copied", "linked"):
            took[name].append(ingested(folder, out=scratch / "corpus", link=name == "linked"))
    rates = {name: spread([count / one.wall for one in all_of]) for name, all_of in took.items()}
    result: dict[str, Any] = {"files_a_second": rates, "share": {}, "processor_share": {}}
    for way in ("copied", "linked"):
        for other in ("bare", "picture"):
            pairs = list(zip(took[other], took[way], strict=True))
            result["share"][f"{way} of {other}"] = spread([one.wall / ours.wall for one, ours in pairs])
            processor = spread([one.processor / ours.processor for one, ours in pairs])
            result["processor_share"][f"{way} of {other}"] = processor
    return result


def main() -> None:
    """Measure both kinds and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=FILES)
    count = parser.parse_known_args()[0].files
    cores = os.cpu_count() or 1
    figures: dict[str, Any] = {}
    for kind, write, decode in (("png", write_pngs, decode_png), ("dicom", write_dicoms, decode_dicom)):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, kind)
            folder.mkdir()
            write(folder, count)
            figures[kind] = rounds(folder, Path(scratch), decode, cores)
        print(f"{kind}: bare {figures[kind]['files_a_second']['bare']['median']:.0f} a second")
        for measure in ("share", "processor_share"):
            told = ", ".join(f"{name} {share['median']:.2f}" for name, share in figures[kind][measure].items())
            print(f"  {measure}: {told}", flush=True)
    document = {"files": count, "side": SIDE, "processes": cores, "kinds": figures, "target": {"of bare": 0.8}}
    save("ingest", document)


if __name__ == "__main__":
    main()
