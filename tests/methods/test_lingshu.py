"""Lingshu: what its stages freeze, in which order they stand, and that a run on all groups of data answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from vesalius.curation.drawn_rows import text_rows, write_rows
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.evaluation.arms import BUDGETS, experiments, paper_of
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Request
from vesalius.training.conversing.stages import stage_folders
from vesalius.training.recipe import ConversationRecipe, open_recipe
from vesalius.training.trainer import train
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions

_ALL = {"vision", "connector", "language"}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two dozen virtual patients with reports and questions."""
    folder = tmp_path_factory.mktemp("asked")
    return write_questions(
        make(folder / "patients", patients=24, preset="chest", image_size=48, workers=1), folder / "corpus"
    )


@pytest.mark.evidence("lingshu", "L2", "the frozen language model is the same bits, and the order of stages is kept")
def test_stages_freeze_what_they_say_in_their_order(asked: Corpus, tmp_path: Path) -> None:
    rows = tmp_path / "drawn.jsonl"
    write_rows(text_rows(["Which valve is narrow?", "Is the heart wide?"] * 6, tmp_path / "drawn"), rows)
    settings = [
        f"data={asked.root}", "run.report_to=[]", "data.validation=null", "data.sources.reasons.family=reasoned",
        "data.sources.instruct.family=vqa", f"data.sources.written={{path: {rows}}}", "model.views.max_pixels=65536",
        "stages.instruction.mixture.written=1", "model.context=2048", "data.length=2048",
    ]  # fmt: skip
    recipe = open_recipe("lingshu/tiny", overrides=settings)
    assert isinstance(recipe, ConversationRecipe)
    run = train(recipe, out=tmp_path / "run")
    folders = stage_folders(run.folder, list(recipe.stages))
    assert [folder.name for folder in folders.values()] == ["1-shallow", "2-deep", "3-instruction"]
    assert list(yaml.safe_load((run.folder / "recipe.yaml").read_text())["stages"]) == list(folders)
    moved = {
        stage: {part for part, counts in json.loads((folder / "stage.json").read_text())["weights"].items()
                if counts["moved"]}
        for stage, folder in folders.items()
    }  # fmt: skip
    assert moved == {"shallow": {"vision", "connector"}, "deep": _ALL, "instruction": _ALL}
    weights = {name: load_file(folder / "last" / "model.safetensors") for name, folder in folders.items()}
    assert not torch.equal(
        weights["shallow"]["connector.layers.1.weight"], weights["deep"]["connector.layers.1.weight"]
    )
    model = open_predictor(run.folder, device="cpu")
    request = Request(
        id="text", messages=(Message(role="user", parts=("What is an effusion?",)),), decoding=Decoding(max_tokens=4)
    )
    reply = next(iter(model.generate([request])))
    assert reply.finish in ("stop", "length"), reply.error


@pytest.mark.evidence("lingshu", "L2", "a stage with a frozen language model begins and ends with the same weights")
def test_the_language_model_of_the_first_stage_is_as_built(asked: Corpus, tmp_path: Path) -> None:
    settings = [f"data={asked.root}", "run.report_to=[]", "data.validation=null"]
    once, twice = (
        train(
            "lingshu/tiny", overrides=[*settings, f"stages.shallow.optimisation.steps={steps}"], out=tmp_path / name
        )
        for name, steps in (("once", 1), ("twice", 3))
    )
    first, second = (
        load_file(stage_folders(run.folder, ["shallow"])["shallow"] / "last" / "model.safetensors")
        for run in (once, twice)
    )
    language = [name for name in first if name.startswith("language.")]
    assert language
    assert all(torch.equal(first[name], second[name]) for name in language)
    assert any(not torch.equal(first[name], second[name]) for name in first if name.startswith("vision."))


def test_claims_leave_one_group_out_at_equal_cost() -> None:
    found = experiments(paper_of("lingshu"), budget=BUDGETS["small"])
    assert [one.name for one in found] == ["captions", "captions-control", "reasons", "reasons-control"]
    on, off = (arm.recipe.to_dict()["data"]["sources"] for arm in found[0].arms)
    assert {name for name in on if on[name] != off[name]} == {"captions"}


@pytest.mark.evidence("lingshu", "L1", "real pictures with real questions are trained on and answered")
@pytest.mark.real
def test_real_questions_about_real_pictures(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "vqa-rad-demo"
    questions = [json.loads(line) for line in (folder / "vqa.jsonl").read_text().splitlines()][:8]
    with (tmp_path / "rows.jsonl").open("w") as file:
        for one in questions:
            turns = [
                {"role": "user", "content": f"<image>{one['question']}"},
                {"role": "assistant", "content": str(one["answer"])},
            ]
            file.write(json.dumps({"messages": turns, "images": [str(folder / one["image"])]}) + "\n")
    rows = f"{{family: '', path: {tmp_path / 'rows.jsonl'}}}"
    settings = [f"data.sources.{name}={rows}" for name in ("captions", "instruct", "reasons", "asked")]
    run = train(
        "lingshu/tiny", overrides=[*settings, "data.validation=null", "run.report_to=[]"], out=tmp_path / "run"
    )
    model = open_predictor(run.folder, device="cpu")
    media = Media(path=str(folder / questions[0]["image"]))
    message = Message(role="user", parts=(media, questions[0]["question"]))
    reply = next(iter(model.generate([Request(id="r", messages=(message,), decoding=Decoding(max_tokens=4))])))
    assert reply.finish in ("stop", "length"), reply.error
