"""ROCO: 81,825 radiology figures and 6,127 others of open articles with caption, keywords and UMLS concepts.

A caption may hold tabs and spaces at its ends, the line of keywords begins with an empty field, and some pictures can
no longer be fetched or are broken: their studies have no image. What a split must not part is the article, which the
list of fetch commands names; without that list it is the figure. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Finding, Provenance, Study, Text
from vesalius.data.releases.pictures import picture
from vesalius.data.releases.rows import text_lines
from vesalius.data.releases.studies import captioned
from vesalius.data.releases.twins import cut_short, identity, save_picture, spoken, write_text
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="ROCO", slug="roco", licence="each figure under its article's licence (licences.txt)",
    access="It is open: clone its repository and run its script, which fetches the figures from PubMed Central",
    home="https://github.com/razorx89/roco-dataset",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128)

_PARTS = {"train": "train", "validation": "val", "test": "test"}
_OTHER_NAMES = {"validation": "val"}
"""The pack of M3AE calls the folder so."""
_SUBSETS = ("radiology", "non-radiology")
_ARTICLE = re.compile(r"PMC\d+")
_FIRST_NUMBER = 900_000


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a figure in the order of the captions, radiology before the others; "train", "val", "test".

    Keywords and concepts are findings with the sources "keyword" and "UMLS", their words and codes as they stand;
    they say what the caption speaks of, not what is true of the picture.
    """
    root = root.absolute()
    base = root / "data" if (root / "data").is_dir() else root
    require_files(base, [f"{_folder(base, part).name}/radiology/captions.txt" for part in _PARTS], ABOUT)
    origin = provenance(root, ABOUT)
    for part, ours in _PARTS.items():
        for subset in _SUBSETS:
            folder = _folder(base, part) / subset
            if (folder / "captions.txt").exists():
                yield from (Sample(study, ours) for study in _studies(folder, subset, origin))


def _folder(base: Path, part: str) -> Path:
    return base / part if (base / part).exists() or part not in _OTHER_NAMES else base / _OTHER_NAMES[part]


def _studies(folder: Path, subset: str, origin: Provenance) -> Iterator[Study]:
    keywords, codes = _lists(folder / "keywords.txt"), _lists(folder / "cuis.txt")
    articles = {name: _article(cells) for name, cells in _lists(folder / "dlinks.txt").items()}
    for name, caption in _captions(folder / "captions.txt"):
        path = folder / "images" / f"{name}.jpg"
        image = picture(path, id=name, sequence=subset)
        stated = [Finding(concept=word, source="keyword") for word in keywords.get(name, [])]
        stated += [Finding(concept=code, code=code, source="UMLS") for code in codes.get(name, [])]
        text = Text(text=" ".join(caption.split()), role="caption", images=(name,) if image else ())
        study = captioned(name, [text], image, patient=articles.get(name) or name, origin=origin)
        yield _with_findings(study, stated)


def _with_findings(study: Study, stated: list[Finding]) -> Study:
    return Study(
        id=study.id, patient=study.patient, images=study.images, texts=study.texts, findings=tuple(stated),
        provenance=study.provenance,
    )  # fmt: skip


def _captions(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and caption; a line that does not begin with a name goes on with the caption before it."""
    name, caption = "", ""
    for number, line in enumerate(text_lines(path), start=1):
        first, tab, rest = line.rstrip("\n").partition("\t")
        if tab and re.fullmatch(r"\w+_\d+", first):
            if name:
                yield name, caption
            name, caption = first, rest
        elif name:
            caption += f" {line}"
        elif line.strip():
            raise DataError(f"{path}, line {number}: {line[:40]!r}, expected a name, a tab and a caption")
    if name:
        yield name, caption


def _lists(path: Path) -> dict[str, list[str]]:
    """Read the cells behind each name, without empty ones; nothing where the file is not there."""
    if not path.exists():
        return {}
    rows = [line.rstrip("\n").split("\t") for line in text_lines(path)]
    return {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows if row[0]}


def _article(cells: list[str]) -> str:
    found = _ARTICLE.search(" ".join(cells))
    return found[0] if found else ""


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write three parts of both subsets; one caption holds a tab, one picture is missing, one cut short."""
    root = root.absolute()
    lines: dict[Path, list[tuple[str, str]]] = {}
    folders = [root / "data" / part / subset for part in _PARTS for subset in _SUBSETS]
    for number, study in identity(corpus):
        folder = folders[number % len(folders)]
        name = f"ROCO_{_FIRST_NUMBER + number}"
        path = folder / "images" / f"{name}.jpg"
        save_picture(corpus, study, path, mode="CMYK" if number == 2 else "L")
        if number == 1:
            path.unlink()
        if number == 3:
            cut_short(path)
        caption = f" {spoken(study)} "
        lines.setdefault(folder, []).append((name, caption.replace(" ", "\t", 2) if number == 0 else caption))
    for folder in folders:
        _write_lists(folder, lines.get(folder, []))
    origin = virtual_origin(ABOUT)
    return [
        Sample(study, _PARTS[folder.parent.name])
        for folder in folders
        for study in _studies(folder, folder.name, origin)
    ]


def _write_lists(folder: Path, lines: list[tuple[str, str]]) -> None:
    names = [name for name, _ in lines]
    write_text(folder / "captions.txt", (f"{name}\t{caption}" for name, caption in lines))
    write_text(folder / "keywords.txt", (f"{name}\t\tchest\tradiograph" for name in names))
    write_text(folder / "cuis.txt", (f"{name}\tC0817096\tC1306645" for name in names))
    write_text(folder / "semtypes.txt", (f"{name}\tT029\tBody Location or Region" for name in names))
    write_text(folder / "licences.txt", (f"{name}\tvirtual" for name in names))
    commands = (f"{name}\twget PMC9{int(name[-4:]) // 2:07d}.tar.gz\t{name}.jpg" for name in names)
    write_text(folder / "dlinks.txt", commands)
