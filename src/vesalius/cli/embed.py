"""Embed the images of a corpus into one file of vectors."""

from __future__ import annotations

from typing import Annotated

import typer

from vesalius.cli.console import emit, progress
from vesalius.data.ordered import Backend

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def embed(
    model: Annotated[str, typer.Argument(help="Run folder, model folder, hub id or control:NAME.")],
    on: Annotated[str, typer.Option("--on", help="Corpus, or CORPUS:PART for one part of its split.")],
    out: Annotated[str, typer.Option(help="The .npz file; a stopped run goes on from OUT.blocks.")],
    backend: Annotated[Backend, typer.Option(help="Where blocks are worked on: local, processes or ray.")] = "local",
    workers: Annotated[int, typer.Option(help="Processes of that backend.")] = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto for the accelerator where there is one.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write ids and unit-norm vectors of the main image of every study, as near_duplicate_embeddings reads them."""
    from pathlib import Path

    from vesalius.curation.parts import open_part
    from vesalius.errors import ConfigError
    from vesalius.inference.embed import embed_corpus

    if Path(out).suffix != ".npz":
        raise ConfigError(f"--out {out}: expected the name of an .npz file")
    corpus = open_part(on)
    shown = None if as_json else progress
    done = embed_corpus(corpus, model, out, backend=backend, workers=workers, device=device, progress=shown)
    left = len(corpus) - done
    document = {"out": out, "vectors": done, "without_image": left}
    rest = f", {left} studies without an image left out" if left else ""
    emit(document, as_json, f"{done} vectors in {out}{rest}")
