"""BUSI: brackets in names, several masks, normal pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import picture

from vesalius.data.datasets.busi import read
from vesalius.errors import DataError


def test_masks_of_a_picture(tmp_path: Path) -> None:
    base = tmp_path / "Dataset_BUSI_with_GT"
    for name in ("benign (2)", "benign (10)"):
        picture(base / "benign" / f"{name}.png")
        picture(base / "benign" / f"{name}_mask.png", np.full((6, 8), 255))
    picture(base / "benign" / "benign (10)_mask_1.png", np.full((6, 8), 255))
    picture(base / "normal" / "normal (1).png")
    picture(base / "normal" / "normal (1)_mask.png", np.zeros((6, 8)))
    samples = list(read(tmp_path))
    assert [study.id for study, _ in samples] == ["benign (2)", "benign (10)", "normal (1)"]
    two = samples[1].study
    assert [(part.instance, part.mask_value, part.concept) for part in two.regions] == [
        (0, 255, "benign_breast_tumour"), (1, 255, "benign_breast_tumour"),
    ]  # fmt: skip
    normal = samples[2].study
    assert (normal.status("no_finding"), normal.regions) == ("present", ())
    (base / "benign" / "benign (2)_mask.png").unlink()
    with pytest.raises(DataError, match="no mask"):
        list(read(tmp_path))
