"""Print versions, devices and settings for a bug report."""

from __future__ import annotations

from typing import Annotated

import typer

from vesalius.cli.console import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def env(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Print versions, devices and settings for a bug report; no user, host or file names."""
    from vesalius.environment import describe

    document = describe()
    emit(document, as_json, lambda: "\n".join(f"{key:22} {value}" for key, value in document.items()))
