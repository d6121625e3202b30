"""Evaluate a model on a corpus or on benchmarks: scores with intervals, controls, passports and a report.

vesalius evaluate runs/convirt --on corpora/chest
vesalius evaluate runs/vlm --on corpora/chest --parts vqa
vesalius evaluate 'openai:http://localhost:8000/v1#medgemma' --on mediconfusion --data releases/mediconfusion
vesalius evaluate control:majority --on mediconfusion --twin
vesalius evaluate runs/vlm --on mediconfusion --twin --rescore --conventions all
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from vesalius.cli.console import emit, progress
from vesalius.errors import ConfigError, DataError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="Run folder, model folder, hub id, openai:URL#model, control:NAME or control:NAME:MODEL."
        ),
    ],
    on: Annotated[str, typer.Option("--on", help="Corpus, or benchmarks separated by commas; 'all' for every one.")],
    split: Annotated[str, typer.Option(help="Split that is asked, or 'all' of a corpus.")] = "test",
    tasks: Annotated[str, typer.Option(help="Tasks on a corpus, separated by commas; all that fit by default.")] = "",
    out: Annotated[str, typer.Option(help="Folder; RUN/evaluations/NAME where none is named.")] = "",
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples of patients behind each interval.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of resampling, draws and controls.")] = 0,
    controls: Annotated[bool, typer.Option(help="Also evaluate the controls.")] = True,
    contamination: Annotated[str, typer.Option(help="Marks of `vesalius audit --mark`; shown in the report.")] = "",
    resume: Annotated[bool, typer.Option(help="Go on from stored embeddings (corpus).")] = True,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    data: Annotated[str, typer.Option(help="Benchmark: folder of the release, or of the twin.")] = "",
    twin: Annotated[
        bool, typer.Option("--twin", help="Benchmark: ask about virtual patients in its layout.")
    ] = False,
    patients: Annotated[int, typer.Option(help="Benchmark: virtual patients of a twin.")] = 40,
    parts: Annotated[
        str, typer.Option(help="Benchmark: parts, separated by commas. Corpus: families of questions, such as vqa.")
    ] = "",
    arm: Annotated[str, typer.Option(help="Benchmark: way to put the questions.")] = "",
    shots: Annotated[int, typer.Option(help="Benchmark: demonstrations before each question.")] = 0,
    prompt_search: Annotated[
        int, typer.Option(help="Benchmark: choose each part's prompt on validation, among so many drawn ones.")
    ] = 0,
    limit: Annotated[int, typer.Option(help="Benchmark: ask so many items only, drawn by the seed.")] = 0,
    conventions: Annotated[str, typer.Option(help="Benchmark: rules beside ours, or 'all'.")] = "",
    rescore: Annotated[bool, typer.Option("--rescore", help="Benchmark: mark stored replies, ask nothing.")] = False,
    confidence: Annotated[
        str,
        typer.Option(
            help="Benchmark: 'stated' in words, 'agreement' of drawn answers, 'likelihood' of their tokens."
        ),
    ] = "",
    wordnet: Annotated[
        str, typer.Option(help="Benchmark: folder of a WordNet; texts also get METEOR with synonyms.")
    ] = "",
    safety_items: Annotated[int, typer.Option(help="Benchmark: items of the safety sheet; 0 for none.")] = 100,
    base: Annotated[
        str,
        typer.Option(help="Benchmark: model to compare with in pairs; the one it was adapted from, 'none' for none."),
    ] = "",
    allow_upload: Annotated[
        bool, typer.Option("--allow-upload", help="Benchmark: credentialed parts may go to an endpoint elsewhere.")
    ] = False,
    judge: Annotated[str, typer.Option(help="Benchmark: model that judges free answers.")] = "",
    judge_swap: Annotated[
        bool, typer.Option("--judge-swap", help="Benchmark: judge both orders of the answers; their mean counts.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Evaluate a model and its controls on a split or a benchmark, and write scores, predictions and a report."""
    from vesalius.benchmarks.base import question_benchmarks
    from vesalius.evaluation.summary import comparison_text, several_text, summary

    shared: dict[str, Any] = {
        "resamples": resamples,
        "seed": seed,
        "controls": controls,
        "report": report,
        "command": " ".join(["vesalius", *sys.argv[1:]]),
    }
    names = list(question_benchmarks()) if on == "all" else _split(on)
    benchmarks = all(name.replace("-", "_") in question_benchmarks() for name in names)
    asked: dict[str, Any] = {}
    faults: list[str] = []
    if benchmarks or parts:
        asked = shared | {
            "split": split,
            "twin": twin,
            "patients": patients,
            "parts": _split(parts),
            "arm": arm,
            "shots": shots,
            "prompt_search": prompt_search,
            "limit": limit,
            "conventions": _split(conventions),
            "rescore": rescore,
            "judge": judge,
            "judge_swap": judge_swap,
            "allow_upload": allow_upload,
            "confidence": confidence,
            "wordnet": wordnet,
            "safety_items": safety_items,
            "contamination": contamination,
        }
    if benchmarks:
        found, faults = _benchmarks(model, names, data=data, out=out, settings=asked)
    elif parts:
        found = [_questions(model, on, out=out, settings=asked)]
    else:
        _require_corpus(on, question_benchmarks())
        found = [_corpus(model, on, split, _split(tasks), out, contamination, resume, shared)]
    pairs = _pairs(model, base, found, settings=asked) if benchmarks else []
    documents: list[dict[str, Any]] = [{**one.document, "folder": str(one.folder)} for one in found]
    for document, pair in zip(documents, pairs, strict=False):
        document["against_base"] = pair.document
    emit(
        documents[0] if len(found) == 1 else documents,
        as_json,
        lambda: "\n\n".join(
            [summary(one) for one in found]
            + [comparison_text(one.document, folder=str(one.folder)) for one in pairs]
            + ([several_text(found)] if len(found) > 1 else [])
        ),
    )
    if faults:
        raise DataError(f"{len(faults)} of {len(names)} benchmarks could not be evaluated:\n" + "\n".join(faults))


