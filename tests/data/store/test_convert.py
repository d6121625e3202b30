from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Image, Region, Study
from vesalius.data.store import VolumeStore, store_corpus
from vesalius.errors import DataError


def nifti(path: Path, array: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, np.diag([0.8, 0.7, 2.5, 1])), path)
    return path


def make_corpus(tmp_path: Path) -> Corpus:
    rng = np.random.default_rng(0)
    media = {}
    studies = []
    for number in range(3):
        scan = nifti(tmp_path / f"{number}.nii.gz", rng.integers(-1000, 1000, (20, 24, 16)).astype(np.int16))
        mask = np.zeros((20, 24, 16), np.uint8)
        mask[5:8, 5:9, 3:5] = 2
        media |= {
            f"media/{number}.nii.gz": scan,
            f"media/{number}-m.nii.gz": nifti(tmp_path / f"m{number}.nii.gz", mask),
        }
        image = Image(id="ct", path=f"media/{number}.nii.gz", modality="CT", kind="volume", shape=(16, 24, 20))
        region = Region(image="ct", kind="mask", concept="liver", mask=f"media/{number}-m.nii.gz", mask_value=2)
        studies.append(Study(id=f"s{number}", patient=f"p{number}", images=(image,), regions=(region,)))
    return from_studies(studies, tmp_path / "corpus", name="c", media=media)


def test_volumes_with_masks_are_stored_once(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path)
    told: list[int] = []
    report = store_corpus(corpus, tmp_path / "store", advance=told.append)
    assert (report.stored, report.already, report.failed) == (3, 0, ())
    assert told == [1, 1, 1]
    store = VolumeStore.open(tmp_path / "store")
    assert store.names == ["s0/ct", "s1/ct", "s2/ct"]
    crop = store.crop("s1/ct", [(2, 6), (4, 10), (4, 9)])
    # The file's (i, j, k) is array[k, j, i].
    assert crop.labels["mask"][1, 1, 1] == 2
    assert store.item("s1/ct").labels == {"mask": {2: "liver"}}
    assert store.item("s1/ct").geometry is not None
    again = store_corpus(corpus, tmp_path / "store")
    assert (again.stored, again.already) == (0, 3)


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path)
    corpus.path("media/1.nii.gz").write_bytes(b"\x1f\x8b broken")
    report = store_corpus(corpus, tmp_path / "store")
    assert report.stored == 2
    assert [name for name, _ in report.failed] == ["s1/ct"]
    assert "broken or truncated NIfTI" in report.failed[0][1]
    assert str(tmp_path) not in report.failed[0][1]


def test_a_corpus_without_volumes(tmp_path: Path) -> None:
    corpus = from_studies([Study(id="a", patient="a")], tmp_path / "c", name="c")
    with pytest.raises(DataError, match="no image of kind 'volume'"):
        store_corpus(corpus, tmp_path / "store")
