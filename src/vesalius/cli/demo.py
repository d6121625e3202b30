"""Run the main job on virtual patients: make, pretrain, evaluate, report."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    out: Annotated[str, typer.Option("--out", help="Folder for the corpus, the run and its page.")] = "demo",
    patients: Annotated[int, typer.Option("--patients", help="Number of virtual patients.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of patients and training.")] = 0,
    recipe: Annotated[str, typer.Option("--recipe", help="What is trained.")] = "convirt/report",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Make virtual patients, pretrain on their radiographs and reports, evaluate beside the controls."""
    from vesalius.cli.console import emit, progress, say
    from vesalius.evaluation.demo import demo as run_demo
    from vesalius.evaluation.summary import summary

    done = run_demo(out, patients=patients, seed=seed, recipe=recipe, progress=progress, say=say)
    document = {
        "corpus": done.corpus.root,
        "run": done.run.folder,
        "evaluation": done.evaluation.folder,
        "seconds": done.seconds,
        **done.evaluation.document,
    }
    spent = ", ".join(f"{name} {value:.0f} s" for name, value in done.seconds.items())
    emit(document, as_json, lambda: f"\n{summary(done.evaluation)}\n{spent}")
