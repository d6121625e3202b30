"""Write the findings of a corpus as DICOM SEG, SR, captures or presentation states, as NIfTI or as COCO; or a model.

vesalius export corpus --to dicom-seg --out objects
vesalius export runs/llava --to transformers --out model
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vesalius.cli.console import emit, progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def export(
    corpus: Annotated[str, typer.Argument(help="Folder of the corpus; or a run or model folder.")],
    to: Annotated[
        str, typer.Option(help="dicom-seg, dicom-sr, capture, gsps, nifti or coco; transformers for a model.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the files; of a corpus one folder a study in it.")],
    study: Annotated[list[str] | None, typer.Option(help="Only this study; may be given several times.")] = None,
    split: Annotated[str, typer.Option(help="Only this part of the default split.")] = "",
    labelmap: Annotated[bool, typer.Option(help="Segmentations as label maps, which newer viewers read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Export studies; the same call writes the same bytes. What cannot be written is listed with reasons.

    A vision-language model is written as a folder that transformers loads without us, where its form is a known one.
    """
    if to == "transformers":
        _model(corpus, out, as_json)
        return
    from vesalius.data.corpus import Corpus
    from vesalius.data.writers import export as run

    view = Corpus.open(corpus)
    if study:
        view = view.filter(ids=study)
    if split:
        view = view.split(split)
    report = run(view, to, out, labelmap=labelmap, progress=None if as_json else progress)
    emit({"out": str(out), **report.as_dict()}, as_json, report.text)


def _model(run: str, out: Path, as_json: bool) -> None:
    from vesalius.training.conversing.exporting import export_transformers
    from vesalius.training.conversing.saving import load_converser

    kind = export_transformers(load_converser(run), out)
    emit({"out": str(out), "class": kind}, as_json, f"{out}: {kind}, which transformers loads by itself")
