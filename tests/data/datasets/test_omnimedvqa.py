"""OmniMedVQA: items with two options, a last dot, a restricted source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from question_files import dialogues, put_json
from release_files import picture

from vesalius.data.datasets.omnimedvqa import read


def item(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "dataset": "ACRIMA", "question_id": f"ACRIMA_{number:04d}", "question_type": "Disease Diagnosis",
        "question": "What is seen?", "gt_answer": "glaucoma.", "image_path": "Images/ACRIMA/Im553_g_ACRIMA.png",
        "option_A": "No", "option_B": "Glaucoma", "modality_type": "Fundus Photography",
    } | changes  # fmt: skip


def test_items(tmp_path: Path) -> None:
    root = tmp_path / "OmniMedVQA"
    picture(root / "Images" / "ACRIMA" / "Im553_g_ACRIMA.png")
    four = item(1, option_C="x", option_D="No", gt_answer="No", modality_type="MR (Mag-netic Resonance Imaging)")
    put_json(root / "QA_information" / "Open-access" / "ACRIMA.json", [item(0), four])
    far = item(2, dataset="Z", image_path="Images/Z/a.png", gt_answer="none of them", question_id="Z_0000")
    put_json(root / "QA_information" / "Restricted-access" / "A.json", [far])
    found = list(read(tmp_path))
    assert [sample.split for sample in found] == ["test", "test"]
    assert found[0].study.id == "ACRIMA/Im553_g_ACRIMA_test"
    assert (found[0].study.images[0].modality, found[0].study.images[0].sequence) == ("OP", "Fundus Photography")
    assert found[1].study.images == ()
    questions = dialogues(found)
    assert (questions["ACRIMA_0000"].answer, questions["ACRIMA_0000"].options) == ("Glaucoma", ("No", "Glaucoma"))
    assert questions["ACRIMA_0001"].options == ("No", "Glaucoma", "x", "No")
    # What is none of the options stays as it stands.
    assert questions["Z_0000"].answer == "none of them"
    assert questions["Z_0000"].source == "omnimedvqa/Z/Disease Diagnosis"
