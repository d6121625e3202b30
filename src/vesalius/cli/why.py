"""Say what differs between two scores, and what that can do to the numbers."""

from __future__ import annotations

from typing import Annotated

import typer

from vesalius.cli.console import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_NAME = "RUN#task/metric/label, such as runs/a#zero_shot/auroc/macro; RUN#control:task/… names a control."


@app.command()
def why(
    first: Annotated[str, typer.Argument(help=_NAME)],
    second: Annotated[str, typer.Argument(help="The same; without # the score of the same name.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what differs between the passports of two scores, and what that can do to the numbers."""
    from vesalius.evaluation.why import why as explain

    explanation = explain(first, second)
    emit(explanation.to_dict(), as_json, explanation.text)
