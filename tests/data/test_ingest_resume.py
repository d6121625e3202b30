"""Interrupted, killed, parallel and repeated ingests end in the same corpus."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.data.corpus import Corpus
from vesalius.data.ingest import REPORT_FILE, Columns, build, ingest, work
from vesalius.errors import DataError

COLUMNS = Columns(image=("file",), text=("notes",), patient="patient", label=("finding",), split="split")
NUM_STUDIES = 40


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    rows = ["file,notes,patient,finding,split"]
    for number in range(NUM_STUDIES):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
        part = "test" if number % 4 == 0 else "train"
        rows.append(f"{number:02d}.png,Note {number}.,p{number},{'Edema' if number % 3 else 'No Finding'},{part}")
    (folder / "07.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (folder / "table.csv").write_text("\n".join(rows))
    return folder / "table.csv"


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    out = tmp_path_factory.mktemp("whole") / "corpus"
    ingest(source, out=out, columns=COLUMNS, workers=1)
    return Corpus.open(out)


def same(out: Path, whole: Corpus) -> None:
    corpus = Corpus.open(out)
    assert corpus.content_hash == whole.content_hash
    assert corpus.counts == whole.counts
    assert len(corpus) == NUM_STUDIES - 1
    assert sorted(corpus.split("test").ids) == sorted(whole.split("test").ids)
    report = json.loads((out / REPORT_FILE).read_text())
    assert report["finished"]
    assert [problem["item"] for problem in report["problems"]] == ["07.png"]
    assert not list(out.glob(".locks/*"))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_same_corpus_whatever_the_workers(source: Path, whole: Corpus, tmp_path: Path, workers: int) -> None:
    shown: list[int] = []

    @contextmanager
    def progress(title: str, total: int) -> Iterator:
        assert (title, total) == ("ingest", NUM_STUDIES)
        yield shown.append

    report = ingest(source, out=tmp_path / "c", columns=COLUMNS, workers=workers, progress=progress)
    same(tmp_path / "c", whole)
    assert report.content_hash == whole.content_hash
    assert sum(shown) == NUM_STUDIES


def test_a_repeated_ingest_does_nothing_twice(source: Path, whole: Corpus, tmp_path: Path, monkeypatch) -> None:
    ingest(source, out=tmp_path / "c", columns=COLUMNS, workers=1)
    opened: list[str] = []
    read = build.readers.read
    monkeypatch.setattr(build.readers, "read", lambda path: (opened.append(path.name), read(path))[1])
    report = ingest(source, out=tmp_path / "c", columns=COLUMNS, workers=1)
    # the bad file is tried again, in case that it was mended
    assert opened == ["07.png"]
    assert report.resumed == NUM_STUDIES - 1
    same(tmp_path / "c", whole)


def test_a_mended_file_goes_in(source: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "source"
    shutil.copytree(source.parent, folder)
    ingest(folder / "table.csv", out=tmp_path / "c", columns=COLUMNS, workers=1)
    shutil.copy(folder / "08.png", folder / "07.png")
    report = ingest(folder / "table.csv", out=tmp_path / "c", columns=COLUMNS, workers=1)
    assert report.problems == ()
    assert len(Corpus.open(tmp_path / "c")) == NUM_STUDIES


def test_interrupt_keeps_what_was_done(source: Path, whole: Corpus, tmp_path: Path, monkeypatch) -> None:
    read, calls = build.readers.read, iter(range(1000))

    def interrupted(path: Path):
        if next(calls) == 15:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(build.readers, "read", interrupted)
    out = tmp_path / "c"
    with pytest.raises(KeyboardInterrupt):
        ingest(source, out=out, columns=COLUMNS, workers=1)
    assert not json.loads((out / REPORT_FILE).read_text())["finished"]
    assert not (out / "corpus.json").exists()
    monkeypatch.setattr(build.readers, "read", read)
    report = ingest(source, out=out, columns=COLUMNS, workers=1)
    # 15 were opened, one of them broken
    assert report.resumed == 14
    same(out, whole)


def test_disk_full(source: Path, whole: Corpus, tmp_path: Path, monkeypatch) -> None:
    from vesalius.data import media

    place, calls = media.MediaStore.place, iter(range(1000))

    def full(*arguments, **named):
        if next(calls) == 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return place(*arguments, **named)

    monkeypatch.setattr(media.MediaStore, "place", full)
    with pytest.raises(DataError, match=r"disk full while writing .*: all studies in whole shards are kept"):
        ingest(source, out=tmp_path / "c", columns=COLUMNS, workers=1)
    monkeypatch.setattr(media.MediaStore, "place", place)
    assert ingest(source, out=tmp_path / "c", columns=COLUMNS, workers=1).resumed == 10
    same(tmp_path / "c", whole)


_SLOW = """
import sys, time
from pathlib import Path
from vesalius.data.ingest import Columns, ingest
if __name__ == "__main__":
    columns = Columns(image=("file",), text=("notes",), patient="patient", label=("finding",), split="split")
    ingest(sys.argv[1], out=sys.argv[2], columns=columns, workers=int(sys.argv[3]))
