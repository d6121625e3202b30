"""Evaluate a model on a corpus: scores with intervals, controls, passports and a report."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Run folder, model folder, hub id, openai:URL#model or control:NAME.")],
    on: Annotated[str, typer.Option("--on", help="Corpus.")],
    split: Annotated[str, typer.Option(help="Split of the corpus, or 'all'.")] = "test",
    tasks: Annotated[str, typer.Option(help="Tasks, separated by commas; all that fit where none is named.")] = "",
    out: Annotated[str, typer.Option(help="Folder; RUN/evaluations/CORPUS-SPLIT where none is named.")] = "",
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples of patients behind each interval.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of resampling, draws and controls.")] = 0,
    controls: Annotated[bool, typer.Option(help="Also evaluate untrained, majority and shuffled controls.")] = True,
    contamination: Annotated[str, typer.Option(help="Marks of `vesalius audit --mark`; shown in the report.")] = "",
    resume: Annotated[bool, typer.Option(help="Go on from stored embeddings.")] = True,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Evaluate a model and its controls on a split, and write scores, predictions and a report."""
    from vesalius.evaluation.run import evaluate as run
    from vesalius.evaluation.summary import summary

    names = [name.strip() for name in tasks.split(",") if name.strip()] or None
    settings: dict[str, Any] = {
        "resamples": resamples,
        "seed": seed,
        "controls": controls,
        "contamination": contamination,
        "resume": resume,
        "report": report,
        "command": " ".join(["vesalius", *sys.argv[1:]]),
    }
    done = run(model, on=on, split=split, tasks=names, out=out or None, progress=progress, **settings)
    emit({**done.document, "folder": str(done.folder)}, as_json, lambda: summary(done))
