"""Make a corpus from a folder of images, a table of images and texts, or a DICOM tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vesalius.cli.console import emit, progress
from vesalius.data.ordered import Backend
from vesalius.errors import ConfigError

if TYPE_CHECKING:
    from vesalius.data.corpus import Corpus

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_COLUMN = "Column, or =VALUE for every row."


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="Folder, DICOM tree, or .csv, .tsv, .json or .jsonl table.")],
    out: Annotated[str, typer.Option(help="Folder of the corpus; an interrupted run in it is resumed.")],
    image: Annotated[
        list[str] | None, typer.Option(help="Column of image paths, relative to the table's folder.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="Column of texts, or COLUMN:ROLE such as notes:findings.")
    ] = None,
    patient: Annotated[str, typer.Option(help=_COLUMN)] = "",
    study: Annotated[str, typer.Option(help="Column whose equal values make rows one study.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="Column of finding names, or of 1, 0 and -1 for one finding.")
    ] = None,
    split: Annotated[str, typer.Option(help=_COLUMN)] = "",
    age: Annotated[str, typer.Option(help=_COLUMN)] = "",
    sex: Annotated[str, typer.Option(help=_COLUMN)] = "",
    view: Annotated[str, typer.Option(help=_COLUMN)] = "",
    modality: Annotated[str, typer.Option(help=_COLUMN)] = "",
    body_part: Annotated[str, typer.Option(help=_COLUMN)] = "",
    site: Annotated[str, typer.Option(help=_COLUMN)] = "",
    licence: Annotated[str, typer.Option(help=_COLUMN)] = "",
    measurement: Annotated[list[str] | None, typer.Option(help="Column of numbers, or COLUMN:NAME:UNIT.")] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(help="Column of mask files, COLUMN:NAME of what is marked, or COLUMN:NAME:anatomy."),
    ] = None,
    box: Annotated[
        str, typer.Option(help="Columns x_min,y_min,x_max,y_max in pixels, and a fifth for the name.")
    ] = "",
    question: Annotated[str, typer.Option(help="Column of questions; rows of one --study make one study.")] = "",
    answer: Annotated[str, typer.Option(help=_COLUMN)] = "",
    options: Annotated[str, typer.Option(help="Column of answers to choose from.")] = "",
    answer_type: Annotated[str, typer.Option(help="Column, or =VALUE, such as open, closed or choice.")] = "",
    delimiter: Annotated[str, typer.Option(help="Characters that part the labels in one cell.")] = ",;|",
    negative: Annotated[
        list[str] | None, typer.Option(help="Further labels that mean that nothing was found.")
    ] = None,
    open_labels: Annotated[
        bool, typer.Option(help="Labels that a cell does not list are unknown, not absent.")
    ] = False,
    language: Annotated[str, typer.Option(help="Language of the words, or the column of it.")] = "en",
    encoding: Annotated[str, typer.Option(help="Encoding of the table, such as cp1252; UTF-8 where not given.")] = "",
    root: Annotated[str, typer.Option(help="Folder that holds all images; paths start here, or at the table.")] = "",
    name: Annotated[str, typer.Option(help="Name of the corpus; that of the source where not given.")] = "",
    link: Annotated[bool, typer.Option(help="Link the files into the corpus instead of copying them.")] = False,
    dataset: Annotated[
        str, typer.Option(help="Source is the release of this data set, such as nih_cxr14; its files are linked.")
    ] = "",
    twin: Annotated[
        bool, typer.Option("--twin", help="Write the data set's twin, of virtual patients, into the source first.")
    ] = False,
    patients: Annotated[int, typer.Option(help="Virtual patients of the twin.")] = 20,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="Source is in this format: coco, yolo, messages, sharegpt, webdataset, huggingface or class_folder.",
        ),
    ] = "",
    workers: Annotated[int, typer.Option(help="Processes; 0 chooses.")] = 0,
    backend: Annotated[
        Backend | None,
        typer.Option(help="Where studies are worked on: local, processes or ray; chosen if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a corpus; bad files are listed with reasons in ingest-report.json, the rest goes in."""
    if twin and not dataset:
        raise ConfigError("--twin needs --dataset: it is the twin of a data set that is written")
    if dataset and format_:
        raise ConfigError("--dataset and --format exclude each other: a data set has a layout of its own")
    if dataset:
        if twin:
            _write_twin(dataset, source, patients)
        _ingest_dataset(dataset, source, out, as_json)
        return
    if format_:
        _ingest_format(format_, source, out, name, as_json)
        return
    from vesalius.config import validate
    from vesalius.data.ingest import Columns
    from vesalius.data.ingest import ingest as run

    known = Columns.__dataclass_fields__
    stated = {key: value for key, value in locals().items() if key in known and value is not None}
    stated["negative"] = (*Columns.negative, *(word.casefold() for word in negative or ()))
    columns = validate(Columns, {**stated, "closed": not open_labels}, where="ingest")
    report = run(
        source,
        out=out,
        columns=columns,
        name=name,
        link=link,
        workers=workers or None,
        backend=backend,
        progress=None if as_json else progress,
    )
    emit(report.as_dict(), as_json, report.text)


def _write_twin(name: str, source: str, patients: int) -> None:
    """Write the twin once; a twin that is there already is taken as it is."""
    from pathlib import Path

    from vesalius.data.datasets.base import VIRTUAL_NOTE
    from vesalius.virtual.twin import write_twin

    if not (Path(source) / VIRTUAL_NOTE).exists():
        write_twin(name, source, patients=patients, progress=progress)


def _ingest_dataset(name: str, source: str, out: str, as_json: bool) -> None:
    from vesalius.data.corpus import Corpus

    with progress(f"ingest {name}", 0) as advance:
        corpus = Corpus.from_dataset(name, source, out=out, advance=advance)
    _tell(corpus, out, as_json, kind="dataset", name=name)


def _ingest_format(name: str, source: str, out: str, corpus_name: str, as_json: bool) -> None:
    from vesalius.data.formats.ingest import ingest_format

    with progress(f"ingest {name}", 0) as advance:
        corpus = ingest_format(name, source, out=out, corpus_name=corpus_name, advance=advance)
    _tell(corpus, out, as_json, kind="format", name=name)


def _tell(corpus: Corpus, out: str, as_json: bool, *, kind: str, name: str) -> None:
    splits = corpus.manifest.splits
    parts = splits["default"] if corpus.has_split else None
    document = {
        "corpus": out, kind: name, "studies": len(corpus), "patients": corpus.counts.patients,
        "images": corpus.counts.images, "split": dict(parts.patients) if parts else {},
        "shared_patients": parts.shared_patients if parts else 0,
    }  # fmt: skip
    told = f"{len(corpus)} studies of {corpus.counts.patients} patients, {corpus.counts.images} images: {out}"
    if parts:
        told += f"\nsplit of the release: {', '.join(f'{part} {count}' for part, count in parts.patients.items())}"
    if parts and parts.shared_patients:
        told += f"\n{parts.shared_patients} patients are in more than one part: the release's own split leaks"
    emit(document, as_json, told)
