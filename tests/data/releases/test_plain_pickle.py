"""Plain pickles: equal to what Python reads, and nothing is ever run."""

from __future__ import annotations

import collections
import os
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from vesalius.data.releases.plain_pickle import dump_plain, load_plain
from vesalius.errors import DataError

VALUE = [{"a": 1, "b": [None, True, False, -3, 2**70, 0.5, "é", "x" * 300]}, {}, [], {"a": {"c": ["x"] * 3}}]


@pytest.mark.parametrize("protocol", range(6))
def test_what_python_writes(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(VALUE, protocol=protocol))
    assert load_plain(tmp_path / "a.pkl") == VALUE


def test_what_we_write() -> None:
    value = [{"a": 1, "b": ["é", {"c": -5}]}, []]
    assert pickle.loads(dump_plain(value)) == value
    with pytest.raises(DataError, match="type float is not plain"):
        dump_plain(0.5)


class _Run:
    def __reduce__(self) -> Any:
        return os.system, ("false",)


@pytest.mark.parametrize("value", [_Run(), [_Run()], collections.OrderedDict(a=1), {1, 2}, b"x", (1, 2)])
def test_what_is_not_plain_is_refused(value: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(DataError, match="could run code"):
        load_plain(tmp_path / "a.pkl")


def test_broken_pickles(tmp_path: Path) -> None:
    good = pickle.dumps(VALUE)
    rng = random.Random(0)
    refused = 0
    for _ in range(300):
        content = bytearray(good[: rng.randrange(1, len(good) + 1)])
        for _ in range(rng.randrange(4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        (tmp_path / "a.pkl").write_bytes(content)
        try:
            load_plain(tmp_path / "a.pkl")
        except DataError:
            refused += 1
    assert refused > 200
