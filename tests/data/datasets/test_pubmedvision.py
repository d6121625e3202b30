"""PubMedVision: several pictures, a missing one, the original captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import put_json
from release_files import picture

from vesalius.data.datasets.pubmedvision import read
from vesalius.errors import DataError


def row(**changes: Any) -> dict[str, Any]:
    turns = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A lung."}]
    return {
        "id": "Alignment_VQA_0", "image": ["images/pmc_9_0.jpg", "images/pmc_9_1.jpg"], "conversations": turns,
        "modality": "Computed Tomography", "body_part": "Chest",
    } | changes  # fmt: skip


def test_rows(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "images" / "pmc_9_0.jpg")
    put_json(tmp_path / "PubMedVision_Alignment_VQA.json", [row()])
    [(study, part)] = read(tmp_path)
    assert (study.id, study.patient, part) == ("Alignment_VQA_0", "pmc_9", "")
    [image] = study.images
    assert (image.modality, image.sequence, image.body_part) == ("CT", "Computed Tomography", "Chest")
    # The turn names both pictures, though the file of the second is not there.
    assert study.dialogues[0].turns[0].images == ("pmc_9_0", "pmc_9_1")
    assert study.dialogues[0].source == "pubmedvision/Alignment_VQA"
    put_json(tmp_path / "PubMedVision_Original_Caption.json", [{"image": "images/pmc_9_0.jpg", "caption": "CT."}])
    [(study, _)] = read(tmp_path, captions=True)
    assert (study.texts[0].text, study.dialogues) == ("CT.", ())
    put_json(tmp_path / "PubMedVision_Alignment_VQA.json", [row(image=[])])
    with pytest.raises(DataError, match="item 1: it names no picture"):
        list(read(tmp_path))