"""


def started(source: Path, out: Path, script: Path, workers: int) -> subprocess.Popen:
    """Start an ingest in a process of its own and wait until it has journalled a few studies."""
    script.write_text(_SLOW)
    process = subprocess.Popen(
        [sys.executable, str(script), str(source), str(out), str(workers)], stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while time.monotonic() < end:
        lines = sum(path.read_text().count("study") for path in (out / ".ingest").glob("journal-*"))
        if lines >= 5 or process.poll() is not None:
            return process
        time.sleep(0.002)
    raise AssertionError("the ingest wrote nothing in a minute")


@pytest.fixture(scope="module")
def long_source(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same table with pictures that take a while."""
    folder = tmp_path_factory.mktemp("long")
    pixels = np.random.default_rng(0).integers(0, 255, (1200, 1200), dtype=np.uint8)
    (folder / "table.csv").write_text(source.read_text())
    for number in range(NUM_STUDIES):
        pixels[0, 0] = number
        Image.fromarray(pixels).save(folder / f"{number:02d}.png", compress_level=0)
    (folder / "07.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return folder / "table.csv"


@pytest.fixture(scope="module")
def long_whole(long_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    out = tmp_path_factory.mktemp("long whole") / "corpus"
    ingest(long_source, out=out, columns=COLUMNS, workers=1)
    return Corpus.open(out)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_stopped_in_the_middle(
    long_source: Path, tmp_path: Path, workers: int, end: signal.Signals, long_whole: Corpus
) -> None:
    out = tmp_path / "c"
    process = started(long_source, out, tmp_path / "run.py", workers)
    process.send_signal(end)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (out / "corpus.json").exists()
    report = ingest(long_source, out=out, columns=COLUMNS, workers=2)
    if end == signal.SIGINT:
        assert report.resumed > 0
    same(out, long_whole)


def test_a_dead_worker_is_named_with_its_file(long_source: Path, tmp_path: Path) -> None:
    plan = tmp_path / "run.py"
    plan.write_text(_SLOW.replace("import sys, time", "import os, sys").replace(
        'if __name__ == "__main__":',
        "from vesalius.data.ingest import work\n"
        "built = work.build\n"
        "def deadly(plan, *, link):\n"
        "    if plan.study.id == '11': os.kill(os.getpid(), 9)\n"
        "    return built(plan, link=link)\n"
        "work.build = deadly\n"
        'if __name__ == "__main__":',
    ))  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(plan), str(long_source), str(tmp_path / "c"), "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "was killed by SIGKILL while it read 11.png; mostly memory ran out" in last
    assert "all studies in whole shards are kept" in last


def test_other_settings_are_refused(source: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    out = tmp_path / "c"
    ingest(source, out=out, columns=COLUMNS, workers=1)
    with pytest.raises(DataError, match=r"begun with other settings: closed was True, now False"):
        ingest(source, out=out, columns=replace(COLUMNS, closed=False), workers=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty and was not made by ingest"):
        ingest(source, out=tmp_path / "other", columns=COLUMNS, workers=1)
    with pytest.raises(DataError, match="0 workers asked for"):
        ingest(source, out=tmp_path / "zero", columns=COLUMNS, workers=0)


def test_a_source_that_shrank_is_refused(source: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "source"
    shutil.copytree(source.parent, folder)
    ingest(folder / "table.csv", out=tmp_path / "c", columns=COLUMNS, workers=1)
    lines = (folder / "table.csv").read_text().splitlines()
    (folder / "table.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(DataError, match="holds 1 studies that the source no longer has, such as '39'"):
        ingest(folder / "table.csv", out=tmp_path / "c", columns=COLUMNS, workers=1)


def test_a_torn_journal_line_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / work.JOURNALS
    folder.mkdir()
    old = {"study": "a", "time": 1.0, "problems": [["x.png", "old"]]}
    new = {"study": "a", "time": 2.0, "problems": [["x.png", "new"]]}
    (folder / "journal-0000.jsonl").write_text(json.dumps(new) + "\n" + '{"study": "b", "ti')
    (folder / "journal-0001.jsonl").write_text("\n" + json.dumps(old))
    assert work.problems_of(tmp_path, {"a", "b"}) == [("x.png", "new")]
