"""An adapted model against its base, as they are and after both were fine-tuned on the same pairs with one budget.

Source: Jeong et al. 2024, arXiv 2411.08870: both members of a pair get the same grid of learning rates, validation
chooses for each, and the two that were chosen are compared item by item on the test part. Here adapters (LoRA) learn
through the recipe ``instruct``. What is learnt are the prompts that will be asked, with the right answers; the study
has the bare question and answer for pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from vesalius.benchmarks.base import Benchmark, benchmark
from vesalius.config import Config
from vesalius.data.conversations.records import Conversation
from vesalius.data.conversations.writing import row_of
from vesalius.data.messages import Message
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.answering.replies import Exam
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.answering.survey import survey
from vesalius.evaluation.results import Evaluation, write_json
from vesalius.evaluation.win_tie_loss import RESAMPLES, Case, cases, table
from vesalius.inference.predictor import Predictor
from vesalius.training.trainer import train

__all__ = ["Budget", "Contest", "Fit", "Round", "contest", "contest_text"]

Model = str | Path | Predictor
_METRIC = "accuracy"


@dataclass(frozen=True, kw_only=True)
class Budget(Config):
    """What each model gets; both get the same."""

    rates: tuple[float, ...] = (1e-5, 2e-5, 5e-5)
    """Learning rates that validation chooses from: the grid of the study for vision-language models."""
    labels: tuple[int, ...] = (0,)
    """Training items of each part, a round each; 0 for all. A larger number only adds items."""
    epochs: int = 3
    batch: int = 16
    rank: int = 64
    """Of the adapters."""
    validation: int = 200
    """Items of validation, at most."""
    seed: int = 0
    overrides: tuple[str, ...] = ()
    """Further ``key=value`` of the recipe, for both."""

    def __post_init__(self) -> None:
        if not self.rates or min(self.rates) <= 0 or not self.labels or min(self.labels) < 0:
            raise ConfigError(
                f"rates {self.rates} must be above 0 and labels {self.labels} at least 0, one or more each"
            )
        if min(self.epochs, self.batch, self.rank, self.validation) < 1:
            raise ConfigError("epochs, batch, rank and validation must be at least 1")


class Fit(Protocol):
    """Fine-tunes a model on rows of a chat file and returns what was learnt."""

    def __call__(self, model: Model, *, rows: Path, check: Path, rate: float, budget: Budget, out: Path) -> Model:
        """Return the fine-tuned model of one rate."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """Both models, as they are or fine-tuned on so many items, on the test part."""

    labels: int | None
    """Training items of all parts; None for the models as they are."""
    chosen: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Learning rate of each member."""
    validation: Mapping[str, Mapping[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    """Mean accuracy over parts of each member at each rate."""
    cases: tuple[Case, ...]

    @property
    def title(self) -> str:
        """What stands above its table."""
        if self.labels is None:
            return "as they are"
        rates = ", ".join(f"{name} at {rate:g}" for name, rate in self.chosen.items())
        return f"fine-tuned on {self.labels} items ({rates})"


@dataclass(frozen=True, kw_only=True)
class Contest:
    """All rounds, the models as they are first."""

    document: Mapping[str, Any]
    rounds: tuple[Round, ...]


def contest(
    adapted: Model,
    base: Model,
    *,
    on: str | Benchmark,
    data: str | Path,
    out: str | Path,
    budget: Budget | None = None,
    fit: Fit | None = None,
    **settings: Any,
) -> Contest:
    """Compare two models as they are, then fine-tune both alike and compare again; goes on from what is there.

    Args:
        adapted: model that claims to be better.
        base: the one that it was adapted from.
        on: a benchmark with training and validation items, or its name.
        data: folder of the release or of a twin that was written.
        out: folder of pairs, runs, evaluations and contest.json.
        budget: of each model.
        fit: fine-tunes; by the recipe ``instruct`` where none is given.
        settings: fields of `AnsweringSettings` that both are asked with, such as ``parts`` or ``limit``.

    Raises:
        DataError: a part has no training or validation items.
    """
    bench, terms, folder = benchmark(on) if isinstance(on, str) else on, budget or Budget(), Path(out)
    members: dict[str, Model] = {"adapted": adapted, "base": base}
    asked = {"data": data, "controls": False, "safety_items": 0, "report": False, **settings}
    own = {"resamples": RESAMPLES, **asked}
    tested = {
        name: answer_benchmark(model, on=bench, out=folder / name / "as-it-is", **own)
        for name, model in members.items()
    }
    rounds = [Round(labels=None, cases=cases(tested["adapted"], tested["base"], resamples=own["resamples"]))]
    pairs = _Pairs(bench, Path(data), tested["base"], seed=terms.seed)
    for labels in terms.labels:
        rows, check, count = pairs.write(folder / "pairs" / str(labels), labels=labels, validation=terms.validation)
        tuned = {
            name: _tuned(
                model, bench, folder / name / str(labels), rows=(rows, check), terms=terms, asked=asked, fit=fit
            )
            for name, model in members.items()
        }
        ends = {
            name: answer_benchmark(one.model, on=bench, out=one.folder / "test", **own) for name, one in tuned.items()
        }
        rounds.append(
            Round(
                labels=count,
                chosen={name: one.rate for name, one in tuned.items()},
                validation={name: one.scores for name, one in tuned.items()},
                cases=cases(ends["adapted"], ends["base"], resamples=own["resamples"]),
            )
        )
    document = {
        "benchmark": bench.name,
        "models": {name: tested[name].document["model"] for name in members},
        "budget": asdict(terms),
        "validation": pairs.validation,
        "left_out": pairs.left_out,
        "rounds": [_plain(one) for one in rounds],
    }
    write_json(folder / "contest.json", document)
    return Contest(document=document, rounds=tuple(rounds))


def contest_text(found: Contest) -> str:
    """Return the rounds as text, and how each part's difference goes with the number of items."""
    parts = [f"{one.title}\n{table(one.cases)}" for one in found.rounds]
    lines = [f"{'part':<32}{'items':>8}  difference  95 % interval"]
    for part in dict.fromkeys(case.part for one in found.rounds for case in one.cases):
        for one in found.rounds:
            case = next(case for case in one.cases if case.part == part)
            lines.append(
                f"{part:<32}{one.labels or 0:>8}  {case.difference:>+10.3f}  [{case.low:+.3f}, {case.high:+.3f}]"
            )
    return "\n\n".join([*parts, "\n".join(lines)])


@dataclass(frozen=True, kw_only=True)
class _Tuned:
    """What validation chose."""

    model: Model
    rate: float
    scores: dict[float, float]
    folder: Path


class _Pairs:
    """Training and validation items as rows of chat files."""

    def __init__(self, bench: Benchmark, root: Path, tested: Evaluation, *, seed: int) -> None:
        self.bench, self.root, self.seed = bench, root, seed
        self.parts = tuple(tested.document["corpus"]["parts"])
        task = next(iter(tested.document["passports"].values()))["task"]
        self.arm = str(task["arm"])
        self.clusters = set(tested.predictions()["patient"].to_pylist())
        self.left_out = 0
        """Training items that are not learnt, because a test item is of the same cluster."""
        self.validation: dict[str, Any] = {}

    def write(self, folder: Path, *, labels: int, validation: int) -> tuple[Path, Path, int]:
        """Write train.jsonl and val.jsonl; return them and the number of training rows."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for part in self.parts for row in self._rows("train", part, labels)]
        check = self._rows("val", "", validation)
        for name, found in (("train", rows), ("val", check)):
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in found)
            (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        return folder / "train.jsonl", folder / "val.jsonl", len(rows)

    def _rows(self, split: str, part: str, limit: int) -> list[dict[str, Any]]:
        parts = (part,) if part else self.parts
        found = survey(self.bench, self.root, parts=parts, split=split, limit=limit, seed=self.seed)
        if split == "val":
            self.validation = found.document()
        exam = Exam(benchmark=self.bench, items=found.items, count=len(found.ids), arm=self.arm)
        rows, held = [], 0
        for item in found.items():
            request = exam.request(item, ())
            if request is None or item.cluster in self.clusters:
                held += 1
                continue
            answer = Message(role="assistant", parts=(self.bench.right(item, ()),))
            told = Conversation(id=item.id, messages=(*request.messages, answer), patient=item.cluster)
            rows.append(row_of(told))
        if not rows:
            raise DataError(
                f"{self.bench.name}: every {split} item of {', '.join(parts)} shares its cluster with a test item; "
                "name other parts"
            )
        self.left_out += held
        return rows


def _tuned(
    model: Model, bench: Benchmark, folder: Path, *, rows: tuple[Path, Path], terms: Budget, asked: Mapping[str, Any],
    fit: Fit | None,
) -> _Tuned:  # fmt: skip
    """Fine-tune at every rate and keep the one that answers validation best, of equals the lowest."""
    learn = fit or _instructed
    models: dict[float, Model] = {}
    scores: dict[float, float] = {}
    for rate in sorted(terms.rates):
        place = folder / f"{rate:g}"
        models[rate] = learn(model, rows=rows[0], check=rows[1], rate=rate, budget=terms, out=place / "run")
        wanted = {**asked, "split": "val", "limit": terms.validation, "seed": terms.seed, "resamples": 1}
        found = answer_benchmark(models[rate], on=bench, out=place / "validation", **wanted)
        values = [row["value"] for row in found.scores if row["metric"] == _METRIC and row["label"] == "all"]
        scores[rate] = sum(values) / len(values)
    best = max(scores, key=lambda rate: (scores[rate], -rate))
    return _Tuned(model=models[best], rate=best, scores=scores, folder=folder)


def _instructed(model: Model, *, rows: Path, check: Path, rate: float, budget: Budget, out: Path) -> Model:
    """Train adapters by the recipe, or take what an earlier call has trained to its end."""
    if isinstance(model, Predictor):
        raise ConfigError(f"{model.name} is open already; a model to be fine-tuned is named by its folder or hub id")
    if (out / "last").is_dir():
        return out
    words = [
        f"model.base=hf:{model}", f"data.sources.pairs.path={rows}", f"data.sources.pairs.validation_path={check}",
        f"optimisation.lr={rate!r}", f"optimisation.epochs={budget.epochs}", f"optimisation.batch={budget.batch}",
        f"optimisation.seed={budget.seed}", f"stages.adapt.lora.rank={budget.rank}",
        f"stages.adapt.lora.alpha={2 * budget.rank}", *budget.overrides,
    ]  # fmt: skip
    return train("instruct", overrides=words, out=out).folder


def _plain(one: Round) -> dict[str, Any]:
    told = {name: {f"{rate:g}": value for rate, value in found.items()} for name, found in one.validation.items()}
    return {
        "labels": one.labels,
        "chosen": dict(one.chosen),
        "validation": told,
        "cases": [{**asdict(case), "verdict": case.verdict} for case in one.cases],
    }
