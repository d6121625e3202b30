"""`vesalius chat`: questions by option and by stdin, commands, faults that do not end it, boxes, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vesalius.cli.chat import app
from vesalius.data.messages import media_of, text_of
from vesalius.inference import predictor as predictors
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request

BOX = "<ref>left lung</ref><box>[[500, 250, 999, 750]]</box>"


class Told(BasePredictor):
    """Answers in pieces, by what is asked; "fail" fails, "wait" is broken off by Ctrl-C."""

    name = "told"
    capabilities = frozenset({"generate"})
    identity = {"name": "told", "trained_on": {"virtual": True}}  # noqa: RUF012

    def __init__(self) -> None:
        self.seen: list[Request] = []

    def stream(self, request: Request) -> Iterator[str | Reply]:
        self.seen.append(request)
        question = request.messages[-1].text
        if question == "fail":
            yield Reply(
                id=request.id, finish="error", error="conversation takes 900 tokens and the context holds 512"
            )
            return
        pieces = {"where": [BOX[:20], BOX[20:]], "wait": ["It ", "is"]}.get(question, ["I see ", "lungs."])
        yield from pieces
        if question == "wait":
            raise KeyboardInterrupt
        yield Reply(id=request.id, text="".join(pieces), tokens_out=2)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(predictors, "open_predictor", lambda spec, device: told)
    return told


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "chest.png"
    Image.fromarray(np.full((40, 80), 100, dtype=np.uint8)).save(path)
    return str(path)


def run(*arguments: str, said: str = "") -> Any:
    return CliRunner().invoke(app, ["told", *arguments], input=said)


def test_questions_by_option_are_turns_of_one_conversation(model: Told, picture: str) -> None:
    done = run("--image", picture, "--ask", "what?", "--ask", "and now?")
    assert (done.exit_code, done.stdout) == (0, "I see lungs.\nI see lungs.\n")
    assert text_of(model.seen[1].messages) == "[user] <image>what?\n[assistant] I see lungs.\n[user] and now?"
    assert "learnt from virtual patients alone: it is no clinical tool" in done.stderr


def test_stdin_is_asked_line_by_line_and_attaches_in_between(model: Told, picture: str) -> None:
    done = run(
        "--image", picture, said=f"what?\n\n/image {picture}\n/image {picture}\ncompare\n/new\nagain\n/quit\nno\n"
    )
    assert done.exit_code == 0
    assert [len(media_of(one.messages)) for one in model.seen] == [1, 3, 0]
    assert [len(one.messages) for one in model.seen] == [1, 3, 1]


def test_what_goes_wrong_is_told_and_the_conversation_goes_on(model: Told, picture: str, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    lines = ["what?", "/image nowhere.png", f"/image {tmp_path}/broken.png", "/pictur x", "/save b.png", "/study p1"]
    done = run("--image", picture, said="\n".join([*lines, "fail", "and now?"]))
    assert done.exit_code == 1
    told = done.stderr
    assert "nowhere.png: no such file" in told
    assert "broken.png" in told
    assert "no command '/pictur'" in told
    assert "the last answer names no place" in told
    assert "start with --corpus" in told
    assert "context holds 512; the question is left out" in told
    assert text_of(model.seen[-1].messages) == "[user] <image>what?\n[assistant] I see lungs.\n[user] and now?"


def test_ctrl_c_ends_the_answer_and_not_the_program(model: Told) -> None:
    done = run(said="wait\nand now?\n")
    assert (done.exit_code, done.stdout) == (0, "It is\nI see lungs.\n")
    assert "ended by Ctrl-C" in done.stderr
    assert text_of(model.seen[1].messages) == "[user] wait\n[assistant] It is\n[user] and now?"


def test_boxes_are_told_in_pixels_and_drawn(model: Told, picture: str, tmp_path: Path) -> None:
    saved, folder = tmp_path / "saved.png", tmp_path / "drawn"
    done = run("--image", picture, "--grammar", "medrega", "--boxes", str(folder), said=f"where\n/save {saved}\n")
    assert done.exit_code == 0
    # 0 … 999 of 80 × 40 pixels: 500/999 · 80 = 40.04, 250/999 · 40 = 10.01, 750/999 · 40 = 30.03.
    assert "left lung: [40.0, 10.0, 80.0, 30.0] in pixels of chest.png" in done.stderr
    for path in (saved, folder / "answer-1.png"):
        drawn = np.asarray(Image.open(path)).astype(int)
        assert drawn.shape == (40, 80, 3)
        assert tuple(drawn[10, 60]) == (255, 176, 0)
        assert tuple(drawn[35, 10]) == (100, 100, 100)


def test_json_is_one_document(model: Told, picture: str) -> None:
    done = run("--image", picture, "--grammar", "medrega", "--json", "--ask", "where", "--ask", "fail")
    document = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [turn["finish"] for turn in document["turns"]] == ["stop", "error"]
    assert document["turns"][0]["answer"] == BOX
    assert document["turns"][0]["places"][0]["boxes"][0] == pytest.approx([40.04, 10.01, 80, 30.03], abs=0.01)
    assert re.search("context holds 512", document["turns"][1]["error"])


def test_a_study_needs_its_corpus_and_a_file_must_be_there(model: Told) -> None:
    from vesalius.errors import ConfigError, DataError

    assert isinstance(run("--study", "p1", "--ask", "what?").exception, ConfigError)
    assert isinstance(run("--image", "nowhere.png", "--ask", "what?").exception, DataError)


def test_a_study_is_shown_by_its_id(model: Told, picture: str, tmp_path: Path) -> None:
    from vesalius.data.corpus import from_studies
    from vesalius.data.records import Image as Shown
    from vesalius.data.records import Study

    images = [Shown(id=name, path=f"media/{name}.png", modality="DX") for name in ("pa", "lateral")]
    from_studies(
        [Study(id="s1", patient="p1", images=tuple(images))],
        tmp_path / "corpus",
        name="two",
        media={image.path: Path(picture) for image in images},
    )
    done = run("--corpus", str(tmp_path / "corpus"), "--study", "s1", said="what?\n/study s2\n")
    assert [Path(one.path).name for one in media_of(model.seen[0].messages)] == ["pa.png", "lateral.png"]
    assert done.exit_code == 1
    assert "s2" in done.stderr
