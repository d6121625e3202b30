"""Compare models on the same items: paired differences, tests over patients, a page."""

from __future__ import annotations

from typing import Annotated

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Two or more runs or evaluation folders.")],
    on: str = typer.Option("", "--on", help="Which evaluation of each run, such as chest-test."),
    out: str = typer.Option("comparison", help="Folder for comparison.json and comparison.html."),
    allow_different: bool = typer.Option(
        False, "--allow-different", help="Compare what is shared although data, split or prompts differ."
    ),
    margin: float = typer.Option(0.01, help="Largest difference that does not matter, for a tie."),
    resamples: int = typer.Option(0, help="Bootstrap resamples; 0 for those of the first evaluation."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Compare models on the same items: paired differences, tests over patients, win, tie or loss."""
    from vesalius.evaluation.compare import compare as run
    from vesalius.evaluation.summary import comparison_text

    done = run(
        runs,
        name=on,
        out=out,
        allow_different=allow_different,
        margin=margin,
        resamples=resamples or None,
        progress=progress,
    )
    emit({**done.document, "folder": out}, as_json, lambda: comparison_text(done.document, folder=out))
