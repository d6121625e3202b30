"""Run the main job on virtual patients: make, pretrain, evaluate, report."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    out: str = typer.Option("demo", "--out", help="Folder for the corpus, the run and its page."),
    patients: int = typer.Option(2000, "--patients", help="Number of virtual patients."),
    seed: int = typer.Option(0, "--seed", help="Seed of patients and training."),
    recipe: str = typer.Option("convirt/report", "--recipe", help="What is trained."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document and nothing else on stdout."),
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
