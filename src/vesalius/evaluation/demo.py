"""The main job on virtual patients, end to end: make, pretrain, evaluate beside the controls, show the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.run import evaluate
from vesalius.inference.predictor import Progress
from vesalius.training.run import Run
from vesalius.training.trainer import train
from vesalius.virtual.population import make

__all__ = ["Demo", "demo"]

_IMAGE_SIZE = 160
_RECIPE = "convirt/report"


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What the demonstration made, and how long each part took."""

    corpus: Corpus
    run: Run
    evaluation: Evaluation
    seconds: dict[str, float]


def demo(
    out: str | Path = "demo",
    *,
    patients: int = 2000,
    seed: int = 0,
    recipe: str = _RECIPE,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Demo:
    """Make virtual patients, pretrain on their radiographs and reports, and evaluate on patients never seen.

    Whatever an earlier call finished in `out` is kept and gone on from.

    Args:
        out: folder for the corpus, the run and its evaluation.
        patients: how many virtual patients; a fifth of them is the test set.
        seed: of the patients and of the training.
        recipe: what is trained.
        progress: ``progress(title, total)``, such as `vesalius.cli.console.progress`.
        say: told what is done next.
    """
    folder = Path(out)
    speak = say or (lambda message: None)
    seconds: dict[str, float] = {}

    def timed(name: str, since: float) -> float:
        now = time.monotonic()
        seconds[name] = round(now - since, 1)
        return now

    clock = time.monotonic()
    speak(f"1 of 3: {patients} virtual patients, each with a radiograph, a report and the truth")
    corpus = make(folder / "corpus", patients=patients, seed=seed, image_size=_IMAGE_SIZE, progress=progress)
    clock = timed("patients", clock)
    speak("2 of 3: pretraining on radiographs and reports, no labels used")
    run = _trained(folder, corpus, recipe=recipe, seed=seed, progress=progress, say=say)
    clock = timed("training", clock)
    speak("3 of 3: evaluation on the test patients, beside the controls")
    evaluation = evaluate(run.folder, on=corpus, split="test", seed=seed, progress=progress)
    timed("evaluation", clock)
    return Demo(corpus=corpus, run=run, evaluation=evaluation, seconds=seconds)


def _trained(
    folder: Path,
    corpus: Corpus,
    *,
    recipe: str,
    seed: int,
    progress: Progress | None,
    say: Callable[[str], None] | None,
) -> Run:
    """Train, go on with a training that was stopped, or return the one that is done."""
    run = Run(folder / "run")
    if (run.folder / "last").is_dir():
        return run
    if any(run.folder.glob("checkpoint-*")):
        return train(resume="latest", out=run.folder, progress=progress, say=say)
    settings = [f"data={corpus.root}", f"optimisation.seed={seed}"]
    return train(recipe, overrides=settings, out=run.folder, progress=progress, say=say)
