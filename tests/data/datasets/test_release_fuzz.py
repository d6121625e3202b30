"""Broken tables of releases: what cannot be read is an error of the data that names its place, never another one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from vesalius.data.datasets.base import VIRTUAL_NOTE, dataset
from vesalius.errors import DataError
from vesalius.virtual.twin import write_twin

QUICK = ("ms_cxr", "radgraph", "rsna_pneumonia")
SLOW = (
    "chest_imagenome", "chexlocalize", "chexpert", "chexpert_plus", "covidx", "iu_xray", "mednli", "mimic_cxr",
    "mimic_cxr_jpg", "ms_cxr_t", "object_cxr", "padchest", "padchest_gr", "radnli", "siim_pneumothorax", "vindr_cxr",
)  # fmt: skip
TABLES = {".csv", ".gz", ".json", ".jsonl", ".txt", ".xml"}
PIECES = (b"null", b'""', b"-1", b"1e999", b"[]", b"{}", b",,", b"\n", b"\0", b"../..", b"nan")
ROUNDS = 24


def broken(good: bytes, rng: random.Random) -> bytes:
    """Cut the end off, flip bytes, take a piece out, or put something else there."""
    content = bytearray(good)
    place = rng.randrange(len(content))
    how = rng.randrange(4)
    if how == 0:
        return bytes(content[:place])
    if how == 1:
        for _ in range(rng.randrange(1, 6)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    elif how == 2:
        content[place : place + rng.randrange(1, 40)] = b""
    else:
        content[place : place + 3] = rng.choice(PIECES)
    return bytes(content)


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_broken_tables(name: str, tmp_path: Path) -> None:
    root = tmp_path / "twin"
    write_twin(name, root, patients=4, seed=1)
    rng = random.Random(name)
    files = [path for path in sorted(root.rglob("*")) if path.suffix in TABLES and path.name != VIRTUAL_NOTE]
    refused = 0
    for path in rng.sample(files, min(len(files), 8)):
        good = path.read_bytes()
        for _ in range(ROUNDS if good else 0):
            path.write_bytes(broken(good, rng))
            try:
                list(dataset(name).read(root))
            except DataError as error:
                refused += 1
                assert "/" in str(error), "the message names no place"  # noqa: PT017
        path.write_bytes(good)
    assert refused > 0
