"""Embeddings of a corpus: one file, the same wherever they are computed, and read by the step that needs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vesalius.curation.columns import read_embeddings
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.ordered import Backend
from vesalius.data.records import Provenance, Study
from vesalius.errors import DataError
from vesalius.inference import embed as module
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


def test_nothing_to_embed_is_said(tmp_path: Path) -> None:
    bare = Study(id="a", patient="a", provenance=Provenance(source="test", made_by="test"))
    corpus = from_studies([bare], tmp_path / "c", name="c")
    with pytest.raises(DataError, match="no study with an image"):
        embed_corpus(corpus, "control:random", tmp_path / "vectors.npz")
