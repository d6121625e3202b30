"""ROCO: captions with tabs and line ends inside, blank fields, broken pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.roco import read
from vesalius.errors import DataError


def folder(root: Path, part: str, *captions: str, subset: str = "radiology") -> Path:
    lines(root / part / subset / "captions.txt", *captions)
    return root / part / subset


def test_lines(tmp_path: Path) -> None:
    base = tmp_path / "data"
    train = folder(base, "train", "ROCO_00001\t Chest\tCT with  a mass. ", "goes on\there", "ROCO_00002\tSecond.")
    folder(base, "train", "ROCO_00003\tA chart.", subset="non-radiology")
    folder(base, "validation", "ROCO_00004\tFourth.")
    folder(base, "test")
    picture(train / "images" / "ROCO_00001.jpg")
    (train / "images" / "ROCO_00002.jpg").write_bytes(b"")
    lines(train / "keywords.txt", "ROCO_00001\t\tchest\tmass")
    lines(train / "cuis.txt", "ROCO_00001\tC0817096")
    lines(train / "dlinks.txt", "ROCO_00001\twget ftp://host/PMC4083729.tar.gz -O x\tfigure.jpg")
    found = list(read(tmp_path))
    assert [(sample.study.id, sample.split) for sample in found] == [
        ("ROCO_00001", "train"), ("ROCO_00002", "train"), ("ROCO_00003", "train"), ("ROCO_00004", "val"),
    ]  # fmt: skip
    first = found[0].study
    assert first.texts[0].text == "Chest CT with a mass. goes on here"
    assert first.patient == "PMC4083729"
    assert [(f.concept, f.code, f.source) for f in first.findings] == [
        ("chest", "", "keyword"), ("mass", "", "keyword"), ("C0817096", "C0817096", "UMLS"),
    ]  # fmt: skip
    assert found[1].study.images == ()
    assert found[1].study.texts[0].images == ()
    assert found[1].study.patient == "ROCO_00002"


def test_the_pack_with_val_and_wrong_lines(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        folder(tmp_path, part, f"ROCO_1{len(part)}\tText.")
    assert [sample.split for sample in read(tmp_path)] == ["train", "val", "test"]
    folder(tmp_path, "train", "no name")
    with pytest.raises(DataError, match=r"captions.txt, line 1"):
        list(read(tmp_path))
