"""Train a recipe on a corpus, plan a run, or go on with one that was stopped.

vesalius train convirt data=CORPUS model.width=128
vesalius train convirt data=CORPUS --plan
vesalius train --resume latest --out runs/convirt
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(help="Recipe (convirt, convirt/small) or path of a YAML file.")] = "",
    out: Annotated[str, typer.Option("--out", help="Folder of the run; runs/NAME if not given.")] = "",
    resume: Annotated[
        str, typer.Option("--resume", help="`latest`, a run or a checkpoint: go on where it was stopped.")
    ] = "",
    plan_only: Annotated[bool, typer.Option("--plan", help="Print parameters, time and memory, and stop.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Train a recipe; settings follow as key=value or --key value, such as data=CORPUS model.width=128."""
    from vesalius.cli.console import emit, progress, say
    from vesalius.training import distributed, trainer

    settings = list(context.args)
    if "=" in recipe and not Path(recipe).exists():
        settings.insert(0, recipe)
        recipe = ""
    if plan_only:
        forecast = trainer.plan(recipe, overrides=settings)
        emit(forecast.to_dict(), as_json, forecast.text())
        return
    run = trainer.train(
        recipe or None, overrides=settings, resume=resume or None, out=out or None, progress=progress, say=say
    )
    if distributed.rank() > 0:
        return
    last = [line for line in run.metrics() if "eval_loss" in line]
    scores = {name.removeprefix("eval_"): value for name, value in (last[-1] if last else {}).items()}
    document = {
        "run": run.folder,
        "best": run.folder / "best" if (run.folder / "best").is_dir() else None,
        "last": run.folder / "last",
        "step": last[-1]["step"] if last else None,
        "validation": scores,
    }
    shown = ", ".join(
        f"{name} {value:.4g}" for name, value in scores.items() if name not in ("step", "epoch", "seconds", "stage")
    )
    emit(
        document,
        as_json,
        f"{run.folder}: {shown}\nnext: vesalius evaluate {run.folder} --on CORPUS --split test",
    )
