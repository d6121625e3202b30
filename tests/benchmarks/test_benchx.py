"""BenchX's rules on the card's examples, its lists with planted faults."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from vesalius.adaptation.protocols import base as protocols
from vesalius.benchmarks.benchx import (
    SIZES,
    STAGES,
    audit_lists,
    binary_f1,
    multilabel_accuracy,
    multilabel_auroc,
    read_lists,
    split_by_lists,
)
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Image, Study
from vesalius.errors import DataError


@pytest.mark.evidence("benchx", "L2", "binary F1 of the example: precision 1, recall a half")
def test_binary_f1_by_hand() -> None:
    """Truth 0 1 1, larger logit 0 1 0: one hit, one miss, no false alarm: F1 = 2/3."""
    assert binary_f1([[1, 0], [0, 1], [0, 1]], [[2, 0], [0, 1], [1, 0]]) == 66.67
    assert binary_f1([[1, 0]], [[1, 0]]) == 0
    with pytest.raises(DataError, match=r"\(N, 2\)"):
        binary_f1([[1, 0, 0]], [[1, 0, 0]])


@pytest.mark.evidence("benchx", "L2", "a class with one label is left out by name, and the mean is not NaN")
def test_auroc_of_a_class_without_positives() -> None:
    target = np.array([[0, 0, 1], [1, 0, 0], [1, 0, 1], [0, 0, 0]])
    score = np.array([[0.1, 0.3, 0.2], [0.9, 0.2, 0.4], [0.8, 0.1, 0.6], [0.2, 0.9, 0.5]])
    value, left_out = multilabel_auroc(target, score)
    # class 0: all four pairs right; class 2: .2 and .6 against .4 and .5: two of four
    assert (value, left_out) == (75.0, (1,))
    assert np.isnan(multilabel_auroc([[0], [0]], [[1], [2]])[0])


@pytest.mark.evidence("benchx", "L2", "the reported micro F1 can lie below the maximum that chose its threshold")
def test_the_authors_threshold_is_not_part_of_its_own_side() -> None:
    """Scores .9 .8 .7 .1, truth 1 1 0 0: best at ≥ .8 (F1 1), but strictly above .8 only one hit is left: F1 2/3."""
    found = multilabel_accuracy([[1, 1], [0, 0]], [[0.9, 0.8], [0.7, 0.1]])
    assert found["threshold"] == 0.8
    assert found["best_f1"] == 100
    assert found["f1"] == pytest.approx(200 / 3)
    assert (found["precision"], found["recall"]) == (100, 50)


def png() -> bytes:
    file = io.BytesIO()
    PilImage.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def write(folder: Path, **lists: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, ids in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(ids) + "\n", encoding="utf-8")
    return folder


@pytest.mark.evidence(
    "benchx", "L2", "the auditor finds planted duplicates, overlap, lost nesting and shared patients"
)
def test_audit_of_lists(tmp_path: Path) -> None:
    clean = {
        "train": [f"a{number}" for number in range(10)],
        "train_10": ["a0", "a1", "a2"],
        "train_1": ["a1"],
        "val": ["b0"],
        "test": ["c0"],
    }
    assert audit_lists(read_lists(write(tmp_path / "clean", **clean))) == []
    faulty = {
        **clean,
        "train": [*clean["train"], "a0"],
        "train_1": ["a7"],
        "train_10": ["a0", "z"],
        "val": ["b0", "a3"],
    }
    people = {"b0": "p1", "c0": "p1"}
    found = audit_lists(read_lists(write(tmp_path / "faulty", **faulty)), name="RSNA", patient_of=people)
    assert [(fault.kind, fault.where) for fault in found] == [
        ("size", "RSNA"),
        ("duplicates", "train"),
        ("overlap", "train, val"),
        ("patients", "val, test"),
        ("not inside", "train_10"),
        ("not nested", "train_1"),
    ]
    assert found[0].words == f"(11, 2, 1) ids, the release has {SIZES['RSNA']}"
    with pytest.raises(DataError, match=r"val\.txt missing"):
        read_lists(write(tmp_path / "half", train=["a"], test=["b"]))


def test_lists_give_the_split_of_a_corpus(tmp_path: Path) -> None:
    studies = [
        Study(id=name, patient=name, images=(Image(id="i", path=f"{name}-x.png", modality="DX"),)) for name in "abcd"
    ]
    media = {f"{name}-x.png": png() for name in "abcd"}
    corpus: Corpus = from_studies(studies, tmp_path / "c", name="c", media=media)
    lists = {"train": ["a", "b-x.png"], "val": ["c-x"], "test": ["d"]}
    assert split_by_lists(corpus, lists) == {"a": "train", "b": "train", "c": "val", "d": "test"}
    with pytest.raises(DataError, match="'e', which corpus"):
        split_by_lists(corpus, {**lists, "test": ["e"]})
    with pytest.raises(DataError, match="in train and in test"):
        split_by_lists(corpus, {**lists, "test": ["a-x"]})


def test_stages_name_protocols_and_settings_that_are_there() -> None:
    assert {stage.protocol for stage in STAGES} <= set(protocols.names())
    for stage in STAGES:
        protocols.load(stage.protocol).SETTINGS(**stage.fit)
