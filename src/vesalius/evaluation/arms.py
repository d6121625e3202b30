"""The two arms of a claim as recipes that differ in one factor, and what a budget lets them cost."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vesalius import registry
from vesalius.errors import ConfigError, did_you_mean
from vesalius.evaluation.effects import Measure
from vesalius.evaluation.plants import require_plant
from vesalius.paper import PLANT, Claim, ClaimData, Direction, Paper
from vesalius.systems import find_home
from vesalius.training.conversing.settings import StageSettings
from vesalius.training.recipe import ConversationRecipe, Recipe, open_recipe

__all__ = [
    "BUDGETS",
    "SIDES",
    "Arm",
    "Budget",
    "Experiment",
    "code_digest",
    "data_key",
    "experiments",
    "paper_of",
    "run_key",
    "with_claims",
]

Side = Literal["on", "off"]
SIDES: tuple[Side, Side] = ("on", "off")
_RATE = "optimisation.lr"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much an arm may cost; both arms of a claim get the same."""

    name: str
    patients: int
    """Virtual patients with pictures: 70 % to train on, 10 % to choose the learning rate, 20 % to test."""
    image_size: int
    """Rows and columns of the pictures, as made and as seen."""
    volume_patients: int
    """Virtual patients with volumes."""
    volume_size: tuple[int, int, int]
    """Slices, rows and columns of the volumes as seen; they are made with these rows and columns."""
    steps: int
    batch: int
    rates: tuple[float, ...]
    """Multiples of the recipe's learning rate that each arm tries."""
    reason: str
    """Why these numbers."""

    def population(self, data: ClaimData) -> dict[str, Any]:
        """Return patients, preset, settings and image size by which `vesalius.virtual.population.make` makes them."""
        patients, size = (
            (self.volume_patients, self.volume_size[-1]) if data.volumes else (self.patients, self.image_size)
        )
        return {"patients": patients, "preset": data.preset, "settings": data.settings, "image_size": size}

    def settings(self, data: ClaimData) -> tuple[str, ...]:
        """Return the recipe settings that the budget fixes for both arms."""
        return (
            f"model.image_size={json.dumps(self.volume_size if data.volumes else self.image_size)}",
            f"optimisation.steps={self.steps}",
            f"optimisation.batch={self.batch}",
            "optimisation.precision=fp32",
            "optimisation.patience=0",
            "optimisation.ema=0",
            "data.validation=null",
            f"run.save_every={max(1, self.steps // 4)}",
            "run.keep=1",
            "run.report_to=[]",
        )

    def conversation_settings(self) -> tuple[str, ...]:
        """Return the settings that the budget fixes where a method learns from conversations.

        Steps are those of each stage that states none of its own; a batch is of packed rows.
        """
        return (
            f"model.views.size={self.image_size}",
            f"optimisation.steps={self.steps}",
            f"optimisation.batch={max(1, self.batch // 16)}",
            "optimisation.precision=fp32",
            "optimisation.patience=0",
            "data.validation=null",
            f"run.save_every={max(1, self.steps // 2)}",
            "run.keep=1",
            "run.report_to=[]",
        )


