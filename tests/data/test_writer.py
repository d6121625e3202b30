from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from study_strategies import media_of, picture, small_study

import vesalius.data.writer as writer_module
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Region
from vesalius.data.writer import CorpusWriter, finish
from vesalius.errors import DataError

PICTURE_1 = "2dabd364013897cccceb7b1526cffb689610f8202cff6b4a8c387525982ad437"
"""``printf 'picture 1' | sha256sum``"""


def write(root: Path, numbers: list[int], *, worker: int = 0) -> None:
    with CorpusWriter(root, name="made", worker=worker) as writer:
        for number in numbers:
            if f"study-{number}" not in writer:
                writer.add(small_study(number), media=media_of(number))


def as_worker(arguments: tuple[Path, list[int], int]) -> None:
    root, numbers, worker = arguments
    write(root, numbers, worker=worker)


def test_corpus_json_keeps_its_promise(tmp_path: Path) -> None:
    write(tmp_path, list(range(6)))
    document = json.loads((tmp_path / "corpus.json").read_text())
    assert document["schema_version"] == 2
    assert len(document["content_hash"]) == 64
    # 6 studies of 3 patients (two each), edema present in studies 0 and 3
    assert document["counts"] == {
        "studies": 6,
        "patients": 3,
        "images": 6,
        "modalities": {"DX": 6},
        "findings": {"edema": 2},
    }


def test_the_hash_does_not_depend_on_workers_order_shards_or_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "one", list(range(40)))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        shares = [[*range(39, 20, -1)], [*range(21)]]
        pool.map(as_worker, [(tmp_path / "two", share, worker) for worker, share in enumerate(shares)])
    finish(tmp_path / "two")
    monkeypatch.setattr(writer_module, "ROWS_PER_GROUP", 7)
    monkeypatch.setattr("vesalius.data.shards.ROWS_PER_SHARD", 11)
    monkeypatch.setattr(writer_module, "ROWS_PER_SHARD", 11)
    write(tmp_path / "many", list(range(40)))
    corpora = [Corpus.open(tmp_path / name) for name in ("one", "two", "many")]
    assert [len(corpus) for corpus in corpora] == [40, 40, 40]
    assert len({corpus.content_hash for corpus in corpora}) == 1
    assert [len(corpus.manifest.shards) for corpus in corpora] == [1, 1, 4]  # 40 rows in shards of 11
    assert sorted(corpora[1].ids) == sorted(corpora[2].ids)


def test_the_hash_depends_on_records_and_pixels(tmp_path: Path) -> None:
    corpora = [
        from_studies([small_study(0)], tmp_path / "a", name="a", media=media_of(0)),
        from_studies([small_study(0, site="x")], tmp_path / "b", name="a", media=media_of(0)),
        from_studies([small_study(0)], tmp_path / "c", name="a", media={"media/0.png": b"other"}),
    ]
    assert len({corpus.content_hash for corpus in corpora}) == 3


KILLED = """
import sys
import vesalius.data.writer as writer_module
from study_strategies import media_of, small_study
writer_module.ROWS_PER_GROUP = 10
with writer_module.CorpusWriter(sys.argv[1], name="made") as writer:
    for number in range(1000):
        writer.add(small_study(number), media=media_of(number))
        print(number, flush=True)
"""


