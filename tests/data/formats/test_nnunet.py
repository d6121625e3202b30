"""The raw format of nnU-Net: `dataset.json` of both versions, channels, folds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vesalius.data.formats.nnunet import cases, concept_of, describe, describe_as, folds, label_regions
from vesalius.errors import DataError


def _json(folder: Path, found: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(found))
    return folder


def test_version_two_names_point_to_values_and_regions(tmp_path: Path) -> None:
    folder = _json(tmp_path / "Dataset005_Prostate", {
        "channel_names": {"1": "ADC", "0": "T2"}, "file_ending": ".nii.gz", "numTraining": 32,
        "labels": {"background": 0, "whole": [1, 2], "PZ": 1, "ignore": 3}, "regions_class_order": [1, 2],
    })  # fmt: skip
    found = describe(folder)
    assert (found.version, found.channels, found.ignore) == (2, ("T2", "ADC"), 3)
    assert found.labels == (("whole", (1, 2)), ("PZ", (1,)))
    regions = label_regions(found, Path("a.nii.gz"), image="0000", structures={"PZ": "peripheral zone"})
    assert [(part.concept, part.anatomy, part.mask_value) for part in regions] == [
        ("whole", "", 1), ("whole", "", 2), ("", "peripheral zone", 1),
    ]  # fmt: skip


def test_version_one_values_point_to_names(tmp_path: Path) -> None:
    labels = {"0": "background", "1": "Anterior", "2": "Posterior"}
    folder = _json(tmp_path / "Task004_Hippocampus", {"modality": {"0": "MRI"}, "labels": labels})
    found = describe(folder)
    assert (found.version, found.channels) == (1, ("MRI",))
    assert found.labels == (("Anterior", (1,)), ("Posterior", (2,)))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for version in (1, 2):
        folder = tmp_path / str(version)
        describe_as(folder, channels=["CT"], labels={"background": 0, "liver": 1}, num_training=2, version=version)
        assert (describe(folder).version, describe(folder).labels) == (version, (("liver", (1,)),))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([1], "found a list"),
        ({"labels": {}}, "expected channel_names"),
        ({"channel_names": {"0": "CT"}, "labels": {"liver": "one"}}, "label 'liver' has the value 'one'"),
    ],
)
def test_a_description_that_is_none(found: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        describe(_json(tmp_path, found))
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(DataError, match="no JSON"):
        describe(tmp_path)


def _release(folder: Path, *names: str) -> Path:
    _json(
        folder,
        {"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "a": 1}, "file_ending": ".nii.gz"},
    )
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_channels_and_labels_make_cases(tmp_path: Path) -> None:
    folder = _release(
        tmp_path, "imagesTr/B_1_0000.nii.gz", "imagesTr/B_1_0001.nii.gz", "imagesTr/._B_1_0000.nii.gz",
        "labelsTr/B_1.nii.gz", "imagesTs/C_0000.nii.gz", "imagesTs/C_0001.nii.gz",
    )  # fmt: skip
    (train, part), (test, other) = cases(folder, describe(folder))
    assert (train.name, part, test.name, other) == ("B_1", "train", "C", "test")
    assert [path.name for path in train.images] == ["B_1_0000.nii.gz", "B_1_0001.nii.gz"]
    assert train.label is not None
    assert test.label is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["imagesTr/A_0000.nii.gz", "imagesTr/A_0001.nii.gz"], "case A has no labelsTr/A.nii.gz"),
        (["imagesTr/A_0000.nii.gz", "labelsTr/A.nii.gz"], "case A has 1 channel files"),
        (["imagesTr/A_0000.nii.gz", "imagesTr/A_0002.nii.gz"], r"channels \[0, 2\]"),
        (["imagesTr/A.nii.gz"], "no channel number such as _0000"),
    ],
)
def test_a_case_that_is_not_whole(names: list[str], message: str, tmp_path: Path) -> None:
    folder = _release(tmp_path, *names)
    with pytest.raises(DataError, match=message):
        list(cases(folder, describe(folder)))


def test_files_stated_in_the_description(tmp_path: Path) -> None:
    stated = {"a": {"images": ["x/1.nii.gz"], "label": "../outside.nii.gz"}}
    _json(tmp_path, {"channel_names": {"0": "CT"}, "labels": {"background": 0, "a": 1}, "dataset": stated})
    with pytest.raises(DataError, match="escapes"):
        list(cases(tmp_path, describe(tmp_path)))
    stated["a"]["label"] = "y/1.nii.gz"
    _json(tmp_path, {"channel_names": {"0": "CT"}, "labels": {"background": 0, "a": 1}, "dataset": stated})
    [(case, part)] = cases(tmp_path, describe(tmp_path))
    assert (case.images[0].parent.name, part) == ("x", "train")


def test_folds_lie_beside_or_under_the_preprocessed_folder(tmp_path: Path) -> None:
    folder = _release(tmp_path / "nnUNet_raw" / "Dataset001_A")
    assert folds(folder) == []
    place = tmp_path / "nnUNet_preprocessed" / "Dataset001_A"
    place.mkdir(parents=True)
    (place / "splits_final.json").write_text('[{"train": ["a"], "val": ["b"]}]')
    assert folds(folder) == [{"train": ["a"], "val": ["b"]}]
    (place / "splits_final.json").write_text('[{"train": ["a"]}]')
    with pytest.raises(DataError, match="folds with train and val"):
        folds(folder)


def test_names_become_concepts() -> None:
    assert concept_of("Non-enhancing Tumor") == "non_enhancing_tumor"
