"""Small DICOM files with known content."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"


def write_dicom(
    path: Path, array: np.ndarray, *, syntax: str = EXPLICIT_LITTLE, frames: int | None = None, **tags: Any
) -> Path:
    """Write a native DICOM image of the array, (rows, columns), (frames, rows, columns) or with colour last."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid

    dataset = Dataset()
    dataset.SOPClassUID = tags.pop("SOPClassUID", CT_CLASS)
    dataset.SOPInstanceUID = tags.pop("SOPInstanceUID", generate_uid(entropy_srcs=[str(path)]))
    colour = array.shape[-1] == 3 and array.ndim - (frames is not None) == 3
    plane = array.shape[-3:-1] if colour else array.shape[-2:]
    dataset.Rows, dataset.Columns = plane
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    if frames is not None:
        dataset.NumberOfFrames = frames
    dataset.BitsAllocated = dataset.BitsStored = 8 * array.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(array.dtype.kind == "i")
    big = not UID(syntax).is_little_endian
    dataset.PixelData = array.astype(array.dtype.newbyteorder(">" if big else "<")).tobytes()
    if len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"
    dataset["PixelData"].VR = "OB" if array.dtype.itemsize == 1 else "OW"
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def rename_syntax(path: Path, syntax: str) -> Path:
    """Give an explicit little endian file another transfer syntax, which pydicom itself would not write."""
    data = path.read_bytes()
    start = 132 + 12 + int.from_bytes(data[140:144], "little")
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(value)) + value
    head = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(element))
    path.write_bytes(data[:132] + head + element + data[start:])
    return path
