"""A member in one piece, or word that it has to be read as a stream."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from vesalius.data import readers
from vesalius.data.readers import gunzip as module
from vesalius.data.readers.gunzip import gunzip
from vesalius.errors import DataError

DATA = np.random.default_rng(0).integers(0, 9, 5000, np.uint8).tobytes()


def test_one_member_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(DATA))
    found = gunzip(path, len(DATA))
    assert found is not None
    assert found == DATA


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(DATA[:2000]) + gzip.compress(DATA[2000:]),
        gzip.compress(DATA + b"more"),
        gzip.compress(DATA[:-1]),
        gzip.compress(DATA) + b"\0" * 2**22,
        gzip.compress(DATA)[:-9] + b"\0" + gzip.compress(DATA)[-8:],
        gzip.compress(DATA)[:-8] + b"\0\0\0\0" + gzip.compress(DATA)[-4:],
    ],
    ids=["two members", "more", "less", "much behind it", "another last byte", "another checksum"],
)
def test_all_else_is_left_to_the_stream(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(packed)
    assert gunzip(path, len(DATA)) is None


def test_a_volume_is_the_same_in_one_piece_in_two_members_and_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(1).integers(-1000, 1000, (7, 6, 5), np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1, 2, 3, 1])), tmp_path / "one.nii.gz")
    plain = gzip.decompress((tmp_path / "one.nii.gz").read_bytes())
    (tmp_path / "two.nii.gz").write_bytes(gzip.compress(plain[:300]) + gzip.compress(plain[300:]))
    one, two = readers.read(tmp_path / "one.nii.gz"), readers.read(tmp_path / "two.nii.gz")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    without = readers.read(tmp_path / "one.nii.gz")
    for found in (one, two, without):
        assert np.array_equal(found.array, values.T)
        assert found.array.flags.writeable
        assert found.geometry == one.geometry


def test_a_header_that_claims_much_takes_no_memory(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((20000, 10000, 4))
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + b"\0\0\0\0" + DATA))
    with pytest.raises(DataError, match="broken or truncated NIfTI"):
        readers.read(path)
