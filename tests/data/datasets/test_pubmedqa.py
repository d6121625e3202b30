"""PubMedQA: contexts, folds, the artificial part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import put_json

from vesalius.data.datasets.pubmedqa import read
from vesalius.errors import ConfigError, DataError


def row(decision: str) -> dict[str, Any]:
    return {
        "QUESTION": "Does it help?", "CONTEXTS": ["Aim.", "Result."], "LABELS": ["RESULTS", "AIM"], "MESHES": [],
        "final_decision": decision, "LONG_ANSWER": "It may.",
    }  # fmt: skip


def test_rows(tmp_path: Path) -> None:
    data = tmp_path / "data"
    put_json(data / "ori_pqal.json", {"1": row("yes"), "2": row("maybe"), "3": row("no")})
    put_json(data / "test_ground_truth.json", {"3": "no"})
    put_json(data / "pqal_fold0" / "dev_set.json", {"2": row("maybe")})
    put_json(data / "ori_pqaa.json", {"9": row("no")})
    found = list(read(tmp_path))
    assert [(sample.study.id, sample.split) for sample in found] == [
        ("pmid-1", "train"), ("pmid-2", "val"), ("pmid-3", "test"),
    ]  # fmt: skip
    [dialogue] = found[1].study.dialogues
    assert dialogue.turns[0].text == "Aim.\nResult.\nDoes it help?"
    assert (dialogue.answer, dialogue.options, dialogue.rationale) == ("maybe", ("yes", "no", "maybe"), "It may.")
    assert [sample.split for sample in read(tmp_path, fold=1)] == ["train", "train", "test"]
    assert [sample.study.id for sample in read(tmp_path, artificial=True)] == ["pmid-9"]
    with pytest.raises(ConfigError, match="fold 10"):
        next(read(tmp_path, fold=10))
    put_json(data / "ori_pqal.json", {"1": row("perhaps")})
    with pytest.raises(DataError, match=r"id 1: final_decision is 'perhaps'"):
        list(read(tmp_path))
