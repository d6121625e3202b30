"""Hostile files in a folder: each is left out with a reason, and the rest is treated."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.data.deidentify import Secret, deidentify
from vesalius.data.deidentify.second_look import frames_of
from vesalius.errors import DataError

SECRET = Secret(b"k" * 32)
BOMB_SIDE = 60_000
"""Rows and columns that a header of 60 bytes announces: 3.6 GB."""


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb() -> bytes:
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def nested(depth: int) -> bytes:
    """Return a DICOM file with sequences of no stated length in each other."""
    endless = struct.pack("<I", 0xFFFFFFFF)
    inner = b"\x08\x00\x40\x11" + endless + b"\xfe\xff\x00\xe0" + endless
    return bytes(128) + b"DICM\x02\x00\x10\x00UI\x12\x001.2.840.10008.1.2\0" + inner * depth


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    root.mkdir()
    Image.fromarray(np.full((32, 32), 9, np.uint8)).save(root / "good.png")
    good = (root / "good.png").read_bytes()
    (root / "cut.png").write_bytes(good[:40])
    (root / "bomb.png").write_bytes(bomb())
    (root / "deep.dcm").write_bytes(nested(20_000))
    (root / "header.dcm").write_bytes(bytes(128) + b"DICM")
    (root / "cut.nii").write_bytes(struct.pack("<i", 348) + bytes(344))
    (root / "zeros.nii.gz").write_bytes(gzip.compress(bytes(1_000_000)))
    (root / "words.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (root / "broken.json").write_bytes(b"[" * 100_000)
    (root / "broken.csv").write_bytes(b"\xff\xfe\0")
    with zipfile.ZipFile(root / "away.zip", "w") as archive:
        archive.writestr("../../evil.png", good)
    return root


def test_each_is_left_out_with_a_reason(source: Path, tmp_path: Path) -> None:
    audit = deidentify(source, out=tmp_path / "out", secret=SECRET, workers=1)
    assert audit.clean, audit.text()
    assert audit.written == {"png": 1}
    assert len(audit.left_out) == 10
    assert all(reason for _, reason in audit.left_out)
    reasons = dict(audit.left_out)
    assert "announces more pixels" in reasons["bomb.png"]
    assert not list(tmp_path.glob("evil*"))


def test_a_bomb_among_the_outputs_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bomb())
    with pytest.raises(DataError, match=r"a\.png: its pixels cannot be looked at"):
        frames_of(tmp_path / "a.png", "png")
