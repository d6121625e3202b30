"""HyperKvasir and Kvasir v2: folders, folds with semicolons, segmented frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, picture, values_of

from vesalius.data.datasets.hyper_kvasir import read
from vesalius.errors import DataError


def test_labelled_and_segmented(tmp_path: Path) -> None:
    base = tmp_path / "labeled-images"
    picture(base / "upper-gi-tract" / "pathological-findings" / "esophagitis-b-d" / "1ad2.jpg")
    picture(base / "lower-gi-tract" / "anatomical-landmarks" / "cecum" / "0a1b.jpg")
    lines(
        tmp_path / "official_splits" / "2_fold_split.csv",
        "file-name;class-name;split-index",
        "1ad2.jpg;esophagitis-b-d;1",
    )
    picture(tmp_path / "segmented-images" / "images" / "cju0.jpg")
    picture(tmp_path / "segmented-images" / "masks" / "cju0.jpg", np.full((6, 8), 250))
    (cecum, none), (oesophagus, fold), (polyp, _) = read(tmp_path)
    assert (cecum.id, cecum.images[0].body_part, none) == ("cecum_0a1b", "LOWER GI TRACT", "")
    assert [(part.concept, part.attributes) for part in oesophagus.findings] == [
        ("reflux_oesophagitis", (("class", "esophagitis-b-d"),)),
    ]  # fmt: skip
    assert fold == "fold 1"
    assert values_of(polyp.regions[0].mask) == [255]
    (tmp_path / "segmented-images" / "masks" / "cju0.jpg").unlink()
    with pytest.raises(DataError, match="no mask"):
        list(read(tmp_path))


def test_kvasir_v2(tmp_path: Path) -> None:
    picture(tmp_path / "normal-z-line" / "a.jpg")
    picture(tmp_path / "polyps" / "b.jpg")
    assert [study.findings[0].concept for study, _ in read(tmp_path)] == ["normal_z_line", "colon_polyp"]
