"""The embedded assistant from nothing: virtual patients, questions, encoder, conversations, evaluation, card.

Whatever an earlier call finished is kept and gone on from.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.assistant_card import CARD, EVALUATION, FACTS, card_text, kept_scores
from vesalius.evaluation.corpus_questions import CorpusQuestions
from vesalius.evaluation.results import Evaluation, write_json
from vesalius.inference.backends.assistant import EMBEDDED
from vesalius.inference.predictor import Predictor, Progress, open_predictor
from vesalius.training import checkpoint
from vesalius.training.run import Run
from vesalius.training.trainer import train
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions

__all__ = [
    "AssistantPlan",
    "evaluate_assistant",
    "make_assistant",
    "pack_assistant",
    "write_card",
]

_TASKS = ("presence", "text2region", "region2text", "report", "grounded_report")
_BATCH = 64
"""Requests a pass: of a model this small most of a pass is not arithmetic."""
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class AssistantPlan:
    """What the assistant is made of."""

    patients: int = 10_000
    image_size: int = 128
    per_study: float = 16.0
    """Questions of a study, in the mean."""
    seed: int = 2026
    """Of the patients; the test patients of other corpora have other seeds."""
    asked_patients: int = 200
    """Test patients that the evaluation asks about."""
    resamples: int = 1000

    @property
    def command(self) -> str:
        """The call that makes the same again."""
        return "make assistant"


def make_assistant(
    out: str | Path,
    plan: AssistantPlan,
    *,
    into: str | Path = EMBEDDED,
    progress: Progress | None = None,
    say: Say | None = None,
) -> Evaluation:
    """Make the assistant, evaluate it beside its controls, and write the folder of the package.

    Args:
        out: folder for corpora, runs and the evaluation.
        plan: how large.
        into: folder that is written, in place of what is there.
        progress: ``progress(title, total)``.
        say: told what is done next.
    """
    folder, speak = Path(out), say or (lambda message: None)
    speak(f"1 of 6: {plan.patients} virtual patients")
    patients = make(
        folder / "patients", patients=plan.patients, seed=plan.seed, image_size=plan.image_size, progress=progress
    )
    speak("2 of 6: questions about them")
    place = folder / "asked"
    known = (place / "corpus.json").is_file()
    asked = Corpus.open(place) if known else write_questions(patients, place, per_study=plan.per_study)
    speak("3 of 6: the vision encoder learns findings and reports")
    vision = _trained("assistant/vision", folder / "vision", patients, (), progress, say)
    speak("4 of 6: the model learns conversations")
    run = _trained("assistant", folder / "run", asked, (f"model.vision_from={vision.folder}",), progress, say)
    speak("5 of 6: it learns to choose")
    start = (f"model.start={run.folder}",)
    last = _trained("assistant/choices", folder / "choices", asked, start, progress, say)
    packed = folder / "assistant"
    pack_assistant((vision, run, last), packed, plan=plan)
    speak("6 of 6: questions about patients that it has never seen, and controls")
    evaluation = evaluate_assistant(packed, asked, out=folder / "evaluation", plan=plan, progress=progress)
    write_card(packed, evaluation)
    with checkpoint.written_whole(Path(into)) as scratch:
        shutil.copytree(packed, scratch, dirs_exist_ok=True)
    return evaluation


def pack_assistant(runs: Sequence[Run], folder: Path, *, plan: AssistantPlan) -> None:
    """Write the last run's model in half precision and without a trace of the folders that it was made in.

    Args:
        runs: of the encoder, and those that learnt conversations one after the other.
        folder: where it goes, in place of what is there.
        plan: that the runs followed.
    """
    from vesalius.training.conversing.saving import load_converser

    loaded = load_converser(runs[-1].checkpoint("last"))
    model = loaded.method.model
    model.change(replace(model.settings, vision_from="", start=""))
    loaded.method.half()
    told = ("reading", "step", "epoch", "recipe", "trained_on")
    checkpoint.save_model(
        folder,
        method=loaded.method,
        tokenizer=loaded.tokenizer,
        processor=loaded.reader.looker,
        info={name: loaded.info[name] for name in told if name in loaded.info},
    )
    steps = {"vision": runs[0].checkpoint("last")}
    for run in runs[1:]:
        steps |= {path.name.partition("-")[2]: path / "last" for path in sorted((run.folder / "stages").iterdir())}
    facts = {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "bytes": (folder / "model.safetensors").stat().st_size,
        "patients": plan.patients,
        "image_size": plan.image_size,
        "seed": plan.seed,
        "command": plan.command,
        "steps": {name: int(checkpoint.read_card(place)["step"]) for name, place in steps.items()},
    }
    write_json(folder / FACTS, facts)


def evaluate_assistant(
    model: Path | Predictor, asked: Corpus, *, out: Path, plan: AssistantPlan, progress: Progress | None = None
) -> Evaluation:
    """Ask every family of questions about test patients, of the model and of the controls.

    Args:
        model: folder, or an opened one.
        asked: corpus with questions and a split.
        out: folder of the evaluation.
        plan: how many patients are asked about.
        progress: ``progress(title, total)``.
    """
    predictor: Any = open_predictor(model)
    predictor.batch = _BATCH
    test = asked.split("test")
    view = asked.filter(ids=sorted(test.ids)[: plan.asked_patients])
    return answer_benchmark(
        predictor,
        on=CorpusQuestions(view, asked=_parts(view)),
        data=asked.root,
        out=out,
        safety_items=0,
        report=False,
        resamples=plan.resamples,
        command=plan.command,
        progress=progress,
    )


def write_card(folder: Path, evaluation: Evaluation) -> None:
    """Write scores and card beside the weights."""
    document = json.loads(json.dumps(kept_scores(evaluation.document)))
    facts: Mapping[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    write_json(folder / EVALUATION, document)
    (folder / CARD).write_text(card_text(document, facts), encoding="utf-8")


def _parts(view: Corpus) -> dict[str, tuple[str, str]]:
    """Return the families that are asked: ours, and each of the corpus's own questions apart."""
    own = sorted(
        {dialogue.source for study in view for dialogue in study.dialogues if dialogue.answer_type != "mask"}
    )
    return {name: (name, "en") for name in (*_TASKS, *(f"vqa:{source}" for source in own))}


def _trained(
    recipe: str, folder: Path, corpus: Corpus, settings: tuple[str, ...], progress: Progress | None, say: Say | None
) -> Run:
    """Train, go on with a training that was stopped, or return the one that is done."""
    run = Run(folder)
    if (folder / "last").is_dir():
        return run
    if any(folder.rglob("checkpoint-*")):
        return train(resume="latest", out=folder, progress=progress, say=say)
    return train(recipe, overrides=[f"data={corpus.root}", *settings], out=folder, progress=progress, say=say)
