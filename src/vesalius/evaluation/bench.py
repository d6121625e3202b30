"""The workbench of a reproduction: both arms trained alike, rates tuned on validation, then the test split opened.

Both arms are trained with the same seeds, that is with
the same order of the data, the same number of steps and, where shapes allow, the same initial weights. Each arm
tries the same learning rates with the first seed; validation chooses, and the other seeds are trained at that rate.
Only then is the test split opened. Every run is a folder named by all that makes it, so nothing is done twice and
a stopped reproduction goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path

import pyarrow as pa

from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError, DataError, TrainingError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.arms import Arm, Budget, Experiment, code_digest, data_key, run_key
from vesalius.evaluation.corpus_questions import CorpusQuestions
from vesalius.evaluation.effects import QUESTIONS, Effect, effect_of
from vesalius.evaluation.paired import LOWER_IS_BETTER
from vesalius.evaluation.plants import plant
from vesalius.evaluation.results import SCORES_FILE, Evaluation, open_evaluation, write_json
from vesalius.evaluation.run import evaluate
from vesalius.inference.predictor import Progress
from vesalius.systems import find_home
from vesalius.training.recipe import ConversationRecipe, Recipe, open_recipe
from vesalius.training.trainer import train
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions

__all__ = ["RESAMPLES", "Bench", "Measured", "Tuned"]

RESAMPLES = 1000
_COST = "cost.json"
_TUNING_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The learning rates that an arm tried."""

    tried: dict[float, float | None]
    """Multiple of the recipe's rate to its score on validation; None where training did not hold."""
    chosen: float
    rate: float
    """The chosen learning rate itself."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What an experiment gave."""

    effect: Effect
    tuned: Mapping[str, Tuned]
    """By side: "on", "off"."""
    seconds: float
    """Training and evaluation of its runs, those of shared arms too."""
    corpus: Corpus


