"""LUNA16: millimetres to voxels, an axis that runs backwards, findings of few readers, lungs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.luna16 import read
from vesalius.data.readers import read as open_file
from vesalius.errors import DataError

UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001.105756658031515062000744821260"


def _meta(path: Path, *, matrix: str = "1 0 0 0 1 0 0 0 1") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (
        "ObjectType = Image", "NDims = 3", f"TransformMatrix = {matrix}", "Offset = 10 -20 -300",
        "ElementSpacing = 0.5 0.5 2.5", "DimSize = 4 3 2", "ElementType = MET_SHORT",
        f"ElementDataFile = {path.stem}.raw",
    )  # fmt: skip
    lines(path, *rows)
    path.with_suffix(".raw").write_bytes(np.zeros((2, 3, 4), "<i2").tobytes())


@pytest.fixture
def release(tmp_path: Path) -> Path:
    _meta(tmp_path / "subset3" / f"{UID}.mhd")
    _meta(tmp_path / "seg-lungs-LUNA16" / f"{UID}.mhd")
    header = "seriesuid,coordX,coordY,coordZ,diameter_mm"
    lines(tmp_path / "annotations.csv", header, f"{UID},11.0,-19.5,-297.5,5.6", "other,0,0,0,1")
    lines(tmp_path / "evaluationScript" / "annotations" / "annotations_excluded.csv", header, f"{UID},10,-20,-300,-1")
    return tmp_path


def test_places_become_voxels(release: Path) -> None:
    [(study, split)] = read(release)
    image = study.images[0]
    assert (study.id, split, image.shape, image.spacing_mm) == (UID, "subset3", (2, 3, 4), (2.5, 0.5, 0.5))
    nodule, other, *lungs = study.regions
    # (11 − 10) / 0.5 = 2 columns, (−19.5 + 20) / 0.5 = 1 row, (−297.5 + 300) / 2.5 = 1 slice.
    assert (nodule.concept, nodule.points) == ("lung_nodule", ((2.0, 1.0, 1.0),))
    assert (other.concept, other.points) == ("lung_finding_of_few_readers", ((0.0, 0.0, 0.0),))
    assert [(part.value, part.unit) for part in study.measurements] == [(5.6, "mm")]
    assert [(part.mask_value, part.anatomy) for part in lungs] == [
        (3, "left lung"),
        (4, "right lung"),
        (5, "trachea"),
    ]


def test_axes_that_run_backwards(release: Path) -> None:
    matrix = "-1 0 0 0 -1 0 0 0 1"
    for folder in ("subset3", "seg-lungs-LUNA16"):
        _meta(release / folder / f"{UID}.mhd", matrix=matrix)
    lines(release / "annotations.csv", "seriesuid,coordX,coordY,coordZ,diameter_mm", f"{UID},9.0,-20.5,-297.5,5.6")
    [(study, _)] = read(release)
    # Columns count to the right of the patient: (9 − 10) / −0.5 = 2; rows likewise.
    assert study.regions[0].points == ((2.0, 1.0, 1.0),)
    assert study.images[0].orientation[:3] == (-1.0, 0.0, 0.0)


def test_the_data_file_goes_into_the_corpus_with_its_header(release: Path) -> None:
    corpus = Corpus.from_dataset("luna16", release)
    assert open_file(corpus.path(corpus[0].images[0].path)).shape == (2, 3, 4)


def test_what_is_wrong_is_named(release: Path) -> None:
    lines(release / "annotations.csv", "seriesuid,coordX,coordY,coordZ,diameter_mm", f"{UID},a,b,c,d")
    with pytest.raises(DataError, match=r"annotations.csv, line 2"):
        list(read(release))
    (release / "annotations.csv").unlink()
    with pytest.raises(DataError, match=r"no annotations.csv.*twin luna16"):
        list(read(release))