def _require_corpus(on: str, benchmarks: tuple[str, ...]) -> None:
    """Say which benchmark may have been meant where there is no such folder."""
    from difflib import get_close_matches
    from pathlib import Path

    near = get_close_matches(on.replace("-", "_"), benchmarks, n=1, cutoff=0.6)
    if near and not Path(on).exists():
        raise ConfigError(f"{on!r} is no folder of a corpus and no benchmark; did you mean {near[0]!r}?")


def _split(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]


def _benchmarks(
    model: str, names: list[str], *, data: str, out: str, settings: dict[str, Any]
) -> tuple[list[Any], list[str]]:
    """Evaluate on one benchmark after another; of several, one that cannot be evaluated does not stop the others."""
    from vesalius.errors import EndpointError, VesaliusError

    found, faults = [], []
    for name in names:
        try:
            found.append(_benchmark(model, name, data=data, out=out, several=len(names) > 1, settings=settings))
        except VesaliusError as error:
            if len(names) == 1 or isinstance(error, ConfigError | EndpointError):
                raise
            faults.append(f"{name}: {error}")
    return found, faults


def _benchmark(model: str, name: str, *, data: str, out: str, several: bool, settings: dict[str, Any]) -> Any:
    from pathlib import Path

    from vesalius.evaluation.answering.run import answer_benchmark

    folders = [str(Path(folder) / name) if several and folder else folder for folder in (data, out)]
    return answer_benchmark(
        model, on=name, data=folders[0] or None, out=folders[1] or None, progress=progress, **settings
    )


def _questions(model: str, on: str, *, out: str, settings: dict[str, Any]) -> Any:
    """Ask what families of questions ask about the studies of a corpus."""
    from vesalius.data.corpus import Corpus
    from vesalius.evaluation.answering.adapted_from import known_grammar
    from vesalius.evaluation.answering.run import answer_benchmark
    from vesalius.evaluation.corpus_questions import CorpusQuestions

    corpus = Corpus.open(on)
    asked = {family: (family, "en") for family in settings["parts"]}
    grammar = known_grammar(model)
    how: dict[str, Any] = {"how": grammar} if grammar else {}
    questions = CorpusQuestions(corpus, asked=asked, **how)
    return answer_benchmark(model, on=questions, data=corpus.root, out=out or None, progress=progress, **settings)


def _pairs(model: str, base: str, found: list[Any], *, settings: dict[str, Any]) -> list[Any]:
    """Compare with the base that is named, else with the one that the model's folder tells, where it can be asked."""
    from vesalius.errors import VesaliusError
    from vesalius.evaluation.answering.adapted_from import known_base

    if base:
        return [] if base == "none" else [_against(base, one, settings=settings) for one in found]
    known = known_base(model)
    try:
        return [_against(known, one, settings=settings) for one in found] if known else []
    except VesaliusError as error:
        typer.echo(f"not compared with {known}, which {model} was adapted from: {error}", err=True)
        return []


def _against(base: str, found: Any, *, settings: dict[str, Any]) -> Any:
    """Ask the base the same questions of the same release, and compare in pairs."""
    from vesalius.evaluation.answering.run import answer_benchmark
    from vesalius.evaluation.compare import compare

    asked = settings | {"controls": False, "safety_items": 0}
    corpus = found.document["corpus"]
    other = answer_benchmark(
        base, on=corpus["name"], data=corpus["root"], out=found.folder / "base", progress=progress, **asked
    )
    own_prompts = bool(settings["prompt_search"])
    folder = found.folder / "against-base"
    return compare([found, other], out=folder, progress=progress, allow_different=own_prompts)


def _corpus(
    model: str,
    on: str,
    split: str,
    tasks: list[str],
    out: str,
    contamination: str,
    resume: bool,
    shared: dict[str, Any],
) -> Any:
    from vesalius.evaluation.run import evaluate as run

    return run(
        model,
        on=on,
        split=split,
        tasks=tasks or None,
        out=out or None,
        progress=progress,
        contamination=contamination,
        resume=resume,
        **shared,
    )
