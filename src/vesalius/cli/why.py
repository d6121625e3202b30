"""Say what differs between two scores, and what that can do to the numbers."""

from __future__ import annotations

import typer

from vesalius.cli.console import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_NAME = "RUN#task/metric/label, such as runs/a#zero_shot/auroc/macro; RUN#control:task/… names a control."


@app.command()
def why(
    first: str = typer.Argument(..., help=_NAME),
    second: str = typer.Argument(..., help="The same; without # the score of the same name."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Say what differs between the passports of two scores, and what that can do to the numbers."""
    from vesalius.evaluation.why import why as explain

    explanation = explain(first, second)
    emit(explanation.to_dict(), as_json, explanation.text)
