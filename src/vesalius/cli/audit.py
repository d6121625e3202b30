"""Find what a test corpus shares with training data: patients, images, copies, reports, questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vesalius.cli.console import emit, say

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def audit(
    train: Annotated[str, typer.Argument(help="Corpus that a model learns from, or CORPUS:PART.")],
    test: Annotated[str, typer.Argument(help="Corpus that it is judged by, or CORPUS:PART.")],
    out: Annotated[Path | None, typer.Option(help="Page (.html) with the pairs side by side.")] = None,
    mark: Annotated[
        Path | None, typer.Option(help="Contamination marks of the test studies (.json or .parquet).")
    ] = None,
    fail_on: Annotated[str, typer.Option(help="Kinds that make the exit code 1, by commas, or any.")] = "",
    kinds: Annotated[str, typer.Option(help="Kinds to look for, by commas; all where none is named.")] = "",
    bits: Annotated[int | None, typer.Option(help="Bits of 64 by which a copy's hash may differ.")] = None,
    agreement: Annotated[float | None, typer.Option(help="Agreement of detail from which images are one.")] = None,
    jaccard: Annotated[float | None, typer.Option(help="Similarity from which reports are nearly the same.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document with every pair.")] = False,
) -> None:
    """Compare two corpora, or two parts of one (data:train data:test).

    Kinds: patient, study, file, pixels, near_image, report, near_report, question.
    """
    from vesalius.config import validate
    from vesalius.curation.leakage import KINDS, AuditSettings
    from vesalius.curation.leakage import audit as run
    from vesalius.curation.leakage_page import audit_page
    from vesalius.curation.parts import open_part

    failing = KINDS if fail_on == "any" else _kinds(fail_on)
    stated = {"bits": bits, "agreement": agreement, "jaccard": jaccard, "kinds": _kinds(kinds) or None}
    given = {key: value for key, value in stated.items() if value is not None}
    settings = validate(AuditSettings, given, where="audit")
    learnt, asked = open_part(train), open_part(test)
    result = run(learnt, asked, settings=settings, names=(train, test))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(audit_page(result, learnt, asked), encoding="utf-8")
    if mark is not None:
        result.contamination.write(mark)
    emit(result.as_dict(), as_json, lambda: "\n".join([result.text(), *([str(out)] if out else [])]))
    found = [kind for kind, count in result.studies().items() if count and kind in failing]
    if found:
        say(f"shared: {', '.join(found)} (--fail-on)")
        raise typer.Exit(1)


def _kinds(text: str) -> tuple[str, ...]:
    """Read kinds separated by commas; near-image and near_image are the same."""
    from vesalius.curation.leakage import KINDS
    from vesalius.errors import ConfigError, did_you_mean

    found = tuple(word.strip().replace("-", "_") for word in text.split(",") if word.strip())
    for word in found:
        if word not in KINDS:
            raise ConfigError(f"unknown kind {word!r}{did_you_mean(word, KINDS)}")
    return found
