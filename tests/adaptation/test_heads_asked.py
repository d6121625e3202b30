"""Heads that were fitted are asked as models that write are: by requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from asked import protocol, questions

from vesalius.adaptation.protocols.report import Report, ReportSettings
from vesalius.adaptation.saved import save_adapted
from vesalius.adaptation.trunk import open_trunk
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Request


@pytest.fixture(scope="module")
def spoken(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return questions(corpus, tmp_path_factory.mktemp("spoken") / "corpus")


@pytest.fixture(scope="module")
def answering(model: Path, spoken: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads") / "answering"
    save_adapted(folder, protocol(model, spoken, head="pooled").eval(), name="vqa")
    return folder


def ask(corpus: Corpus, words: str, *, place: int = 0, shown: int = 1, **more: Any) -> Request:
    image = next(study for number, study in enumerate(corpus) if number == place).images[0]
    media = Media(path=str(corpus.root / image.path))
    return Request(id="a", messages=(Message(role="user", parts=(*[media] * shown, words)),), **more)


def reply(folder: Path, request: Request) -> Any:
    return next(iter(open_predictor(folder, device="cpu").generate([request])))


def test_a_head_gives_the_answer_that_its_outputs_favour(answering: Path, spoken: Corpus) -> None:
    model = open_predictor(answering, device="cpu")
    assert {"generate", "answer", "embed_image"} <= model.capabilities
    for place in range(4):
        for question in ("Is there a nodule?", "What is seen?"):
            request = ask(spoken, question, place=place)
            image = spoken.read(next(s for n, s in enumerate(spoken) if n == place).images[0])
            asked = model.protocol.question(question)  # type: ignore[attr-defined]
            batch = {name: torch.from_numpy(value[None]) for name, value in asked.items()}
            batch |= {"pixel_values": model.pixel_values([image]), "branch": torch.zeros(1)}  # type: ignore[attr-defined]
            with torch.inference_mode():
                logits = model.protocol.outputs(batch)["logits"][0]  # type: ignore[attr-defined]
            said = next(iter(model.generate([request])))
            assert said.text == model.protocol.answers[int(logits.argmax())]  # type: ignore[attr-defined]


def test_the_bare_question_is_what_is_read(answering: Path, spoken: Corpus) -> None:
    bare = reply(answering, ask(spoken, "What is seen?"))
    wrapped = reply(answering, ask(spoken, "Be brief. What is seen? Answer:", question="What is seen?"))
    assert bare == wrapped


def test_options_of_the_list_are_chosen_from_and_others_refused(answering: Path, spoken: Corpus) -> None:
    listed = ask(spoken, "?", question="Is there a nodule?", option_texts={"A": "Yes.", "B": "No"})
    assert reply(answering, listed).text in ("A", "B")
    odd = ask(spoken, "?", question="Is there a nodule?", option_texts={"A": "yes", "B": "perhaps"})
    assert reply(answering, odd).error == "1 of 2 options are not in this head's list of answers"


def test_a_head_reads_one_picture(answering: Path, spoken: Corpus) -> None:
    assert reply(answering, ask(spoken, "?", shown=2)).error == "this head reads one picture, and 2 are shown"
    assert reply(answering, ask(spoken, "?", shown=0)).error == "this head reads one picture, and 0 are shown"
    nowhere = Request(id="a", messages=(Message(role="user", parts=(Media(path="/no/where.png"),)),))
    assert reply(answering, nowhere).error == "the picture of the request cannot be read"


def test_the_passport_names_the_head_and_an_untrained_twin_has_another(answering: Path) -> None:
    model: Any = open_predictor(answering, device="cpu")
    twin = model.untrained(3)
    assert model.identity["head"]["task"] == "vqa"
    assert twin.identity["head"]["weights_sha256"] != model.identity["head"]["weights_sha256"]
    assert twin.identity["weights_sha256"] == model.untrained(3).identity["weights_sha256"]
    assert all(
        not torch.equal(value, twin.protocol.state_dict()[name])
        for name, value in model.protocol.state_dict().items()
        if name.startswith("head.image") and value.dim() > 1
    )


def test_a_report_head_writes_and_cannot_choose(model: Path, spoken: Corpus, tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = ReportSettings(length=12, width=16, heads=2, depth=1, precision="fp32")
    save_adapted(tmp_path / "writing", Report(small, open_trunk(model), ()).eval(), name="report")
    written = reply(tmp_path / "writing", ask(spoken, "Write the report."))
    assert written.finish == "stop"
    assert written.text == reply(tmp_path / "writing", ask(spoken, "Something else.")).text
    assert "cannot choose" in reply(tmp_path / "writing", ask(spoken, "?", choices=("A", "B"))).error
