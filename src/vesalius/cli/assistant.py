"""Show the card of the embedded assistant, or make it again from nothing.

vesalius assistant
vesalius assistant --make runs/assistant --patients 10000
"""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def assistant(
    make: Annotated[str, typer.Option(help="Folder for corpora, runs and evaluation: make it from nothing.")] = "",
    into: Annotated[str, typer.Option(help="Folder to write; that of the package where none is named.")] = "",
    patients: Annotated[int, typer.Option(help="Virtual patients.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the patients.")] = 2026,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what the embedded assistant is and is not, with its figures beside controls."""
    import json
    from pathlib import Path

    from vesalius.cli.console import emit, progress, say
    from vesalius.errors import CheckpointError
    from vesalius.evaluation.assistant_card import CARD, EVALUATION
    from vesalius.inference.backends.assistant import EMBEDDED

    folder = Path(into) if make and into else EMBEDDED
    if make:
        from vesalius.evaluation.assistant import AssistantPlan, make_assistant

        make_assistant(make, AssistantPlan(patients=patients, seed=seed), into=folder, progress=progress, say=say)
    if not (folder / CARD).is_file():
        raise CheckpointError("this installation lacks the embedded assistant; make it by: vesalius assistant --make")
    document = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    emit({"folder": str(folder), **document}, as_json, (folder / CARD).read_text(encoding="utf-8"))
