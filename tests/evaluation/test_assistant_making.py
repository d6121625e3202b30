"""The assistant's making at a tiny size: recipes fit each other, what is packed answers alike, the card tells all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.evaluation.assistant import (
    AssistantPlan,
    evaluate_assistant,
    pack_assistant,
    write_card,
)
from vesalius.evaluation.assistant_card import CARD, CONTROLS, EVALUATION, FACTS
from vesalius.inference.controls import SayingPredictor
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.training.recipe import ConversationRecipe, Recipe, open_recipe
from vesalius.training.run import Run
from vesalius.training.trainer import train
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions

PLAN = AssistantPlan(patients=24, image_size=48, asked_patients=5, resamples=50)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("assistant")
    return write_questions(make(folder / "patients", patients=24, image_size=48, workers=1), folder / "asked")


@pytest.fixture(scope="module")
def run(asked: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run") / "run"
    return train("assistant/tiny", overrides=[f"data={asked.root}", "run.report_to=[]"], out=folder)


@pytest.fixture(scope="module")
def last(asked: Corpus, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = [f"data={asked.root}", f"model.start={run.folder}", "stages.choose.optimisation.steps=2"]
    folder = tmp_path_factory.mktemp("last") / "last"
    return train("assistant/choices", overrides=[*settings, "run.report_to=[]"], out=folder)


def test_the_encoder_of_the_first_recipe_fits_the_second() -> None:
    first, second = open_recipe("assistant/vision"), open_recipe("assistant")
    assert isinstance(first, Recipe)
    assert isinstance(second, ConversationRecipe)
    tower = second.model.tower
    for name in ("vision", "vision_depth", "vision_width", "vision_stages", "image_size", "channels"):
        assert getattr(first.model, name) == getattr(tower, name), name
    assert (first.data.mean, first.data.std) == (second.model.views.mean, second.model.views.std)


def test_what_is_packed_is_half_as_large_names_no_folder_and_answers_alike(
    asked: Corpus, run: Run, last: Run, tmp_path: Path
) -> None:
    pack_assistant((run, run, last), tmp_path / "assistant", plan=PLAN)
    steps = json.loads((tmp_path / "assistant" / FACTS).read_text(encoding="utf-8"))["steps"]
    assert list(steps) == ["vision", "look", "everything", "choose"]
    weights = load_file(tmp_path / "assistant" / "model.safetensors")
    assert {array.dtype for array in weights.values() if array.dtype != np.int64} == {np.dtype(np.float16)}
    for path in (tmp_path / "assistant").glob("*.json"):
        assert str(tmp_path.parent) not in path.read_text(encoding="utf-8"), path.name
    image = Media(path=str(asked.path(asked[0].images[0].path)))
    request = Request(
        id="one",
        messages=(Message(role="user", parts=(image, "\nIs there a pneumothorax?")),),
        decoding=Decoding(max_tokens=4, log_probabilities=True),
    )
    whole, half = (
        next(iter(open_predictor(one).generate([request]))) for one in (last.folder, tmp_path / "assistant")
    )
    # Weights of 11 bits: log-probabilities differ by some thousandths.
    assert half.mean_log_probability == pytest.approx(whole.mean_log_probability, abs=0.05)


def test_the_card_tells_every_figure_with_its_controls(asked: Corpus, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "assistant"
    pack_assistant((run, run), folder, plan=PLAN)
    evaluation = evaluate_assistant(SayingPredictor("yes"), asked, out=tmp_path / "evaluation", plan=PLAN)
    write_card(folder, evaluation)
    card = (folder / CARD).read_text(encoding="utf-8")
    kept = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    assert {row["control"] for row in kept["controls"]} == set(CONTROLS)
    assert "| presence | right answers |" in card
    assert "| report | F1 of stated facts |" in card
    assert "Not for clinical use" in card
    # One who always says yes is no better than anybody who does not look.
    line = next(line for line in card.splitlines() if line.startswith("| presence | right answers |"))
    assert line.endswith("| **no** |")
