"""Folders of classes, with and without parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vesalius.data.formats.class_folder import read, write
from vesalius.data.samples import Sample
from vesalius.errors import DataError

Save = Callable[..., Path]


def test_classes_exclude_each_other_and_normal_means_nothing_found(tmp_path: Path, save: Save) -> None:
    save("Normal/a.png")
    save("COVID-19/b.jpg")
    save("COVID-19/deeper/c.png")
    (tmp_path / "COVID-19" / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    found = list(read(tmp_path))
    assert [sample.study.id for sample in found] == ["COVID-19/b", "COVID-19/deeper/c", "Normal/a"]
    assert {sample.split for sample in found} == {""}
    assert found[0].study.status("covid_19") == "present"
    assert found[0].study.status("no_finding") == "absent"
    assert found[2].study.status("no_finding") == "present"


def test_folders_of_parts(tmp_path: Path, save: Save) -> None:
    for part in ("Training", "Testing"):
        save(f"{part}/glioma/a.png")
        save(f"{part}/notumor/b.png")
    found = list(read(tmp_path))
    assert [sample.split for sample in found] == ["train", "train", "test", "test"]
    assert {finding.concept for finding in found[0].study.findings} == {"glioma", "no_finding"}


def test_a_class_called_test_is_a_class(tmp_path: Path, save: Save) -> None:
    save("test/a.png")
    save("control/b.png")
    assert {sample.split for sample in read(tmp_path)} == {""}


def test_what_is_wrong(tmp_path: Path, save: Save) -> None:
    with pytest.raises(DataError, match="no folders of classes"):
        list(read(tmp_path))
    with pytest.raises(DataError, match="is no folder"):
        list(read(tmp_path / "nothing"))
    save("a/b.png").write_bytes(b"broken")
    with pytest.raises(DataError, match="no whole PNG"):
        list(read(tmp_path))


def test_round_trip(tmp_path: Path, samples: list[Sample]) -> None:
    assert write(samples, tmp_path / "out") == 3
    found = list(read(tmp_path / "out"))
    assert [(sample.study.id, sample.split) for sample in found] == [
        ("train/lung_nodule/study-0", "train"), ("train/lung_nodule/study-1", "train"),
        ("test/lung_nodule/study-2", "test"),
    ]  # fmt: skip
    none = Sample(replace(samples[0].study, findings=()), "train")
    with pytest.raises(DataError, match="one class a picture"):
        write([none], tmp_path / "other")


@pytest.mark.real
def test_real_slices_of_four_classes(real_data: Path) -> None:
    found = list(read(real_data / "brain-mri-classes" / "images"))
    present = [
        finding.concept for sample in found for finding in sample.study.findings if finding.status == "present"
    ]
    # Counts of its README.
    assert {name: present.count(name) for name in set(present)} == {
        "glioma": 200, "meningioma": 200, "pituitary": 199, "no_finding": 187,
    }  # fmt: skip
    assert {sample.study.images[0].shape for sample in found} == {(224, 224)}
