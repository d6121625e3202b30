"""PMC-OA: 1.65 million figures of open articles with captions, cut into panels where figures are compound.

pmc_oa.jsonl gives each panel its part of the caption, pmc_oa_beta.jsonl the whole caption. The split goes by ranges
of lines (80, 10 and 10 %), so that an article at a border lies in two parts. What a split must not part is the
article. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance, Text
from vesalius.data.releases.pictures import first_of, picture, stem
from vesalius.data.releases.rows import Row, json_lines
from vesalius.data.releases.studies import captioned
from vesalius.data.releases.twins import identity, save_picture, spoken, write_json_lines

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="PMC-OA", slug="pmc_oa", licence="OpenRAIL; each figure under its article's licence",
    access="It is open: download the tables and images.zip from the hub and unpack it",
    home="https://huggingface.co/datasets/axiong/pmc_oa",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128)

_TABLES = ("pmc_oa.jsonl", "pmc_oa_beta.jsonl")
_PANELS = "caption_T060_filtered_top4_sep_v0_subfigures"
_FOLDERS = (_PANELS, f"images/{_PANELS}", "images")
_ARTICLE = re.compile(r"^(PMC\d+)_")
_TENTHS = 10


def read(root: Path, *, beta: bool = False) -> Iterator[Sample]:
    """Yield one study a panel in the order of the table: "train", "val" or "test" by the range of its line.

    Args:
        root: folder with a table and the unpacked pictures.
        beta: the table with whole captions; it is also read where the other is not there.
    """
    root = root.absolute()
    name = _TABLES[beta or (not (root / _TABLES[0]).exists() and (root / _TABLES[1]).exists())]
    require_files(root, [name], ABOUT)
    with (root / name).open("rb") as file:
        total = sum(1 for line in file if line.strip())
    yield from _samples(json_lines(root / name), root, total, provenance(root, ABOUT))


def _samples(rows: Iterable[Row], root: Path, total: int, origin: Provenance) -> Iterator[Sample]:
    folders = [root / folder for folder in _FOLDERS]
    for number, row in enumerate(rows):
        file = row.text("image")
        name = stem(file)
        image = picture(first_of(folders, file), id=name)
        article = _ARTICLE.match(name)
        text = Text(text=row.text("caption").strip(), role="caption", images=(name,) if image else ())
        study = captioned(name, [text], image, patient=article[1] if article else name, origin=origin)
        yield Sample(study, _part(number, total))


def _part(number: int, total: int) -> str:
    if number < total * 8 // _TENTHS:
        return "train"
    return "val" if number < total * 9 // _TENTHS else "test"


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write both tables, two panels an article; the last line of the first is followed by an empty one."""
    root = root.absolute()
    rows: list[dict[str, Any]] = []
    for number, study in identity(corpus):
        name = f"PMC9{number // 4:07d}_Fig{number // 2 % 2 + 1}_{number % 2 + 1}.jpg"
        save_picture(corpus, study, root / _PANELS / name)
        rows.append({"image": name, "caption": spoken(study), "alignment_type": "panel", "alignment_score": 0.9})
    write_json_lines(root / _TABLES[0], rows)
    with (root / _TABLES[0]).open("a", encoding="utf-8") as file:
        file.write("\n")
    whole = ({**row, "caption": f"Compound figure. {row['caption']}"} for row in rows)
    write_json_lines(root / _TABLES[1], whole)
    return list(_samples((Row(row, "row") for row in rows), root, len(rows), virtual_origin(ABOUT)))
