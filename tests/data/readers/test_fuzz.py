"""Broken bytes never raise anything but DataError, nor hang, nor end the process."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from dicom_files import write_dicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vesalius.data import readers
from vesalius.errors import DataError

GREY = np.random.default_rng(0).integers(0, 255, (9, 11), dtype=np.uint8)
FUZZ = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _saved(format: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, format, **options)
    return buffer.getvalue()


def _dicom(folder: Path, syntax: str, plugin: str) -> bytes:
    from pydicom import dcmread

    tags = {"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "-1024", "WindowCenter": "40"}
    geometry = {"PixelSpacing": [1, 1], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    array = np.random.default_rng(0).integers(0, 4000, (64, 64), np.uint16)
    path = write_dicom(folder / "a.dcm", array, WindowWidth="400", ImagePositionPatient=[0, 0, 0], **tags, **geometry)
    if plugin:
        dataset = dcmread(path)
        dataset.compress(syntax, encoding_plugin=plugin)
        dataset.save_as(path)
    elif syntax != "1.2.840.10008.1.2.1":
        dataset = dcmread(path)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path, implicit_vr=syntax == "1.2.840.10008.1.2", little_endian=True)
    return path.read_bytes()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    nibabel.save(nibabel.Nifti1Image(GREY[None].astype(np.int16), np.eye(4)), folder / "a.nii")
    nibabel.save(nibabel.Nifti1Image(GREY[None].astype(np.int16), np.eye(4)), folder / "a.nii.gz")
    files = {
        "png": _saved("PNG"),
        "jpeg": _saved("JPEG"),
        "tiff": _saved("TIFF"),
        "tiff lzw": _saved("TIFF", compression="tiff_lzw"),
        "nifti": (folder / "a.nii").read_bytes(),
        "nifti gz": (folder / "a.nii.gz").read_bytes(),
        "dicom": _dicom(folder, "1.2.840.10008.1.2.1", ""),
        "dicom implicit": _dicom(folder, "1.2.840.10008.1.2", ""),
        "dicom rle": _dicom(folder, "1.2.840.10008.1.2.5", "pydicom"),
        "dicom jpeg-ls": _dicom(folder, "1.2.840.10008.1.2.4.80", "pyjpegls"),
        "dicom jpeg 2000": _dicom(folder, "1.2.840.10008.1.2.4.90", "pylibjpeg"),
    }

    def seed(kind: str) -> bytes:
        return files[kind]

    return seed


KINDS = ["png", "jpeg", "tiff", "tiff lzw", "nifti", "nifti gz"]
KINDS += ["dicom", "dicom implicit", "dicom rle", "dicom jpeg-ls", "dicom jpeg 2000"]


def survives(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    message = ""
    try:
        image = readers.read(path)
    except DataError as error:
        message = str(error)
    if message:
        assert path.name in message
        return
    shown = image.display()
    assert shown.shape == image.array.shape
    assert np.isfinite(shown).all()


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(st.floats(0, 1))
def test_truncation(seeds: Callable[[str], bytes], tmp_path: Path, kind: str, share: float) -> None:
    data = seeds(kind)
    survives(tmp_path / "file", data[: int(share * len(data))])


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bits(seeds: Callable[[str], bytes], tmp_path: Path, kind: str, flips: list) -> None:
    data = bytearray(seeds(kind))
    for share, bits in flips:
        data[int(share * len(data))] ^= bits
    survives(tmp_path / "file", bytes(data))


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(flips=st.lists(st.tuples(st.integers(0, 700), st.integers(1, 255)), min_size=1, max_size=3))
def test_flipped_bits_of_the_header(seeds: Callable[[str], bytes], tmp_path: Path, kind: str, flips: list) -> None:
    data = bytearray(seeds(kind))
    for place, bits in flips:
        data[place % len(data)] ^= bits
    survives(tmp_path / "file", bytes(data))


@FUZZ
@given(st.binary(max_size=600))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    survives(tmp_path / "file", data)
    survives(tmp_path / "file", b"\0" * 128 + b"DICM" + data)
    survives(tmp_path / "file", b"\x89PNG\r\n\x1a\n" + data)
    survives(tmp_path / "file", b"II*\0" + data)


def test_png_with_a_right_checksum_and_wrong_data(tmp_path: Path) -> None:
    data = bytearray(_saved("PNG"))
    start = data.index(b"IDAT")
    data[start + 4 : start + 6] = b"\xff\xff"
    length = int.from_bytes(data[start - 4 : start], "big")
    data[start + 4 + length : start + 8 + length] = zlib.crc32(data[start : start + 4 + length]).to_bytes(4, "big")
    survives(tmp_path / "file", bytes(data))
