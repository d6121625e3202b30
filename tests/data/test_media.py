from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.data.media import MediaStore, inside, relative_name
from vesalius.errors import DataError


@given(st.text(max_size=20) | st.lists(st.sampled_from(["..", ".", "a", "/", "b/..", "~"])).map("/".join))
def test_no_path_leaves_the_root(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.getbasetemp()
    with suppress(DataError):
        assert inside(root, name).is_relative_to(root.resolve())


def test_names_are_relative_with_forward_slashes(tmp_path: Path) -> None:
    assert relative_name(tmp_path, "media/./a/../b.png") == "media/b.png"
    assert relative_name(tmp_path, str(tmp_path / "media" / "b.png")) == "media/b.png"
    with pytest.raises(DataError, match="is not usable"):
        relative_name(tmp_path, "a\0b")


def test_bytes_and_files_give_the_same(tmp_path: Path) -> None:
    source = tmp_path / "source.DCM"
    source.write_bytes(b"pixels" * 1000)
    store = MediaStore(tmp_path / "root")
    (tmp_path / "root").mkdir()
    placed = store.place(source.read_bytes(), name="media/a.dcm")
    assert placed == store.describe("media/a.dcm")
    assert store.place(source, name="media/b.dcm") == placed._replace(path="media/b.dcm")
    assert store.store(source) == f"media/{placed.sha256[:2]}/{placed.sha256}.dcm"
    store.sync()
    assert placed.bytes == 6000
