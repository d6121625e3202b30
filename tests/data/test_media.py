from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.data.media import Content, MediaStore, inside, relative_name
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


def test_known_content_is_not_hashed_again(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    digest = hashlib.sha256(b"pixels").hexdigest()
    placed = store.place(Content(b"pixels", digest, 6), name=f"media/{digest[:2]}/{digest}.png")
    assert placed == (f"media/{digest[:2]}/{digest}.png", digest, 6)
    assert store.place(Content(b"pixels", digest, 6), name=placed.path) == placed
    first, second = tmp_path / "first.png", tmp_path / "media" / "second.png"
    first.write_bytes(b"linked")
    second.hardlink_to(first)
    assert store.place(Content(first, "as it was read", 6), name="media/second.png").sha256 == "as it was read"
    other = store.place(Content(first, "never believed of a copy", 6), name="media/third.png")
    assert other.sha256 == hashlib.sha256(b"linked").hexdigest()


def test_a_folder_that_is_known_does_not_let_a_link_or_a_name_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "corpus", tmp_path / "outside.png"
    outside.write_bytes(b"kept")
    store = MediaStore(root)
    store.place(b"one", name="media/one.png")
    (root / "media" / "link.png").symlink_to(outside)
    for name in ("media/link.png", "media/.."):
        with pytest.raises(DataError):
            store.place(b"two", name=name)
    assert outside.read_bytes() == b"kept"