@dataclass(kw_only=True)
class Bench:
    """Trains and evaluates the arms of experiments below one folder."""

    folder: Path
    slug: str
    budget: Budget
    seeds: int
    given: Corpus | None = None
    """The user's corpus, on which claims are measured; controls stay on virtual patients."""
    progress: Progress | None = None
    say: Callable[[str], None] = lambda message: None
    advance: Callable[[float], None] = lambda seconds: None
    """Told of every run that is ready, with the seconds of its training; 0 for one that was found."""
    _ready: set[Path] = field(default_factory=set)
    _used: set[Path] = field(default_factory=set)
    """Runs of the experiment at hand."""

    def __post_init__(self) -> None:
        home = find_home(self.slug)
        if home is None:
            raise ConfigError(f"no file of the package carries the name {self.slug!r}")
        self.code = code_digest(home)

    def measure(self, experiment: Experiment) -> Measured:
        """Tune, train and test both arms of an experiment.

        Raises:
            TrainingError: an arm did not train. DataError: the data do not allow the measure.
        """
        self._used = set()
        corpus = self.corpus_of(experiment)
        folders: dict[str, list[Path]] = {}
        tuned: dict[str, Tuned] = {}
        for arm in experiment.arms:
            tuned[arm.side] = self.tune(experiment, arm, corpus)
            rate = tuned[arm.side].chosen
            folders[arm.side] = [self.run(arm, rate=rate, seed=seed, corpus=corpus) for seed in range(self.seeds)]
        pairs = [
            (self._answers(on, experiment, corpus), self._answers(off, experiment, corpus))
            for on, off in zip(folders["on"], folders["off"], strict=True)
        ]
        effect = effect_of(pairs, measure=experiment.measure, resamples=RESAMPLES, seed=0)
        return Measured(effect=effect, tuned=tuned, seconds=_cost(self._used), corpus=corpus)

    @property
    def seconds(self) -> float:
        """Seconds that training and evaluation of all runs so far took; what was lost to a kill is not counted."""
        return _cost(self._ready)

    def tune(self, experiment: Experiment, arm: Arm, corpus: Corpus) -> Tuned:
        """Try every rate of the budget with the first seed and choose the best on validation; test stays shut."""
        tried: dict[float, float | None] = {}
        for rate in self.budget.rates:
            try:
                folder = self.run(arm, rate=rate, seed=_TUNING_SEED, corpus=corpus)
            except TrainingError as error:
                self.say(f"{experiment.name}, {arm.side}: rate x {rate:g} does not hold ({error})")
                tried[rate] = None
                continue
            tried[rate] = self._value(self.evaluated(folder, experiment, corpus, split="val"), experiment)
        sign = -1 if experiment.measure.metric.startswith(LOWER_IS_BETTER) else 1
        chosen = max(tried, key=lambda rate: -inf if tried[rate] is None else sign * (tried[rate] or 0.0))
        if tried[chosen] is None:
            raise DataError(
                f"arm {arm.side!r}: no rate of {list(tried)} gives {experiment.measure.words} on validation"
            )
        return Tuned(tried=tried, chosen=chosen, rate=arm.recipe.optimisation.lr * chosen)

    def run(self, arm: Arm, *, rate: float, seed: int, corpus: Corpus) -> Path:
        """Train an arm at a rate with a seed, go on with what was stopped, or find what is done; returns the run."""
        learnt = self._planted(corpus, arm.plant)
        recipe = arm.at(rate=rate, seed=seed, corpus=learnt.root)
        folder = self.folder / "runs" / run_key(recipe, corpus_hash=learnt.content_hash, code=self.code)
        spent = 0.0
        if not (folder / _COST).is_file():
            began = time.monotonic()
            _train(recipe, folder)
            spent = time.monotonic() - began
            write_json(folder / _COST, {"train": round(spent, 2)})
        self._used.add(folder)
        if folder not in self._ready:
            self._ready.add(folder)
            self.advance(spent)
        return folder

    def evaluated(self, folder: Path, experiment: Experiment, corpus: Corpus, *, split: str) -> Evaluation:
        """Evaluate the last weights of a run on a split of the experiment's corpus, or open what is there."""
        name = f"{split}-{experiment.measure.task}-{corpus.content_hash[:8]}"
        out = folder / "evaluations" / name
        if (out / SCORES_FILE).is_file():
            return open_evaluation(out)
        began = time.monotonic()
        if experiment.measure.file == QUESTIONS:
            done = _questioned(folder, experiment, corpus, split=split, out=out)
        else:
            done = evaluate(
                folder / "last", on=corpus, split=split, tasks=[experiment.measure.task], out=out, resamples=0,
                controls=False, report=False,
            )  # fmt: skip
        shutil.rmtree(out / "embeddings", ignore_errors=True)
        cost = json.loads((folder / _COST).read_text(encoding="utf-8"))
        write_json(folder / _COST, {**cost, name: round(time.monotonic() - began, 2)})
        return done

    def corpus_of(self, experiment: Experiment) -> Corpus:
        """Return the patients of an experiment: the user's for a claim where given, else virtual ones made for it."""
        data = experiment.data
        if self.given is not None and not experiment.control:
            return self._planted(self.given, data.plant)
        made = make(
            self.folder / "corpora" / data_key(data, budget=self.budget),
            **self.budget.population(data),
            progress=self.progress,
        )
        return self._planted(self._asked(made, data.questions), data.plant)

    def _asked(self, corpus: Corpus, families: tuple[str, ...]) -> Corpus:
        """Return the corpus with questions about its studies; without families, as it is."""
        if not families:
            return corpus
        chosen = () if families == ("all",) else families
        name = hashlib.sha256(",".join(families).encode()).hexdigest()[:8]
        out = self.folder / "corpora" / f"{corpus.content_hash[:12]}-asked-{name}"
        if (out / "corpus.json").is_file() and (asked := Corpus.open(out)).has_split:
            return asked
        return write_questions(corpus, out, families=chosen, progress=self.progress)

    def _planted(self, corpus: Corpus, name: str) -> Corpus:
        if not name:
            return corpus
        return plant(corpus, self.folder / "corpora" / f"{corpus.content_hash[:12]}-{name}", name=name)

    def _answers(self, folder: Path, experiment: Experiment, corpus: Corpus) -> pa.Table:
        return self.evaluated(folder, experiment, corpus, split="test").predictions()

    def _value(self, evaluation: Evaluation, experiment: Experiment) -> float | None:
        measure = experiment.measure
        score = evaluation.score(measure.score_task, measure.metric, measure.label)
        if score is None:
            given = sorted({f"{row['task']} {row['metric']} {row['label']}" for row in evaluation.scores})
            raise DataError(f"no score {measure.words}; the task gives {', '.join(given)}")
        value = score["value"]
        return float(value) if value is not None and isfinite(value) else None


def _questioned(folder: Path, experiment: Experiment, corpus: Corpus, *, split: str, out: Path) -> Evaluation:
    """Ask the last weights of a run what the measure's family asks about a split."""
    part = experiment.measure.task.partition(".")[2]
    recipe = experiment.arms[0].recipe
    assert isinstance(recipe, ConversationRecipe)
    source = recipe.data.sources.get(part)
    asked = {part: (source.family, source.language) if source is not None and source.family else (part, "en")}
    own = open_recipe(folder / "recipe.yaml")
    assert isinstance(own, ConversationRecipe)
    questions = CorpusQuestions(corpus, asked=asked, how=recipe.data.grammar, wording=own.data.wording)
    return answer_benchmark(
        folder / "last", on=questions, data=corpus.root, out=out, split=split, resamples=0, controls=False,
        report=False,
    )  # fmt: skip


def _train(recipe: Recipe | ConversationRecipe, folder: Path) -> None:
    """Train to the end, from the newest checkpoint where there is one."""
    if (folder / "last").is_dir():
        return
    if any(folder.glob("checkpoint-*")) or (folder / "stages").is_dir():
        train(recipe, resume="latest", out=folder)
        return
    shutil.rmtree(folder, ignore_errors=True)
    train(recipe, out=folder)


def _cost(folders: set[Path]) -> float:
    """Seconds that training and evaluation of runs took."""
    spent = [json.loads((folder / _COST).read_text(encoding="utf-8")) for folder in folders]
    return float(sum(sum(cost.values()) for cost in spent))