BUDGETS: Mapping[str, Budget] = {
    budget.name: budget
    for budget in (
        Budget(
            name="small",
            patients=1000,
            image_size=64,
            volume_patients=400,
            volume_size=(16, 32, 32),
            steps=240,
            batch=32,
            rates=(0.3, 1.0),
            reason="a run of compact encoders takes 20 to 60 s on two busy cores, and a claim with its control is "
            "16 runs, fewer where claims share arms",
        ),
        Budget(
            name="medium",
            patients=6000,
            image_size=128,
            volume_patients=2000,
            volume_size=(32, 64, 64),
            steps=2400,
            batch=64,
            rates=(0.1, 0.3, 1.0),
            reason="ten times the steps, twice the batch and four times the pixels: hours on two cores; six times "
            "the patients make the part of the interval that patients cause less than half as wide",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One side of an experiment: what is set, and what it is trained on."""

    side: Side
    recipe: Recipe | ConversationRecipe
    """With the recipe's own learning rate and seed 0, and no corpus."""
    plant: str
    """What is planted in its training corpus, beside what all of the experiment's patients have."""

    def at(self, *, rate: float, seed: int, corpus: Path) -> Recipe | ConversationRecipe:
        """Return the recipe of a run.

        Args:
            rate: multiple of the recipe's learning rate.
            seed: of initial weights, data order, views and drawn sentences; the same in both arms.
            corpus: what it is trained on.
        """
        optimisation = replace(self.recipe.optimisation, lr=self.recipe.optimisation.lr * rate, seed=seed)
        if isinstance(self.recipe, Recipe):
            return replace(self.recipe, optimisation=optimisation, data=replace(self.recipe.data, corpus=str(corpus)))
        return replace(
            self.recipe,
            optimisation=optimisation,
            data=replace(self.recipe.data, corpus=str(corpus)),
            stages={name: _faster(stage, rate) for name, stage in self.recipe.stages.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Two arms on one population: a claim, or its positive control."""

    name: str
    """Of the claim, with ``-control`` behind it for the control."""
    claim: Claim
    control: bool
    data: ClaimData
    measure: Measure
    direction: Direction
    arms: tuple[Arm, Arm]
    """With the idea, without it."""


def paper_of(slug: str) -> Paper:
    """Return the paper of a system.

    Raises:
        ConfigError: no such system is built (offers the nearest), or its file states no claims.
    """
    home = find_home(slug)
    known = with_claims()
    if home is None or slug.replace("-", "_") not in registry.names("vesalius.methods"):
        raise ConfigError(f"no system {slug!r} whose claims can be measured{did_you_mean(slug, known)}")
    paper: Paper = registry.load("vesalius.methods", slug).PAPER
    if not paper.claims:
        raise ConfigError(f"system {slug!r} states no claims in {home.name}; with claims: {', '.join(known)}")
    return paper


def with_claims() -> tuple[str, ...]:
    """Return the slugs of the systems that state claims."""
    papers = (registry.load("vesalius.methods", name).PAPER for name in registry.names("vesalius.methods"))
    return tuple(paper.slug for paper in papers if paper.claims)


def experiments(paper: Paper, *, budget: Budget) -> list[Experiment]:
    """Return every claim of a paper followed by its positive control, all recipes checked before anything runs.

    Raises:
        ConfigError: a claim switches an unknown key or the tuned learning rate, names an unknown plant, or its arms
            do not cost the same; every fault of every claim is listed.
    """
    found, faults = [], []
    for number, claim in enumerate(paper.claims):
        name = claim.name or f"claim-{number + 1}"
        for control in (False, True) if claim.control else (False,):
            title = f"{name}-control" if control else name
            try:
                found.append(_experiment(paper, claim, title, control=control, budget=budget))
            except ConfigError as error:
                faults.append(f"{paper.slug}, {title}: {error}")
    names = [experiment.name for experiment in found]
    faults += [f"{paper.slug}: two claims are named {name!r}" for name in sorted(set(names)) if names.count(name) > 1]
    if faults:
        raise ConfigError("\n".join(faults))
    return found


def code_digest(home: Path) -> str:
    """Return a digest of a system's code without its PAPER, by which runs are bound to what made them.

    The words of a claim may change without a run being done again; its recipes are part of the run's own name.
    """
    tree = ast.parse(home.read_text(encoding="utf-8"))
    kept = [node for node in tree.body if not _is_paper(node)]
    return hashlib.sha256("\n".join(ast.dump(node) for node in kept).encode()).hexdigest()


def _is_paper(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(one, ast.Name) and one.id == "PAPER" for one in node.targets
    )


def _experiment(paper: Paper, claim: Claim, name: str, *, control: bool, budget: Budget) -> Experiment:
    planted = claim.control if control else None
    data = claim.data if planted is None else planted.data
    direction = claim.direction if planted is None or planted.direction is None else planted.direction
    if control and direction == "equal":
        raise ConfigError("the control of a claim of equality must say on which side its planted effect lies")
    if data.plant:
        require_plant(data.plant)
    settings = (*claim.settings, *(planted.settings if planted else ()))
    kind = open_recipe(claim.recipe or f"{paper.slug}/small")
    fixed = budget.settings(data) if isinstance(kind, Recipe) else budget.conversation_settings()
    first, second = (_arm(paper, claim, side, settings=(*fixed, *settings)) for side in SIDES)
    _require_equal_cost(first, second)
    measure = Measure(
        task=(planted.task if planted else "") or claim.task,
        metric=(planted.metric if planted else "") or claim.metric,
        label=(planted.label if planted else "") or claim.label,
        subset=planted.subset if planted and (planted.task or planted.subset is not None) else claim.subset,
    )
    return Experiment(
        name=name,
        claim=claim,
        control=control,
        data=data,
        measure=measure,
        direction=direction,
        arms=(first, second),
    )


def _arm(paper: Paper, claim: Claim, side: Side, *, settings: tuple[str, ...]) -> Arm:
    switched = claim.arm(side)
    if _RATE in switched:
        raise ConfigError(f"{_RATE} is tuned for each arm, so it cannot be the factor")
    planted = str(switched.pop(PLANT, ""))
    if planted:
        require_plant(planted)
    values = [f"{key}={json.dumps(value)}" for key, value in switched.items()]
    name = claim.recipe or f"{paper.slug}/small"
    recipe = open_recipe(name, overrides=[*settings, *values])
    return Arm(side=side, recipe=recipe, plant=planted)


def _require_equal_cost(first: Arm, second: Arm) -> None:
    """Raise a ConfigError where the arms differ in steps, batch, seed or data beside the factor."""
    kept = ("steps", "epochs", "batch", "accumulate", "seed", "schedule", "warmup")
    for key in kept:
        one, other = (getattr(arm.recipe.optimisation, key) for arm in (first, second))
        if one != other:
            raise ConfigError(f"the arms differ in optimisation.{key} ({one} and {other}); equal budget is the rule")
    if not isinstance(first.recipe, Recipe) or not isinstance(second.recipe, Recipe):
        _require_equal_stages(first, second)
        return
    if (first.recipe.data.train, first.recipe.data.images) != (second.recipe.data.train, second.recipe.data.images):
        raise ConfigError("the arms differ in what they are trained on; switch a plant instead")


def _require_equal_stages(first: Arm, second: Arm) -> None:
    """Raise a ConfigError where the stages of the arms do not make as many steps of as many rows together."""
    one, other = (_rows_of(arm.recipe) for arm in (first, second))
    if one != other:
        raise ConfigError(f"the arms learn from {one} and {other} packed rows; equal budget is the rule")


def _rows_of(recipe: Recipe | ConversationRecipe) -> float:
    """Rows that all stages learn from; epochs of a stage count as such."""
    assert isinstance(recipe, ConversationRecipe)
    alone = [recipe.of_stage(name).optimisation for name in recipe.stages]
    return sum((one.steps or one.epochs) * one.batch * one.accumulate for one in alone)


def _faster(stage: StageSettings, rate: float) -> StageSettings:
    """Multiply the rate that a stage states of its own."""
    if "lr" not in stage.optimisation:
        return stage
    return replace(stage, optimisation={**stage.optimisation, "lr": stage.optimisation["lr"] * rate})


def run_key(recipe: Recipe | ConversationRecipe, *, corpus_hash: str, code: str) -> str:
    """Return the name of a run: equal runs of several claims are done once."""
    values = recipe.to_dict()
    values["data"] = {**values["data"], "corpus": corpus_hash}
    values["run"] = {key: value for key, value in values["run"].items() if key not in ("out", "name")}
    if not values["optimisation"]["rates"]:
        # A recipe of one rate is named as where the key is not known, so that its stored runs are found.
        del values["optimisation"]["rates"]
    text = json.dumps({"recipe": values, "code": code}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def data_key(data: ClaimData, *, budget: Budget) -> str:
    """Return the name of a population without plants."""
    text = json.dumps(budget.population(data), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
