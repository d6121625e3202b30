"""OpenPath and PLIP: pairs of pathology pictures and captions, or pictures with classes, in a table of one's own.

The authors gave out links of posts and no pictures: what one has gathered stands in a table with `filepath` and
`caption`, or in the form of PLIP's evaluation sets, `image`, `label` and `label_text`. All tables below the root
with either header are read, by name; the split is "train", "val" or "test" where a table is called so. Pictures
that are not there are an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import pixels, present
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import concept_of
from vesalius.data.records import Finding, Image, Provenance, Study, Text
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="OpenPath, PLIP", slug="openpath", licence="that of the posts; no pictures are given out",
    access="Gather the pictures of the links that its authors list into a table with filepath and caption",
    home="https://github.com/PathologyFoundation/plip",
)  # fmt: skip
TWIN = Twin(preset="pathology", settings=("texts=[caption]",), image_size=64)

_PAIRS, _CLASSES = ("filepath", "caption"), ("image", "label", "label_text")
_SPLITS = ("train", "val", "test")


def read(root: Path) -> Iterator[Sample]:
    """Yield a study a row, by table and line."""
    tables = [path for path in sorted(root.glob("*.csv")) if _columns(path)]
    if not tables:
        require_files(root, ["pairs.csv"], ABOUT)
        raise DataError(f"{root}: no table with the columns {', '.join(_PAIRS)} or {', '.join(_CLASSES)}")
    origin = provenance(root, ABOUT)
    for table in tables:
        split = next((part for part in _SPLITS if part in table.stem.split("_")), "")
        for line, row in rows_of(table):
            yield Sample(_study(root, f"{table.stem}_{line:07d}", row, origin), split)


def _columns(table: Path) -> tuple[str, ...]:
    """Return the scheme of a table, or nothing where it is of neither."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        header = {cell.strip().strip('"') for cell in file.readline().split(",")}
    return next((names for names in (_PAIRS, _CLASSES) if set(names) <= header), ())


def _study(root: Path, name: str, row: Mapping[str, str], origin: Provenance) -> Study:
    place = row.get("filepath") or row.get("image") or ""
    image = described(below(root, place), like=Image(id="image", path="", modality="SM", sequence="H&E"))
    texts = (Text(text=row["caption"], role="caption"),) if row.get("caption") else ()
    findings: tuple[Finding, ...] = ()
    if row.get("label_text"):
        findings = (Finding(concept=concept_of(row["label_text"]), source="label file"),)
    return Study(
        id=name, patient=image.path.removeprefix(f"{root}/"), images=(image,), texts=texts, findings=findings,
        provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write a table of pairs and one of classes."""
    pairs, classes, made, origin = [], [], [], virtual_origin(ABOUT)
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        name = f"images/{study.id[:16]}.jpg"
        save_picture(root / name, pixels(corpus, study.images[0]))
        pairs.append((name, study.text("caption")))
        if number % 2 == 0:
            label = (present(study) or ["normal_tissue"])[0]
            own = f"classes/{study.id[:16]}.jpg"
            save_picture(root / own, pixels(corpus, study.images[0]))
            classes.append((own, str(number), label.replace("_", " ")))
    for stem, header, rows in (("classes_test", _CLASSES, classes), ("pairs", _PAIRS, pairs)):
        write_rows(root / f"{stem}.csv", header, rows)
        for line, row in enumerate(rows, start=2):
            stated = dict(zip(header, row, strict=True))
            made.append(Sample(_study(root, f"{stem}_{line:07d}", stated, origin), "test" if stem != "pairs" else ""))
    return made
