"""Every data set feeds a training: its twin becomes pairs by steps of curation, and the smallest recipe learns."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vesalius.curation.pipeline import curate
from vesalius.curation.recipe import read_recipe
from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import dataset, dataset_names
from vesalius.training import trainer
from vesalius.training.checkpoint import load_model
from vesalius.virtual.twin import write_twin

PATIENTS = 16
MORE = {"luna16": 12, "ms_cxr": 48}
"""Sets of which few studies have pairs."""
FEW = 5
"""Patients of twins that are slow to draw: volumes and endoscopy."""
DRAWN_SLOWLY = (
    "abdomen-ct", "brain-ct", "brain-mr", "chest-ct", "pet-ct", "gastroscopy", "endoscopy", "surgery", "cataract",
    "pituitary",
)  # fmt: skip
ROLES = ("findings", "impression", "report", "caption", "note", "summary", "query")

NO_PICTURE = "texts without pictures: both methods need pairs"
NO_WORDS = "phases and poses without words: no step makes a text of an event"
NOT_TRAINED = {
    "healthbench": NO_PICTURE, "medmcqa": NO_PICTURE, "mednli": NO_PICTURE, "medqa": NO_PICTURE,
    "mmlu_med": NO_PICTURE, "pubmedqa": NO_PICTURE, "radgraph": NO_PICTURE, "radnli": NO_PICTURE,
    "cholec80": NO_WORDS, "pitvis": NO_WORDS, "scared": NO_WORDS, "svl": NO_WORDS,
    "wsi": "slides: no recipe of these methods reads tiles",
}  # fmt: skip


def steps_for(corpus: Corpus) -> list[Any] | None:
    """Return the steps that give the studies of a corpus texts, none where they have them, None where none can."""
    studies = [study for study in corpus if study.images]
    if any(text.role in ROLES for study in studies for text in study.texts):
        return []
    if any(finding.status == "present" for study in studies for finding in study.findings):
        return [{"label_captions": {"count": 3}}]
    if any(dialogue.answer for study in studies for dialogue in study.dialogues):
        return ["dialogue_texts"]
    if any(region.concept or region.anatomy for study in studies for region in study.regions):
        return ["mask_regions", {"region_questions": {"anatomy": True}}, "dialogue_texts"]
    return None


def pairs_of(name: str, folder: Path) -> Corpus | None:
    """Write the twin of a data set and turn it into a corpus of pictures with texts."""
    slow = dataset(name).TWIN.preset.startswith(DRAWN_SLOWLY)
    write_twin(name, folder / name, patients=MORE.get(name, FEW if slow else PATIENTS))
    corpus = Corpus.from_dataset(name, folder / name)
    kinds = {image.kind for study in corpus for image in study.images}
    steps = steps_for(corpus) if kinds - {"slide"} else None
    if steps is None or not steps:
        return corpus if steps is not None else None
    curate(corpus, read_recipe({"name": "pairs", "steps": steps}, where=name), folder / "pairs")
    return Corpus.open(folder / "pairs")


def parts_of(corpus: Corpus) -> dict[str, int]:
    """Return the patients of every part."""
    return dict(Corpus.open(corpus.root).manifest.splits["default"].patients)


def settings_for(corpus: Corpus) -> list[str]:
    """Return the settings that fit a corpus: its kind of picture, language, and largest part."""
    kinds = Counter(image.kind for study in corpus for image in study.images)
    languages = Counter(text.language for study in corpus for text in study.texts if text.role in ROLES)
    with_words = {study.id for study in corpus if study.texts}
    parts = parts_of(corpus) if corpus.has_split else {}
    if not any(study.id in with_words for part in parts for study in corpus.split(part)):
        corpus.make_split()
    parts = parts_of(corpus)
    part = "train" if "train" in parts else max(parts, key=lambda name: parts[name])
    solid = [] if kinds["image"] else ["model.image_size=[8,32,32]", "model.patch=[4,8,8]"]
    return [
        f"data={corpus.root}", f"data.train={part}", "data.validation=null", f"data.roles=[{','.join(ROLES)}]",
        f"data.language={languages.most_common(1)[0][0]}", "optimisation.batch=2", "optimisation.steps=2", *solid,
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in dataset_names() if name not in NOT_TRAINED])
def test_a_recipe_is_trained_on_the_twin(name: str, tmp_path: Path) -> None:
    corpus = pairs_of(name, tmp_path)
    assert corpus is not None
    run = trainer.train("convirt/tiny", overrides=settings_for(corpus), out=tmp_path / "run")
    losses = [line["loss"] for line in run.metrics() if "loss" in line]
    assert losses
    assert all(math.isfinite(loss) for loss in losses)
    trained_on = load_model(tmp_path / "run" / "last").info["trained_on"]
    assert trained_on["virtual"]
    assert trained_on["num_pairs"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NOT_TRAINED)
def test_what_is_not_trained_has_no_pairs(name: str, tmp_path: Path) -> None:
    assert name in dataset_names()
    write_twin(name, tmp_path / name, patients=FEW)
    corpus = Corpus.from_dataset(name, tmp_path / name)
    pictured = [study for study in corpus if any(image.kind != "slide" for image in study.images)]
    assert not pictured or steps_for(corpus) is None


def test_all_data_sets_are_trained_or_have_a_reason() -> None:
    assert set(NOT_TRAINED) < set(dataset_names())
    assert len(dataset_names()) - len(NOT_TRAINED) >= 80
