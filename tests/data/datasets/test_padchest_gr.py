"""PadChest-GR: sentences in two languages with boxes as parts of the picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cxr_files import picture, text

from vesalius.data.datasets.padchest_gr import read
from vesalius.errors import DataError

FINDING = {
    "sentence_en": "Left effusion.", "sentence_es": "Derrame izquierdo.", "abnormal": True,
    "boxes": [[0.5, 0.25, 1.0, 0.75]], "extra_boxes": [[0.0, 0.0, 0.1, 0.1]], "labels": ["pleural effusion"],
    "locations": ["loc left", "loc pleural"], "progression": "worsening",
}  # fmt: skip
NORMAL = {"sentence_en": "Normal heart.", "sentence_es": "Corazón normal.", "abnormal": False}


def release(root: Path, *entries: dict[str, Any]) -> Path:
    text(root / "grounded_reports_20240819.json", json.dumps(list(entries)))
    text(root / "master_table.csv", "StudyID,PatientID,split,label_group", "s1,p1,validation,effusion",
         "s1,p1,validation,heart")  # fmt: skip
    picture(root / "Padchest_GR_files/PadChest_GR/a.png", mode="I;16")
    return root


def test_sentences_and_boxes(tmp_path: Path) -> None:
    entry = {"StudyID": "s1", "ImageID": "a.png", "findings": [FINDING, NORMAL]}
    [(study, split)] = read(release(tmp_path, entry))
    assert (study.id, study.patient, split) == ("s1", "p1", "val")
    # The picture has 10 columns and 20 rows.
    assert [region.box for region in study.regions] == [(5, 5, 10, 15), (0, 0, 1, 2)]
    assert study.text("findings", language="es") == "Derrame izquierdo. Corazón normal."
    [finding] = study.findings
    assert (finding.concept, finding.laterality, finding.anatomy) == ("pleural_effusion", "left", "pleural")
    assert finding.attributes == (("progression", "worsening"),)
    assert [(d.language, d.turns[0].text, d.evidence) for d in study.dialogues] == [
        ("en", "Left effusion.", (0, 1)), ("es", "Derrame izquierdo.", (0, 1))
    ]  # fmt: skip


def test_without_its_picture_a_study_has_no_boxes(tmp_path: Path) -> None:
    [(study, _)] = read(release(tmp_path, {"StudyID": "s1", "ImageID": "b.png", "findings": [FINDING]}))
    assert (study.images, study.regions, study.dialogues, len(study.texts)) == ((), (), (), 2)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"StudyID": "s2", "ImageID": "a.png", "findings": []}, "study 's2' is not in master_table.csv"),
        ({"StudyID": "s1", "ImageID": "a.png"}, "no 'findings'"),
        ({"StudyID": "s1", "ImageID": "../a.png", "findings": []}, "leaves its folder"),
        ({"StudyID": "s1", "ImageID": "a.png", "findings": [FINDING | {"boxes": [[1, 2, 3, 4]]}]}, "as parts of"),
    ],
)  # fmt: skip
def test_bad_entries(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read(release(tmp_path, entry)))


def test_a_study_of_two_splits(tmp_path: Path) -> None:
    release(tmp_path)
    text(tmp_path / "master_table.csv", "StudyID,PatientID,split", "s1,p1,train", "s1,p1,test")
    with pytest.raises(DataError, match="study s1 has two patients or splits"):
        list(read(tmp_path))
