"""Compare pretrained models by a benchmark's own protocol: one table with intervals, ranks and cost.

vesalius benchmark benchx runs/convirt runs/mgca --on CORPUS --out bench
vesalius benchmark benchx runs/* --on CORPUS --out bench --draws 1 steps=100
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def benchmark(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Benchmark with stages: benchx.")],
    models: Annotated[list[str], typer.Argument(help="Runs, and settings of every fit as key=value.")],
    on: Annotated[str, typer.Option("--on", help="Corpus with a stored split.")],
    out: Annotated[str, typer.Option("--out", help="Folder; a benchmark that was stopped goes on in it.")],
    split: Annotated[str, typer.Option(help="Split that is tested.")] = "test",
    draws: Annotated[int, typer.Option(help="Draws of each share; 0 for those of the benchmark.")] = 0,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples of patients behind each interval.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of draws, orders and views.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fit the benchmark's heads on every model, and write benchmark.json, benchmark.md and benchmark.html."""
    from vesalius.config import overrides
    from vesalius.evaluation.benchmark import benchmark as run

    settings = [word for word in (*models, *context.args) if "=" in word]
    done = run(
        name,
        [word for word in models if "=" not in word],
        on=on,
        out=out,
        split=split,
        draws=draws,
        fit=overrides(settings),
        resamples=resamples,
        seed=seed,
        progress=progress,
        command=" ".join(["vesalius", *sys.argv[1:]]),
    )
    text = (done.folder / "benchmark.md").read_text(encoding="utf-8")
    left_out = [f"left out: {one['system']}, {one['stage']}: {one['reason']}" for one in done.document["skipped"]]
    emit(
        {**done.document, "folder": str(done.folder)},
        as_json,
        "\n".join([text, *left_out, f"page {done.folder / 'benchmark.html'}"]),
    )
