"""Is a paper's claim true here: its own ablation at equal budget, with an interval over seeds and patients.

Every claim of a system is measured by switching its factor (`bench`), judged by rules that stand in code before any
run (`verdicts`), and shown beside its positive control: an effect planted in the data that the mechanism must find,
so that "not at this scale" can be told from "broken".
"""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from math import nan
from pathlib import Path
from typing import Any

from vesalius import __version__
from vesalius.data.corpus import Corpus
from vesalius.environment import describe
from vesalius.errors import ConfigError, VesaliusError
from vesalius.evaluation.arms import BUDGETS, Budget, Experiment, data_key, experiments, paper_of
from vesalius.evaluation.bench import Bench, Measured
from vesalius.evaluation.results import write_json
from vesalius.evaluation.verdicts import RULES, control_found, judge
from vesalius.inference.predictor import Progress
from vesalius.metrics.variance import SEEDS_NEEDED
from vesalius.systems import bound_to_home, store_reproduction
from vesalius.training.trainer import plan as plan_run
from vesalius.virtual.population import make

__all__ = ["DOCUMENT", "SCHEMA_VERSION", "Reproduction", "budget_named", "plan", "reproduce"]

DOCUMENT = "reproduction.json"
SCHEMA_VERSION = 1
VIRTUAL = "virtual"
_PROBED_BATCHES = 2
"""The probe's corpus has patients for so many batches; 70 % of them are trained on."""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What a reproduction left: its folder, its document, and the file in the package where it was stored."""

    folder: Path
    document: dict[str, Any]
    stored: Path | None


def reproduce(
    slug: str,
    *,
    seeds: int = SEEDS_NEEDED,
    budget: str | Budget = "small",
    data: str | Path = VIRTUAL,
    out: str | Path | None = None,
    store: bool = True,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Reproduction:
    """Measure every claim of a system, judge it, and write reproduction.json and reproduction.html.

    Args:
        slug: the system.
        seeds: trainings of each arm; fewer than three give no verdict.
        budget: "small" (minutes on two cores) or "medium" (hours), or one of your own.
        data: "virtual", or the folder of a corpus with a split: claims are measured on it, controls stay virtual.
        out: folder of all runs; ``reproductions/<slug>`` where none is given. Called again it goes on there.
        store: keep the result as evidence in the package, where it is of virtual patients and enough seeds.
        progress: ``progress(title, total)``.
        say: told what is done next and how long it may still take.

    Raises:
        ConfigError: no such system, budget or corpus, or a claim that cannot be run; before anything is trained.
    """
    if seeds < 1:
        raise ConfigError(f"seeds is {seeds}, expected at least 1")
    chosen = budget if isinstance(budget, Budget) else budget_named(budget)
    wanted = experiments(paper_of(slug), budget=chosen)
    folder = Path(out) if out is not None else Path("reproductions") / slug
    given = None if str(data) == VIRTUAL else Corpus.open(data)
    speak = say or _silent
    runs = _num_runs(wanted, seeds=seeds, budget=chosen)
    code = {"vesalius": __version__, **bound_to_home(slug)}
    with _bar(progress, f"reproduce {slug}", runs) as advance:
        clock = _Clock(runs, advance, speak)
        bench = Bench(
            folder=folder, slug=slug, budget=chosen, seeds=seeds, given=given, say=speak, advance=clock.advance
        )  # fmt: skip
        rows = _claims(wanted, bench)
    document = {
        "schema_version": SCHEMA_VERSION,
        "slug": slug,
        "claims": rows,
        "seeds": seeds,
        "budget": asdict(chosen),
        "data": _data_facts(given),
        "rules": RULES,
        "command": _command(slug, seeds=seeds, budget=chosen, data=data),
        "seconds": round(bench.seconds, 1),
        "code": code,
        "machine": _machine(),
        "finished": time.strftime("%Y-%m-%d"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / DOCUMENT, document)
    _write_page(document, folder)
    kept = store and given is None and isinstance(budget, str) and seeds >= SEEDS_NEEDED and _all_judged(rows)
    return Reproduction(folder=folder, document=document, stored=store_reproduction(document) if kept else None)


def plan(slug: str, *, seeds: int = SEEDS_NEEDED, budget: str | Budget = "small") -> dict[str, Any]:
    """Say what a reproduction would run: experiments, arms, steps, and the time from a probe of a few real steps.

    The probe makes a few virtual patients and times some steps of every arm on this machine as it is now.
    """
    chosen = budget if isinstance(budget, Budget) else budget_named(budget)
    wanted = experiments(paper_of(slug), budget=chosen)
    with tempfile.TemporaryDirectory(prefix="vesalius-plan-") as folder:
        rows = [
            _planned(experiment, _probed(experiment, Path(folder), chosen), chosen, seeds) for experiment in wanted
        ]
    runs = _num_runs(wanted, seeds=seeds, budget=chosen)
    planned = sum(row["runs"] for row in rows)
    total = sum(row["seconds"] for row in rows) * runs / planned
    return {
        "slug": slug,
        "budget": asdict(chosen),
        "seeds": seeds,
        "experiments": rows,
        "runs": runs,
        "shared_runs": planned - runs,
        "training_seconds": round(total),
    }


def budget_named(name: str) -> Budget:
    """Return a budget.

    Raises:
        ConfigError: no such budget.
    """
    if name not in BUDGETS:
        raise ConfigError(f"no budget {name!r}; known: {', '.join(BUDGETS)}")
    return BUDGETS[name]


def _claims(wanted: Sequence[Experiment], bench: Bench) -> list[dict[str, Any]]:
    """Measure all experiments and return one row a claim, with its control inside."""
    found: dict[str, tuple[Experiment, Measured | None, str]] = {}
    for experiment in wanted:
        bench.say(f"{experiment.name}: {experiment.measure.words}")
        try:
            found[experiment.name] = (experiment, bench.measure(experiment), "")
        except (VesaliusError, RuntimeError) as error:
            bench.say(f"{experiment.name} failed: {error}")
            found[experiment.name] = (experiment, None, f"{type(error).__name__}: {error}")
    rows = []
    for name, (experiment, measured, failure) in found.items():
        if not experiment.control:
            rows.append(_claim_row(experiment, measured, failure, found.get(f"{name}-control"), seeds=bench.seeds))
    return rows


def _claim_row(
    experiment: Experiment,
    measured: Measured | None,
    failure: str,
    control: tuple[Experiment, Measured | None, str] | None,
    *,
    seeds: int,
) -> dict[str, Any]:
    claim = experiment.claim
    shown = None if control is None else _control_row(*control)
    bounds = (measured.effect.low, measured.effect.high) if measured else (nan, nan)
    verdict = judge(
        bounds,
        direction=experiment.direction,
        seeds=seeds,
        margin=claim.margin,
        found=None if shown is None else shown["found"],
    )
    seconds = sum(one.seconds for one in (measured, control[1] if control else None) if one is not None)
    return {
        "name": experiment.name,
        "sentence": claim.sentence,
        "factor": claim.factor,
        "published": claim.published,
        "direction": experiment.direction,
        "margin": claim.margin,
        **_measured_row(experiment, measured),
        "verdict": verdict,
        "rule": RULES[verdict],
        "failure": failure,
        "positive_control": shown,
        "seconds": round(seconds, 1),
    }


def _control_row(experiment: Experiment, measured: Measured | None, failure: str) -> dict[str, Any]:
    planted = experiment.claim.control
    assert planted is not None
    bounds = (measured.effect.low, measured.effect.high) if measured else (nan, nan)
    return {
        "sentence": planted.sentence,
        "direction": experiment.direction,
        **_measured_row(experiment, measured),
        "found": control_found(bounds, direction=experiment.direction),
        "failure": failure,
    }


def _measured_row(experiment: Experiment, measured: Measured | None) -> dict[str, Any]:
    """Facts of an experiment that claims and controls share; numbers are None where it failed."""
    measure = experiment.measure
    row: dict[str, Any] = {
        "task": measure.score_task,
        "metric": measure.metric,
        "label": measure.label,
        "arms": {arm.side: {**experiment.claim.arm(arm.side)} for arm in experiment.arms},
        "recipe": experiment.arms[0].recipe.name,
        "population": asdict(experiment.data),
    }
    if measured is None:
        return {**row, **dict.fromkeys(_NUMBERS), "seeds": 0, "seed_effects": []}
    effect = measured.effect
    numbers = (effect.value, effect.low, effect.high, effect.on, effect.off)
    return {
        **row,
        **{name: round(value, 6) for name, value in zip(_NUMBERS, numbers, strict=True)},
        "seeds": len(effect.seeds),
        "seed_effects": [round(value, 6) for value in effect.seeds],
        "n": effect.n,
        "n_patients": effect.n_patients,
        "interval": effect.form,
        "note": effect.note,
        "rates": {side: {"chosen": one.rate, "tried": _tried(one.tried)} for side, one in measured.tuned.items()},
        "corpus": {"name": measured.corpus.name, "content_hash": measured.corpus.content_hash},
    }


_NUMBERS = ("effect", "low", "high", "on", "off")


def _tried(tried: dict[float, float | None]) -> dict[str, float | None]:
    """Validation score of each multiple of the recipe's learning rate."""
    return {f"{rate:g}": None if value is None else round(value, 6) for rate, value in tried.items()}


