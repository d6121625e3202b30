"""Look at a corpus before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def inspect(
    corpus: Annotated[str, typer.Argument(help="Folder of the corpus.")],
    out: Annotated[Path | None, typer.Option(help="The page; inspect.html in the corpus where not given.")] = None,
    pictures: Annotated[int, typer.Option(help="Images opened of every modality.")] = 24,
    seed: Annotated[int, typer.Option(help="Another seed opens others.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a page of counts, pictures, terms, shifts and problems found, with how to mend them."""
    from vesalius.data.corpus import Corpus
    from vesalius.data.inspect.page import inspect_corpus, write_page

    opened = Corpus.open(corpus)
    found = inspect_corpus(opened, pictures=pictures, seed=seed, progress=progress)
    path = out or opened.root / "inspect.html"
    write_page(found, path)
    lines = [f"{len(found.seen.patients)} patients, {found.seen.studies} studies of {opened.name}: {path}"]
    lines += [f"  {problem.weight}: {problem.title}; {problem.cure}" for problem in found.problems]
    emit({**found.as_dict(), "page": str(path)}, as_json, "\n".join(lines))
