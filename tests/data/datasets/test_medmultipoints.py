"""MedMultiPoints: answers in a code fence as boxes, points, counts and absences, and real answers of the set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets.medmultipoints import read
from vesalius.errors import DataError

NAME = "MedMultiPoints-images/7b0c5608.png"


def _row(question: str, answer: object, image: object = NAME) -> str:
    text = answer if isinstance(answer, str) else f"```json\n{json.dumps(answer)}\n```"
    messages = [{"role": "user", "content": f"<image> {question}"}, {"role": "assistant", "content": text}]
    return json.dumps({"messages": messages, "images": [image]})


@pytest.fixture
def release(tmp_path: Path) -> Path:
    picture(tmp_path / NAME, size=(64, 48))
    pair = [{"point_2d": [9.0, 10.0], "label": "normal sperm"}, {"point_2d": [11, 12], "label": "normal sperm"}]
    both = {"counts": 2, "bbox_2d": [[1, 2, 3.5, 4], [5, 6, 7, 8]], "label": "sperm"}
    rows = (
        _row("Boxes and count of all sperm", both),
        _row("Point", pair, {"bytes": None, "path": NAME}),
        _row("Polyp?", {"bbox_2d": [], "label": "polyp"}),
        _row("How many?", {"counts": 0, "label": "instrument"}),
        _row("What is it?", "This isn't in the image."),
    )  # fmt: skip
    lines(tmp_path / "multi-task-train.jsonl", *rows)
    lines(tmp_path / "multi-task-test.jsonl", _row("Count", {"count": 3, "label": "cluster"}))
    return tmp_path


def test_rows_of_one_picture_are_one_study(release: Path) -> None:
    (study, split), (test, other) = read(release)
    assert (study.id, study.patient, split, test.id, other) == ("train_7b0c5608", "7b0c5608", "train",
                                                               "test_7b0c5608", "test")  # fmt: skip
    found = [(part.kind, part.concept, part.box or part.points) for part in study.regions]
    assert found == [
        ("box", "sperm", (1, 2, 3.5, 4)), ("box", "sperm", (5, 6, 7, 8)), ("points", "normal_sperm", ((9.0, 10.0),)),
        ("points", "normal_sperm", ((11.0, 12.0),)),
    ]  # fmt: skip
    assert [(part.answer_type, part.evidence) for part in study.dialogues] == [
        ("box", (0, 1)), ("points", (2, 3)), ("number", ()), ("number", ()),
        ("number", ()),
    ]  # fmt: skip
    assert study.dialogues[0].turns[0].text == "Boxes and count of all sperm"
    assert (study.status("sperm"), study.status("polyp")) == ("present", "absent")
    assert study.status("instrument") == "absent", "none were counted"
    assert [(part.name, part.value) for part in study.measurements] == [("sperm count", 2.0), ("instrument count", 0)]
    assert [(part.name, part.value) for part in test.measurements] == [("cluster count", 3.0)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "line 1: no JSON"),
        ('{"messages": [], "images": []}', "line 1: 0 images"),
        ('{"messages": [], "images": ["a.png"]}', "expected user and assistant"),
        (_row("q", "a", "../../etc/x.png"), "escapes"),
        (_row("q", "a", "gone.png"), r"gone.png: no such picture"),
    ],
)
def test_rows_that_cannot_be(row: str, message: str, release: Path) -> None:
    lines(release / "multi-task-train.jsonl", row)
    with pytest.raises(DataError, match=message):
        list(read(release))


@pytest.mark.real
def test_real_answers(real_data: Path, tmp_path: Path) -> None:
    [source] = (real_data / "benchmark-scores" / "pointdetectcount").glob("*.jsonl")
    rows = [json.loads(line) for line in source.read_text().splitlines()[:200]]
    for row in rows:
        picture(tmp_path / row["images"][0]["path"])
    lines(tmp_path / "multi-task-train.jsonl", *map(json.dumps, rows))
    studies = [study for study, _ in read(tmp_path)]
    assert sum(len(study.dialogues) for study in studies) == 200
    assert any(study.measurements for study in studies), "the published answers say count, the script counts"
    boxes = sum(part.kind == "box" for study in studies for part in study.regions)
    assert boxes > 100
    assert {finding.concept for study in studies for finding in study.findings} >= {"polyp", "sperm", "instrument"}
