"""The name ``assistant``: a run of that name goes before the package's model, and its absence is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vesalius.cli.assistant import app as card_verb
from vesalius.cli.chat import app as chat_verb
from vesalius.errors import CheckpointError
from vesalius.evaluation import assistant as making
from vesalius.inference.backends import assistant


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


def test_the_card_that_lies_beside_the_weights_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assistant, "EMBEDDED", tmp_path)
    (tmp_path / making.CARD).write_text("# Embedded assistant\n", encoding="utf-8")
    (tmp_path / making.EVALUATION).write_text("{}", encoding="utf-8")
    assert CliRunner().invoke(card_verb, []).stdout.startswith("# Embedded assistant")
