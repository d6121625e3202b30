"""Three methods that answer by letter, by option and by class learn from real pictures of the brain, and answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vesalius.data.messages import Media, Message
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Request
from vesalius.training.trainer import train

ASKED = "What does this brain MRI show?"
METHODS = {
    "medthink": ("reasoned", ASKED + "\n{letters}\nReply with one letter.", ()),
    "hica-vqa": ("stepwise", ASKED + "\nOptions: {options}", ()),
    "vitask": ("vqa", ASKED, ("method.classes=[glioma, meningioma, pituitary tumour, no tumour]",)),
}


def _rows(real_data: Path) -> Iterator[dict[str, Any]]:
    for line in (real_data / "vqa-derived" / "vqa.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["set"] == "brain-mri-classes" and row["question"] == ASKED:
            yield row


def _asked(words: str, choices: list[str]) -> str:
    letters = "\n".join(f"{chr(65 + place)}. {choice}" for place, choice in enumerate(choices))
    return words.format(letters=letters, options="; ".join(choices))


@pytest.mark.real
@pytest.mark.evidence("medthink", "L1", "learns from real pictures with questions and answers with a letter of them")
@pytest.mark.evidence(
    "hica-vqa", "L1", "learns from real pictures with questions and answers with one of the options"
)
@pytest.mark.evidence("vitask", "L1", "learns from real pictures with questions, the small model first, and answers")
@pytest.mark.parametrize("name", METHODS)
def test_real_pictures(name: str, real_data: Path, tmp_path: Path) -> None:
    source, words, settings = METHODS[name]
    rows, lines = list(_rows(real_data)), []
    folder = real_data / "vqa-derived"
    for row in [row for row in rows if row["split"] == "train"][::40]:
        answer = row["answer"]
        if name == "medthink":
            answer = f"Answer: {chr(65 + row['choices'].index(answer))}\nReason: the picture shows {answer}"
        turns = [("user", "<image>" + _asked(words, row["choices"])), ("assistant", answer)]
        image = str((folder / row["image"]).resolve())
        lines.append({"images": [image], "messages": [{"role": role, "content": text} for role, text in turns]})
    assert len(lines) > 5
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    overrides = [
        f"data.sources.{source}.family=''", f"data.sources.{source}.path={path}", "data.validation=null",
        "run.report_to=[]", *settings,
    ]  # fmt: skip
    run = train(f"{name}/tiny", overrides=overrides, out=tmp_path / "run")
    model = open_predictor(str(run.folder), device="cpu")
    for row in [row for row in rows if row["split"] == "test"][:2]:
        parts = (Media(path=str((folder / row["image"]).resolve())), _asked(words, row["choices"]))
        [reply] = model.generate([Request(id=row["id"], messages=(Message(role="user", parts=parts),))])
        assert reply.finish in ("stop", "length"), reply.error
        if name == "hica-vqa":
            assert reply.text in row["choices"]
        if name == "medthink":
            assert reply.text in ("", "A", "B", "C", "D")