def _all_judged(rows: Sequence[dict[str, Any]]) -> bool:
    return all(row["verdict"] != "failed" for row in rows)


def _num_runs(wanted: Sequence[Experiment], *, seeds: int, budget: Budget) -> int:
    """Runs of all experiments; arms that two experiments share are trained once."""
    arms = {(repr(one.data), repr(arm.recipe), arm.plant) for one in wanted for arm in one.arms}
    return len(arms) * (len(budget.rates) + seeds - 1)


def _probed(experiment: Experiment, folder: Path, budget: Budget) -> Corpus:
    """Make a few of an experiment's virtual patients, or open those that another experiment of the same kind had."""
    patients = -(-_PROBED_BATCHES * budget.batch * 10 // 7)
    given = {**budget.population(experiment.data), "patients": patients}
    return make(folder / data_key(experiment.data, budget=budget), **given)


def _planned(experiment: Experiment, corpus: Corpus, budget: Budget, seeds: int) -> dict[str, Any]:
    """Facts of an experiment before it is run, its time from a probe of both arms."""
    seconds = 0.0
    runs = len(budget.rates) + seeds - 1
    for arm in experiment.arms:
        recipe = arm.at(rate=1.0, seed=0, corpus=corpus.root)
        forecast = plan_run(replace(recipe, run=replace(recipe.run, out="")))
        seconds += runs * (forecast.total_seconds or 0.0)
    return {
        "name": experiment.name,
        "measure": experiment.measure.words,
        "arms": {arm.side: experiment.claim.arm(arm.side) for arm in experiment.arms},
        "population": asdict(experiment.data),
        "steps": budget.steps,
        "batch": budget.batch,
        "runs": runs * len(experiment.arms),
        "seconds": round(seconds, 1),
    }


def _data_facts(given: Corpus | None) -> dict[str, Any]:
    if given is None:
        return {"kind": VIRTUAL}
    return {"kind": "corpus", "name": given.name, "content_hash": given.content_hash}


def _command(slug: str, *, seeds: int, budget: Budget, data: str | Path) -> str:
    words = ["vesalius", "reproduce", slug, "--seeds", str(seeds), "--budget", budget.name]
    if str(data) != VIRTUAL:
        words += ["--data", Path(data).name]
    return shlex.join(words)


def _machine() -> dict[str, str]:
    """What the seconds depend on; no names of user or host."""
    facts = describe()
    return {name: facts[name] for name in ("platform", "cores", "memory_gib", "cuda", "python", "torch")}


def _write_page(document: dict[str, Any], folder: Path) -> None:
    from vesalius.evaluation.report.reproduction import write_reproduction

    write_reproduction(document, folder)


@dataclass
class _Clock:
    """Counts runs and says how long the training of the others may take."""

    total: int
    bar: Callable[[int], None]
    say: Callable[[str], None]
    done: int = 0
    trained: int = 0
    spent: float = 0.0

    def advance(self, seconds: float) -> None:
        """Count a run as ready; one that was found ready, in 0 seconds, does not enter the estimate."""
        self.done += 1
        if seconds:
            self.trained += 1
            self.spent += seconds
            left = max(0, self.total - self.done) * self.spent / self.trained
            self.say(f"run {self.done} of {self.total} in {seconds:.0f} s, about {left / 60:.0f} min left")
        self.bar(1)


def _bar(progress: Progress | None, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    if progress is None:
        return nullcontext(lambda count: None)
    shown: AbstractContextManager[Callable[[int], None]] = progress(title, total)
    return shown


def _silent(message: str) -> None:
    del message
