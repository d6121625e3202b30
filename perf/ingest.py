"""Ingest of 10 000 PNG and 10 000 DICOM files beside decoding them bare in as many processes.

Bare is what a loop over files does: open, decode, throw away. Ingest decodes each file as well, and reads its header,
copies it, hashes it and writes its record. `share` is the rate of ingest over the bare rate; the files are written
anew, so that neither side finds a warmer disk.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from measure import save

FILES = 10_000
SIDE = 512


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


def bare_seconds(decode: Callable[[Path], int], folder: Path, processes: int) -> float:
    """Decode all files in a pool that is warm already."""
    files = sorted(folder.iterdir())
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(decode, files[: 2 * processes], chunksize=1)
        start = perf_counter()
        pool.map(decode, files, chunksize=64)
        return perf_counter() - start


def main() -> None:
    """Measure both kinds and write the figures."""
    from vesalius.data.ingest import ingest

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
            bare = count / bare_seconds(decode, folder, cores)
            rows = {}
            for link in (False, True):
                start = perf_counter()
                report = ingest(folder, out=Path(scratch, "corpus"), link=link)
                ours = count / (perf_counter() - start)
                assert report.counts["images"] == count
                shutil.rmtree(Path(scratch, "corpus"))
                rows["linked" if link else "copied"] = {"files_a_second": ours, "share_of_bare": ours / bare}
        figures[kind] = {"bare_files_a_second": bare, **rows}
        told = ", ".join(f"{name} {row['share_of_bare']:.2f}" for name, row in rows.items())
        print(f"{kind}: bare {bare:.0f} a second with {cores} processes; of that {told}")
    save("ingest", {"files": count, "side": SIDE, "processes": cores, "kinds": figures})


if __name__ == "__main__":
    main()
