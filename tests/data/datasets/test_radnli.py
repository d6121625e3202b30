"""RadNLI and MedNLI: rows as they stand, and pairs that stand both ways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cxr_files import text

from vesalius.data.datasets import mednli, radnli
from vesalius.data.datasets._inference import LABELS
from vesalius.errors import DataError
from vesalius.virtual.twin import write_twin

ROW = {"pair_id": "7", "gold_label": "entailment", "sentence1": "no change in the effusion",
       "sentence2": "the effusion is stable"}  # fmt: skip


def test_rows_of_radnli(tmp_path: Path) -> None:
    text(tmp_path / "radnli_dev_v1.jsonl", json.dumps(ROW))
    text(tmp_path / "radnli_test_v1.jsonl", json.dumps(ROW | {"gold_label": "neutral"}))
    val, test = radnli.read(tmp_path)
    assert ((val.study.id, val.split), (test.study.id, test.split)) == (("val/7", "val"), ("test/7", "test"))
    assert [part.text for part in val.study.texts] == ["no change in the effusion", "the effusion is stable"]
    [dialogue] = val.study.dialogues
    assert (dialogue.answer, dialogue.options, dialogue.answer_type) == ("entailment", LABELS, "choice")
    assert "Premise: no change in the effusion\nHypothesis: the effusion is stable" in dialogue.turns[0].text
    # Two pairs of one premise are of one group.
    assert val.study.patient == test.study.patient
    text(tmp_path / "radnli_pseudo-train.jsonl", json.dumps({k: v for k, v in ROW.items() if k != "pair_id"}))
    first, *_ = radnli.read(tmp_path)
    assert (first.study.id, first.split, first.study.dialogues[0].source) == ("train/1", "train", "machine")


def test_rows_of_mednli(tmp_path: Path) -> None:
    row = {"gold_label": "contradiction", "sentence1": "a", "sentence2": "b", "pairID": "23eb94b8",
           "sentence1_parse": "(ROOT a)", "sentence2_parse": "(ROOT b)", "sentence1_binary_parse": "a",
           "sentence2_binary_parse": "b"}  # fmt: skip
    for part in ("train", "dev", "test"):
        text(tmp_path / f"mli_{part}_v1.jsonl", json.dumps(row))
    samples = list(mednli.read(tmp_path))
    assert [sample.split for sample in samples] == ["train", "val", "test"]
    assert samples[0].study.id == "train/23eb94b8"


def test_bad_rows(tmp_path: Path) -> None:
    text(tmp_path / "radnli_dev_v1.jsonl", json.dumps(ROW | {"gold_label": "-"}))
    text(tmp_path / "radnli_test_v1.jsonl", "[]")
    with pytest.raises(DataError, match="line 1: label '-', expected one of entailment"):
        list(radnli.read(tmp_path))
    text(tmp_path / "radnli_dev_v1.jsonl")
    with pytest.raises(DataError, match="line 1: a list, expected an object"):
        list(radnli.read(tmp_path))
    with pytest.raises(DataError, match=r"no mli_train_v1.jsonl, mli_dev_v1.jsonl, mli_test_v1.jsonl.*twin mednli"):
        list(mednli.read(tmp_path))


@pytest.mark.parametrize("name", ["radnli", "mednli"])
def test_twins_have_all_labels_and_pairs_both_ways(tmp_path: Path, name: str) -> None:
    made = write_twin(name, tmp_path / "twin", patients=8)
    pairs = {(s.study.texts[0].text, s.study.texts[1].text): s.study.dialogues[0].answer for s in made}
    assert set(pairs.values()) == set(LABELS)
    both = [pair for pair in pairs if pair[::-1] in pairs]
    assert both
    assert all(pairs[pair] != pairs[pair[::-1]] for pair in both)
    parts = {sample.split for sample in made}
    assert all(sum(sample.split == part for sample in made) >= 6 for part in parts)
