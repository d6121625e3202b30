"""MedMNIST: archives by hand, streamed, with their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vesalius.data.datasets._npz import entries
from vesalius.data.datasets.medmnist import SETS, read
from vesalius.data.readers import read as open_file
from vesalius.errors import DataError


def _archive(path: Path, shape: tuple[int, ...], labels: list[list[int]]) -> Path:
    arrays = {}
    for part in ("train", "val", "test"):
        count = len(labels) if part == "train" else 0
        pictures = np.arange(count * int(np.prod(shape))).reshape(count, *shape) % 251
        arrays[f"{part}_images"] = pictures.astype(np.uint8)
        arrays[f"{part}_labels"] = np.array(labels[:count], np.uint8).reshape(count, len(labels[0]))
    np.savez_compressed(path, **arrays)
    return path


def test_every_set_has_its_classes() -> None:
    # Twelve flat and six solid sets; class counts of the paper.
    counts = {name: len(kind.classes) for name, kind in SETS.items()}
    assert len(counts) == 18
    assert (counts["pathmnist"], counts["chestmnist"], counts["tissuemnist"], counts["organmnist3d"]) == (
        9,
        14,
        8,
        11,
    )
    assert (counts["bloodmnist"], counts["dermamnist"], counts["octmnist"]) == (8, 7, 4)


def test_colour_pictures_and_classes(tmp_path: Path) -> None:
    _archive(tmp_path / "pathmnist.npz", (28, 28, 3), [[8], [0]])
    (first, split), (second, _) = read(tmp_path)
    assert (first.id, split, first.images[0].shape, first.images[0].channels) == (
        "pathmnist_train_000000", "train", (28, 28), 3,
    )  # fmt: skip
    assert first.status("colorectal_adenocarcinoma") == "present"
    assert (second.status("adipose_tissue"), second.status("no_finding")) == ("present", None)
    values = open_file(second.images[0].path).array
    # The second picture goes on where the first ended: 28 · 28 · 3 = 2352 = 9 · 251 + 93.
    assert values.reshape(-1)[:3].tolist() == [93, 94, 95]


def test_many_labels_and_none(tmp_path: Path) -> None:
    _archive(tmp_path / "chestmnist.npz", (28, 28), [[0] * 14, [1, 0, 0, 1, *[0] * 10]])
    (healthy, _), (sick, _) = read(tmp_path)
    assert healthy.status("no_finding") == "present"
    present = [finding.concept for finding in sick.findings if finding.status == "present"]
    assert present == ["atelectasis", "infiltration"]


def test_grades_and_solid_sets(tmp_path: Path) -> None:
    _archive(tmp_path / "organmnist3d_64.npz", (4, 5, 6), [[10]])
    _archive(tmp_path / "retinamnist.npz", (28, 28, 3), [[0], [4]])
    (organ, _), (none, _), (worst, _) = read(tmp_path)
    image = organ.images[0]
    assert (organ.id, image.kind, image.shape, image.spacing_mm) == (
        "organmnist3d_64_train_000000", "volume", (4, 5, 6), (),
    )  # fmt: skip
    found = open_file(image.path)
    assert (found.shape, found.geometry) == ((4, 5, 6), None)
    assert (found.array == np.arange(120).reshape(4, 5, 6)).all()
    assert organ.status("pancreas") == "present"
    assert none.status("diabetic_retinopathy") == "absent"
    assert worst.findings[0].severity == "proliferative"
    assert worst.measurements[0].value == 4


def test_archives_that_are_wrong(tmp_path: Path) -> None:
    path = _archive(tmp_path / "breastmnist.npz", (28, 28), [[2]])
    with pytest.raises(DataError, match=r"breastmnist.npz, train_000000: label 2, expected 0 to 1"):
        list(read(tmp_path))
    np.savez(path, train_images=np.zeros((1, 28, 28), np.uint8))
    with pytest.raises(DataError, match="no array test_images"):
        list(read(tmp_path))
    path.write_bytes(b"PK no archive")
    with pytest.raises(DataError, match=r"no \.npz archive"):
        list(read(tmp_path))
    path.unlink()
    _archive(tmp_path / "catmnist.npz", (28, 28), [[0]])
    with pytest.raises(DataError, match="no set is called 'catmnist'"):
        list(read(tmp_path))


def test_objects_in_an_archive_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match="expected plain numbers"):
        list(entries(tmp_path / "x.npz", "a"))
