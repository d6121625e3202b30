"""Remove from images, volumes, tables and reports what tells who somebody is, then scan the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vesalius.cli.console import emit, progress, say

if TYPE_CHECKING:
    from vesalius.data.deidentify import Secret

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def deidentify(
    source: Annotated[
        str, typer.Argument(help="Folder, corpus or file: DICOM, PNG, JPEG, TIFF, NIfTI, tables, texts.")
    ],
    out: Annotated[str, typer.Option(help="Folder of the copies; an interrupted run in it is resumed.")],
    secret: Annotated[str, typer.Option(help="File with the key; made where there is none. Keep it apart.")],
    retain: Annotated[
        str,
        typer.Option(
            help="Of full-dates, modified-dates, patient-characteristics, device, uids, institution; by commas."
        ),
    ] = "",
    clean: Annotated[
        str, typer.Option(help="Of descriptors, structured-content, graphics: scrubbed, else removed.")
    ] = "",
    safe_private: Annotated[
        list[str] | None, typer.Option(help="Private creator to keep, or CREATOR:ggggxxee.")
    ] = None,
    pixels: Annotated[
        str, typer.Option(help="Text in pixels: mask, drop the image, review, or keep (not looked at).")
    ] = "mask",
    border: Annotated[
        float,
        typer.Option(help="Blank this part of every edge where text is likely: 0.15."),
    ] = 0.0,
    detector: Annotated[str, typer.Option(help="Finder of text in pixels: strokes or ocr.")] = "strokes",
    replacement: Annotated[str, typer.Option(help="In texts: tag, such as [NAME], or surrogate.")] = "tag",
    names: Annotated[str, typer.Option(help="File with further names, one a line.")] = "",
    places: Annotated[str, typer.Option(help="File with further places, one a line.")] = "",
    day_first: Annotated[bool, typer.Option(help="03/04/2020 is the third of April.")] = False,
    coarse_times: Annotated[bool, typer.Option(help="Cut times to the hour where dates are shifted.")] = False,
    keep_weekdays: Annotated[bool, typer.Option(help="Shift dates by whole weeks.")] = False,
    patient: Annotated[str, typer.Option(help="Column of patient numbers.")] = "",
    accession: Annotated[list[str] | None, typer.Option(help="Column of accession numbers.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="Column of texts to scrub.")] = None,
    name: Annotated[list[str] | None, typer.Option(help="Column of people's names.")] = None,
    number: Annotated[list[str] | None, typer.Option(help="Column of other numbers.")] = None,
    place: Annotated[list[str] | None, typer.Option(help="Column of places.")] = None,
    date: Annotated[list[str] | None, typer.Option(help="Column of dates.")] = None,
    uid: Annotated[list[str] | None, typer.Option(help="Column of UIDs.")] = None,
    image: Annotated[
        list[str] | None, typer.Option(help="Column of paths of images: becomes their new names.")
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Column that identifies nobody.")] = None,
    mapping: Annotated[str, typer.Option(help="Write old and new file names here; leads back to the people.")] = "",
    workers: Annotated[int, typer.Option(help="Processes; 0 chooses.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write copies that tell nobody's name, by the DICOM confidentiality profile; exit code 1 where any is left."""
    from vesalius.data.deidentify import TableColumns, options_from
    from vesalius.data.deidentify import deidentify as run

    _check_choices(pixels, detector, replacement)
    options = options_from(
        retain=retain, clean=clean, safe_private=tuple(safe_private or ()), pixels=pixels, detector=detector,
        border=border, texts=replacement, day_first=day_first, coarse_times=coarse_times, keep_weekdays=keep_weekdays,
        names=_lines(names), places=_lines(places),
    )  # fmt: skip
    columns = TableColumns(
        patient=patient, accession=tuple(accession or ()), text=tuple(text or ()), names=tuple(name or ()),
        numbers=tuple(number or ()), places=tuple(place or ()), dates=tuple(date or ()), uids=tuple(uid or ()),
        images=tuple(image or ()), keep=tuple(keep or ()),
    )  # fmt: skip
    key = _key(secret, out)
    audit = run(
        source, out=out, secret=key, options=options, columns=columns, mapping=Path(mapping) if mapping else None,
        workers=workers or None, progress=None if as_json else progress,
    )  # fmt: skip
    emit(audit.as_dict(), as_json, audit.text)
    if not audit.clean:
        raise typer.Exit(1)


def _check_choices(pixels: str, detector: str, replacement: str) -> None:
    from vesalius.errors import ConfigError

    for flag, value, allowed in (
        ("--pixels", pixels, ("mask", "drop", "review", "keep")),
        ("--detector", detector, ("strokes", "ocr")),
        ("--replacement", replacement, ("tag", "surrogate")),
    ):
        if value not in allowed:
            raise ConfigError(f"{flag} is {value!r}, expected one of {', '.join(allowed)}")


def _key(secret: str, out: str) -> Secret:
    """Return the secret in a file, made where there is none."""
    from vesalius.data.deidentify import Secret
    from vesalius.errors import ConfigError

    if Path(secret).resolve().is_relative_to(Path(out).resolve()):
        raise ConfigError(f"{secret}: the secret must not lie in the output folder {out}")
    if Path(secret).exists():
        return Secret.open(secret)
    say(f"new secret in {secret}: keep it apart from the copies; whoever has it can link them to people")
    return Secret.create(secret)


def _lines(path: str) -> tuple[str, ...]:
    from vesalius.errors import DataError

    if not path:
        return ()
    try:
        return tuple(line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path}: cannot be read as UTF-8 text; expected one name or place a line") from None
