"""Shards of figures and captions in the manner of PMC-15M, which was not released as files.

Any folder of ``00000.tar``… with ``<key>.jpg``, ``<key>.txt`` and ``<key>.json`` is read. What a split must not part
is the article: `article_accession_id` or `pmcid` of the JSON, else the PMC number that the key begins with, else the
key. Samples without a caption or with a broken picture are normal there. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.webdataset import Members, samples_in, unpacked_picture, write_shard
from vesalius.data.records import Provenance, Text
from vesalius.data.releases.studies import captioned
from vesalius.data.releases.twins import identity, picture_bytes, spoken

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="Caption shards (PMC-15M type)", slug="webdataset_shards",
    licence="each figure under its article's licence",
    access="PMC-15M itself is not given out: build shards from PubMed Central with the code of its authors",
    home="https://github.com/microsoft/BiomedCLIP_data_pipeline",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128)

_ARTICLE = re.compile(r"PMC\d+")
_PER_SHARD = 4


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a sample, shard by shard; there is no split."""
    root = root.absolute()
    paths = sorted(root.glob("*.tar"))
    if not paths:
        require_files(root, ["00000.tar"], ABOUT)
    for path in paths:
        yield from _samples(root, path, provenance(root, ABOUT))


def _samples(root: Path, path: Path, origin: Provenance) -> Iterator[Sample]:
    for members in samples_in(path):
        name = f"{path.stem}/{members.key}"
        image = unpacked_picture(root, path, members, id=members.key)
        text = Text(text=members.text(), role="caption", images=(members.key,) if image else ())
        yield Sample(captioned(name, [text], image, patient=_article(members), origin=origin), "")


def _article(members: Members) -> str:
    stated = members.row().optional("article_accession_id", "pmcid")
    found = _ARTICLE.search(stated) or _ARTICLE.match(members.key)
    return found[0] if found else stated or members.key


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write shards of four samples, two figures an article; one sample has no text and one repeats a picture."""
    root = root.absolute()
    shards: dict[Path, list[tuple[str, bytes]]] = {}
    first = b""
    for number, study in identity(corpus):
        content = first if number == 3 else picture_bytes(corpus, study)
        first = first or content
        article = f"PMC9{number // 2:07d}"
        key = f"{article}_fig_{number}"
        members = shards.setdefault(root / f"{number // _PER_SHARD:05d}.tar", [])
        members.append((f"{key}.jpg", content))
        if number != 2:
            members.append((f"{key}.txt", spoken(study).encode()))
        members.append((f"{key}.json", json.dumps({"article_accession_id": article}).encode()))
    for path, members in shards.items():
        write_shard(path, members)
    return [sample for path in shards for sample in _samples(root, path, virtual_origin(ABOUT))]
