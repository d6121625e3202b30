"""MedICaT: 217,060 figures of 131,410 papers with captions, inline references and subfigure boxes.

The caption has the role "caption", each inline reference "note". There is no split; papers shuffle the radiology
rows. A figure's subcaptions are boxes of the concept "subfigure", each with a caption of its own in the same order.
What a split must not part is the paper. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Box, Provenance, Region, Text
from vesalius.data.releases.pictures import picture
from vesalius.data.releases.rows import Row, json_lines
from vesalius.data.releases.studies import captioned
from vesalius.data.releases.twins import digest, identity, save_picture, spoken, write_json_lines
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "References", "read", "roco_references", "write"]

ABOUT = About(
    title="MedICaT", slug="medicat", licence="non-commercial; figures under their papers' licences (oa_info)",
    access="Ask for it with the form of its repository", home="https://github.com/allenai/medicat",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128)

_TABLE = "s2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl"
_SUBCAPTIONS = "subcaptions_public.jsonl"
_ROCO = ("net/nfs2.corp/allennlp/sanjays/roco_files", "roco_references", ".")
"""Folders of the references for ROCO, by age of the archive."""


class References(NamedTuple):
    """What the text of an article says of a figure of ROCO."""

    roco_id: str
    part: str
    texts: tuple[str, ...]


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a figure in the order of the table, without a split.

    `Image.sequence` is "radiology" or "other" as the release's classifier says.
    """
    origin = provenance(root, ABOUT)
    root = _base(root.absolute())
    require_files(root, [_TABLE, "figures"], ABOUT)
    yield from _samples(json_lines(root / _TABLE), root, _subcaptions(root / _SUBCAPTIONS), origin)


def roco_references(root: Path) -> Iterator[References]:
    """Yield the inline references for figures of ROCO.

    Raises:
        DataError: the release holds none.
    """
    base = _base(root.absolute())
    folders = [folder / name for folder in (base, root.absolute()) for name in _ROCO]
    folder = next((folder for folder in folders if (folder / "roco_train_references.jsonl").exists()), None)
    if folder is None:
        raise DataError(f"{root}: no roco_train_references.jsonl in {' or '.join(_ROCO)}")
    for part, ours in (("train", "train"), ("val", "val"), ("test", "test")):
        path = folder / f"roco_{part}_references.jsonl"
        for row in json_lines(path) if path.exists() else ():
            texts = tuple(str(text) for text in row.items("gorc_references"))
            yield References(row.text("roco_image_id"), ours, texts)


def _base(root: Path) -> Path:
    return root / "release" if (root / "release" / _TABLE).exists() else root


def _samples(
    rows: Iterable[Row], root: Path, subcaptions: Mapping[tuple[str, str], list[Row]], origin: Provenance
) -> Iterator[Sample]:
    for row in rows:
        paper, figure = row.text("pdf_hash"), row.text("fig_uri")
        name = f"{paper}_{Path(figure).stem}"
        kind = "radiology" if row.cells.get("radiology") is True else "other"
        image = picture(root / "figures" / f"{paper}_{figure}", id=name, sequence=kind)
        shown = (name,) if image else ()
        texts = [Text(text=row.optional("s2_caption", "s2orc_caption"), role="caption", images=shown)]
        texts += [Text(text=str(part), role="note", images=shown) for part in row.items("s2orc_references")]
        parts = subcaptions.get((paper, row.optional("fig_key")), [])
        texts += [Text(text=_words(part), role="caption", images=shown) for part in parts]
        study = captioned(name, texts, image, patient=paper, origin=origin)
        boxes = tuple(_region(part, name, number) for number, part in enumerate(parts)) if image else ()
        yield Sample(replace(study, regions=boxes), "")


def _subcaptions(path: Path) -> dict[tuple[str, str], list[Row]]:
    """Read subcaptions by paper and figure; nothing where the file is not there."""
    if not path.exists():
        return {}
    return {(row.text("pdf_hash"), row.text("fig_key")): row.parts("annotations") for row in json_lines(path)}


def _words(row: Row) -> str:
    tokens = row.cells.get("tokens")
    return " ".join(str(token) for token in tokens) if isinstance(tokens, list) else row.optional("text", "tokens")


def _region(row: Row, image: str, number: int) -> Region:
    points = row.items("points")
    if len(points) < 2 or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise row.fault(f"points are {points}, expected at least two [x, y]")
    across, down = [float(x) for x, _ in points], [float(y) for _, y in points]
    box = Box(min(across), min(down), max(across), max(down))
    return Region(image=image, kind="box", concept="subfigure", box=box, instance=number)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write table, figures, subcaptions of the second figure and references for ROCO; one row has no references."""
    root = root.absolute()
    base = root / "release"
    rows: list[dict[str, Any]] = []
    for number, study in identity(corpus):
        paper, figure = digest("virtual paper", number // 2, length=40), f"2-Figure{number % 2 + 1}-1.png"
        save_picture(corpus, study, base / "figures" / f"{paper}_{figure}")
        rows.append({
            "pdf_hash": paper, "fig_uri": figure, "fig_key": f"Figure{number % 2 + 1}",
            "s2_caption": spoken(study), "s2orc_caption": spoken(study).lower(), "radiology": number % 4 != 3,
            "s2orc_references": None if number == 0 else [f"Figure {number % 2 + 1} shows a virtual patient."],
            "oa_info": {"license": "virtual"},
        })  # fmt: skip
    write_json_lines(base / _TABLE, rows)
    subcaptions = [
        {"pdf_hash": row["pdf_hash"], "fig_key": row["fig_key"], "annotations": [
            {"points": [[2, 2], [60, 60]], "tokens": ["(", "a", ")", "left"]},
            {"points": [[62, 2], [126, 60]], "tokens": ["(", "b", ")", "right"]},
        ]}
        for row in rows[1:2]
    ]  # fmt: skip
    write_json_lines(base / _SUBCAPTIONS, subcaptions)
    for part in ("train", "val", "test"):
        row = {"roco_image_id": f"ROCO_90000_{part}", "gorc_references": ["Shown in the figure."]}
        write_json_lines(base / "roco_references" / f"roco_{part}_references.jsonl", [row])
    parts = _subcaptions(base / _SUBCAPTIONS)
    return list(_samples((Row(row, "row") for row in rows), base, parts, virtual_origin(ABOUT)))
