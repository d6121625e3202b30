"""Quilt-1M: pairs that are many to many, videos as patients, lists in cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.quilt_1m import read
from vesalius.errors import DataError

HEADER = (
    ",caption,image_path,subset,split,pathology,roi_text,noisy_text,corrected_text,med_umls_ids,magnification,"
    "height,width"
)
ROWS = (
    "0,Cells have dark nuclei.,abc_image_1.jpg,quilt,train,\"['Breast', 'Skin']\",[],,,[],1.0,64,64",
    "1,A second caption.,abc_image_1.jpg,quilt,val,\"['Breast']\",[],,,[],1.0,64,64",
    "2,Cells have dark nuclei.,PMC_7.jpg,pubmed,train,[],,,,[],,64,64",
    "3,Gone.,gone.jpg,laion,train,[],,,,[],,64,64",
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    lines(tmp_path / "quilt_1M_lookup.csv", HEADER, *ROWS)
    picture(tmp_path / "quilt_1m" / "abc_image_1.jpg")
    picture(tmp_path / "quilt_1m" / "PMC_7.jpg")
    return tmp_path


def test_a_picture_has_all_its_captions(release: Path) -> None:
    with pytest.warns(UserWarning, match="1 of 3 pictures are not here"):
        (first, split), (second, train) = read(release)
    assert (first.id, first.patient, first.site, split, train) == ("abc_image_1", "abc", "quilt", "val", "train")
    captions = [text.text for text in first.texts if text.role == "caption"]
    assert captions == ["Cells have dark nuclei.", "A second caption."]
    assert first.text("note") == "Kind of pathology: Breast, Skin."
    assert (first.images[0].sequence, second.images[0].sequence) == ("H&E 20x", "")


def test_wrong_splits_nothing_here_and_paths_outside(release: Path) -> None:
    lines(release / "quilt_1M_lookup.csv", HEADER, ROWS[0].replace("train", "trian"))
    with pytest.raises(DataError, match="line 2: split 'trian'"):
        list(read(release))
    lines(release / "quilt_1M_lookup.csv", HEADER, ROWS[3])
    with pytest.raises(DataError, match="none of the 1 pictures"):
        list(read(release))
    lines(release / "quilt_1M_lookup.csv", HEADER, ROWS[3].replace("gone", "../../x"))
    with pytest.raises(DataError, match="escapes"):
        list(read(release))
