from __future__ import annotations

import os
from pathlib import Path

import pytest
from map_steps import killed_once, longer, nothing
from study_strategies import media_of, picture, small_study

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.parallel import map_studies
from vesalius.data.verify import verify
from vesalius.errors import DataError

STUDIES = 40


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    studies = [small_study(number) for number in range(STUDIES)]
    root = tmp_path_factory.mktemp("map") / "corpus"
    return from_studies(studies, root, name="c", media=media_of(*range(STUDIES)), virtual=True, licence="CC0")


@pytest.fixture(scope="module")
def expected(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The result of one process."""
    out = tmp_path_factory.mktemp("map") / "local"
    map_studies(corpus, longer, out)
    return Corpus.open(out)


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets new processes import this folder's `map_steps`."""
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")])))


def test_every_study_once_with_its_files(corpus: Corpus, tmp_path: Path) -> None:
    told: list[int] = []
    report = map_studies(corpus, longer, tmp_path / "out", parts=5, advance=told.append)
    # Of 0 to 39: 3, 10, 17, 24, 31, 38 are left out; 5, 16, 27 fail (38 is left out before it can).
    assert (report.made, report.left_out) == (31, 6)
    assert report.failed == tuple(
        (f"study-{number}", f"study study-{number}: nothing to work on") for number in (5, 16, 27)
    )
    assert sum(told) == STUDIES
    made = Corpus.open(tmp_path / "out")
    assert len(made) == 31
    assert made.study("study-20").text("note") == "Text 20. seen"
    assert made.path("made/20.bin").read_bytes() == picture(20)[::-1]
    assert made.path("media/21.png").read_bytes() == picture(21)
    assert (made.name, made.manifest.virtual, made.manifest.licence) == ("c", True, "CC0")
    verify(made)


@pytest.mark.parametrize("parts", [1, 7, 100])
def test_the_number_of_parts_does_not_matter(corpus: Corpus, expected: Corpus, tmp_path: Path, parts: int) -> None:
    map_studies(corpus, longer, tmp_path / "out", parts=parts)
    assert Corpus.open(tmp_path / "out").content_hash == expected.content_hash


@pytest.mark.usefixtures("importable")
def test_processes_give_the_same_corpus(corpus: Corpus, expected: Corpus, tmp_path: Path) -> None:
    one = map_studies(corpus, longer, tmp_path / "one")
    report = map_studies(corpus, longer, tmp_path / "out", backend="processes", workers=2, parts=4)
    assert Corpus.open(tmp_path / "out").content_hash == expected.content_hash
    assert report == one


@pytest.mark.slow
@pytest.mark.usefixtures("importable")
@pytest.mark.filterwarnings("ignore")
def test_ray_gives_the_same_corpus(corpus: Corpus, expected: Corpus, tmp_path: Path) -> None:
    one = map_studies(corpus, longer, tmp_path / "one")
    report = map_studies(corpus, longer, tmp_path / "out", backend="ray", workers=2, parts=4)
    assert Corpus.open(tmp_path / "out").content_hash == expected.content_hash
    assert report == one


def test_a_finished_run_is_not_done_again(corpus: Corpus, tmp_path: Path) -> None:
    first = map_studies(corpus, longer, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    told: list[int] = []
    assert map_studies(corpus, longer, tmp_path / "out", advance=told.append) == first
    assert told == [STUDIES]
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}


@pytest.mark.usefixtures("importable")
def test_a_killed_worker_is_said_and_the_rest_resumes(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESALIUS_TEST_MARKER", str(tmp_path / "marker"))
    with pytest.raises(DataError, match="a worker died"):
        map_studies(corpus, killed_once, tmp_path / "out", backend="processes", workers=1, parts=4)
    with pytest.raises(DataError, match="was not finished"):
        Corpus.open(tmp_path / "out")
    done = [path.name for path in (tmp_path / "out" / ".map").glob("part-*.json")]
    assert sorted(done) == ["part-00000.json", "part-00001.json"]
    report = map_studies(corpus, killed_once, tmp_path / "out", parts=4)
    assert report.made == STUDIES
    assert Corpus.open(tmp_path / "out").content_hash == corpus.content_hash


def test_views_and_wrong_input(corpus: Corpus, tmp_path: Path) -> None:
    map_studies(corpus.filter("edema"), longer, tmp_path / "view")
    assert all(study.status("edema") == "present" for study in Corpus.open(tmp_path / "view"))
    with pytest.raises(DataError, match="holds the result of another corpus, step or number of parts"):
        map_studies(corpus, longer, tmp_path / "view")
    with pytest.raises(DataError, match="unknown backend 'dask'"):
        map_studies(corpus, longer, tmp_path / "x", backend="dask")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="nothing was written"):
        map_studies(corpus, nothing, tmp_path / "none")
    with pytest.raises(DataError, match="holds a corpus already"):
        map_studies(corpus, longer, corpus.root)


def test_other_faults_are_not_hidden(corpus: Corpus, tmp_path: Path) -> None:
    def wrong(study, corpus):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        map_studies(corpus, wrong, tmp_path / "out")
