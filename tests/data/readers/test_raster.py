"""PNG, JPEG and TIFF: values as stored, for every mode that medical pictures come in."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.data import readers
from vesalius.data.readers import limits
from vesalius.errors import DataError

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
DEEP = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def saved(path: Path, array: np.ndarray, **options) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


def test_grey_png(tmp_path: Path) -> None:
    image = readers.read(saved(tmp_path / "a.png", GREY))
    assert (image.axes, image.units, image.array.dtype) == ("YX", "display", np.uint8)
    assert (image.array == GREY).all()
    assert image.display()[0, 1] == pytest.approx(20 / 255)
    with pytest.raises(DataError, match=r"a\.png: no geometry: PNG files state no spacing"):
        image.require_geometry()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_are_kept(tmp_path: Path, suffix: str) -> None:
    image = readers.read(saved(tmp_path / f"a.{suffix}", DEEP))
    assert image.array.dtype == np.uint16
    assert (image.array == DEEP).all()
    assert image.display().max() == pytest.approx(55000 / 65535)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_16_bit_colour_png_is_not_cut_to_8(tmp_path: Path, channels: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    array = np.arange(3 * 4 * channels, dtype=np.uint16).reshape(3, 4, channels) * 999
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(array))
    image = readers.read(path)
    expected = array[..., 0] if channels == 2 else array[..., :3]
    assert image.array.dtype == np.uint16
    assert (image.array == expected).all()
    assert image.units == ("display" if channels == 2 else "rgb")


def test_rgb_and_alpha(tmp_path: Path) -> None:
    image = readers.read(saved(tmp_path / "a.png", RGB))
    assert (image.axes, image.units, image.channels) == ("YXC", "rgb", 3)
    assert (image.array == RGB).all()
    opaque = np.dstack([RGB, np.full((3, 4), 255, np.uint8)])
    assert readers.read(saved(tmp_path / "b.png", opaque)).info["alpha"] == "opaque, dropped"
    opaque[0, 0, 3] = 0
    half = readers.read(saved(tmp_path / "c.png", opaque))
    assert (half.array == RGB).all()
    # 1 of 12 pixels
    assert half.info["alpha"] == "dropped; 8.3% of the pixels are not opaque"


def test_grey_with_alpha(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(np.full_like(GREY, 255))]).save(path)
    image = readers.read(path)
    assert image.axes == "YX"
    assert (image.array == GREY).all()


def test_palette_is_looked_up(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 2))
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    picture.putdata([0, 1, 2, 1])
    picture.save(tmp_path / "a.png")
    image = readers.read(tmp_path / "a.png")
    assert image.array.tolist() == [[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [40, 50, 60]]]
    assert image.info["palette"] == "looked up"


def test_one_bit(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert readers.read(tmp_path / "a.png").array.tolist() == [[255, 0]]


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    image = readers.read(saved(tmp_path / "a.jpg", smooth, quality=95))
    assert (image.axes, image.units, image.info["format"]) == ("YX", "display", "jpeg")
    # lossy at quality 95: measured worst difference 1 on a ramp
    assert np.abs(image.array.astype(int) - smooth).max() <= 2


def test_exif_orientation_is_stated_and_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = readers.read(saved(tmp_path / "a.png", GREY, exif=exif))
    assert image.info["orientation"] == "EXIF 6, not applied"
    assert image.array.shape == (3, 4)


def test_tiff_pages_and_frames(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    stack = np.stack([DEEP, DEEP + 1, DEEP + 2])
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    image = readers.read(tmp_path / "a.tif")
    assert image.axes == "TYX"
    assert (image.array == stack).all()
    one = readers.read(tmp_path / "a.tif", frame=2)
    assert one.axes == "YX"
    assert (one.array == DEEP + 2).all()
    with pytest.raises(DataError, match=r"frame 3 asked for, the TIFF has 3 pages"):
        readers.read(tmp_path / "a.tif", frame=3)


def test_tiff_kinds(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "white.tif", GREY, photometric="miniswhite")
    white = readers.read(tmp_path / "white.tif")
    assert (white.array == GREY).all()
    assert white.display()[0, 0] == 1.0
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate")
    assert (readers.read(tmp_path / "planes.tif").array == RGB).all()
    tifffile.imwrite(tmp_path / "real.tif", np.array([[0.5, 2.0]], np.float32), photometric="minisblack")
    real = readers.read(tmp_path / "real.tif")
    assert real.units == "stored"
    assert "no stated black and white" in real.info["units_reason"]
    tifffile.imwrite(tmp_path / "mixed.tif", GREY)
    tifffile.imwrite(tmp_path / "mixed.tif", DEEP[:2], append=True)
    with pytest.raises(DataError, match="pages of 2 different sizes"):
        readers.read(tmp_path / "mixed.tif")


def test_frame_of_a_single_picture(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", GREY)
    assert (readers.read(path, frame=0).array == GREY).all()
    with pytest.raises(DataError, match="frame 1 asked for, a PNG file has frame 0 only"):
        readers.read(path, frame=1)
    with pytest.raises(DataError, match="counted from 0"):
        readers.read(path, frame=-1)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = saved(tmp_path / f"a.{suffix}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"a\.{suffix}: broken or truncated"):
        readers.read(path)


def test_decompression_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A header of 20,000 × 20,000 pixels (400 MB) in a file of 100 bytes.
    path = saved(tmp_path / "bomb.png", GREY)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 20000, 20000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="refused as a decompression bomb"):
        readers.read(path)
    monkeypatch.setattr(limits, "MAX_DECODED_BYTES", 11)
    with pytest.raises(DataError, match="more than the limit"):
        readers.read(saved(tmp_path / "a.png", GREY))
