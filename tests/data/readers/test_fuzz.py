"""Broken bytes never raise anything but DataError, nor hang, nor end the process."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from dicom_files import write_dicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from series_files import heights, write_enhanced, write_series

from vesalius.data import readers
from vesalius.data.readers import series
from vesalius.data.readers.volume import open_volume
from vesalius.errors import DataError

GREY = np.random.default_rng(0).integers(0, 255, (9, 11), dtype=np.uint8)
FUZZ = settings(
    max_examples=80,
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
    volume = SimpleITK.GetImageFromArray(GREY[None].astype(np.int16))
    for name, packed in (("a.nrrd", False), ("b.nrrd", True), ("a.mha", False), ("b.mha", True)):
        SimpleITK.WriteImage(volume, str(folder / name), packed)
    frames = [{"position": (0, 0, z), "content": {"TemporalPositionIndex": t}} for z in (2, 0) for t in (2, 1)]
    write_enhanced(folder / "enhanced.dcm", frames, [0, 1, 2, 3])
    files = {
        "nrrd": (folder / "a.nrrd").read_bytes(),
        "nrrd gz": (folder / "b.nrrd").read_bytes(),
        "metaimage": (folder / "a.mha").read_bytes(),
        "metaimage packed": (folder / "b.mha").read_bytes(),
        "dicom enhanced": (folder / "enhanced.dcm").read_bytes(),
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
KINDS += ["dicom", "dicom implicit", "dicom rle", "dicom jpeg-ls", "dicom jpeg 2000", "dicom enhanced"]
VOLUMES = ["nifti", "nifti gz", "nrrd", "nrrd gz", "metaimage", "metaimage packed", "dicom enhanced"]
KINDS += ["nrrd", "nrrd gz", "metaimage", "metaimage packed"]


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


def box_survives(path: Path, data: bytes) -> None:
    """A box of one sample at the far end either comes, or an error names the file."""
    path.write_bytes(data)
    size, message = 1, path.name
    try:
        volume = open_volume(path)
        size = volume.read([slice(length - 1, length) for length in volume.shape]).array.size
    except DataError as error:
        message = str(error)
    assert path.name in message
    assert size in (1, 3)


@pytest.mark.parametrize("kind", VOLUMES)
@FUZZ
@given(
    share=st.floats(0.3, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=3),
)
def test_boxes_of_broken_volumes(
    seeds: Callable[[str], bytes], tmp_path: Path, kind: str, share: float, flips: list
) -> None:
    data = bytearray(seeds(kind)[: int(share * len(seeds(kind)))])
    for place, bits in flips:
        data[int(place * len(data))] ^= bits
    box_survives(tmp_path / "file", bytes(data))


def test_series_with_a_broken_slice(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    paths = write_series(tmp_path, heights(0, 2, 4))
    whole = paths[1].read_bytes()
    seen = {"read": 0, "refused": 0}
    for number in range(300):
        data = bytearray(whole)
        if number % 3 == 0:
            data = data[: rng.integers(len(data))]
        for place in rng.integers(0, max(1, len(data)), rng.integers(1, 5)):
            if len(data):
                data[place] ^= int(rng.integers(1, 256))
        paths[1].write_bytes(bytes(data))
        message, whole_volume, left_out = str(tmp_path), True, ""
        try:
            volume = readers.read(tmp_path)
            whole_volume, left_out = volume.array.shape[-3] == 3, volume.info.get("left_out", "")
            seen["read"] += 1
        except DataError as error:
            message = str(error)
            seen["refused"] += 1
        assert str(tmp_path) in message
        # never a volume that silently lacks the broken slice: one of another size or series is named
        assert whole_volume or left_out
    assert min(seen.values()) > 20, seen


def test_deep_sequences_end_in_an_error(tmp_path: Path) -> None:
    start = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path = tmp_path / "deep.dcm"
    meta = write_series(tmp_path / "seed", heights(0))[0].read_bytes()
    end = meta.index(b"\x08\x00\x16\x00UI")
    path.write_bytes(meta[:end] + start * 20000)
    with pytest.raises(DataError, match=r"deep\.dcm: broken or truncated DICOM"):
        readers.read(path)
    with pytest.raises(DataError, match=r"deep\.dcm"):
        series.read([path])


@pytest.mark.parametrize("claimed", [(2**15 - 1,) * 3, (20000, 20000, 5)])
def test_huge_claims_take_no_memory(tmp_path: Path, claimed: tuple[int, int, int]) -> None:
    header = nibabel.Nifti1Image(np.zeros((1, 1, 1), np.int16), np.eye(4)).header
    header.set_data_shape(claimed)
    header["magic"], header["vox_offset"] = b"n+1", 352
    sizes = " ".join(map(str, claimed))
    zeros = bytes(2**16)
    nrrd = f"NRRD0004\ntype: short\ndimension: 3\nsizes: {sizes}\nendian: little\nencoding: gzip\n\n".encode()
    meta = f"NDims = 3\nDimSize = {sizes}\nElementType = MET_SHORT\nCompressedData = True\nElementDataFile = LOCAL\n"
    files = {
        "a.nii": header.binaryblock + b"\0" * 4 + zeros,
        "a.nii.gz": gzip.compress(header.binaryblock + b"\0" * 4 + zeros * 16),
        "a.nrrd": nrrd + gzip.compress(zeros * 16),
        "a.mha": meta.encode() + zlib.compress(zeros * 16),
    }
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        tracemalloc.start()
        with pytest.raises(DataError, match=name.replace(".", r"\.")):
            readers.read(path)
        with pytest.raises(DataError, match=name.replace(".", r"\.")):
            open_volume(path).read([slice(length - 1, length) for length in claimed])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # pieces of 1 MiB, packed and unpacked; never what the header claims
        assert peak < 16 * 2**20, name


def test_a_packed_bomb_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    header = nibabel.Nifti1Image(np.zeros((1, 1, 1), np.int16), np.eye(4)).header
    header["magic"], header["vox_offset"] = b"n+1", 352
    header.set_data_shape((4, 4, 4))
    path = tmp_path / "a.nii.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.binaryblock + b"\0" * 4)
        for _ in range(256):
            file.write(bytes(2**20))
    volume = open_volume(path)
    tracemalloc.start()
    volume.read()
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()
    assert volume.num_bytes_read < path.stat().st_size


def test_png_with_a_right_checksum_and_wrong_data(tmp_path: Path) -> None:
    data = bytearray(_saved("PNG"))
    start = data.index(b"IDAT")
    data[start + 4 : start + 6] = b"\xff\xff"
    length = int.from_bytes(data[start - 4 : start], "big")
    data[start + 4 + length : start + 8 + length] = zlib.crc32(data[start : start + 4 + length]).to_bytes(4, "big")
    survives(tmp_path / "file", bytes(data))
