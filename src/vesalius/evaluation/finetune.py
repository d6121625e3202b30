"""Downstream protocols: fit a head on shares of the labels, test it, and do the same on an untrained encoder.

Every fit is a folder named by all that makes it, so that a stopped command goes on where it was. Each share of the
labels tries the same learning rates with its first draw; validation chooses before that share's head is tested.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from vesalius import __version__
from vesalius.adaptation.examples import Examples
from vesalius.adaptation.fit import Fit, answer, fit
from vesalius.adaptation.protocols import base as protocols
from vesalius.adaptation.protocols.base import Outputs, Protocol
from vesalius.adaptation.saved import save_adapted
from vesalius.adaptation.settings import FitSettings
from vesalius.adaptation.trunk import Trunk, open_trunk
from vesalius.config import Config, validate
from vesalius.data.corpus import Corpus
from vesalius.data.disk import not_full
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.evaluation import results
from vesalius.evaluation.passport import Passport, fingerprint, ids_fingerprint
from vesalius.evaluation.plan import choose_views, run_folder, seen_warnings
from vesalius.evaluation.report.finetune import write_finetune_report
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.scoring import Answers, advancing, score_answers, scoring_facts
from vesalius.inference.dual import weights_sha256
from vesalius.inference.predictor import Progress
from vesalius.tasks._subsets import Subset, check_apart, check_fractions, subset_name, subsets
from vesalius.tasks.base import Encoded, TaskData, make_task

__all__ = ["FinetuneSettings", "finetune"]

_CONTROL = "untrained"
_CONTROL_WORDS = "the same fit on the same architecture with random weights: what pretraining added is the difference"
_FEWEST = 5
"""Studies of each class that a concept needs in the training split."""


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings(Config):
    """Settings of `finetune`, beside those of its protocol."""

    protocol: str = "classification"
    fractions: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Shares of the training patients (BenchX: 1, 10 and 100 %)."""
    draws: int = 3
    """Draws of a share below 1, and seeds of the whole (BenchX: 3)."""
    rates: tuple[float, ...] = (0.3, 1.0)
    """Multiples of the protocol's learning rate that are tried."""
    concepts: tuple[str, ...] = ()
    """Concepts to learn; empty for all that the training split holds often enough."""
    seed: int = 0
    controls: bool = True
    resamples: int = 1000
    command: str = ""
    fit: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the protocol that are laid over its own, such as ``{"steps": 100}``."""


def finetune(
    model: str | Path,
    *,
    on: str | Path | Corpus,
    split: str = "test",
    out: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Evaluation:
    """Fit a protocol's head on a trained model, and write predictions.parquet, scores.json, report.html and `model`.

    Args:
        model: a run folder or a model folder of ours.
        on: a corpus or its folder, with a stored split.
        split: what is tested; "train" is learnt from and "val" chooses.
        out: folder; None for RUN/finetuned/<corpus>-<protocol>.
        progress: ``progress(title, total)``.
        settings: fields of `FinetuneSettings`.

    Raises:
        ConfigError: unknown protocol or setting; offers the nearest name.
        DataError: a split is missing, shares patients, or has nothing to learn.
        CheckpointError: the model is missing, corrupt or unsafe.
    """
    chosen = validate(FinetuneSettings, settings, where="finetune")
    check_fractions(chosen.fractions, chosen.draws)
    module = protocols.load(chosen.protocol)
    of_fit = validate(module.SETTINGS, dict(chosen.fit), where=f"finetune: protocol {chosen.protocol}")
    corpus = on if isinstance(on, Corpus) else Corpus.open(on)
    trunk = open_trunk(model)
    run = run_folder(model) or Path(model)
    folder = Path(out) if out is not None else run / "finetuned" / f"{corpus.name}-{chosen.protocol}"
    folder.mkdir(parents=True, exist_ok=True)
    job = _Job(name=run.name, trunk=trunk, corpus=corpus, split=split, folder=folder, settings=chosen,
        kind=module.PROTOCOL, fit=of_fit, progress=progress,
    )  # fmt: skip
    answers, fits = job.answers()
    scored = score_answers(answers, resamples=chosen.resamples, seed=chosen.seed, progress=progress)
    document = job.document(scored, answers, fits)
    evaluation = Evaluation(folder, document)
    with not_full(folder, kept="the fits are kept"):
        results.write_predictions(folder, answers.tables)
        results.write_json(folder / results.SCORES_FILE, document)
        write_finetune_report(evaluation)
    job.close()
    return evaluation


@dataclass(kw_only=True)
class _Job:
    """The fixed facts of one command."""

    name: str
    trunk: Trunk
    corpus: Corpus
    split: str
    folder: Path
    settings: FinetuneSettings
    kind: type[Protocol]
    fit: FitSettings
    progress: Progress | None

    @cached_property
    def views(self) -> dict[str, Corpus]:
        """Studies by part.

        Raises:
            DataError: a part is missing.
        """
        views = choose_views(self.corpus, self.split)
        missing = sorted({"train", "val"} - set(views))
        if missing:
            raise DataError(
                f"corpus {self.corpus.name!r} has no {missing[0]} split: a head learns and chooses on others"
            )
        return views

    @cached_property
    def concepts(self) -> tuple[str, ...]:
        """What is learnt.

        Raises:
            DataError: a concept that is asked for is not there, or none is there often enough.
            ConfigError: concepts are asked for where none are learnt.
        """
        if not self.kind.by_concept:
            if self.settings.concepts:
                raise ConfigError(f"protocol {self.settings.protocol} learns no concepts: leave `concepts` out")
            return ()
        known = self.kind.concepts_of(self.views["train"], at_least=_FEWEST)
        for name in self.settings.concepts:
            if name not in known:
                raise DataError(f"training split: concept {name!r} cannot be learnt{did_you_mean(name, known)}")
        if not known:
            raise DataError(f"training split: no concept has {_FEWEST} studies with it and {_FEWEST} without it")
        return self.settings.concepts or known

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What the protocol builds its head on beside concepts."""
        return self.kind.facts_of(self.views, self.fit)

    @cached_property
    def examples(self) -> dict[str, Examples]:
        """Examples of every part; they share one cache of decoded pictures."""
        maker = self.built(self.trunk, self.fit, seed=0)
        return {
            name: Examples(
                view,
                self.kind.choose(view, self.concepts),
                self.trunk.processor,
                target=partial(maker.target, corpus=view),
                folder=self.folder / "pictures",
            )
            for name, view in self.views.items()
        }

    @cached_property
    def parts(self) -> list[Subset]:
        """Training rows of every share and draw; all of the labels are drawn once and fitted with several seeds."""
        train = self.encoded("train")
        check_apart(train, self.encoded("test"), self.settings.protocol)
        found = subsets(train, fractions=self.settings.fractions, draws=self.settings.draws, seed=self.settings.seed)
        again = [
            part._replace(draw=draw) for part in found if part.fraction == 1 for draw in range(1, self.settings.draws)
        ]
        return [*found, *again]

    def encoded(self, name: str, outputs: Mapping[str, NDArray[Any]] | None = None) -> Encoded:
        """Describe a part as a task sees it: ids, patients and labels, no features."""
        chosen = self.examples[name].chosen
        nothing = np.zeros((len(chosen), 0), dtype=np.float32)
        return Encoded(
            ids=tuple(example.id for example in chosen),
            patients=tuple(example.patient for example in chosen),
            features=nothing,
            joint=nothing,
            texts=("",) * len(chosen),
            text_joint=nothing,
            labels=self.examples[name].labels(),
            concepts=self.concepts,
            outputs=outputs or {},
        )

    def built(self, trunk: Trunk, settings: FitSettings, *, seed: int) -> Protocol:
        """Build a head with weights of a seed on a copy of a trunk."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            protocol = self.kind(settings, copy.deepcopy(trunk), self.concepts, **self.facts)
            protocol.begin(self.views["train"])
            return protocol

    def answers(self) -> tuple[Answers, list[dict[str, Any]]]:
        """Fit and test every share and draw, for the model and for the control."""
        arms = {"": self.trunk}
        if self.settings.controls:
            arms[_CONTROL] = self.trunk.untrained(self.settings.seed)
        fits: list[dict[str, Any]] = []
        answers = Answers()
        tuned = sum(part.draw == 0 for part in self.parts) * (len(self.settings.rates) - 1)
        total = len(arms) * (len(self.parts) + tuned) * self.fit.steps
        with advancing(self.progress, f"Fit {self.settings.protocol}", total) as advance:
            for control, trunk in arms.items():
                tables = [self._answered(control, trunk, part, fits, advance) for part in self.parts]
                for name in tables[0]:
                    answers.tables[name, self.kind.task] = pa.concat_tables([one[name] for one in tables])
                    answers.passports[name, self.kind.task] = self.passport(name, trunk, fits)
        return answers, fits

    def _answered(
        self, control: str, trunk: Trunk, part: Subset, fits: list[dict[str, Any]], advance: Any
    ) -> dict[str, pa.Table]:
        """Fit one part at the rate that validation chose for its share, and let it answer the test split."""
        before = [one for one in fits if (one["control"], one["fraction"]) == (control, part.fraction)]
        rates = (before[0]["rate"],) if before else self.settings.rates
        tried: dict[float, tuple[Fit, Protocol]] = {}
        for rate in rates:
            protocol = self.built(trunk, replace(self.fit, lr=self.fit.lr * rate), seed=self._seed(part))
            train = self.examples["train"].part(part.rows)
            place = self.folder / "fits" / self._key(control, part, rate)
            done = fit(protocol, train, self.examples["val"], folder=place, seed=self._seed(part), advance=advance)
            advance(self.fit.steps - done.step)
            tried[rate] = (done, protocol)
        rate = max(tried, key=lambda one: _worth(tried[one][0]))
        done, protocol = tried[rate]
        fits.append(
            {
                "control": control,
                "fraction": part.fraction,
                "draw": part.draw,
                "studies": len(part.rows),
                "rate": rate,
                "tried": {str(name): one.best for name, (one, _) in tried.items()},
                **{name: value for name, value in asdict(done).items() if name != "without"},
            }
        )
        if not control and part.fraction == max(self.settings.fractions) and part.draw == 0:
            save_adapted(self.folder / "model", protocol, name=self.settings.protocol)
        read = ("test", "val") if self.kind.reads_validation else ("test",)
        said = {
            name: protocol.measured(self.examples[name], answer(protocol, self.examples[name], batch=self.fit.batch))
            for name in read
        }
        tables = {control: self._table(said["test"], said.get("val"), part)}
        if not control and self.settings.controls:
            train = self.examples["train"].part(part.rows)
            unseen = protocol.blind(train, self.examples["test"], batch=self.fit.batch)
            tables |= {name: self._table(outputs, None, part) for name, outputs in unseen.items()}
        return tables

    def _table(self, test: Outputs, val: Outputs | None, part: Subset) -> pa.Table:
        task = make_task(self.kind.task, name=subset_name(self.kind.task, part.fraction), draw=part.draw)
        data = TaskData(
            test=self.encoded("test", test),
            val=None if val is None else self.encoded("val", val),
            seed=self.settings.seed,
        )
        return task.predict(data)

    def _seed(self, part: Subset) -> int:
        return self.settings.seed * 1000 + part.draw

    def _key(self, control: str, part: Subset, rate: float) -> str:
        """Name a fit by all that makes it."""
        made = {
            "corpus": self.corpus.content_hash,
            "weights": self.weights if not control else f"random {self.settings.seed}",
            "protocol": self.settings.protocol,
            "settings": asdict(self.fit),
            "concepts": self.concepts,
            **self.facts,
            "rows": part.rows.tolist(),
            "rate": rate,
            "seed": self._seed(part),
            "version": __version__,
        }
        return f"{control or 'model'}-{part.fraction:g}-{part.draw}-{rate:g}-{fingerprint(made)}"

    @cached_property
    def weights(self) -> str:
        """SHA-256 of the trained encoders."""
        return weights_sha256(self.trunk.method)

    def passport(self, control: str, trunk: Trunk, fits: Sequence[Mapping[str, Any]]) -> Passport:
        """Return what made the numbers of the model or the control."""
        parts = {name: self._items(name) for name in self.examples}
        fitted = "" if control in self.kind.controls else control
        return Passport(
            dataset={
                "name": self.corpus.name,
                "revision": self.corpus.content_hash,
                "split": self.split,
                "items": parts.pop("test"),
                "learnt_from": parts,
                "images": "first frontal image of a study, else its first",
                "virtual": self.corpus.manifest.virtual,
            },
            task={
                "name": self.kind.task,
                "protocol": self.settings.protocol,
                "settings": asdict(self.fit),
                "fractions": self.settings.fractions,
                "draws": self.settings.draws,
                "rates": {
                    f"{one['fraction']:g}": one["rate"]
                    for one in fits
                    if one["control"] == fitted and not one["draw"]
                },
            },
            scoring=scoring_facts(resamples=self.settings.resamples),
            model={
                "name": self.name,
                "kind": "vesalius",
                "method": trunk.loaded.info.get("method", ""),
                "weights_sha256": f"random, seed {self.settings.seed}" if fitted else self.weights,
                "trained_on": trunk.loaded.info.get("trained_on", {}),
            },
            preprocessing={"image": self.trunk.processor.to_dict()},
            control=control,
            seed=self.settings.seed,
            resampling_seed=self.settings.seed,
            command=self.settings.command,
        )

    def _items(self, name: str) -> dict[str, Any]:
        chosen = self.examples[name].chosen
        return {
            "n": len(chosen),
            "unit": self.kind.unit,
            "n_patients": len({example.patient for example in chosen}),
            "ids": ids_fingerprint(example.id for example in chosen),
        }

    def document(
        self, scored: Mapping[str, Any], answers: Answers, fits: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return all that scores.json holds."""
        passport = answers.passports["", self.kind.task].document()
        parameters = sum(weight.numel() for weight in self.trunk.parameters())
        return {
            "schema_version": results.SCHEMA_VERSION,
            **scored,
            "control_notes": {_CONTROL: _CONTROL_WORDS, **self.kind.controls} if self.settings.controls else {},
            "model": {**passport["model"], "parameters": parameters},
            "corpus": passport["dataset"],
            "settings": {"resamples": self.settings.resamples, "seed": self.settings.seed},
            "skipped": [],
            "warnings": seen_warnings(self.trunk.loaded.info.get("trained_on", {}), self.corpus, self.split),
            "concepts": list(self.concepts),
            "fits": [dict(one) for one in fits],
            "command": self.settings.command,
            "code": {"vesalius": __version__},
            "finished": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        }

    def close(self) -> None:
        """Delete the decoded pictures."""
        for part in self.examples.values():
            part.close()


def _worth(done: Fit) -> float:
    """Validation score of a fit, below all others where there is none."""
    return float("-inf") if done.best is None else done.best
