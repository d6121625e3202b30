"""Make virtual patients: images of every kind with exact labels, regions, measurements and reports, from a seed.

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


@app.command()
def twin(
    name: Annotated[str, typer.Argument(help="Data set, such as nih_cxr14.")],
    out: Annotated[Path, typer.Option(help="Empty folder.")],
    patients: Annotated[int, typer.Option(help="How many.")] = 10,
    seed: Annotated[int, typer.Option(help="Another seed gives other patients.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write the files of a data set's release, filled with virtual patients."""
    from vesalius.virtual.twin import write_twin

    made = write_twin(name, out, patients=patients, seed=seed, progress=progress)
    document = {"twin": str(out), "dataset": name, "studies": len(made)}
    emit(document, as_json, f"{len(made)} studies of virtual patients in the layout of {name}: {out}")


@app.command()
def ask(
    corpus: Annotated[str, typer.Argument(help="Corpus with findings, regions and measurements.")],
    out: Annotated[Path, typer.Option(help="Folder of the corpus with questions.")],
    per_study: Annotated[float, typer.Option(help="Mean number of questions of a study.")] = 6.0,
    families: Annotated[str, typer.Option(help="Families, separated by commas; all where none is named.")] = "",
    seed: Annotated[int, typer.Option(help="Of distractors, wordings and choice.")] = 0,
    language: Annotated[str, typer.Option(help="en, zh, ar or hi-Latn.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Ask questions of a corpus, balanced so that none tells its own answer."""
    from collections import Counter

    from vesalius.data.corpus import Corpus
    from vesalius.virtual.questions.ask import write_questions

    names = [name.strip() for name in families.split(",") if name.strip()]
    written = write_questions(
        Corpus.open(corpus), out, per_study=per_study, families=names, seed=seed, language=language, progress=progress
    )
    counts = Counter(dialogue.source.removeprefix("virtual/") for study in written for dialogue in study.dialogues)
    document = {"corpus": str(out), "studies": len(written), "questions": counts.total(), "families": dict(counts)}
    lines = [f"{counts.total()} questions of {len(written)} studies in {out}"]
    emit(document, as_json, "\n".join([*lines, *(f"  {name:20} {count:6}" for name, count in counts.most_common())]))


@app.command()
def pairs(
    out: Annotated[Path, typer.Option(help="Folder of the corpus.")],
    preset: Annotated[str, typer.Option(help="Population.")] = "chest",
    count: Annotated[int, typer.Option(help="How many pairs.")] = 100,
    kind: Annotated[str, typer.Option(help="counterfactual or confusing.")] = "counterfactual",
    seed: Annotated[int, typer.Option(help="Another seed gives other patients.")] = 0,
    image_size: Annotated[int | None, typer.Option(help="Rows and columns of the pictures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write pairs of studies that differ in one fact, with one question and two answers."""
    from vesalius.virtual.questions.pairs import write_pairs

    made = write_pairs(out, preset=preset, pairs=count, kind=kind, seed=seed, size=image_size, progress=progress)
    document = {"corpus": str(out), "studies": len(made), "content_hash": made.content_hash}
    emit(document, as_json, f"{len(made)} studies in {out}, two a patient")


@app.command()
def gallery(
    out: Annotated[Path, typer.Option(help="Folder of the page.")] = Path("gallery"),
    presets: Annotated[str, typer.Option(help="Populations, separated by commas; all where none is named.")] = "",
    seed: Annotated[int, typer.Option(help="Another seed gives other patients.")] = 0,
    image_size: Annotated[int | None, typer.Option(help="Rows and columns of the pictures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a page with every examination and finding, to look at."""
    from vesalius.virtual.gallery.make import make_gallery

    names = [name.strip() for name in presets.split(",") if name.strip()]
    made = make_gallery(out, presets=names, seed=seed, size=image_size, progress=progress)
    document = {"page": str(made.page), "cases": made.cases, "pictures": made.pictures}
    emit(document, as_json, f"{made.cases} cases, {made.pictures} pictures: {made.page}")
