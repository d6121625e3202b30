"""Train a recipe: one function from settings to a run on disk, and from a stopped run to its end."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vesalius.config import merge
from vesalius.config import overrides as parse_overrides
from vesalius.errors import CheckpointError, ConfigError
from vesalius.training import checkpoint, distributed
from vesalius.training.assembly import Parts, assemble
from vesalius.training.callbacks.progress import Progress
from vesalius.training.method_trainer import MethodTrainer
from vesalius.training.plan import Plan, plan_of
from vesalius.training.rates import part_rates
from vesalius.training.recipe import ConversationRecipe, Recipe, load_recipe, open_recipe, parse_recipe
from vesalius.training.run import Run, environment, new_folder

if TYPE_CHECKING:
    from vesalius.training.conversing.plan import ConversationPlan

__all__ = ["plan", "train"]

Say = Callable[[str], None]
AnyRecipe = Recipe | ConversationRecipe

_MAY_CHANGE = {
    "optimisation": {"steps", "epochs", "eval_every", "patience", "workers"},
    "run": {"out", "name", "save_every", "log_every", "keep", "report_to"},
    "data": {"corpus", "cache_gib", "unreadable_share"},
}
"""Settings that a resumed run may have otherwise; anything else would make it another run."""


def plan(recipe: AnyRecipe | str | Path, *, overrides: Iterable[str] = ()) -> Plan | ConversationPlan:
    """Forecast a run without starting it: parameters, time and memory from a probe of a few real steps."""
    chosen = open_recipe(recipe, overrides=overrides) if isinstance(recipe, str | Path) else recipe
    with tempfile.TemporaryDirectory(prefix="vesalius-plan-") as folder, distributed.processes_joined():
        if isinstance(chosen, ConversationRecipe):
            from vesalius.training.conversing.plan import plan_of_stages

            precision = distributed.precision(chosen.optimisation.precision)
            return plan_of_stages(chosen, Path(folder), precision=precision)
        parts = assemble(chosen, Path(folder))
        return plan_of(parts, precision=distributed.precision(chosen.optimisation.precision))


def train(
    recipe: AnyRecipe | str | Path | None = None,
    *,
    overrides: Iterable[str] = (),
    resume: str | Path | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    say: Say | None = None,
) -> Run:
    """Train a recipe, or go on with a run that was stopped.

    Args:
        recipe: a checked recipe, the name of one of the package's (``convirt``) or the path of a YAML file. Not
            needed to resume.
        overrides: ``key=value`` with dotted names, laid over the recipe, or over that of the resumed run.
        resume: ``latest`` for the newest checkpoint of the run in `out` (without `out`, of the newest run of this
            name), or the path of a run or of one of its checkpoints.
        out: folder of the run; the recipe's `run.out` where not given.
        progress: opens a progress bar.
        say: told the plan before the first step and what was kept after a stop.

    Raises:
        ConfigError: the recipe is wrong, or the folder holds another run. DataError: the corpus does not fit.
        CheckpointError: there is nothing sound to resume from. TrainingError: a loss was not finite.
        KeyboardInterrupt: after Ctrl-C, when a checkpoint has been saved.
    """
    speak = say if say is not None and distributed.rank() == 0 else _silent
    with distributed.processes_joined():
        state: Path | None = None
        if resume is None:
            begun = _begin(recipe, overrides, out)
            folder = _shared_folder(begun)
            if isinstance(begun, ConversationRecipe):
                return _converse(begun, folder, progress=progress, say=speak)
            chosen = begun
        elif (going_on := _conversations(recipe, resume, out)) is not None:
            return _converse(open_recipe(going_on / "recipe.yaml"), going_on, progress=progress, say=speak)  # type: ignore[arg-type]
        else:
            state = _state(recipe, resume, out)
            folder = state.parent
            chosen = _resumed(recipe, folder, overrides)
        precision = distributed.precision(chosen.optimisation.precision)
        chosen = replace(chosen, optimisation=replace(chosen.optimisation, precision=precision.name))
        parts = assemble(chosen, folder)
        if distributed.rank() == 0:
            _write_head(parts, folder)
        speak(plan_of(parts, precision=precision, probe=state is None).text())
        _run(parts, folder, precision.name, state=state, progress=progress, say=speak)
    return Run(folder)


def _converse(recipe: ConversationRecipe, folder: Path, *, progress: Progress | None, say: Say) -> Run:
    """Train a recipe of stages, or go on with it."""
    from vesalius.training.conversing.stages import train_stages

    precision = distributed.precision(recipe.optimisation.precision)
    recipe = replace(recipe, optimisation=replace(recipe.optimisation, precision=precision.name))
    try:
        train_stages(recipe, folder, precision=precision.name, progress=progress, say=say)
    except KeyboardInterrupt:
        say(f"go on with: vesalius train --resume latest --out {folder}")
        raise
    return Run(folder)


def _conversations(recipe: AnyRecipe | str | Path | None, resume: str | Path, out: str | Path | None) -> Path | None:
    """Return the folder to go on with where it is a run of stages, else None."""
    if str(resume) == "latest":
        folder = Path(out) if out is not None else _newest_run(recipe)
    else:
        folder = Path(resume)
    return folder if (folder / "stages").is_dir() and (folder / "recipe.yaml").is_file() else None


def _begin(recipe: AnyRecipe | str | Path | None, overrides: Iterable[str], out: str | Path | None) -> AnyRecipe:
    if recipe is None:
        raise ConfigError("no recipe; name one such as convirt, or a run to go on with by --resume")
    chosen = open_recipe(recipe, overrides=overrides) if isinstance(recipe, str | Path) else recipe
    return chosen if out is None else replace(chosen, run=replace(chosen.run, out=str(out)))


def _shared_folder(recipe: AnyRecipe) -> Path:
    """Make the folder of a new run; the first process chooses it for all."""
    chosen = [""]
    if distributed.rank() == 0:
        chosen = [str(new_folder(recipe.run.out, recipe.run.name or recipe.name))]
        Path(chosen[0]).mkdir(parents=True, exist_ok=True)
    if distributed.processes() > 1:
        torch.distributed.broadcast_object_list(chosen, src=0)
    return Path(chosen[0])


def _state(recipe: AnyRecipe | str | Path | None, resume: str | Path, out: str | Path | None) -> Path:
    """Return the checkpoint to resume from, checked."""
    if str(resume) == "latest":
        folder = Path(out) if out is not None else _newest_run(recipe)
    else:
        folder = Path(resume)
    if not folder.is_dir():
        raise CheckpointError(f"no run {folder} to resume")
    if (folder / "trainer_state.json").is_file():
        state = folder
    else:
        if distributed.rank() == 0:
            checkpoint.restore_interrupted(folder)
        distributed.wait_for_all()
        state = checkpoint.latest_state(folder)
    checkpoint.verify_state(state)
    return state


def _newest_run(recipe: AnyRecipe | str | Path | None) -> Path:
    name = str(recipe or "") if recipe is None or isinstance(recipe, str | Path) else recipe.name
    stem = Path(name).stem if name.endswith((".yaml", ".yml")) else name.replace("/", "-")
    found = [path.parent for path in Path("runs").glob(f"{stem}*/recipe.yaml")]
    if not found:
        raise CheckpointError(f"no run of {name or 'any recipe'} in runs/; name its folder with --out")
    return max(found, key=lambda folder: folder.stat().st_mtime)


def _resumed(recipe: AnyRecipe | str | Path | None, folder: Path, overrides: Iterable[str]) -> Recipe:
    """Return the recipe of the run, with what may change changed.

    Raises:
        ConfigError: another method, or a setting that would make it another run; all of them are listed.
    """
    saved = load_recipe(folder / "recipe.yaml")
    if isinstance(recipe, Recipe):
        wanted: Mapping[str, Any] = recipe.to_dict()
        # What the first process resolved stays resolved.
        wanted = merge(wanted, {"optimisation": {"precision": saved.optimisation.precision}})
    else:
        above = parse_overrides(overrides)
        if isinstance(above.get("data"), str):
            above["data"] = {"corpus": above["data"]}
        wanted = merge(saved.to_dict(), above)
    changed = [
        f"{section}.{key}: {old!r} in the run, {wanted[section].get(key)!r} asked for"
        for section, values in saved.to_dict().items()
        for key, old in values.items()
        if wanted[section].get(key) != old and key not in _MAY_CHANGE.get(section, set())
    ]
    if changed:
        raise ConfigError(
            f"run {folder} cannot go on with other settings; start a new run for:\n" + "\n".join(changed)
        )
    parsed = parse_recipe(wanted, name=saved.name)
    assert isinstance(parsed, Recipe)
    return parsed


def _write_head(parts: Parts, folder: Path) -> None:
    """Write the resolved recipe, and what the run depends on beside it, with what each part learns at."""
    chosen = parts.recipe.optimisation
    parts.recipe.save(folder / "recipe.yaml")
    rates = part_rates(parts.method, lr=chosen.lr, rates=chosen.rates)
    facts = {**environment(), "rates": {part: rate._asdict() for part, rate in rates.items()}}
    (folder / "environment.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _run(
    parts: Parts, folder: Path, precision: str, *, state: Path | None, progress: Progress | None, say: Say
) -> None:
    """Train to the end or to a signal."""
    trainer = MethodTrainer(parts, folder, precision=precision, progress=progress)
    if state is not None:
        trainer.restore(state)
    else:
        # Processes see different pairs; they draw different dropout as well.
        torch.manual_seed(parts.recipe.optimisation.seed + distributed.rank())
    try:
        trainer.train(resume_from_checkpoint=None if state is None else str(state))
    finally:
        trainer.interruption.release()
    if trainer.interruption.caught is not None:
        say(
            f"stopped at step {trainer.state.global_step} of {trainer.state.max_steps}, all is kept; "
            f"go on with: vesalius train --resume latest --out {folder}"
        )
        raise KeyboardInterrupt
    for name, dataset in (("training", parts.train), ("validation", parts.validation)):
        if dataset is not None and dataset.unreadable:
            named = ", ".join(entry["image"] for entry in dataset.unreadable[:5])
            say(f"{len(dataset.unreadable)} {name} images could not be read and were skipped: {named}")
    parts.close()


def _silent(message: str) -> None:
    del message
