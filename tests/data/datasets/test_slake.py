"""SLAKE: rows, masks, boxes and the graph by hand; the real questions without their pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from question_files import dialogues, put_json
from release_files import lines, picture

from vesalius.data.datasets.slake import Triple, knowledge, read
from vesalius.errors import ConfigError, DataError


def row(qid: int, image: int = 100, **changes: Any) -> dict[str, Any]:
    return {
        "img_id": image, "img_name": f"xmlab{image}/source.jpg", "question": "What modality is used?", "answer": "CT",
        "q_lang": "en", "location": "Lung", "modality": "CT", "answer_type": "OPEN", "base_type": "vqa",
        "content_type": "Modality", "triple": ["vhead", "_", "_"], "qid": qid,
    } | changes  # fmt: skip


CHINESE = {"q_lang": "zh", "question": "这是什么模态?", "answer": "是", "answer_type": "CLOSED"}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "imgs" / "xmlab100"
    picture(folder / "source.jpg")
    mask = np.zeros((6, 8), np.uint8)
    mask[:2], mask[4:, :3] = 70, 135
    picture(folder / "mask.png", mask)
    put_json(folder / "detection.json", [{"Liver": [1, 2, 3, 4]}, {"Lung Cancer": [0, 0, 2.5, 1]}])
    picture(tmp_path / "imgs" / "xmlab101" / "source.jpg")
    put_json(tmp_path / "imgs" / "xmlab101" / "detection.json", [])
    lines(tmp_path / "mask.txt", "Liver:70", "Lung Cancer: 135", "")
    lines(tmp_path / "KG" / "en_organ.csv", "head#relation#tail", "Lung#function#exchange of gas")
    kvqa = row(2, 101, base_type="kvqa", content_type="KG", triple=["vhead", "function", "_"], answer="")
    put_json(tmp_path / "train.json", [row(0), row(1, 101, **CHINESE)])
    put_json(tmp_path / "validate.json", [kvqa])
    put_json(tmp_path / "test.json", [row(3, **CHINESE)])
    return tmp_path


def test_languages_are_parted_differently(release: Path) -> None:
    found = list(read(release))
    assert [(sample.study.id, sample.split) for sample in found] == [
        ("xmlab100_train", "train"), ("xmlab101_train", "train"), ("xmlab101_val", "val"), ("xmlab100_test", "test"),
    ]  # fmt: skip
    first, chinese = found[0].study, found[3].study
    assert first.patient == chinese.patient == "xmlab100"
    assert (first.images[0].modality, first.images[0].body_part) == ("CT", "Lung")
    questions = dialogues(found)
    assert (questions["3"].language, questions["3"].answer, questions["3"].answer_type) == ("zh", "是", "closed")
    assert questions["2"].answer == ""
    assert questions["2"].source == "slake/kvqa/KG/vhead#function#_"
    assert questions["0"].source == "slake/vqa/Modality"


def test_one_language_or_a_clean_split(release: Path) -> None:
    assert {d.language for d in dialogues(read(release, language="en")).values()} == {"en"}
    clean = list(read(release, clean=True))
    assert [(sample.study.id, sample.split) for sample in clean] == [
        ("xmlab100_test", "test"),
        ("xmlab101_val", "val"),
    ]
    with pytest.raises(ConfigError, match="'fr'"):
        list(read(release, language="fr"))


def test_masks_and_boxes(release: Path) -> None:
    regions = next(read(release)).study.regions
    assert [(region.kind, region.anatomy, region.concept) for region in regions] == [
        ("box", "liver", ""), ("box", "", "lung_cancer"), ("mask", "liver", ""), ("mask", "", "lung_cancer"),
    ]  # fmt: skip
    assert regions[0].box == (1, 2, 4, 6)
    assert [region.mask_value for region in regions[2:]] == [70, 135]


def test_the_graph(release: Path) -> None:
    assert list(knowledge(release)) == [Triple("Lung", "function", "exchange of gas")]
    with pytest.raises(DataError, match="no knowledge graph in 'zh'"):
        list(knowledge(release, language="zh"))
    lines(release / "KG" / "en_organ.csv", "Lung#function")
    with pytest.raises(DataError, match=r"en_organ.csv, line 1: 2 cells"):
        list(knowledge(release))


def test_a_mirror_with_the_folder_twice(release: Path) -> None:
    (release / "imgs").rename(release / "old")
    (release / "imgs").mkdir()
    (release / "old").rename(release / "imgs" / "imgs")
    assert next(read(release)).study.images[0].shape == (6, 8)


def test_wrong_masks_and_boxes(release: Path) -> None:
    picture(release / "imgs" / "xmlab100" / "mask.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(DataError, match=r"mask.png: \(3, 3\) pixels"):
        list(read(release))
    put_json(release / "imgs" / "xmlab100" / "detection.json", [{"Liver": [1, 2, 3]}])
    with pytest.raises(DataError, match=r"expected \[x, y, width, height"):
        list(read(release))
    lines(release / "mask.txt", "Liver")
    with pytest.raises(DataError, match=r"mask.txt, line 1"):
        list(read(release))


@pytest.mark.real
def test_real_questions(real_data: Path, tmp_path: Path) -> None:
    for name in ("train", "validate"):
        text = (real_data / "slake-qa-text" / f"{name}.jsonl").read_text(encoding="utf-8")
        put_json(tmp_path / f"{name}.json", [json.loads(line) for line in text.splitlines()])
    put_json(tmp_path / "test.json", [])
    found = dialogues(read(tmp_path))
    # Counts of its README.
    assert len(found) == 8681
    kinds = [(dialogue.language, dialogue.answer_type) for dialogue in found.values()]
    assert [kinds.count(kind) for kind in (("en", "closed"), ("en", "open"), ("zh", "closed"), ("zh", "open"))] == [
        1723, 2622, 1708, 2628,
    ]  # fmt: skip
