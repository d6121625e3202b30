from __future__ import annotations

import errno
from pathlib import Path

import pytest

from vesalius.data.disk import Lock, not_full, replacing
from vesalius.errors import DataError


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    with replacing(path, scratch=tmp_path / "scratch") as file:
        file.write(b"first")
        assert not path.exists()
    assert path.read_bytes() == b"first"

    def broken() -> None:
        with replacing(path, scratch=tmp_path / "scratch") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert path.read_bytes() == b"first"
    assert list((tmp_path / "scratch").iterdir()) == []


def fail(code: int, root: Path) -> None:
    with not_full(root, kept="three shards are kept"):
        raise OSError(code, "no")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said(tmp_path: Path, code: int) -> None:
    with pytest.raises(DataError, match=r"disk full while writing .*: three shards are kept; free some space"):
        fail(code, tmp_path)


def test_other_errors_go_through(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        fail(errno.EACCES, tmp_path)


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert not (tmp_path / "lock").exists()
    assert second.acquire()
    assert not first.acquire()
    second.release()
    second.release()  # twice does no harm