def test_kill_9_leaves_whole_shards_and_writing_goes_on(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    line = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "37":
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    (tmp_path / "killed" / ".scratch" / ".0.tmp").write_bytes(b"PAR1 half a shard")
    with pytest.raises(DataError, match=r"was not finished: .* shards are kept"):
        Corpus.open(tmp_path / "killed")
    with CorpusWriter(tmp_path / "killed", name="made") as writer:
        kept = writer.written()
        assert {f"study-{number}" for number in range(30)} <= kept  # three whole shards of ten at least
        assert len(kept) % 10 == 0
        for number in range(60):
            if f"study-{number}" not in writer:
                writer.add(small_study(number), media=media_of(number))
    write(tmp_path / "whole", list(range(max(60, len(kept)))))
    assert Corpus.open(tmp_path / "killed").content_hash == Corpus.open(tmp_path / "whole").content_hash
    assert not (tmp_path / "killed" / ".scratch").exists()


def test_an_error_in_the_block_keeps_what_was_added(tmp_path: Path) -> None:
    def interrupted() -> None:
        with CorpusWriter(tmp_path, name="made") as writer:
            writer.add(small_study(1), media=media_of(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "corpus.json").exists()
    assert finish(tmp_path).counts.studies == 1


def test_finish_after_a_kill_between_manifest_and_clean_up_counts_once(tmp_path: Path) -> None:
    write(tmp_path, [1, 2, 3])
    before = Corpus.open(tmp_path).content_hash
    small = tmp_path / "studies" / "part-w0000-000000.parquet"
    small.write_bytes((tmp_path / "studies" / "part-00000.parquet").read_bytes())
    assert finish(tmp_path).content_hash == before
    assert not small.exists()


def test_studies_are_added_to_a_finished_corpus(tmp_path: Path) -> None:
    write(tmp_path / "grown", [1, 2])
    write(tmp_path / "grown", [3])
    write(tmp_path / "whole", [1, 2, 3])
    assert Corpus.open(tmp_path / "grown").content_hash == Corpus.open(tmp_path / "whole").content_hash


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_whole_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CorpusWriter(tmp_path, name="made") as writer:
        writer.add(small_study(1), media=media_of(1))
        writer.flush()
        writer.add(small_study(2), media=media_of(2))
        with monkeypatch.context() as patch:
            patch.setattr("vesalius.data.disk.os.fsync", no_space)
            with pytest.raises(DataError, match=r"disk full while writing .*whole shards are kept; free some space"):
                writer.flush()
            patch.setattr("vesalius.data.media.replacing", no_space)
            with pytest.raises(DataError, match="disk full"):
                writer.add(small_study(3), media=media_of(3))
        assert writer.written() == {"study-1"}
        writer.flush()
        assert writer.written() == {"study-1", "study-2"}  # what was pending is still there
    assert len(Corpus.open(tmp_path)) == 2


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path, name="made") as writer:
        writer.add(small_study(1), media=media_of(1))
        with pytest.raises(DataError, match="study 'study-1' is already in"):
            writer.add(small_study(1), media=media_of(1))
    with CorpusWriter(tmp_path, name="made") as writer, pytest.raises(DataError, match="already in"):
        writer.add(small_study(1), media=media_of(1))


def test_workers_that_disagree_about_an_id_are_found_at_the_end(tmp_path: Path) -> None:
    first = CorpusWriter(tmp_path, name="made", worker=1).__enter__()
    with CorpusWriter(tmp_path, name="made", worker=2) as second:
        first.add(small_study(1), media=media_of(1))
        first.add(small_study(2), media=media_of(2))
        second.add(small_study(1), media=media_of(1))  # the same: counted once
        second.add(small_study(2, site="elsewhere"), media=media_of(2))
    with pytest.raises(DataError, match="a worker still writes"):
        finish(tmp_path)
    with pytest.raises(DataError, match="worker 1 already writes"):
        CorpusWriter(tmp_path, name="made", worker=1).__enter__()
    with pytest.raises(DataError, match="1 study ids stand for two different studies, such as 'study-2'"):
        first.__exit__(None, None, None)


def test_media_must_be_there_and_be_what_the_record_says(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path, name="made") as writer:
        with pytest.raises(DataError, match=r"study 'study-1': media file 'media/1.png' is not in"):
            writer.add(small_study(1))
        image = small_study(1).images[0]
        wrong = small_study(1, images=(image.__class__(id="cxr", path=image.path, modality="DX", sha256="0" * 64),))
        with pytest.raises(DataError, match=r"file 'media/1.png' has SHA-256 .*, the record says 0000"):
            writer.add(wrong, media=media_of(1))
        with pytest.raises(DataError, match=r"exists in .* with other content"):
            writer.add(small_study(1), media={"media/1.png": b"other"})
        with pytest.raises(DataError, match="does not exist"):
            writer.add(small_study(2), media={"media/2.png": tmp_path / "nowhere.png"})
        region = Region(image="cxr", kind="mask", mask="media/mask.png")
        with pytest.raises(DataError, match=r"study 'study-1': media file 'media/mask.png' is not in"):
            writer.add(small_study(1, regions=(region,)), media=media_of(1))
        writer.add(small_study(1), media=media_of(1))


@pytest.mark.parametrize("path", ["/etc/hostname", "../secret.png", "media/../../secret.png", "link/hostname"])
def test_a_path_that_leaves_the_root_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "link").symlink_to("/etc")
    image = small_study(1).images[0].__class__(id="cxr", path=path, modality="DX")
    with CorpusWriter(tmp_path / "corpus", name="made") as writer:
        with pytest.raises(DataError, match=r"study 'study-1': path .* escapes the corpus"):
            writer.add(small_study(1, images=(image,)))
        with pytest.raises(DataError, match="escapes the corpus"):
            writer.add(small_study(1), media={path: b"x"})
        writer.add(small_study(1), media=media_of(1))


@pytest.mark.parametrize("path", ["corpus.json", "studies/part-00000.parquet", ".", ".locks/x", ".scratch/x"])
def test_the_corpus_keeps_its_own_files(tmp_path: Path, path: str) -> None:
    with CorpusWriter(tmp_path, name="made") as writer:
        with pytest.raises(DataError, match="cannot be a media file"):
            writer.place(b"x", name=path)
        writer.add(small_study(1), media=media_of(1))


def test_an_absolute_path_inside_becomes_relative_and_content_names_are_shared(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path, name="made") as writer:
        name = writer.store(picture(1), suffix=".png")
        assert name == writer.store(picture(1), suffix=".png")
        assert name == f"media/{PICTURE_1[:2]}/{PICTURE_1}.png"
        image = small_study(1).images[0].__class__(id="cxr", path=str(tmp_path / name), modality="DX")
        writer.add(small_study(1, images=(image,)))
    [study] = Corpus.open(tmp_path)
    assert study.images[0].path == name
    assert study.images[0].sha256 == Path(name).stem
    assert Corpus.open(tmp_path).path(name).read_bytes() == picture(1)


def test_a_file_that_is_only_known_by_its_hash_may_be_absent(tmp_path: Path) -> None:
    image = small_study(1).images[0].__class__(id="cxr", path="media/1.dcm", modality="DX", sha256="ab" * 32)
    corpus = from_studies([small_study(1, images=(image,))], tmp_path, name="without pixels")
    assert corpus[0].images[0] == image


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no studies"), CorpusWriter(tmp_path, name="made"):
        pass
