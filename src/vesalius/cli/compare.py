"""Compare models on the same items: paired differences, tests over patients, a page."""

from __future__ import annotations

from typing import Annotated

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Two or more runs or evaluation folders.")],
    on: Annotated[str, typer.Option("--on", help="Which evaluation of each run, such as chest-test.")] = "",
    out: Annotated[str, typer.Option(help="Folder for comparison.json and comparison.html.")] = "comparison",
    allow_different: Annotated[
        bool, typer.Option("--allow-different", help="Compare what is shared although data, split or prompts differ.")
    ] = False,
    margin: Annotated[float, typer.Option(help="Largest difference that does not matter, for a tie.")] = 0.01,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples; 0 for those of the first evaluation.")] = 0,
    win_tie_loss: Annotated[
        bool,
        typer.Option("--win-tie-loss", help="ADAPTED BASE [ADAPTED BASE ...]: wins, ties and losses over parts."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare models on the same items: paired differences, tests over patients, win, tie or loss."""
    if win_tie_loss:
        _cases(runs, on=on, resamples=resamples, as_json=as_json)
        return
    from vesalius.evaluation.compare import compare as run
    from vesalius.evaluation.summary import comparison_text

    done = run(
        runs,
        name=on,
        out=out,
        allow_different=allow_different,
        margin=margin,
        resamples=resamples or None,
        progress=progress,
    )
    emit({**done.document, "folder": out}, as_json, lambda: comparison_text(done.document, folder=out))


def _cases(runs: list[str], *, on: str, resamples: int, as_json: bool) -> None:
    """Print each adapted model against its base, part by part, by paired intervals alone."""
    from dataclasses import asdict

    from vesalius.errors import ConfigError
    from vesalius.evaluation.results import open_evaluation
    from vesalius.evaluation.win_tie_loss import RESAMPLES, cases, table

    if len(runs) % 2:
        raise ConfigError(f"{len(runs)} evaluations; --win-tie-loss takes pairs: an adapted model, then its base")
    opened = [open_evaluation(one, name=on) for one in runs]
    pairs = zip(opened[::2], opened[1::2], strict=True)
    found = [case for pair in pairs for case in cases(*pair, resamples=resamples or RESAMPLES)]
    emit([{**asdict(case), "verdict": case.verdict} for case in found], as_json, lambda: table(found))
