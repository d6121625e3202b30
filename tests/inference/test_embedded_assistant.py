"""The embedded assistant: it is there, small and safe, loads without a network, and sees what it is asked about."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vesalius.cli.assistant import app as card_verb
from vesalius.cli.chat import app as chat_verb
from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.corpus import Corpus
from vesalius.errors import CheckpointError, DataError
from vesalius.evaluation.assistant_card import CARD, EVALUATION, FACTS, card_text
from vesalius.inference.backends import assistant
from vesalius.inference.backends.assistant import EMBEDDED
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.tasks.instructions.families import families
from vesalius.virtual.population import make

SEED = 41
"""Of patients that are in no corpus of the assistant's making (2026)."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make(tmp_path_factory.mktemp("fresh") / "corpus", patients=60, seed=SEED, image_size=128, workers=1)


def test_the_package_holds_at_most_ten_megabytes_and_no_pickle() -> None:
    files = {path.name: path.stat().st_size for path in EMBEDDED.iterdir()}
    assert sum(files.values()) <= 10 * 2**20
    assert {"model.safetensors", "tokenizer.json", "config.json", "vesalius.json", CARD, EVALUATION} <= files.keys()
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt"))]


def test_the_card_is_written_from_the_stored_evaluation() -> None:
    document, facts = (json.loads((EMBEDDED / name).read_text(encoding="utf-8")) for name in (EVALUATION, FACTS))
    assert (EMBEDDED / CARD).read_text(encoding="utf-8") == card_text(document, facts)
    assert facts["bytes"] == (EMBEDDED / "model.safetensors").stat().st_size
    predictor = open_predictor("assistant", device="cpu")
    assert document["model"]["weights_sha256"] == predictor.identity["weights_sha256"]


def test_it_loads_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refused(*arguments: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refused)
    assert open_predictor("assistant", device="cpu").name == "assistant"


def test_it_says_whether_a_finding_is_there_in_patients_that_it_has_never_seen(corpus: Corpus) -> None:
    source = CorpusSource(corpus, families(["presence"]))
    rows = [source.conversation(row) for row in range(len(source))]
    requests = [Request(id=row.id, messages=row.messages[:-1], decoding=Decoding(max_tokens=4)) for row in rows]
    said = {reply.id: reply.text.strip().lower() for reply in open_predictor("assistant").generate(requests)}
    right = sum(said[row.id] == row.answers[0] for row in rows)
    # As many yes as no are asked of every finding, so that guessing is right in half of n; three standard errors of
    # √n / 2 above that, which guessing reaches once in 740 tries.
    assert len(rows) >= 40
    assert right >= len(rows) / 2 + 1.5 * math.sqrt(len(rows))


def test_chat_without_a_name_talks_with_it(corpus: Corpus) -> None:
    image = str(corpus.path(corpus[0].images[0].path))
    done = CliRunner().invoke(chat_verb, ["--image", image, "--ask", "Is anything abnormal?", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["model"]["name"] == "assistant"
    assert "it is no clinical tool" in document["note"]
    assert document["turns"][0]["finish"] == "stop"
    assert document["turns"][0]["answer"] in ("yes", "no")


def test_a_study_that_is_not_there_is_still_an_error(corpus: Corpus) -> None:
    done = CliRunner().invoke(chat_verb, ["--corpus", str(corpus.root), "--study", "nobody", "--ask", "what?"])
    assert isinstance(done.exception, DataError)


def test_its_card_is_a_verb() -> None:
    done = CliRunner().invoke(card_verb, [])
    assert done.exit_code == 0
    assert "Not for clinical use" in done.stdout


def test_a_run_of_that_name_here_goes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assistant").mkdir()
    assert assistant.claims("assistant")
    (tmp_path / "assistant" / "recipe.yaml").write_text("", encoding="utf-8")
    assert not assistant.claims("assistant")


def test_an_installation_without_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(assistant, "EMBEDDED", tmp_path / "nowhere")
    done = CliRunner().invoke(chat_verb, ["--ask", "Is there an effusion?"])
    assert isinstance(done.exception, CheckpointError)
    assert "lacks the model 'assistant'" in str(done.exception)
    assert isinstance(CliRunner().invoke(card_verb, []).exception, CheckpointError)
