from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.place import Place
from vesalius.data.readers import read
from vesalius.data.records import Finding, Image, Study
from vesalius.data.remote import RemoteCorpus, open_corpus
from vesalius.errors import DataError


def picture(number: int) -> bytes:
    from io import BytesIO

    from PIL import Image as PilImage

    file = BytesIO()
    PilImage.fromarray(np.full((8, 8), number, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def local(tmp_path: Path) -> Corpus:
    studies = [
        Study(
            id=f"s{number}",
            patient=f"p{number // 2}",
            images=(Image(id="x", path=f"media/{number}.png", modality="DX", units="display"),),
            findings=(Finding(concept="edema", status="present" if number % 3 == 0 else "absent"),),
        )
        for number in range(20)
    ]
    media = {f"media/{number}.png": picture(number) for number in range(20)}
    corpus = from_studies(studies, tmp_path / "corpus", name="c", media=media)
    return corpus.make_split({"train": 0.6, "test": 0.4})


@pytest.fixture
def address(local: Corpus, tmp_path: Path) -> Iterator[str]:
    filesystem = fsspec.filesystem("memory")
    filesystem.put(str(local.root), f"/{tmp_path.name}", recursive=True)
    yield f"memory://{tmp_path.name}"
    filesystem.store.clear()


def test_a_remote_corpus_is_the_local_one(local: Corpus, address: str) -> None:
    remote = open_corpus(address)
    assert isinstance(remote, RemoteCorpus)
    assert list(remote) == list(local)
    assert remote[3] == local[3]
    assert remote.study("s7") == local.study("s7")
    assert remote.content_hash == local.content_hash
    assert remote.filter("edema").ids == local.filter("edema").ids
    assert remote.split("train").ids == local.split("train").ids
    assert np.array_equal(remote.labels(["edema"]), local.labels(["edema"]))
    assert address in repr(remote)
    assert int(read(remote.path("media/5.png")).array[0, 0]) == 5
    assert remote.split("test").path("media/5.png").exists()


def test_a_file_address_and_a_path_open_locally(local: Corpus) -> None:
    for place in (local.root, str(local.root), f"file://{local.root}"):
        assert type(open_corpus(place)) is Corpus
        assert open_corpus(place).ids == local.ids


def test_copies_are_bounded(address: str, tmp_path: Path) -> None:
    size = len(picture(1))
    remote = RemoteCorpus.open(address, cache=tmp_path / "cache", cache_bytes=3 * size + 10)
    for number in (0, 1, 2, 0, 3, 4):
        assert remote.path(f"media/{number}.png").read_bytes() == picture(number)
    kept = {path.name for path in (tmp_path / "cache").rglob("*.png")}
    # 1 and 2 were asked for longest ago.
    assert kept == {"0.png", "3.png", "4.png"}
    small = RemoteCorpus.open(address, cache=tmp_path / "small", cache_bytes=1)
    assert small.path("media/0.png").exists()
    assert small.path("media/1.png").exists()
    assert not list((tmp_path / "small").rglob("0.png"))


def test_a_folder_of_slices_comes_whole(address: str, tmp_path: Path) -> None:
    Place(f"{address}/media/series").write("1.dcm", b"a")
    Place(f"{address}/media/series").write("deep/2.dcm", b"bc")
    remote = open_corpus(address)
    folder = remote.path("media/series")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.dcm")) == ["1.dcm", "deep/2.dcm"]


def test_copies_go_with_the_corpus_and_it_travels(address: str) -> None:
    remote = RemoteCorpus.open(address)
    root = remote.root
    again = pickle.loads(pickle.dumps(remote))
    assert again.ids == remote.ids
    assert again.path("media/2.png").read_bytes() == picture(2)
    view = remote.split("test")
    del remote
    assert view.ids
    assert root.exists()
    del view
    assert not root.exists()


def test_only_what_is_asked_for_is_read(local: Corpus, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    plain = Place.read
    monkeypatch.setattr(Place, "read", lambda self, name: asked.append(name) or plain(self, name))
    remote = open_corpus(address)
    _ = remote.ids, remote[2]
    assert asked == ["corpus.json", "splits/default.parquet"]
    remote.path("media/5.png")
    remote.path("media/5.png")
    assert asked[2:] == ["media/5.png"]


def test_what_is_wrong_is_named(address: str) -> None:
    with pytest.raises(DataError, match=r"memory://nothing is not a corpus: it has no corpus\.json"):
        open_corpus("memory://nothing")
    with pytest.raises(DataError, match="cannot be opened"):
        open_corpus("nosuchprotocol://x/y")
    remote = open_corpus(address)
    with pytest.raises(DataError, match=r"'media/99\.png' is not in memory://"):
        remote.path("media/99.png")
    for name in ("../x", "/etc/passwd", "media/../../x"):
        with pytest.raises(DataError, match="escapes"):
            remote.path(name)
    with pytest.raises(DataError, match="opened for reading"):
        remote.make_split()
    with pytest.raises(DataError, match="opened for reading"):
        remote.set_split({"s0": "train"})
    Place(address).remove(f"studies/{remote.manifest.shards[0].file}")
    with pytest.raises(DataError, match=r"shard memory://.*parquet is missing"):
        _ = open_corpus(address).ids
