"""An adapted model against its base, as they are and fine-tuned on the same pairs with one budget.

vesalius contest ADAPTED BASE --on limited_impact_adaptation --data releases --parts vqa_rad --out contest
vesalius contest ADAPTED BASE --on limited_impact_adaptation --data twin --twin --labels 50,200,0 --out contest
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def contest(
    adapted: Annotated[str, typer.Argument(help="Model that claims to be better: hub id or folder.")],
    base: Annotated[str, typer.Argument(help="The one that it was adapted from.")],
    on: Annotated[str, typer.Option("--on", help="Benchmark with training and validation items.")],
    data: Annotated[Path, typer.Option(help="Folder of the release, or of the twin.")],
    out: Annotated[Path, typer.Option(help="Folder of pairs, runs, evaluations and contest.json.")],
    twin: Annotated[bool, typer.Option("--twin", help="Ask about virtual patients in its layout.")] = False,
    patients: Annotated[int, typer.Option(help="Virtual patients of a twin.")] = 40,
    parts: Annotated[str, typer.Option(help="Parts, separated by commas; all where none is named.")] = "",
    limit: Annotated[int, typer.Option(help="Ask so many test items only; 0 asks all.")] = 0,
    rates: Annotated[str, typer.Option(help="Learning rates that validation chooses from.")] = "1e-5,2e-5,5e-5",
    labels: Annotated[str, typer.Option(help="Training items of each part, a round each; 0 for all.")] = "0",
    epochs: Annotated[int, typer.Option(help="Passes over the training items.")] = 3,
    batch: Annotated[int, typer.Option(help="Conversations of a step.")] = 16,
    rank: Annotated[int, typer.Option(help="Of the adapters.")] = 64,
    seed: Annotated[int, typer.Option(help="Of draws, training and resampling.")] = 0,
    override: Annotated[
        list[str] | None, typer.Option(help="key=value of the recipe instruct, for both; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare as they are, fine-tune both alike, compare again: wins, ties and losses, and what tuning changes."""
    from vesalius.benchmarks.base import benchmark
    from vesalius.config import validate
    from vesalius.evaluation.answering.survey import twin_of
    from vesalius.evaluation.contest import Budget, contest_text
    from vesalius.evaluation.contest import contest as run

    values = {
        "rates": _words(rates), "labels": _words(labels), "epochs": epochs, "batch": batch, "rank": rank,
        "seed": seed, "overrides": override or [],
    }  # fmt: skip
    budget = validate(Budget, values, where="contest")
    if twin:
        twin_of(benchmark(on), data, patients=patients, seed=seed)
    found = run(
        adapted, base, on=on, data=data, out=out, budget=budget, parts=tuple(_words(parts)), limit=limit, seed=seed,
        progress=progress,
    )  # fmt: skip
    emit(found.document, as_json, lambda: contest_text(found))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
