"""Report what preference tuning did: judge and length, metrics that never judged, what was unlearnt."""

from __future__ import annotations

from typing import Annotated

import typer

from vesalius.cli.console import emit

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def preferences(
    runs: Annotated[list[str], typer.Argument(help="Runs of preference tuning, of one start.")],
    on: Annotated[str, typer.Option("--on", help="Folder of a corpus with a split.")],
    base: Annotated[str, typer.Option(help="Model that they began as; their card or stages tell.")] = "",
    judge: Annotated[str, typer.Option(help="facts, facts_of_record, labels or words.")] = "facts",
    family: Annotated[str, typer.Option(help="Family of the texts that are judged.")] = "report",
    tax: Annotated[str, typer.Option(help="Families of questions that may be unlearnt, separated by commas.")] = "",
    split: Annotated[str, typer.Option(help="Part of the corpus that is written about.")] = "test",
    limit: Annotated[int, typer.Option(help="Studies, at most; 0 for all.")] = 0,
    out: Annotated[str, typer.Option(help="Folder for preferences.html.")] = "preferences",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Let tuned models and their start write about a split, and compare judge, length and held-out metrics."""
    from vesalius.evaluation.aligned import Asked, aligned

    others = tuple(name.strip() for name in tax.split(",") if name.strip())
    asked = Asked(judge=judge, family=family, tax=others, split=split, limit=limit)
    done = aligned(runs, on=on, out=out, base=base, asked=asked)
    rows = [
        {
            "run": one.algorithm,
            "verdict": one.verdict,
            "judge": one.judge.value,
            "judge_gain": one.judge_gain.value,
            "held_out_gain": {name: gain.value for name, gain in one.held_out_gain.items()},
            "length_ratio": one.length_ratio.value,
            "controlled_gain": one.controlled.value,
        }
        for one in done.report.progress
    ]
    lines = [
        f"{row['run']}: {row['verdict']}; {judge} {row['judge']:.3f} ({row['judge_gain']:+.3f}), length × "
        f"{row['length_ratio']:.2f}"
        for row in rows
    ]
    emit({"runs": rows, "page": str(done.page)}, as_json, "\n".join([*lines, f"wrote {done.page}"]))
