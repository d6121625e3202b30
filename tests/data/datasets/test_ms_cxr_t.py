"""MS-CXR-T: pairs of pictures with progressions, and pairs of sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
from cxr_files import picture, text

from vesalius.data.datasets.ms_cxr_t import read, sentence_pairs
from vesalius.errors import DataError

FINDINGS = ("consolidation", "edema", "pleural_effusion", "pneumonia", "pneumothorax")
HEADER = "dicom_id,previous_dicom_id,study_id,previous_study_id,subject_id," + ",".join(
    f"{finding}_{kind}" for finding in FINDINGS for kind in ("progression", "label_quality")
)
NOW, BEFORE = "p10/p10000032/s50414267/aa-1", "p10/p10000032/s50000000/bb-2"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    text(tmp_path / "MS_CXR_T_temporal_image_classification_v1.0.0.csv", HEADER,
         f"{NOW},{BEFORE},5,4,1,worsening,multiple_experts,,,stable,one_expert,,,,")  # fmt: skip
    text(tmp_path / "MS_CXR_T_temporal_sentence_similarity_v1.0.0.csv", "sentence_1,sentence_2,category",
         "stable effusion,unchanged effusion,paraphrase", "better,worse,contradiction")  # fmt: skip
    for name in (NOW, BEFORE):
        picture(tmp_path / "files" / f"{name}.jpg")
    return tmp_path


def test_pairs_of_pictures_and_of_sentences(release: Path) -> None:
    (pair, split), (same, _), (other, _) = read(release)
    assert (pair.id, pair.patient, split) == ("aa-1/bb-2", "p10000032", "test")
    assert [image.id for image in pair.images] == ["aa-1", "bb-2"]
    assert [(finding.concept, dict(finding.attributes)) for finding in pair.findings] == [
        ("consolidation", {"progression": "worsening", "label_quality": "multiple_experts"}),
        ("pleural_effusion", {"progression": "stable", "label_quality": "one_expert"}),
    ]
    assert [text.text for text in same.texts] == ["stable effusion", "unchanged effusion"]
    assert (same.dialogues[0].answer, other.dialogues[0].answer) == ("paraphrase", "contradiction")


def test_bad_rows(release: Path) -> None:
    table = release / "MS_CXR_T_temporal_image_classification_v1.0.0.csv"
    text(table, HEADER, f"{NOW},{BEFORE},5,4,1,better,,,,,,,,,")
    with pytest.raises(DataError, match="line 2: consolidation is 'better'"):
        list(read(release))
    text(table, HEADER, f"{NOW},bb-2,5,4,1,,,,,,,,,,")
    with pytest.raises(DataError, match="previous_dicom_id is 'bb-2', expected p10"):
        list(read(release))
    text(release / "MS_CXR_T_temporal_sentence_similarity_v1.0.0.csv", "sentence_1,category", "a,paraphrase")
    with pytest.raises(DataError, match="found 1 sentences"):
        list(sentence_pairs(release))
