"""MedICaT: references, subcaptions and the references for ROCO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import put_lines
from release_files import picture

from vesalius.data.datasets.medicat import References, read, roco_references
from vesalius.errors import DataError

TABLE = "s2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl"


def row(**changes: Any) -> dict[str, Any]:
    return {
        "pdf_hash": "abc", "fig_uri": "2-Figure1-1.png", "fig_key": "Figure1", "s2_caption": "Figure 1: CT.",
        "s2orc_caption": None, "s2orc_references": ["See Figure 1.", "As shown."], "radiology": True,
    } | changes  # fmt: skip


def test_rows(tmp_path: Path) -> None:
    picture(tmp_path / "release" / "figures" / "abc_2-Figure1-1.png")
    second = row(fig_uri="3-Figure2-1.png", fig_key="Figure2", s2orc_references=None, radiology=False)
    put_lines(tmp_path / "release" / TABLE, row(), second)
    parts = [{"points": [[1, 2], [5, 2], [5, 6]], "tokens": ["(a)", "left"]}]
    put_lines(tmp_path / "release" / "subcaptions_public.jsonl",
              {"pdf_hash": "abc", "fig_key": "Figure1", "annotations": parts})  # fmt: skip
    first, other = (sample.study for sample in read(tmp_path))
    assert (first.id, first.patient, other.patient) == ("abc_2-Figure1-1", "abc", "abc")
    assert [(text.role, text.text) for text in first.texts] == [
        ("caption", "Figure 1: CT."), ("note", "See Figure 1."), ("note", "As shown."), ("caption", "(a) left"),
    ]  # fmt: skip
    assert first.images[0].sequence == "radiology"
    assert (first.regions[0].box, first.regions[0].concept) == ((1, 2, 5, 6), "subfigure")
    assert [text.role for text in other.texts] == ["caption"]
    assert other.images == ()


def test_references_for_roco(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no roco_train_references"):
        list(roco_references(tmp_path))
    folder = tmp_path / "net" / "nfs2.corp" / "allennlp" / "sanjays" / "roco_files"
    put_lines(folder / "roco_train_references.jsonl", {"roco_image_id": "ROCO_1", "gorc_references": ["A.", "B."]})
    assert list(roco_references(tmp_path)) == [References("ROCO_1", "train", ("A.", "B."))]
