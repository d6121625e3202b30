"""Broken slides, clips and sounds never raise anything but DataError, nor hang, nor end the process."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from dicom_files import write_dicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from video_files import write_clip

from vesalius.data.readers.audio import open_sound
from vesalius.data.readers.slide import Slide, is_slide, open_slide
from vesalius.data.readers.slide_sources import TiffSource
from vesalius.data.readers.video import open_clip
from vesalius.errors import DataError

FUZZ = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def use_slide(path: Path) -> None:
    is_slide(path)
    try:
        with open_slide(path) as slide:
            rows, columns = (min(size, 64) for size in slide.shape)
            slide.tile(0, (0, 0, columns, rows))
            slide.tile(len(slide.levels) - 1, (0, 0, 1, 1))
    except DataError as error:
        assert path.name in str(error)  # noqa: PT017


def use_clip(path: Path) -> None:
    for partial in (False, True):
        try:
            clip = open_clip(path, partial=partial)
            clip.frames([len(clip) - 1, 0])
            for number, _ in enumerate(clip.stream()):
                assert number < len(clip)
        except DataError as error:
            assert path.name in str(error)  # noqa: PT017


def use_sound(path: Path) -> None:
    try:
        sound = open_sound(path)
    except DataError as error:
        assert path.name in str(error)  # noqa: PT017
    else:
        assert sound.samples.ndim == 2


USES: dict[str, Callable[[Path], None]] = {
    "wav": use_sound,
    "tif": use_slide,
    "ome.tif": use_slide,
    "jpg.tif": use_slide,
    "svs": use_slide,
    "dcm": use_clip,
} | dict.fromkeys(("mp4", "mkv", "webm", "avi", "mpg", "ts", "wmv"), use_clip)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for name, options in (("tif", {}), ("jpg.tif", {"compression": "jpeg"})):
        with tifffile.TiffWriter(folder / f"a.{name}") as file:
            for level in (picture, picture[::2, ::2]):
                file.write(level, tile=(16, 16), metadata=None, photometric="rgb", subfiletype=1, **options)
    with tifffile.TiffWriter(folder / "a.svs", bigtiff=True) as file:
        for level in (picture, picture[::2, ::2]):
            text = f"Aperio Image Library v11.2.1\r\n{level.shape[1]}x{level.shape[0]} |AppMag = 20|MPP = 0.5"
            file.write(level, description=text, tile=(16, 16), metadata=None, photometric="rgb")
    with tifffile.TiffWriter(folder / "a.ome.tif") as file:
        file.write(picture, subifds=1, tile=(16, 16), photometric="rgb", metadata={"axes": "YXS"})
        file.write(picture[::2, ::2], subfiletype=1, tile=(16, 16), photometric="rgb")
    codecs = {"webm": "libvpx", "avi": "mjpeg", "mpg": "mpeg2video", "wmv": "wmv2"}
    formats = {"avi": "yuvj420p"}
    for kind in ("mp4", "mkv", "webm", "avi", "mpg", "ts", "wmv"):
        path = folder / f"a.{kind}"
        codec, form = codecs.get(kind, "libx264"), formats.get(kind, "yuv420p")
        write_clip(path, frames=8, codec=codec, pixel_format=form)
    form = struct.pack("<HHIIHH", 1, 2, 8000, 32000, 4, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 400) + bytes(range(200)) * 2
    (folder / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    frames = rng.integers(0, 255, (3, 8, 9), dtype=np.uint8)
    write_dicom(folder / "a.dcm", frames, NumberOfFrames=3, Modality="US", FrameTime="40")
    files = {kind: (folder / f"a.{kind}").read_bytes() for kind in USES}
    # A function, because a failing example is printed with its arguments.
    return lambda kind: files[kind]


@pytest.mark.parametrize("kind", USES)
@FUZZ
@given(share=st.floats(0, 1))
def test_truncation(seeds: Callable[[str], bytes], tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / f"file.{kind}"
    path.write_bytes(seeds(kind)[: int(share * len(seeds(kind)))])
    USES[kind](path)


@pytest.mark.parametrize("kind", USES)
@FUZZ
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bits(
    seeds: Callable[[str], bytes], tmp_path: Path, kind: str, flips: list[tuple[float, int]]
) -> None:
    data = bytearray(seeds(kind))
    for share, bits in flips:
        data[int(share * len(data))] ^= bits
    path = tmp_path / f"file.{kind}"
    path.write_bytes(data)
    USES[kind](path)


@pytest.mark.parametrize("kind", USES)
@FUZZ
@given(flips=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 255)), min_size=1, max_size=3))
def test_flipped_bits_of_the_header(
    seeds: Callable[[str], bytes], tmp_path: Path, kind: str, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(seeds(kind))
    for place, bits in flips:
        data[place % len(data)] ^= bits
    path = tmp_path / f"file.{kind}"
    path.write_bytes(data)
    USES[kind](path)


def _claims(data: bytes) -> Iterator[bytes]:
    """The TIFF with ImageWidth (256) and ImageLength (257), or the tile's sides (322, 323), made huge."""
    for tags in ((256, 257), (322, 323)):
        changed = bytearray(data)
        with tifffile.TiffFile(_file(data)) as file:
            for tag in tags:
                place = file.pages[0].tags[tag].offset
                changed[place + 2 : place + 12] = struct.pack("<HII", 4, 1, 2**31 - 16)
        yield bytes(changed)


def _file(data: bytes):
    from io import BytesIO

    return BytesIO(data)


def test_huge_claims_of_a_slide_take_no_memory(seeds: Callable[[str], bytes], tmp_path: Path) -> None:
    path = tmp_path / "file.tif"
    for data in _claims(seeds("tif")):
        path.write_bytes(data)
        use_slide(path)
        with pytest.raises(DataError, match=r"file\.tif"), Slide(path, TiffSource(path)) as slide:
            slide.tile(0, (0, 0, *slide.shape[::-1]))


def test_huge_claims_of_a_sound(seeds: Callable[[str], bytes], tmp_path: Path) -> None:
    data = bytearray(seeds("wav"))
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", 2**32 - 2)
    (tmp_path / "file.wav").write_bytes(data)
    with pytest.raises(DataError, match="states 1073741823 samples, 100 are there"):
        open_sound(tmp_path / "file.wav")


def test_huge_claims_of_a_clip(seeds: Callable[[str], bytes], tmp_path: Path) -> None:
    """Rows and columns of 65535 in the header of an AVI file: 12 GiB a frame."""
    data = bytearray(seeds("avi"))
    place = data.index(b"strf") + 12
    data[place : place + 8] = struct.pack("<ii", 65535, 65535)
    (tmp_path / "file.avi").write_bytes(data)
    use_clip(tmp_path / "file.avi")


@FUZZ
@given(data=st.binary(max_size=600))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    for kind, magic in (
        ("mp4", b"\0\0\0\x18ftypisom"),
        ("avi", b"RIFF\0\0\1\0AVI LIST"),
        ("mkv", b"\x1a\x45\xdf\xa3"),
    ):
        (tmp_path / f"file.{kind}").write_bytes(magic + data)
        use_clip(tmp_path / f"file.{kind}")
    (tmp_path / "file.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + data)
    use_sound(tmp_path / "file.wav")
    (tmp_path / "file.tif").write_bytes(b"II*\0" + data)
    use_slide(tmp_path / "file.tif")
