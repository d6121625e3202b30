"""Every method that learns from conversations: its tiny recipe trains, proves what moved, saves, answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from method_batches import TALKING, WITHOUT_TINY, talking

from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.training.conversing.stages import stage_folders
from vesalius.training.recipe import ConversationRecipe, open_recipe, recipe_names
from vesalius.training.trainer import train


def test_every_one_has_its_recipes() -> None:
    assert "gmai_vl" in TALKING
    for name in TALKING:
        assert {name, f"{name}/small", f"{name}/tiny"} <= set(recipe_names())


@pytest.mark.parametrize("name", talking("its tiny recipe trains in its stages, saves, loads and answers"))
def test_a_tiny_run_moves_what_its_stages_say_and_answers(name: str, asked: Corpus, tmp_path: Path) -> None:
    recipe = open_recipe(f"{name}/tiny", overrides=[f"data={asked.root}", "run.report_to=[]"])
    assert isinstance(recipe, ConversationRecipe)
    run = train(recipe, out=tmp_path / "run")
    for stage, folder in stage_folders(run.folder, list(recipe.stages)).items():
        proof = json.loads((folder / "stage.json").read_text())
        chosen = recipe.stages[stage]
        open_parts = {*chosen.learns, *(chosen.lora.parts if chosen.lora else ())}
        frozen = {"vision", "connector", "language"} - open_parts
        moved = {part for part, counts in proof["weights"].items() if counts["moved"]}
        assert not frozen & moved, f"{stage}: {frozen & moved} was to stay"
        assert open_parts & moved, f"{stage}: nothing that was to learn has moved"
    model = open_predictor(run.folder, device="cpu")
    image = Media(path=str(asked.path(asked[0].images[0].path)))
    request = Request(
        id="one", messages=(Message(role="user", parts=(image, "What is seen?")),), decoding=Decoding(max_tokens=6)
    )
    replies = [next(iter(model.generate([request]))) for _ in range(2)]
    assert replies[0].finish in ("stop", "length"), replies[0].error
    assert replies[0].text == replies[1].text


@pytest.mark.parametrize("name", [name for name in TALKING if name not in WITHOUT_TINY])
def test_equal_seeds_give_equal_weights(name: str, asked: Corpus, tmp_path: Path) -> None:
    weights = []
    for number in range(2):
        settings = [f"data={asked.root}", "run.report_to=[]", "data.validation=null"]
        run = train(f"{name}/tiny", overrides=settings, out=tmp_path / str(number))
        loaded = open_predictor(run.folder, device="cpu")
        weights.append(loaded.module.state_dict())  # type: ignore[attr-defined]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
