"""Evaluate a model on a corpus: scores with intervals, controls, passports and a report."""

from __future__ import annotations

import sys
from typing import Any

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def evaluate(
    model: str = typer.Argument(..., help="Run folder, model folder, hub id, openai:URL#model or control:NAME."),
    on: str = typer.Option(..., "--on", help="Corpus."),
    split: str = typer.Option("test", help="Split of the corpus, or 'all'."),
    tasks: str = typer.Option("", help="Tasks, separated by commas; all that fit where none is named."),
    out: str = typer.Option("", help="Folder; RUN/evaluations/CORPUS-SPLIT where none is named."),
    resamples: int = typer.Option(1000, help="Bootstrap resamples of patients behind each interval."),
    seed: int = typer.Option(0, help="Seed of resampling, draws and controls."),
    controls: bool = typer.Option(True, help="Also evaluate untrained, majority and shuffled controls."),
    resume: bool = typer.Option(True, help="Go on from stored embeddings."),
    report: bool = typer.Option(True, help="Write report.html."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Evaluate a model and its controls on a split, and write scores, predictions and a report."""
    from vesalius.evaluation.run import evaluate as run
    from vesalius.evaluation.summary import summary

    names = [name.strip() for name in tasks.split(",") if name.strip()] or None
    settings: dict[str, Any] = {
        "resamples": resamples,
        "seed": seed,
        "controls": controls,
        "resume": resume,
        "report": report,
        "command": " ".join(["vesalius", *sys.argv[1:]]),
    }
    done = run(model, on=on, split=split, tasks=names, out=out or None, progress=progress, **settings)
    emit({**done.document, "folder": str(done.folder)}, as_json, lambda: summary(done))
