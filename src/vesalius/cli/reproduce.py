"""Measure a paper's own claims at equal budget, with intervals, verdicts and positive controls.

vesalius reproduce convirt --seeds 3 --budget small
vesalius reproduce convirt --plan
vesalius reproduce --all
"""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def reproduce(
    slug: Annotated[str, typer.Argument(help="System whose claims are measured, such as convirt.")] = "",
    seeds: Annotated[int, typer.Option("--seeds", help="Trainings of each arm; fewer than 3 give no verdict.")] = 3,
    budget: Annotated[str, typer.Option("--budget", help="small: minutes on two cores; medium: hours.")] = "small",
    data: Annotated[
        str, typer.Option("--data", help="`virtual`, or a corpus with a split; controls stay virtual.")
    ] = "virtual",
    out: Annotated[
        str, typer.Option("--out", help="Folder of all runs; reproductions/SLUG if not given. Goes on there.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="All systems that state claims.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", help="With --all: systems at once; one a core if not given.")] = 0,
    plan_only: Annotated[bool, typer.Option("--plan", help="Print runs, steps and expected time, and stop.")] = False,
    store: Annotated[
        bool, typer.Option("--store/--no-store", help="Keep the result as evidence in the package.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Measure a paper's own claims at equal budget, with intervals, verdicts and positive controls."""
    from vesalius.cli.console import emit, progress, say
    from vesalius.errors import ConfigError
    from vesalius.evaluation import reproduce_all, reproduction_text
    from vesalius.evaluation.arms import with_claims
    from vesalius.evaluation.reproduce import plan
    from vesalius.evaluation.reproduce import reproduce as run

    if jobs < 0 or (jobs and not every):
        raise ConfigError(f"--jobs {jobs}: expected at least 1, with --all")
    if bool(slug) == every:
        raise ConfigError(f"name one system or give --all; with claims: {', '.join(with_claims())}")
    if plan_only:
        plans = [plan(name, seeds=seeds, budget=budget) for name in (with_claims() if every else (slug,))]
        emit(plans if every else plans[0], as_json, lambda: "\n\n".join(map(reproduction_text.plan_text, plans)))
        return
    if every:
        arguments = ["--seeds", str(seeds), "--budget", budget, "--data", data]
        arguments += [] if store else ["--no-store"]
        at_once = jobs or reproduce_all.cores()
        rows = reproduce_all.reproduce_all(with_claims(), arguments=arguments, out=out, jobs=at_once, say=say)
        emit(rows, as_json, lambda: reproduction_text.all_text(rows))
        if any(row["error"] for row in rows):
            raise typer.Exit(1)
        return
    done = run(slug, seeds=seeds, budget=budget, data=data, out=out or None, store=store, progress=progress, say=say)
    document = {**done.document, "folder": done.folder, "stored": done.stored}
    emit(document, as_json, lambda: reproduction_text.text(done))
