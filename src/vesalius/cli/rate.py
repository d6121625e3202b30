"""Human ratings: blinded sheets of answers for raters, and what the filled sheets say.

vesalius rate sheets runs/one runs/two --out ratings --part mimic_cxr --raters anna,ben
vesalius rate read ratings ratings/anna/sheet.csv ratings/ben/sheet.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vesalius.cli.console import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def sheets(
    runs: Annotated[list[str], typer.Argument(help="Evaluations of one benchmark of questions, with their pages.")],
    out: Annotated[Path, typer.Option(help="New folder for the sheets and their key.")],
    raters: Annotated[str, typer.Option(help="Names of the raters, separated by commas.")] = "rater-1,rater-2",
    criteria: Annotated[str, typer.Option(help="What is graded, separated by commas.")] = "overall",
    scale: Annotated[str, typer.Option(help="Grades from the worst to the best, separated by commas.")] = "1,2,3,4,5",
    items: Annotated[int, typer.Option(help="Items that are drawn.")] = 50,
    part: Annotated[str, typer.Option(help="Part of the benchmark; all where none is named.")] = "",
    seed: Annotated[int, typer.Option(help="Of the draw and the orders.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a table and a page for each rater: no system is named, orders are drawn by chance."""
    from vesalius.config import validate
    from vesalius.evaluation.rating.records import RatingSettings
    from vesalius.evaluation.rating.sheets import write_sheets

    values = {"raters": _words(raters), "criteria": _words(criteria), "scale": _words(scale)}
    settings = validate(RatingSettings, {**values, "items": items, "part": part, "seed": seed}, where="rate sheets")
    key = write_sheets(runs, out, settings=settings)
    folders = [str(out / name) for name in settings.raters]
    emit(
        {"key": str(key), "sheets": folders},
        as_json,
        f"sheets: {', '.join(folders)}\nkey, not for raters: {key}",
    )


@app.command()
def read(
    key: Annotated[Path, typer.Argument(help="Folder of the sheets, or its key.json.")],
    filled: Annotated[list[Path], typer.Argument(help="Filled tables of the raters.")],
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples of clusters behind each interval.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the resamples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Read ratings back: mean grades, agreement of raters, and which metric ranks as people do."""
    from vesalius.evaluation.rating.ratings import rating_scores, ratings_text, read_ratings

    scores = rating_scores(read_ratings(key, filled), resamples=resamples, seed=seed)
    emit(scores, as_json, lambda: ratings_text(scores))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
