"""ROCOv2: captions and concepts by hand."""

from __future__ import annotations

from pathlib import Path

from release_files import lines, picture

from vesalius.data.datasets.rocov2 import read


def test_tables(tmp_path: Path) -> None:
    name = "ROCOv2_2023_train_000001"
    picture(tmp_path / "train_images" / "train" / f"{name}.jpg")
    lines(
        tmp_path / "train_captions.csv", "ID,Caption", f'{name},"CT, with a mass. "', "ROCOv2_2023_train_000002,Two"
    )
    lines(tmp_path / "valid_captions.csv", "ID,Caption", "ROCOv2_2023_valid_000001,Three")
    lines(tmp_path / "test_captions.csv", "ID,Caption")
    lines(tmp_path / "train_concepts.csv", "ID,CUIs", f"{name},C0040405;C0817096")
    lines(tmp_path / "train_concepts_manual.csv", "ID,CUIs", f"{name},C0040405")
    lines(tmp_path / "cui_mapping.csv", "CUI,Canonical name", "C0040405,X-Ray Computed Tomography")
    first, second, third = read(tmp_path)
    assert (first.split, third.split) == ("train", "val")
    assert first.study.texts[0].text == "CT, with a mass."
    assert [(f.concept, f.code, f.source) for f in first.study.findings] == [
        ("x-ray computed tomography", "C0040405", "manual"), ("x-ray computed tomography", "C0040405", "UMLS"),
        ("c0817096", "C0817096", "UMLS"),
    ]  # fmt: skip
    assert first.study.images[0].shape == (6, 8)
    assert second.study.findings == ()
    assert second.study.images == ()
