"""VQA-RAD: rows as they stand in the release, its re-split and the copy of the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from question_files import dialogues, put_json, put_parquet
from release_files import picture

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.vqa_rad import read
from vesalius.errors import DataError

TABLE = "VQA_RAD Dataset Public.json"


def row(qid: object, phrase: str = "freeform", **changes: Any) -> dict[str, Any]:
    return {
        "qid": qid, "phrase_type": phrase, "qid_linked_id": "03f451ca", "image_name": "synpic54610.jpg",
        "image_organ": "HEAD", "evaluation": "not evaluated", "question": "Are regions of the brain infarcted?",
        "question_rephrase": "NULL", "question_type": "PRES", "answer": "Yes", "answer_type": "CLOSED",
    } | changes  # fmt: skip


@pytest.fixture
def release(tmp_path: Path) -> Path:
    picture(tmp_path / "VQA_RAD Image Folder" / "synpic54610.jpg")
    odd = row("2", "para", answer=5, question_type="POS, PRES", answer_type="CLOSED ", image_organ="ABD")
    del odd["question_rephrase"]
    rows = [
        row("0"),
        row("1", "test_para", answer_type="OPEN", answer="the left  lobe."),
        odd,
        row("3", "test_freeform"),
    ]
    put_json(tmp_path / TABLE, rows)
    return tmp_path


def test_one_study_a_picture_and_part(release: Path) -> None:
    train, test = read(release)
    assert (train.split, test.split) == ("train", "test")
    assert (train.study.id, test.study.id) == ("synpic54610_train", "synpic54610_test")
    assert train.study.patient == test.study.patient == "synpic54610"
    assert train.study.images[0].body_part == "HEAD"
    assert train.study.images[0].shape == (6, 8)
    found = dialogues([train, test])
    assert list(found) == ["0", "2", "1", "3"]
    assert (found["0"].answer, found["0"].answer_type) == ("Yes", "closed")
    assert found["0"].source == "vqa_rad/freeform/PRES"
    assert (found["2"].answer, found["2"].answer_type, found["2"].source) == ("5", "closed", "vqa_rad/para/POS, PRES")
    assert (found["1"].answer, found["1"].answer_type) == ("the left  lobe.", "open")
    assert found["0"].turns[0].images == ("synpic54610",)


def test_the_leak_of_the_split_is_counted(release: Path, tmp_path: Path) -> None:
    corpus = Corpus.from_dataset("vqa_rad", release, out=tmp_path.parent / f"{tmp_path.name}.corpus")
    assert corpus.manifest.splits["default"].shared_patients == 1


def test_the_resplit(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "synpic54610.jpg")
    put_json(tmp_path / "trainset.json", [row(7, "freeform"), row(7, "frame")])
    put_json(tmp_path / "testset.json", [row(8)])
    put_json(tmp_path / "valset.json", [row(8)])
    found = list(read(tmp_path))
    assert [sample.split for sample in found] == ["train", "test"]
    assert [dialogue.source for dialogue in found[0].study.dialogues] == [
        "vqa_rad/freeform/PRES", "vqa_rad/frame/PRES",
    ]  # fmt: skip


def test_the_copy_of_the_hub(tmp_path: Path) -> None:
    content = picture(tmp_path / "a.png").read_bytes()
    image = {"bytes": content, "path": None}
    put_parquet(tmp_path / "data" / "train-00000-of-00001.parquet",
                {"image": image, "question": "Q?", "answer": "yes"},
                {"image": image, "question": "Q2?", "answer": "ct"})  # fmt: skip
    put_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", {"image": image, "question": "Q?", "answer": "no"})
    train, test = read(tmp_path)
    assert [dialogue.answer_type for dialogue in train.study.dialogues] == ["closed", "open"]
    assert train.study.patient == test.study.patient
    assert Path(train.study.images[0].path).read_bytes() == content


def test_what_is_missing_or_wrong(release: Path) -> None:
    put_json(release / TABLE, [row("0"), {"qid": "1"}])
    with pytest.raises(DataError, match=r"item 2: no 'image_name'"):
        list(read(release))
    (release / TABLE).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(DataError, match="pointer of Git LFS"):
        list(read(release))
    (release / TABLE).unlink()
    with pytest.raises(DataError, match="vesalius virtual twin vqa_rad"):
        list(read(release))


def test_a_missing_picture_leaves_the_questions(release: Path) -> None:
    (release / "VQA_RAD Image Folder" / "synpic54610.jpg").unlink()
    train, _ = read(release)
    assert train.study.images == ()
    assert train.study.dialogues[0].turns[0].images == ("synpic54610",)


@pytest.mark.real
def test_questions_of_real_pictures(real_data: Path, tmp_path: Path) -> None:
    import json

    source = real_data / "vqa-rad-demo"
    rows = [json.loads(line) for line in (source / "vqa.jsonl").read_text().splitlines()]
    (tmp_path / "VQA_RAD Image Folder").symlink_to(source / "images")
    given = [row(one["id"], image_name=Path(one["image"]).name, question=one["question"], answer=one["answer"],
                 answer_type=one["answer_type"].upper()) for one in rows]  # fmt: skip
    put_json(tmp_path / TABLE, given)
    found = list(read(tmp_path))
    assert len(found) == 4
    assert all(sample.study.images for sample in found)
    assert [sample.study.dialogues[0].answer_type for sample in found] == [one["answer_type"] for one in rows]
