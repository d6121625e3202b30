"""Dispatch by content: a renamed file opens, anything else says what it is."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from vesalius.data import readers
from vesalius.errors import DataError


def test_renamed_files_open(tmp_path: Path, make_dicom) -> None:
    array = np.arange(16, dtype=np.uint8).reshape(4, 4)
    Image.fromarray(array).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    assert (readers.read(tmp_path / "a.dcm").array == array).all()
    make_dicom(array, "b.jpg")
    assert readers.read(tmp_path / "b.jpg").info["format"] == "dicom"
    nibabel.save(nibabel.Nifti1Image(array[None], np.eye(4)), tmp_path / "c.nii.gz")
    (tmp_path / "c.nii.gz").rename(tmp_path / "c.nii")
    assert readers.read(tmp_path / "c.nii").info["format"] == "nifti"
    nibabel.save(nibabel.Nifti1Image(array[None], np.eye(4)), tmp_path / "d.nii")
    (tmp_path / "d.nii").rename(tmp_path / "d")
    assert readers.sniff(tmp_path / "d") == "nifti"
    assert readers.read(tmp_path / "d").array.shape == (4, 4, 1)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", r"the file is empty \(0 bytes\)"),
        (b"\x00" * 400, "only zero bytes"),
        (b"GIF89a....", "a GIF picture"),
        (b"NRRD0004\n", "broken or truncated NRRD: its header lacks type, dimension, sizes, encoding"),
        (b"ObjectType = Image\nNDims = 3\n", "broken or truncated MetaImage: its header lacks DimSize"),
        (b"\x5c\x01\x00\x00" + b"\x01" * 344, "header of an Analyze .hdr/.img pair"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<html>", "XML or HTML text"),
        (b"hello, world", "unknown content starting with 68656c6c6f2c2077"),
        (b"\x1f\x8b\x08\x00junk", "broken or truncated NIfTI"),
        (b"\xff\xd8\xff\xe0", "broken or truncated JPEG"),
        (b"\x89PNG\r\n\x1a\n", "broken or truncated PNG"),
        (b"II*\x00", "broken or truncated TIFF"),
    ],
)
def test_what_is_no_image(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "scan.dcm"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"scan\.dcm: .*{found}"):
        readers.read(path)


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        readers.read(tmp_path / "nothing.png")
    with pytest.raises(DataError, match="no DICOM volume"):
        readers.read(tmp_path)
    with pytest.raises(DataError, match="this is a folder"):
        readers.sniff(tmp_path)


def test_dicom_whose_preamble_is_a_tiff_header(make_dicom) -> None:
    path = make_dicom(np.zeros((2, 2), np.uint8))
    data = bytearray(path.read_bytes())
    data[:4] = b"II*\x00"
    path.write_bytes(bytes(data))
    assert readers.sniff(path) == "dicom"


def test_dicom_without_preamble(make_dicom) -> None:
    array = np.arange(4, dtype=np.uint8).reshape(2, 2)
    path = make_dicom(array)
    path.write_bytes(path.read_bytes()[132:])
    assert (readers.read(path).array == array).all()
