"""A conversation recipe trained stage by stage, each stage with its proof of what moved and what was forgotten.

A run holds ``stages/1-NAME`` and so on, each a run of the trainer with checkpoints, metrics and models, and what the
last stage ended with as its own ``best`` and ``last``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from vesalius.errors import ConfigError
from vesalius.training import checkpoint, distributed
from vesalius.training.callbacks.progress import Progress
from vesalius.training.conversing.assembly import ConversationParts, assemble, stage_parts, started
from vesalius.training.conversing.pairs import stage_sources
from vesalius.training.conversing.parts import digests, merge_adapters, moved_parts, open_stage
from vesalius.training.conversing.references import digest_of, set_reference
from vesalius.training.conversing.trainer import ConversationTrainer
from vesalius.training.rates import part_rates
from vesalius.training.recipe import ConversationRecipe, open_recipe
from vesalius.training.run import environment

__all__ = ["stage_folders", "train_stages"]

Say = Callable[[str], None]

_DONE = "stage.json"
"""File of a stage that has ended: what learnt, what moved, what the losses were before and after."""


def stage_folders(folder: Path, names: list[str]) -> dict[str, Path]:
    """Return the folder of each stage of a run."""
    return {name: folder / "stages" / f"{number}-{name}" for number, name in enumerate(names, start=1)}


def train_stages(
    recipe: ConversationRecipe, folder: Path, *, precision: str, progress: Progress | None, say: Say
) -> None:
    """Train all stages, or go on where the run was stopped.

    Raises:
        ConfigError: the folder holds a run of another recipe. KeyboardInterrupt: after Ctrl-C, all being kept.
    """
    recipe = started(recipe)
    _require_same(recipe, folder)
    tokenizer, method, train, validation = assemble(recipe, folder)
    if distributed.rank() == 0:
        recipe.save(folder / "recipe.yaml")
        facts = json.dumps(environment(), indent=2) + "\n"
        (folder / "environment.json").write_text(facts, encoding="utf-8")
    folders = stage_folders(folder, list(recipe.stages))
    for number, (name, place) in enumerate(folders.items(), start=1):
        alone = recipe.of_stage(name)
        method.model.change(alone.model)
        if (place / _DONE).is_file():
            _load_weights(method, place / "last")
            continue
        method.enter(name)
        own, held = stage_sources(alone, train, validation, method=method, tokenizer=tokenizer, folder=place)
        parts = stage_parts(alone, tokenizer=tokenizer, method=method, train=own, validation=held)
        say(f"stage {number} of {len(folders)}, {name}: {_told(parts)}")
        _train_stage(parts, place, precision=precision, progress=progress, say=say)
    if distributed.rank() == 0:
        _publish(folder, list(folders.values())[-1])
    distributed.wait_for_all()


def _train_stage(
    parts: ConversationParts, folder: Path, *, precision: str, progress: Progress | None, say: Say
) -> None:
    """Train one stage, write its model and its proof, and leave plain weights in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.restore_interrupted(folder)
    state = checkpoint.latest_state(folder) if any(folder.glob("checkpoint-*")) else None
    method, stage = parts.method, next(iter(parts.recipe.stages.values()))
    before = _remembered(folder, "before.json", lambda: digests(method))
    method.begin(pairs=parts.train.count > 1, adapters_alone=not stage.learns)
    open_stage(method.model, stage)
    trainer = ConversationTrainer(parts, folder, precision=precision, progress=progress)
    set_reference(trainer, folder, weights=digest_of(before, parts.tokenizer))
    first = _remembered(folder, "losses_before.json", trainer.scores)
    if state is not None:
        checkpoint.verify_state(state)
        trainer.restore(state)
    else:
        torch.manual_seed(parts.recipe.optimisation.seed + distributed.rank())
    try:
        trainer.train(resume_from_checkpoint=None if state is None else str(state))
    finally:
        trainer.interruption.release()
    if trainer.interruption.caught is not None:
        say(f"stopped at step {trainer.state.global_step} of {trainer.state.max_steps} of this stage, all is kept")
        raise KeyboardInterrupt
    _tell_left_out(parts, say)
    losses = {"before": first, "after": trainer.scores()}
    learnt = part_rates(method, lr=parts.recipe.optimisation.lr, rates=parts.recipe.optimisation.rates)
    trainer.export("last")
    merge_adapters(method.model)
    moved = moved_parts(before, digests(method))
    if distributed.rank() == 0:
        proof = {
            "learnt": {part: rate._asdict() for part, rate in learnt.items()},
            "weights": moved,
            "validation": losses,
        }
        (folder / _DONE).write_text(json.dumps(proof, indent=2) + "\n", encoding="utf-8")
    say(_shown(moved, losses))
    distributed.wait_for_all()


def _remembered(folder: Path, name: str, make: Callable[[], Any]) -> Any:
    """Return what the stage began with, kept in a file so that a stopped stage compares with its true beginning."""
    path = folder / name
    if not path.is_file():
        values = make()
        if distributed.rank() == 0:
            path.write_text(json.dumps(values), encoding="utf-8")
        return values
    return json.loads(path.read_text(encoding="utf-8"))


def _load_weights(method: Any, folder: Path) -> None:
    """Take the weights of a stage that has ended."""
    loaded = checkpoint.load_pretrained(folder, type(method.model))
    method.model.load_state_dict(loaded.state_dict())
    checkpoint.load_own(method, folder)


def _require_same(recipe: ConversationRecipe, folder: Path) -> None:
    kept = folder / "recipe.yaml"
    if not kept.is_file():
        return
    before = open_recipe(kept).to_dict()
    changed = [
        section for section, values in recipe.to_dict().items() if section != "run" and values != before.get(section)
    ]
    if changed:
        raise ConfigError(
            f"run {folder} was begun with another recipe (other {', '.join(changed)}); start a new run with --out"
        )


def _publish(folder: Path, last_stage: Path) -> None:
    """Let the run's own models be those of its last stage; files are linked where the disk can."""
    for which in ("best", "last"):
        source = last_stage / which
        if source.is_dir():
            with checkpoint.written_whole(folder / which) as scratch:
                shutil.copytree(source, scratch, copy_function=_linked, dirs_exist_ok=True)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _told(parts: ConversationParts) -> str:
    stage = next(iter(parts.recipe.stages.values()))
    learns = [*stage.learns, *(f"adapters on {part}" for part in (stage.lora.parts if stage.lora else ()))]
    shares = ", ".join(f"{name} {share:.0%}" for name, share in parts.mixture.shares().items())
    return f"{', '.join(learns)} learn for {parts.steps} steps from {len(parts.mixture)} conversations ({shares})"


def _tell_left_out(parts: ConversationParts, say: Say) -> None:
    for what, conversations in (("training", parts.train), ("validation", parts.validation)):
        if conversations is not None and conversations.unreadable:
            listed = ", ".join(list(conversations.unreadable)[:5])
            say(f"{len(conversations.unreadable)} {what} conversations could not be read and were left out: {listed}")


def _shown(moved: Mapping[str, Mapping[str, int]], losses: Mapping[str, Mapping[str, float]]) -> str:
    parts = ", ".join(f"{part} {counts['moved']} moved {counts['same']} same" for part, counts in moved.items())
    named = [
        f"{name} {losses['before'][name]:.3f} → {value:.3f}"
        for name, value in losses["after"].items()
        if name.endswith("loss") and name in losses["before"]
    ]
    return f"weights: {parts}; validation: {', '.join(named) or 'none'}"
