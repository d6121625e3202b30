"""Batches of questions: every source, resuming, faults, boxes and reports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vesalius.data.corpus import from_studies
from vesalius.data.messages import text_of
from vesalius.data.records import Image as Shown
from vesalius.data.records import Study
from vesalius.errors import CapabilityError, ConfigError, DataError
from vesalius.inference.answered import answer
from vesalius.inference.constraint import Constraint
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.questions import Questions
from vesalius.inference.requests import Reply, Request

BOX = "<ref>left lung</ref><box>[[500, 250, 999, 750]]</box>"


class Told(BasePredictor):
    """Says what it was asked, in the other order; where to look, a box; "fail", an error."""

    capabilities = frozenset({"generate"})

    def __init__(self, name: str = "told") -> None:
        self.name = name
        self.seen: list[Request] = []

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        taken = list(requests)
        self.seen += taken
        for one in taken[::-1]:
            question = one.messages[-1].text.strip()
            if question == "fail":
                yield Reply(id=one.id, finish="error", error="the model failed")
            else:
                text = BOX if question == "where" else f"said {question}"
                yield Reply(id=one.id, text=text, token_log_probabilities=(-1.0, -0.5))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("one", "two"):
        Image.fromarray(np.full((40, 80), 100, dtype=np.uint8)).save(folder / f"{name}.png")
    return folder


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def jsonl(folder: Path, *questions: str) -> Path:
    path = folder / "rows.jsonl"
    lines = [
        {"id": f"r{place}", "messages": [{"role": "user", "content": f"<image>{question}"}], "images": ["one.png"]}
        for place, question in enumerate(questions)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_rows_are_asked_without_their_answers_and_faults_are_counted(pictures: Path, tmp_path: Path) -> None:
    path = jsonl(pictures, "what", "fail")
    answered = {"role": "assistant", "content": "known"}
    user = {"role": "user", "content": "<image>and this"}
    more = [
        {"id": "r2", "messages": [user, answered], "images": ["two.png"]},
        {"messages": [user], "images": ["x.png"]},
    ]
    with path.open("a", encoding="utf-8") as file:
        file.write("".join("\n" + json.dumps(row) for row in more))
    model = Told()
    done = answer(model, Questions(source=(str(path),)), out=tmp_path / "out")
    assert (done.answered, done.kept, done.failed, done.boxes) == (2, 0, 2, 0)
    assert [text_of(one.messages) for one in model.seen] == [
        "[user] <image>what", "[user] <image>fail", "[user] <image>and this",
    ]  # fmt: skip
    found = rows(tmp_path / "out")
    assert found["r2"]["answer"] == "said and this"
    assert found["r2"]["log_probability"] == -1.5
    assert found["r2"]["mean_log_probability"] == -0.75
    assert "row 4 of 4" in found["row 4"]["error"]


def test_a_stopped_batch_goes_on_and_asks_failures_again(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer(Told(), Questions(source=(str(jsonl(pictures, "what", "fail")),)), out=out)
    lines = out / "answers.jsonl"
    # Killed in the middle of a line: what is whole is kept.
    lines.write_text(lines.read_text(encoding="utf-8") + '{"id": "r9", "ans', encoding="utf-8")
    model = Told()
    done = answer(model, Questions(source=(str(jsonl(pictures, "what", "now", "new")),)), out=out)
    assert (done.answered, done.kept, done.failed) == (2, 1, 0)
    assert [one.id for one in model.seen] == ["r1", "r2"]
    assert {name: row["answer"] for name, row in rows(out).items()} == {
        "r0": "said what", "r1": "said now", "r2": "said new",
    }  # fmt: skip
    # Another question or another constraint under the same id is another answer.
    again = Told()
    held = Questions(source=(str(jsonl(pictures, "what", "now", "new")),), constraint=Constraint(pattern="a"))
    answer(again, held, out=out)
    assert len(again.seen) == 3
    with pytest.raises(ConfigError, match="answers of another model"):
        answer(Told("other"), Questions(source=(str(jsonl(pictures, "what")),)), out=out)


def test_boxes_become_coco_and_answers_reports(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = Questions(source=(str(pictures),), ask=("where", "what"))
    done = answer(Told(), asked, out=out, reports=True, grammar="medrega")
    assert (done.answered, done.boxes) == (4, 2)
    coco = json.loads((out / "boxes.json").read_text(encoding="utf-8"))
    assert [(Path(one["file_name"]).name, one["width"], one["height"]) for one in coco["images"]] == [
        ("two.png", 80, 40), ("one.png", 80, 40),
    ]  # fmt: skip
    assert coco["categories"] == [{"id": 1, "name": "left lung"}]
    # 0 … 999 of 80 × 40 pixels; e to the mean of -1 and -0.5.
    box = coco["annotations"][0]
    assert box["bbox"] == pytest.approx([500 / 999 * 80, 250 / 999 * 40, 499 / 999 * 80, 500 / 999 * 40])
    assert box["score"] == pytest.approx(np.exp(-0.75))
    report = (out / "reports" / "one.txt").read_text(encoding="utf-8")
    assert sorted(report.split("\n\n")) == sorted([BOX, "said what\n"]) or report == f"said what\n\n{BOX}\n"


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_table_names_files_and_questions(pictures: Path, tmp_path: Path, separator: str) -> None:
    path = pictures / ("rows.csv" if separator == "," else "rows.tsv")
    lines = [["id", "image", "question"], ["a", "one.png;two.png", "what"], ["b", "one.png", ""]]
    path.write_text("\n".join(separator.join(line) for line in lines), encoding="utf-8")
    model = Told()
    answer(model, Questions(source=(str(path),), ask=("else",)), out=tmp_path / "out")
    assert {one.id: text_of(one.messages) for one in model.seen} == {
        "a": "[user] <image><image>what",
        "b": "[user] <image>else",
    }


def test_files_are_asked_about_one_by_one(pictures: Path, tmp_path: Path) -> None:
    source = (str(pictures / "one.png"), str(pictures / "none.png"))
    done = answer(Told(), Questions(source=source, ask=("what",)), out=tmp_path / "out")
    assert (done.answered, done.failed) == (1, 1)
    assert rows(tmp_path / "out")[source[1]]["error"].endswith("no such file")


def test_what_cannot_be_asked_at_all_is_an_error(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match="--ask"):
        answer(Told(), Questions(source=(str(pictures),)), out=out)
    path = jsonl(pictures, "what")
    path.write_text(path.read_text() + "\n" + path.read_text(), encoding="utf-8")
    with pytest.raises(DataError, match="'r0' occurs twice"):
        answer(Told(), Questions(source=(str(path),)), out=out)
    (pictures / "odd.csv").write_text("picture,words\na,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="columns picture, words; expected"):
        answer(Told(), Questions(source=(str(pictures / "odd.csv"),)), out=out)
    blind = Told()
    blind.capabilities = frozenset()
    with pytest.raises(CapabilityError, match="cannot write answers"):
        answer(blind, Questions(source=(str(pictures),), ask=("what",)), out=out)


def test_a_corpus_is_asked_by_study(pictures: Path, tmp_path: Path) -> None:
    studies = [
        Study(id=f"s{place}", patient=f"p{place}", images=(Shown(id="pa", path=f"media/{place}.png", modality="DX"),))
        for place in range(3)
    ]
    media: dict[str, bytes | Path] = {f"media/{place}.png": pictures / "one.png" for place in range(3)}
    from_studies(studies, tmp_path / "corpus", name="three", media=media)
    model, out = Told(), tmp_path / "out"
    asked = Questions(source=(str(tmp_path / "corpus"),), ask=("Write the report.",))
    assert answer(model, asked, out=out, reports=True).answered == 3
    assert sorted(path.name for path in (out / "reports").iterdir()) == ["s0.txt", "s1.txt", "s2.txt"]


def test_a_dicom_folder_is_asked_by_study(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    for place, study in enumerate(("1.2.3", "1.2.3", "1.2.4")):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = (
            pydicom.uid.DigitalXRayImageStorageForPresentation
        )
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = f"{study}.{place}.1"
        image.StudyInstanceUID, image.SeriesInstanceUID = study, f"{study}.{place}"
        image.PatientID, image.Modality, image.PhotometricInterpretation = "SECRET", "DX", "MONOCHROME2"
        image.Rows, image.Columns, image.SamplesPerPixel, image.PixelRepresentation = 4, 6, 1, 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
        image.PixelData = bytes(range(24))
        image.save_as(tmp_path / f"{place}.dcm", enforce_file_format=True)
    (tmp_path / "notes.png").write_bytes(b"no picture")
    model, out = Told(), tmp_path / "out"
    done = answer(model, Questions(source=(str(tmp_path),), ask=("what",)), out=out, reports=True)
    assert (done.answered, done.failed) == (2, 1)
    assert sorted(len(one.messages[0].media) for one in model.seen) == [1, 2]
    written = (out / "answers.jsonl").read_text(encoding="utf-8")
    assert "SECRET" not in written
    assert "1.2.3" not in written


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "found none"),
        ({"choices": ("a",), "pattern": "b"}, "choices and pattern"),
        ({"schema": "[1]"}, "no JSON object"),
    ],
)
def test_a_constraint_is_one_thing(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Constraint(**given)
