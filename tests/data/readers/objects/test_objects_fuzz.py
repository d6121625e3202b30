"""Broken objects never raise anything but DataError, and neither hang nor fill the memory."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from object_files import (
    content,
    geometry,
    write_report_by_hand,
    write_segmentation_by_hand,
    write_structures_by_hand,
)
from pydicom import dcmread
from pydicom.dataset import Dataset
from test_read_report import measured_report

from vesalius.data.readers.objects import read_report, read_segmentation, read_structures
from vesalius.errors import DataError

FUZZ = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
READERS: dict[str, Callable[[Path], Any]] = {
    "seg": read_segmentation, "labelmap": read_segmentation, "structures": read_structures, "report": read_report,
}  # fmt: skip


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    planes = np.random.default_rng(0).integers(0, 2, (4, 5, 7)).astype(np.uint8)
    frames = [(1 + z % 2, z, planes[z]) for z in range(4)]
    square = np.array([[1.5, 1.5, 1.0], [7.5, 1.5, 1.0], [7.5, 4.5, 1.0]])
    paths = {
        "seg": write_segmentation_by_hand(folder / "a", frames, geometry()),
        "labelmap": write_segmentation_by_hand(folder / "b", frames, geometry(), kind="LABELMAP"),
        "structures": write_structures_by_hand(folder / "c", {"Liver": [("CLOSED_PLANAR", square)]}),
        "report": write_report_by_hand(folder / "d", measured_report()),
    }
    return {name: path.read_bytes() for name, path in paths.items()}


def survives(kind: str, path: Path) -> None:
    """Read a file; what is read must be usable."""
    message = path.name
    try:
        found = READERS[kind](path)
        if kind in ("seg", "labelmap"):
            for segment in found.segments:
                assert found.mask(segment.number).shape == found.grid.shape
    except DataError as error:
        message = str(error)
    assert path.name in message


@pytest.mark.parametrize("kind", READERS)
@FUZZ
@given(share=st.floats(0, 1))
def test_truncation(seeds: dict[str, bytes], tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "file"
    path.write_bytes(seeds[kind][: int(share * len(seeds[kind]))])
    survives(kind, path)


@pytest.mark.parametrize("kind", READERS)
@FUZZ
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bits(seeds: dict[str, bytes], tmp_path: Path, kind: str, flips: list) -> None:
    data = bytearray(seeds[kind])
    for share, bits in flips:
        data[132 + int(share * (len(data) - 132))] ^= bits
    path = tmp_path / "file"
    path.write_bytes(bytes(data))
    survives(kind, path)


@pytest.mark.parametrize("kind", READERS)
def test_every_missing_element(seeds: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(seeds[kind])
    keywords = [element.keyword for element in dcmread(path) if element.keyword not in ("SOPClassUID",)]
    assert len(keywords) > 5
    for keyword in keywords:
        for empty in (False, True):
            dataset = dcmread(tmp_path / "file")
            if empty and dataset[keyword].VR == "SQ":
                setattr(dataset, keyword, [Dataset()])
            else:
                delattr(dataset, keyword)
            dataset.save_as(tmp_path / "less")
            survives(kind, tmp_path / "less")


@pytest.mark.parametrize("frames", [10**6, 2**31 - 1])
def test_huge_claims_are_refused_at_once(seeds: dict[str, bytes], tmp_path: Path, frames: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(seeds["seg"])
    dataset = dcmread(path)
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames, 60000, 60000
    dataset.save_as(path)
    begin = time.process_time()
    with pytest.raises(DataError, match=r"file: its header announces .* GiB"):
        read_segmentation(path)
    assert time.process_time() - begin < 1


def test_planes_far_apart_do_not_make_a_huge_grid(seeds: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(seeds["seg"])
    dataset = dcmread(path)
    place = dataset.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0]
    place.ImagePositionPatient[2] = 110 + 2.5e9
    dataset.save_as(path)
    with pytest.raises(DataError, match=r"file: .*(GiB|no whole numbers)"):
        read_segmentation(path)


def nested(depth: int, *, stated: bool) -> bytes:
    """Bytes of content items in one another, with stated lengths or with delimiters."""
    kind = struct.pack("<HH2sH", 0x0040, 0xA040, b"CS", 10) + b"CONTAINER "
    if not stated:
        head = struct.pack("<HH2sHIHHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
        return kind + (head + kind) * depth + struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0) * depth
    body = kind
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
        body = kind + struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, len(item)) + item
    return body


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("depth", [65, 300, 3000])
def test_a_report_of_endless_depth_is_bounded(tmp_path: Path, depth: int, stated: bool) -> None:
    path = write_report_by_hand(tmp_path / "file", content("CONTAINER", None))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(nested(0, stated=False))] + nested(depth, stated=stated))
    begin = time.process_time()
    with pytest.raises(DataError, match=r"file: .*(deeper than 64|recursion)"):
        read_report(path)
    assert time.process_time() - begin < 5
