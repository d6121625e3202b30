"""Merlin: codes of which one states nothing, NaN in a workbook, headings of organs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, nifti

from vesalius.data.datasets._sheet import write_sheet
from vesalius.data.datasets.merlin_abdominal_ct import read, sections
from vesalius.errors import DataError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    rows = [("AC42a5", "Spleen: Normal.", "train", 0), ("AC42b1", "NaN", "val", 0), ("AC0", "x", "test", 0)]
    write_sheet(tmp_path / "reports_final.xlsx", ("study id", "Findings", "Split", "few-shot"), rows)
    lines(
        tmp_path / "zero_shot_findings_disease_cls.csv", "study id,Splenomegaly,Renal cyst,Ascites", "AC42a5,1,0,-1"
    )
    lines(tmp_path / "metadata.csv", "study id,age,gender,phase,manufacturer", "AC42a5,61,Female,Portal Venous,GE")
    for name in ("AC42a5", "AC42b1"):
        nifti(tmp_path / "merlin_data" / f"{name}.nii.gz", np.zeros((4, 3, 2), np.int16))
    return tmp_path


def test_codes_texts_and_people(release: Path) -> None:
    with pytest.warns(UserWarning, match="1 of 3 volumes are not here"):
        (first, train), (second, val) = read(release)
    assert (first.id, train, second.id, val) == ("AC42a5", "train", "AC42b1", "val")
    # Minus one is not mentioned: it states nothing.
    assert [(part.concept, part.status) for part in first.findings] == [
        ("splenomegaly", "present"),
        ("renal_cyst", "absent"),
    ]
    assert (first.age_years, first.sex, first.site, first.images[0].sequence) == (61.0, "F", "GE", "Portal Venous")
    assert (first.text("findings"), second.texts) == ("Spleen: Normal.", ())


def test_headings() -> None:
    text = "No comparison. Lower thorax: Clear. Liver and biliary tree: No mass: benign. Spleen: Normal."
    assert sections(text) == {
        "": "No comparison.", "Lower thorax": "Clear.", "Liver and biliary tree": "No mass: benign.",
        "Spleen": "Normal.",
    }  # fmt: skip


def test_codes_and_splits_that_are_none(release: Path) -> None:
    lines(release / "zero_shot_findings_disease_cls.csv", "study id,Ascites", "AC42a5,2")
    with pytest.raises(DataError, match="Ascites = '2'; expected 1, 0 or -1"):
        list(read(release))
    write_sheet(release / "reports_final.xlsx", ("study id", "Findings", "Split"), [("AC42a5", "x", "dev")])
    with pytest.raises(DataError, match="split 'dev'"):
        list(read(release))
