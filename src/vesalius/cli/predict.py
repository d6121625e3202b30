"""Score images against sentences and findings, with maps of where the words apply."""

from __future__ import annotations

from typing import Annotated

import typer

from vesalius.cli.console import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def predict(
    model: Annotated[str, typer.Argument(help="Run folder, model folder or hub id.")],
    images: Annotated[list[str], typer.Argument(help="Image files, or one corpus.")],
    text: Annotated[list[str] | None, typer.Option(help="Sentence to compare with; may be repeated.")] = None,
    labels: Annotated[str, typer.Option(help="Findings, separated by commas.")] = "",
    prompts: Annotated[str, typer.Option(help="Prompt set of the findings.")] = "convirt",
    out: Annotated[str, typer.Option(help="Folder for predictions and similarity maps.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Score images against sentences and findings; with --out also write maps of where the words apply."""
    from vesalius.inference.predict import predict as run

    names = [name.strip() for name in labels.split(",") if name.strip()]
    done = run(model, images, texts=text or (), labels=names, prompts=prompts, out=out or None)

    def lines() -> str:
        rows = []
        for answer in done.answers:
            probability = "     " if answer.probability is None else f"{answer.probability:.3f}"
            rows.append(f"{answer.score:+.3f}  {probability}  {answer.label:40}  {answer.image}")
        head = f"{'score':>6}  {'prob.':5}  {'finding or text':40}  image"
        return "\n".join([head, *rows, *(f"wrote {path}" for path in done.files)])

    emit(done.to_dict(), as_json, lines)
