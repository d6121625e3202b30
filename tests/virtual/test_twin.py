"""Twins: read as they were written, marked as virtual, refused where they would mix with other files."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from vesalius.data.datasets.base import dataset
from vesalius.errors import ConfigError, DataError
from vesalius.virtual.twin import write_twin


def test_a_twin_is_read_as_it_was_written_and_every_picture_says_that_it_is_virtual(tmp_path: Path) -> None:
    made = write_twin("nih_cxr14", tmp_path / "twin", patients=8, seed=3)
    found = list(dataset("nih_cxr14").read(tmp_path / "twin"))
    assert found == made
    assert len(made) >= 8
    assert all(sample.study.provenance.virtual for sample in made)
    assert {finding.status for sample in made for finding in sample.study.findings} >= {"present", "absent"}
    assert "VIRTUAL" in (tmp_path / "twin" / "README.md").read_text()
    for sample in made:
        for image in sample.study.images:
            with Image.open(image.path) as picture:
                assert "virtual patient" in picture.text["VIRTUAL"]  # type: ignore[attr-defined]


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_twin("nih_cxr14", tmp_path / folder, patients=3, seed=5)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) >= 9
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_refusals(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(DataError, match="not empty: choose another folder"):
        write_twin("nih_cxr14", tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'nih_cxr14'"):
        write_twin("nih_cxr", tmp_path / "x")
