from __future__ import annotations

from pathlib import Path

import pytest
from study_strategies import media_of, small_study

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Image, Study
from vesalius.data.verify import verify
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError


def make(root: Path, *numbers: int, licence: str = "CC0", virtual: bool = True) -> Corpus:
    made = map(small_study, numbers)
    return from_studies(made, root, name=root.name, media=media_of(*numbers), licence=licence, virtual=virtual)


def test_the_whole_is_its_parts(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole", 0, 1, 2, 3)
    first, second = make(tmp_path / "a", 0, 1), make(tmp_path / "b", 2, 3, licence="MIT", virtual=False)
    merged = Corpus.merge([first, second], tmp_path / "merged")
    assert merged.content_hash == whole.content_hash
    assert merged.counts == whole.counts
    assert merged.name == "a+b"
    assert merged.manifest.licence == "CC0; MIT"
    assert merged.manifest.virtual is False
    assert merged.path("media/3.png").read_bytes() == b"picture 3"


def test_equal_studies_count_once_also_from_views(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", 0, 1, 2), make(tmp_path / "b", 1, 2, 3)
    merged = Corpus.merge([first.filter("edema"), second, first], tmp_path / "merged", name="once")
    assert sorted(merged.ids) == [f"study-{number}" for number in range(4)]
    assert merged.content_hash == make(tmp_path / "whole", 0, 1, 2, 3).content_hash


def test_one_id_for_different_studies_is_named(tmp_path: Path) -> None:
    first = make(tmp_path / "a", 0, 1)
    other = from_studies([small_study(1, site="elsewhere")], tmp_path / "b", name="b", media=media_of(1))
    pixels = from_studies([small_study(0)], tmp_path / "c", name="c", media={"media/0.png": b"other"})
    with pytest.raises(DataError, match=r"2 study ids stand for different studies .*'study-0', 'study-1'"):
        Corpus.merge([first, other, pixels], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    def one(number: int, content: bytes) -> Corpus:
        image = Image(id="cxr", path="media/same.png", modality="DX")
        study = small_study(number, images=(image,))
        return from_studies([study], tmp_path / f"{number}", name="x", media={"media/same.png": content})

    merged = Corpus.merge([one(0, b"first"), one(1, b"second")], tmp_path / "merged")
    contents = [merged.path(study.images[0].path).read_bytes() for study in merged]
    assert contents == [b"first", b"second"]


def test_a_file_that_changed_since_is_found(tmp_path: Path) -> None:
    first = make(tmp_path / "a", 0)
    first.path("media/0.png").write_bytes(b"touched")
    with pytest.raises(DataError, match=r"media/0.png has SHA-256 .*, its record says"):
        Corpus.merge([first], tmp_path / "merged")


def test_splits_are_joined_or_refused(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", 0, 1), make(tmp_path / "b", 2, 3)
    assert not Corpus.merge([first, second], tmp_path / "none").has_split
    first.set_split({"study-0": "train"})
    second.set_split({"study-2": "test"})
    merged = Corpus.merge([first, second], tmp_path / "both")
    assert merged.split("train").ids == ["study-0", "study-1"]
    assert merged.split("test").ids == ["study-2", "study-3"]
    third = make(tmp_path / "c", 1)
    third.set_split({"study-1": "test"})
    with pytest.raises(DataError, match="'patient-0' in test and train"):
        Corpus.merge([first, third], tmp_path / "torn")


def test_after_a_kill_merging_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make(tmp_path / "a", 0, 1), make(tmp_path / "b", 2, 3)
    with monkeypatch.context() as patch:
        patch.setattr("vesalius.data.writer.finish", lambda root: pytest.fail("killed before the end"))
        with pytest.raises(pytest.fail.Exception):
            Corpus.merge([first], tmp_path / "merged")
    assert Corpus.merge([first, second], tmp_path / "merged").content_hash == (
        make(tmp_path / "whole", 0, 1, 2, 3).content_hash
    )


def test_what_is_left_of_another_merge_is_not_mixed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make(tmp_path / "a", 0, 1), make(tmp_path / "b", 2, 3)
    with monkeypatch.context() as patch:
        patch.setattr("vesalius.data.writer.finish", lambda root: pytest.fail("killed before the end"))
        with pytest.raises(pytest.fail.Exception):
            Corpus.merge([first], tmp_path / "merged")
    with pytest.raises(DataError, match="holds other studies too"):
        Corpus.merge([second], tmp_path / "merged")


def test_a_corpus_is_never_overwritten(tmp_path: Path) -> None:
    first = make(tmp_path / "a", 0)
    with pytest.raises(DataError, match="exists already"):
        Corpus.merge([first], tmp_path / "a")


def test_folders_of_one_name_and_different_content(tmp_path: Path) -> None:
    corpora = []
    for name in ("a", "b"):
        with CorpusWriter(tmp_path / name, name=name) as writer:
            study = Study(
                id=name, patient=name, images=(Image(id="v", path="files/v", modality="CT", kind="volume"),)
            )
            writer.add(study, media={"files/v/0.dcm": b"same", "files/v/1.dcm": name.encode()})
        corpora.append(Corpus.open(tmp_path / name))
    merged = Corpus.merge(corpora, tmp_path / "merged")
    verify(merged)
    for study in merged:
        folder = merged.path(study.images[0].path)
        assert [path.read_bytes() for path in sorted(folder.iterdir())] == [b"same", study.id.encode()]
