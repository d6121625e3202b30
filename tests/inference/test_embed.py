"""Embeddings of a corpus: one file, the same wherever they are computed, and read by the step that needs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vesalius.cli.main import app
from vesalius.curation.columns import read_embeddings
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.ordered import Backend
from vesalius.data.readers import Pixels
from vesalius.data.records import Image, Provenance, Study
from vesalius.errors import CapabilityError, ConfigError, DataError
from vesalius.inference import embed as module
from vesalius.inference import encode
from vesalius.inference.embed import embed_corpus
from vesalius.inference.predictor import open_predictor
from vesalius.virtual.population import make


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make(tmp_path_factory.mktemp("embed") / "corpus", patients=5, preset="chest", seed=3, image_size=64)


def test_every_study_has_the_vector_of_its_main_image(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 2)
    assert embed_corpus(corpus, "control:random", tmp_path / "vectors.npz") == len(corpus)
    found = read_embeddings(str(tmp_path / "vectors.npz"))
    assert list(found.ids) == list(corpus.ids)
    pixels = [corpus.read(study.main_image) for study in corpus]
    assert np.array_equal(found.vectors, open_predictor("control:random").embed_image(pixels))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray warns of its own settings
@pytest.mark.parametrize("backend", ["processes", "ray"])
def test_two_processes_and_ray_write_the_same(backend: Backend, corpus: Corpus, tmp_path: Path) -> None:
    embed_corpus(corpus, "control:random", tmp_path / "here.npz")
    embed_corpus(corpus, "control:random", tmp_path / "there.npz", backend=backend, workers=2)
    assert (tmp_path / "there.npz").read_bytes() == (tmp_path / "here.npz").read_bytes()


def test_a_stopped_run_goes_on(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that are done are not computed again, those of another model are, and none are left in the end."""
    monkeypatch.setattr(module, "_BLOCK", 2)
    out, read, real = tmp_path / "vectors.npz", [], encode.read_image

    def counted(corpus: Corpus, image: Image, *, study: str) -> Pixels:
        read.append(study)
        if len(read) == 4:
            raise KeyboardInterrupt
        return real(corpus, image, study=study)

    monkeypatch.setattr(module, "read_image", counted)
    with pytest.raises(KeyboardInterrupt):
        embed_corpus(corpus, "control:random", out)
    assert not out.exists()
    kept = tmp_path / "kept"
    shutil.copytree(tmp_path / "vectors.npz.blocks", kept)
    assert embed_corpus(corpus, "control:random", out) == len(corpus)
    assert read[4:] == list(corpus.ids[2:])
    assert not (tmp_path / "vectors.npz.blocks").exists()
    embed_corpus(corpus, "control:random", tmp_path / "whole.npz")
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    kept.rename(tmp_path / "other.npz.blocks")
    embed_corpus(corpus, "control:random#9", tmp_path / "other.npz")
    assert not np.array_equal(*(np.load(tmp_path / f"{name}.npz")["vectors"] for name in ("whole", "other")))


def test_how_far_it_is_is_told(tmp_path: Path) -> None:
    corpus = make(tmp_path / "corpus", patients=3, preset="chest", seed=3, image_size=32)
    told: list[object] = []

    @contextmanager
    def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
        told.extend([title, total])
        yield told.append

    embed_corpus(corpus, "control:random", tmp_path / "a.npz", progress=progress)
    total = len(corpus)
    assert told == ["embed", total, total, 0]


def test_the_verb(corpus: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "vectors.npz"
    line = ["embed", "control:random", "--on", str(corpus.root), "--out"]
    done = CliRunner().invoke(app, [*line, str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"out": str(out), "vectors": len(corpus), "without_image": 0}
    assert list(np.load(out)["ids"]) == list(corpus.ids)
    part = CliRunner().invoke(app, ["embed", "control:random", "--on", f"{corpus.root}:train", "--out", str(out)])
    assert part.exit_code == 0, part.output
    assert part.stdout == f"{len(corpus.split('train'))} vectors in {out}\n"
    assert isinstance(CliRunner().invoke(app, [*line, "vectors.txt"]).exception, ConfigError)
    blind = CliRunner().invoke(
        app, ["embed", "openai:http://127.0.0.1:9#m", "--on", str(corpus.root), "--out", str(out)]
    )
    assert isinstance(blind.exception, CapabilityError)
    assert "cannot embed_image" in str(blind.exception)


def test_nothing_to_embed_is_said(tmp_path: Path) -> None:
    bare = Study(id="a", patient="a", provenance=Provenance(source="test", made_by="test"))
    corpus = from_studies([bare], tmp_path / "c", name="c")
    with pytest.raises(DataError, match="no study with an image"):
        embed_corpus(corpus, "control:random", tmp_path / "vectors.npz")
