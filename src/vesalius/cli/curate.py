"""Turn a corpus into training data by a recipe of steps, with counts in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vesalius.cli.console import emit, progress
from vesalius.data.ordered import Backend

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def curate(
    corpus: Annotated[str, typer.Argument(help="Corpus, or CORPUS:PART for one part of its split.")] = "",
    recipe: Annotated[str, typer.Option(help="YAML file of steps, or the name of one that comes with us.")] = "",
    out: Annotated[str, typer.Option(help="Folder of the new corpus; an interrupted run in it goes on.")] = "",
    seed: Annotated[int | None, typer.Option(help="Of chance; the recipe's own where not given.")] = None,
    backend: Annotated[
        Backend, typer.Option(help="Where single studies are worked on: local, processes or ray.")
    ] = "local",
    workers: Annotated[int, typer.Option(help="Processes of that backend.")] = 2,
    list_steps: Annotated[bool, typer.Option("--steps", help="List all steps and recipes, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run the steps; curation-dropped.jsonl lists what stays out and why, and curation.html shows it all."""
    from dataclasses import replace
    from functools import partial

    from vesalius.curation.parts import open_part
    from vesalius.curation.pipeline import PAGE_FILE
    from vesalius.curation.pipeline import curate as run
    from vesalius.curation.recipe import load_recipe, shipped, step_names
    from vesalius.data.ordered import ordered_map
    from vesalius.errors import ConfigError

    if list_steps:
        document = {"steps": list(step_names()), "recipes": list(shipped())}
        emit(document, as_json, "\n".join(f"{name}: {', '.join(found)}" for name, found in document.items()))
        return
    if not (corpus and recipe and out):
        raise ConfigError("curate needs CORPUS, --recipe and --out; `vesalius curate --steps` lists what there is")
    chosen = load_recipe(recipe)
    chosen = chosen if seed is None else replace(chosen, seed=seed)
    spread = partial(ordered_map, backend=backend, workers=workers)
    report = run(open_part(corpus), chosen, out, progress=None if as_json else progress, spread=spread)
    emit(report.as_dict(), as_json, lambda: f"{report.text()}\n{Path(out) / PAGE_FILE}")
