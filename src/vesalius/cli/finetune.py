"""Fit a downstream head on a trained model: classification, segmentation and what else is learnt from labels.

vesalius finetune runs/convirt --on CORPUS --labels 1,10,100
vesalius finetune runs/convirt --on CORPUS --protocol segmentation --labels 100 decoder=unet encoder=frozen
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def finetune(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Run folder or model folder.")],
    on: Annotated[str, typer.Option("--on", help="Corpus with a stored split.")],
    protocol: Annotated[str, typer.Option(help="Or segmentation, detection, vqa, report.")] = "classification",
    labels: Annotated[str, typer.Option(help="Percentages of the training patients.")] = "1,10,100",
    draws: Annotated[int, typer.Option(help="Draws of each share; seeds where it is all.")] = 3,
    split: Annotated[str, typer.Option(help="Split that is tested.")] = "test",
    concepts: Annotated[str, typer.Option(help="Concepts, separated by commas; all where none is named.")] = "",
    out: Annotated[str, typer.Option(help="Folder; RUN/finetuned/CORPUS-PROTOCOL where none is named.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of draws, order, views and random weights.")] = 0,
    controls: Annotated[bool, typer.Option(help="Also fit on the untrained encoder.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fit and test a head on shares of the labels; settings of the fit follow as key=value, such as steps=100."""
    from vesalius.config import overrides
    from vesalius.errors import ConfigError
    from vesalius.evaluation.finetune import finetune as run
    from vesalius.evaluation.summary import summary

    try:
        fractions = tuple(float(part) / 100 for part in labels.split(",") if part.strip())
    except ValueError:
        raise ConfigError(f"--labels {labels}: expected percentages such as 1,10,100") from None
    done = run(
        model,
        on=on,
        split=split,
        out=out or None,
        progress=progress,
        protocol=protocol,
        fractions=fractions,
        draws=draws,
        concepts=tuple(name.strip() for name in concepts.split(",") if name.strip()),
        seed=seed,
        controls=controls,
        fit=overrides(context.args),
        command=" ".join(["vesalius", *sys.argv[1:]]),
    )
    emit({**done.document, "folder": str(done.folder)}, as_json, lambda: summary(done))
