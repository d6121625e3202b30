"""Files of the datasets library, made by it and by hand; ours are opened by it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Picture

from vesalius.data.formats.huggingface import read, write
from vesalius.data.samples import Sample
from vesalius.errors import DataError

Save = Callable[..., Path]


def png(level: int = 9) -> bytes:
    buffer = io.BytesIO()
    Picture.new("L", (20, 10), level).save(buffer, "PNG")
    return buffer.getvalue()


def made(**columns: Any) -> datasets.Dataset:
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["Normal", "Lung mass"])}
    rows = {"image": [{"bytes": png(level), "path": None} for level in (1, 2)], "label": [0, 1], **columns}
    known = {name: features[name] for name in features}
    known |= {name: datasets.Value("string") for name in columns}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(known))


def test_a_saved_data_set(tmp_path: Path) -> None:
    parts = {"validation": made(caption=["One.", "Two."]), "train": made(caption=["Three.", "Four."])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    found = list(read(tmp_path / "saved"))
    assert [sample.split for sample in found] == ["train", "train", "val", "val"]
    assert [sample.study.texts[0].text for sample in found] == ["Three.", "Four.", "One.", "Two."]
    assert found[1].study.status("lung_mass") == "present"
    assert found[1].study.status("normal") == "absent"
    assert found[0].study.images[0].shape == (10, 20)


def test_parquet_with_questions_in_their_usual_forms(tmp_path: Path) -> None:
    made(question=["Is it?", "Which?"], answer=["yes", "b"]).to_parquet(tmp_path / "test-00000.parquet")
    first, second = read(tmp_path)
    assert (first.split, first.study.dialogues[0].answer_type) == ("test", "closed")
    assert second.study.dialogues[0].answer_type == "open"
    rows = [
        {"question": "Which?", "choices": ["a lung", "a liver"], "answer": 1},
        {"question": "Which?", "choices": ["a lung", "a liver"], "answer": 0},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "numbered.parquet")
    assert [s.study.dialogues[0].answer for s in read(tmp_path / "numbered.parquet")] == ["a liver", "a lung"]
    rows = [{"question": "Which?", "options": ["a lung", "a liver"], "answer": "B"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "letters.parquet")
    [(study, _)] = read(tmp_path / "letters.parquet")
    assert (study.dialogues[0].answer, study.dialogues[0].answer_type) == ("a liver", "choice")


def test_detection_and_messages(tmp_path: Path) -> None:
    row = {
        "image": {"bytes": png(), "path": None}, "objects": {"bbox": [[1.0, 2.0, 3.0, 4.0]], "category": ["A mass"]},
        "messages": [{"role": "user", "content": "<image>What?"}, {"role": "assistant", "content": "A mass."}],
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "train.parquet")
    [(study, _)] = read(tmp_path)
    assert (study.regions[0].box, study.regions[0].concept) == ((1, 2, 4, 6), "a_mass")
    assert study.dialogues[0].turns[0].images == (study.images[0].id,)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"number": 1}, "no column that is known"),
        ({"image": {"bytes": b"x", "path": None}}, "no whole PNG"),
        ({"image": {"bytes": None, "path": "../x.png"}}, "leaves the folder"),
        ({"image": {"bytes": None, "path": "x.png"}}, "does not exist"),
        ({"image": 7}, "neither bytes nor a path"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "'robot'"),
    ],
)
def test_wrong_rows_name_file_and_row(row: Any, told: str, tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "train.parquet")
    with pytest.raises(DataError, match=told) as error:
        list(read(tmp_path))
    assert "train.parquet, row 1" in str(error.value)


def test_broken_files_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither Parquet files nor"):
        list(read(tmp_path))
    made().to_parquet(tmp_path / "train.parquet")
    content = (tmp_path / "train.parquet").read_bytes()
    (tmp_path / "train.parquet").write_bytes(content[:-20])
    with pytest.raises(DataError, match="no whole Parquet file"):
        list(read(tmp_path))


@pytest.mark.real
def test_real_questions(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "vqa-derived"
    rows = [json.loads(line) for line in (folder / "vqa.jsonl").read_text().splitlines()][::40]
    table = [
        {
            "id": row["id"], "patient": f"{row['set']}-{row['group']}", "question": row["question"],
            "answer": row["answer"], "answer_type": row["answer_type"], "options": row.get("choices"),
            "image": {"bytes": (folder / row["image"]).resolve().read_bytes(), "path": None},
        }
        for row in rows
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "train.parquet")
    found = [sample.study for sample in read(tmp_path)]
    assert [study.id for study in found] == [row["id"] for row in rows]
    for study, row in zip(found, rows, strict=True):
        [dialogue] = study.dialogues
        assert (dialogue.answer, dialogue.answer_type) == (row["answer"], row["answer_type"])
        assert dialogue.options == tuple(row.get("choices") or ())
        assert len(study.images) == 1


def test_round_trip_and_the_library_opens_it(tmp_path: Path, samples: list[Sample]) -> None:
    paths = write(samples, tmp_path / "out")
    found = {sample.study.id: sample for sample in read(tmp_path / "out")}
    for mine in samples:
        theirs = found[mine.study.id]
        assert (theirs.split, theirs.study.patient) == (mine.split, mine.study.patient)
        [dialogue] = theirs.study.dialogues
        first = mine.study.dialogues[0]
        assert (dialogue.id, dialogue.answer, dialogue.options) == (first.id, first.answer, first.options)
        assert Path(theirs.study.images[0].path).read_bytes() == Path(mine.study.images[0].path).read_bytes()
    train = next(path for path in paths if path.name.startswith("train"))
    table = datasets.Dataset.from_parquet(str(train), cache_dir=str(tmp_path / "cache"))
    assert table[0]["image"].size == (20, 10)
    assert table[0]["options"] == ["yes", "no"]
