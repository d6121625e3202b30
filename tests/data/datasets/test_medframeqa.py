"""MedFrameQA: frames, letters, videos."""

from __future__ import annotations

from pathlib import Path

import pytest
from question_files import put_parquet
from release_files import picture

from vesalius.data.datasets.medframeqa import read
from vesalius.errors import DataError


def test_rows(tmp_path: Path) -> None:
    content = picture(tmp_path / "a.png").read_bytes()
    row = {
        "question_id": "q1", "question": "Which?", "options": ["a", "b"], "correct_answer": "B", "video_id": "v7",
        "image_1": {"bytes": content, "path": None}, "image_2": {"bytes": content, "path": None}, "image_3": None,
        "system": "nervous", "organ": "brain", "modality": "MRI", "reasoning_chain": "Look.",
    }  # fmt: skip
    put_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", row)
    [(study, part)] = read(tmp_path)
    [dialogue] = study.dialogues
    assert (study.patient, part, dialogue.answer, dialogue.rationale) == ("v7", "test", "b", "Look.")
    assert dialogue.turns[0].images == ("q1-1", "q1-2")
    assert [(image.modality, image.body_part) for image in study.images] == [("MR", "brain")] * 2
    put_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", row | {"correct_answer": "C"})
    with pytest.raises(DataError, match="row 1: correct_answer 'C'"):
        list(read(tmp_path))
