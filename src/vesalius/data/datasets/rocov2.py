"""ROCOv2: 79,789 radiology figures with caption and UMLS concepts, the data of ImageCLEF caption since 2023.

Concepts come from the caption ("UMLS") and, for modality, body region and direction, from people ("manual"). The
release names no article, so that a figure is what a split must not part; it shares articles with ROCO and PMC-OA.
The twin's pictures are chest radiographs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Finding, Provenance, Study, Text
from vesalius.data.releases.pictures import first_of, picture
from vesalius.data.releases.rows import Row, csv_rows
from vesalius.data.releases.studies import captioned
from vesalius.data.releases.twins import identity, part_of, save_picture, spoken, write_csv

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="ROCOv2", slug="rocov2", licence="CC BY-NC 4.0, each figure under its own (license_information.csv)",
    access="It is open: download the archives and tables from Zenodo and unpack the archives",
    home="https://zenodo.org/records/8333645",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128)

_PARTS = {"train": "train", "valid": "val", "test": "test"}
_NAMES = {"C1306645": "Plain x-ray", "C0817096": "Chest", "C1996865": "Postero-anterior"}
_FIRST_NUMBER = 900_000


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a figure in the order of the captions: "train", "val" or "test".

    A concept is a finding with the canonical name where cui_mapping.csv knows one; it says what the caption
    speaks of.
    """
    root = root.absolute()
    require_files(root, [f"{part}_captions.csv" for part in _PARTS], ABOUT)
    names = _mapping(root / "cui_mapping.csv")
    origin = provenance(root, ABOUT)
    for part, ours in _PARTS.items():
        lists = {
            source: _concepts(root / f"{part}_{file}.csv")
            for source, file in (("manual", "concepts_manual"), ("UMLS", "concepts"))
        }
        for row in csv_rows(root / f"{part}_captions.csv", ("ID", "Caption")):
            yield Sample(_study(row, part, root, lists, names, origin), ours)


def _study(
    row: Row, part: str, root: Path, lists: Mapping[str, Mapping[str, list[str]]], names: Mapping[str, str],
    origin: Provenance,
) -> Study:  # fmt: skip
    name = row.text("ID")
    folders = [root / f"{part}_images" / part, root / f"{part}_images", root / part]
    image = picture(first_of(folders, f"{name}.jpg"), id=name)
    text = Text(text=row.text("Caption").strip(), role="caption", images=(name,) if image else ())
    stated = tuple(
        Finding(concept=names.get(code, code).casefold(), code=code, source=source)
        for source, found in lists.items()
        for code in found.get(name, [])
    )
    return replace(captioned(name, [text], image, patient=name, origin=origin), findings=stated)


def _concepts(path: Path) -> dict[str, list[str]]:
    """Read the concepts of every figure; nothing where the table is not there."""
    if not path.exists():
        return {}
    return {
        row.text("ID"): [code.strip() for code in row.text("CUIs").split(";") if code.strip()]
        for row in csv_rows(path, ("ID", "CUIs"))
    }


def _mapping(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    return {row.text("CUI"): row.text("Canonical name") for row in csv_rows(path, ("CUI", "Canonical name"))}


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the three parts; the first figure has no concepts."""
    root = root.absolute()
    theirs = {ours: part for part, ours in _PARTS.items()}
    parts = part_of(corpus)
    captions: dict[str, list[tuple[str, str]]] = {part: [] for part in _PARTS}
    for number, study in identity(corpus):
        part = theirs[parts[study.id]]
        name = f"ROCOv2_2023_{part}_{_FIRST_NUMBER + number}"
        save_picture(corpus, study, root / f"{part}_images" / f"{name}.jpg")
        captions[part].append((name, spoken(study)))
    write_csv(root / "cui_mapping.csv", ("CUI", "Canonical name"), _NAMES.items())
    codes, manual = ";".join([*_NAMES][:2]), [*_NAMES][2]
    lists: dict[str, dict[str, dict[str, list[str]]]] = {}
    for part, rows in captions.items():
        names = [name for name, _ in rows if not name.endswith(str(_FIRST_NUMBER))]
        write_csv(root / f"{part}_captions.csv", ("ID", "Caption"), rows)
        write_csv(root / f"{part}_concepts.csv", ("ID", "CUIs"), ((name, codes) for name in names))
        write_csv(root / f"{part}_concepts_manual.csv", ("ID", "CUIs"), ((name, manual) for name in names))
        lists[part] = {
            "manual": {name: [manual] for name in names}, "UMLS": {name: codes.split(";") for name in names}
        }  # fmt: skip
    origin = virtual_origin(ABOUT)
    return [
        Sample(_study(Row({"ID": name, "Caption": text}, "row"), part, root, lists[part], _NAMES, origin), ours)
        for part, ours in _PARTS.items()
        for name, text in captions[part]
    ]
