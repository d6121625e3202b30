"""Every data set: its twin is read as it was written, opens as a corpus in one line, and says that it is virtual."""

from __future__ import annotations

from pathlib import Path

import pytest

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import VIRTUAL_NOTE, dataset, dataset_names
from vesalius.data.readers import read
from vesalius.errors import ConfigError, DataError
from vesalius.virtual.twin import write_twin

PATIENTS = 6
_FILMED = ("autolaparo", "hyper_kvasir", "kvasir_seg", "medmnist", "scared")
"""Their twins take clips of colonoscopies and operations, or ten examinations: several seconds each."""
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in _FILMED else []) for name in dataset_names()]


@pytest.mark.parametrize("name", NAMES)
def test_twin_is_read_as_written_and_opens_as_a_corpus(name: str, tmp_path: Path) -> None:
    root = tmp_path / name
    made = write_twin(name, root, patients=PATIENTS)
    assert made
    assert (root / VIRTUAL_NOTE).exists()
    corpus = Corpus.from_dataset(name, root)
    assert corpus.root == tmp_path / f"{name}.corpus"
    assert sorted(corpus.ids) == sorted(sample.study.id for sample in made)
    assert corpus.manifest.virtual
    assert all(study.provenance.virtual for study in corpus)
    for image in corpus[0].images:
        if image.kind in ("image", "volume"):
            assert read(corpus.path(image.path)).shape[-len(image.shape) :] == image.shape
    parts = {sample.split for sample in made} - {""}
    assert corpus.has_split == bool(parts)
    assert sum(len(corpus.split(part)) for part in parts) == sum(bool(sample.split) for sample in made)
    assert Corpus.from_dataset(name, root).content_hash == corpus.content_hash


@pytest.mark.parametrize("name", dataset_names())
def test_facts_are_stated_and_an_empty_folder_says_how_to_get_it(name: str, tmp_path: Path) -> None:
    about = dataset(name).ABOUT
    assert about.slug == name
    assert about.licence
    assert about.home.startswith("https://")
    with pytest.raises(DataError, match=f"vesalius virtual twin {name}"):
        list(dataset(name).read(tmp_path))


def test_another_corpus_is_not_taken_for_the_data_set(tmp_path: Path) -> None:
    write_twin("nih_cxr14", tmp_path / "a", patients=2)
    Corpus.from_dataset("nih_cxr14", tmp_path / "a", out=tmp_path / "corpus")
    document = (tmp_path / "corpus" / "corpus.json").read_text()
    (tmp_path / "corpus" / "corpus.json").write_text(document.replace('"name": "nih_cxr14"', '"name": "other"'))
    with pytest.raises(DataError, match="'other'"):
        Corpus.from_dataset("nih_cxr14", tmp_path / "a", out=tmp_path / "corpus")


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(ConfigError, match="nih_cxr14"):
        Corpus.from_dataset("nih_cxr", "anywhere")
