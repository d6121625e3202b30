"""Quilt-1M: a million pairs of pathology pictures and captions, most from lecture videos by speech recognition.

One picture has several captions and one caption several pictures: a study is a picture with all its captions, and a
video (the part of the name before ``_image_``) is the patient, because frames of one video must not be parted.
Numbers of the magnification (0, 1 and 2) are 10x, 20x and 40x. Pictures that are not on the disk are left out with
a warning: few people have all parts. Pictures of both parts are "val" where any of their rows says so.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import pixels, studies_of
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance, Study, Text
from vesalius.errors import DataError

__all__ = ["ABOUT", "MAGNIFICATIONS", "TWIN", "read", "write"]

ABOUT = About(
    title="Quilt-1M", slug="quilt_1m", licence="research only, by request",
    access="Fill in its request form, then download quilt_1M_lookup.csv and the parts of the images",
    home="https://quilt1m.github.io",
)  # fmt: skip
TWIN = Twin(preset="pathology", settings=("texts=[caption]",), image_size=64)

MAGNIFICATIONS = {"0": "10x", "1": "20x", "2": "40x"}
"""Codes of the table."""
_TABLE = "quilt_1M_lookup.csv"
_HEADER = (
    "", "caption", "image_path", "subset", "split", "pathology", "roi_text", "noisy_text", "corrected_text",
    "med_umls_ids", "magnification", "height", "width",
)  # fmt: skip
_FOLDERS = ("quilt_1m", "images", "")
_SUBSETS = ("quilt", "openpath", "pubmed", "laion")


class _Picture(NamedTuple):
    """What the rows of a picture state."""

    captions: tuple[str, ...]
    pathologies: tuple[str, ...]
    subset: str
    split: str
    magnification: str


def read(root: Path) -> Iterator[Sample]:
    """Yield the pictures in the order in which the table first names them."""
    require_files(root, [_TABLE], ABOUT)
    origin, missing = provenance(root, ABOUT), 0
    pictures = _pictures(root / _TABLE)
    for name, picture in pictures.items():
        path = next(
            (place for folder in _FOLDERS if (place := below(root, f"{folder}/{name}".lstrip("/"))).exists()), None
        )
        if path is None:
            missing += 1
        else:
            yield Sample(_study(path, picture, origin), picture.split)
    if missing == len(pictures):
        raise DataError(f"{root}: none of the {missing} pictures of {_TABLE} is here; unpack the parts into quilt_1m")
    if missing:
        warnings.warn(f"{root}: {missing} of {len(pictures)} pictures are not here and are left out", stacklevel=2)


def _pictures(table: Path) -> dict[str, _Picture]:
    """Gather the rows by picture; names, captions and a few words are held, a few hundred bytes a row."""
    found: dict[str, _Picture] = {}
    for line, row in rows_of(table, needs=["caption", "image_path", "subset", "split"]):
        if row["split"] not in ("train", "val"):
            raise DataError(f"{table}, line {line}: split {row['split']!r}; expected train or val")
        old = found.get(row["image_path"])
        words = _listed(row.get("pathology", ""))
        code = row.get("magnification", "").removesuffix(".0")
        new = _Picture((row["caption"],), words, row["subset"], row["split"], MAGNIFICATIONS.get(code, ""))
        if old is not None:
            captions = tuple(dict.fromkeys(old.captions + new.captions))
            split = "val" if "val" in (old.split, new.split) else "train"
            new = _Picture(captions, tuple(dict.fromkeys(old.pathologies + words)), old.subset, split,
                           old.magnification or new.magnification)  # fmt: skip
        found[row["image_path"]] = new
    return found


def _listed(cell: str) -> tuple[str, ...]:
    """Return the words of a list that is written as Python writes it, or of a plain cell."""
    try:
        found = ast.literal_eval(cell) if cell.startswith("[") else [cell] if cell else []
    except (ValueError, SyntaxError):
        return (cell,)
    return tuple(str(word) for word in found if word)


def _study(path: Path, picture: _Picture, origin: Provenance) -> Study:
    parts = path.stem.split("_image_")
    stem = path.stem
    sequence = f"H&E {picture.magnification}" if picture.magnification else ""
    image = described(path, like=Image(id="image", path="", modality="SM", sequence=sequence))
    captions = [Text(text=text, role="caption") for text in picture.captions if text]
    words = ", ".join(picture.pathologies)
    notes = [Text(text=f"Kind of pathology: {words}.", role="note")] if words else []
    return Study(
        id=stem, patient=parts[0] if len(parts) > 1 else stem, images=(image,), texts=(*captions, *notes),
        site=picture.subset, provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write two videos and single pictures, one picture with two captions, one caption of two pictures."""
    validated = studies_of(corpus, "val", "test")
    rows: list[Sequence[object]] = []
    names, spoken = [], ""
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        subset = _SUBSETS[0] if number < 4 else _SUBSETS[number % 4]
        name = (
            f"VIRT{number // 2:07d}_image_{study.id[:8]}.jpg" if subset == "quilt" else f"virtual_{study.id[:12]}.jpg"
        )
        save_picture(root / "quilt_1m" / name, pixels(corpus, study.images[0]))
        caption = study.text("caption") or "No caption."
        split = "val" if study.id in validated else "train"
        magnification = str(number % 3) + ".0" if subset == "quilt" and number else ""
        said = [spoken or caption, "Cells have dark nuclei."] if number == 1 else [caption]
        for text in said:
            rows.append((len(rows), text, name, subset, split, "['Gastrointestinal', 'Breast']", "[]", "", "", "[]",
                         magnification, 64, 64))  # fmt: skip
        spoken = caption
        names.append(name)
    write_rows(root / _TABLE, _HEADER, rows)
    return [_expected(root, name, rows) for name in names]


def _expected(root: Path, name: str, rows: Sequence[Sequence[object]]) -> Sample:
    own: list[Mapping[str, str]] = [dict(zip(_HEADER, map(str, row), strict=True)) for row in rows if row[2] == name]
    code = own[0]["magnification"].removesuffix(".0")
    picture = _Picture(tuple(row["caption"] for row in own), ("Gastrointestinal", "Breast"), own[0]["subset"],
                       own[0]["split"], MAGNIFICATIONS.get(code, ""))  # fmt: skip
    return Sample(_study(root / "quilt_1m" / name, picture, virtual_origin(ABOUT)), picture.split)
