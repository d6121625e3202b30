"""List every published system with its home, kind, level and evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from vesalius.cli.console import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def systems(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    built: Annotated[bool, typer.Option("--built", help="Only the systems that have a home.")] = False,
) -> None:
    """List every published system with its home, kind, level (L0 not built … L4 scale) and evidence."""
    from vesalius.systems import LEVELS, System
    from vesalius.systems import systems as rows

    listed = [row for row in rows() if row.home or not built]

    def line(row: System) -> str:
        home = row.home or row.note
        verdicts = f"  claims: {', '.join(row.verdicts)}" if row.verdicts else ""
        return f"{row.level}  {row.slug:38} {', '.join(row.kind)[:38]:38} {home}{verdicts}"

    def table() -> str:
        counts = Counter(row.level for row in listed)
        summary = [f"{level}  {counts[level]:3}  {meaning}" for level, meaning in LEVELS.items()]
        return "\n".join([*(line(row) for row in listed), "", f"{len(listed)} systems", *summary])

    emit_list = [asdict(row) | {"kind": ", ".join(row.kind)} for row in listed]
    emit(emit_list, as_json, table)
