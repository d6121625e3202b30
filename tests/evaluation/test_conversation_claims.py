"""Claims of methods that learn from conversations: stages of equal length, answers on the test split, an interval."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from test_arms import TINY

from vesalius.errors import ConfigError
from vesalius.evaluation import reproduce
from vesalius.evaluation.arms import experiments
from vesalius.paper import Claim, ClaimData, Paper
from vesalius.training.recipe import ConversationRecipe

CLAIM = Claim(
    name="vision-learns",
    sentence="A vision encoder that learns in the last stage sees more.",
    factor="stages.instruction.learns",
    on=["vision", "connector", "language"],
    off=["connector", "language"],
    task="corpus.instruct",
    metric="accuracy",
    label="all",
    recipe="gmai_vl/tiny",
    data=ClaimData(questions=("presence",)),
)
PAPER = Paper(slug="gmai-vl", title="A title", year=2024, claims=(CLAIM,))
ONE_RATE = replace(TINY, rates=(1.0,))


def test_arms_differ_in_the_factor_alone() -> None:
    (found,) = experiments(PAPER, budget=TINY)
    on, off = (arm.recipe.to_dict() for arm in found.arms)
    assert on["stages"]["instruction"].pop("learns") != off["stages"]["instruction"].pop("learns")
    assert on == off
    assert on["model"]["views"]["size"] == TINY.image_size
    assert on["data"]["validation"] is None


def test_arms_of_unlike_length_are_refused() -> None:
    longer = replace(
        CLAIM, factor="length", on={"stages.deep.optimisation.steps": 9}, off={"stages.deep.optimisation.steps": 2}
    )
    with pytest.raises(ConfigError, match=r"learn from \d+ and \d+ packed rows"):
        experiments(replace(PAPER, claims=(longer,)), budget=TINY)


def test_a_rate_that_is_tried_is_that_of_every_stage() -> None:
    arm = experiments(PAPER, budget=TINY)[0].arms[0]
    recipe = arm.at(rate=0.5, seed=1, corpus=Path("there"))
    assert isinstance(recipe, ConversationRecipe)
    assert recipe.optimisation.lr == arm.recipe.optimisation.lr * 0.5
    for name, stage in recipe.stages.items():
        before = arm.recipe.stages[name].optimisation  # type: ignore[union-attr]
        assert stage.optimisation.get("lr") == (before["lr"] * 0.5 if "lr" in before else None)


def test_a_claim_is_measured_from_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "paper_of", lambda slug: PAPER)
    found = reproduce.reproduce("gmai-vl", seeds=2, budget=ONE_RATE, out=tmp_path / "out", store=False)
    (claim,) = found.document["claims"]
    assert claim["failure"] == ""
    assert (claim["task"], claim["metric"]) == ("corpus.instruct", "accuracy")
    assert claim["low"] <= claim["effect"] <= claim["high"]
    assert claim["n_patients"] > 1
    again = reproduce.reproduce("gmai-vl", seeds=2, budget=ONE_RATE, out=tmp_path / "out", store=False)
    assert json.dumps(again.document["claims"]) == json.dumps(found.document["claims"])
