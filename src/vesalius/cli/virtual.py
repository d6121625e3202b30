"""Make virtual patients: radiographs with exact labels, regions, measurements and reports, from a seed.

They are for testing and comparing methods and never stand in for clinical evidence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def make(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder of the corpus.")],
    patients: Annotated[int, typer.Option(help="How many.")] = 2000,
    preset: Annotated[str, typer.Option(help="Population, such as chest, abdomen-ct, brain-mr or mixed.")] = "chest",
    seed: Annotated[int, typer.Option(help="Another seed gives other patients.")] = 0,
    image_size: Annotated[
        int | None, typer.Option(help="Rows and columns of the pictures; default: each examination's own.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one a core.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a corpus of virtual patients; the same call goes on where it was interrupted.

    Settings of the population follow as key=value, such as prevalence.pneumothorax=0.3, follow_up.share=0.5,
    defects.label_noise=0.1 or shift.sites.valley=1 (for the test patients only).
    """
    from vesalius.virtual.population import make as make_population

    corpus = make_population(
        out, patients=patients, preset=preset, seed=seed, image_size=image_size, workers=workers,
        settings=context.args, progress=progress,
    )  # fmt: skip
    shares = {concept: counts.present for concept, counts in corpus.concepts().items()}
    document = {
        "corpus": str(out),
        "studies": len(corpus),
        "content_hash": corpus.content_hash,
        "present": shares,
    }
    emit(document, as_json, lambda: _table(document, shares, len(corpus)))


def _table(document: dict[str, object], shares: dict[str, int], studies: int) -> str:
    lines = [f"{studies} studies of virtual patients in {document['corpus']} (VIRTUAL: no clinical evidence)"]
    lines += [f"  {name:20s} {count:6d}  {count / studies:6.1%}" for name, count in sorted(shares.items())]
    return "\n".join(lines)


@app.command()
def show(
    out: Annotated[Path, typer.Option(help="PNG file to write.")],
    seed: Annotated[int, typer.Option(help="Population.")] = 0,
    index: Annotated[int, typer.Option(help="Number of the patient in it.")] = 0,
    preset: Annotated[str, typer.Option(help="Population.")] = "chest",
    image_size: Annotated[int | None, typer.Option(help="Rows and columns.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Render one patient and print the truth and the report."""
    from vesalius.virtual.show import show_patient

    document = show_patient(out, seed=seed, index=index, preset=preset, image_size=image_size)
    text = "\n".join([*document["present"], "", document["findings"], document["impression"]])
    emit(document, as_json, text)
