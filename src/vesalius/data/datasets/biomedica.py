"""BIOMEDICA: 24 million figures of open articles with captions, in shards of about 2,500, by licence.

Shards are written cluster by cluster: mix samples over shards when training. Thumbnails, charts, repeated pictures
and cut captions are in it; `Image.sequence` holds the primary label by which they can be left out. What a split must
not part is the article. A sample without a text has its metadata only. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image as Picture

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.webdataset import samples_in, unpacked_picture, write_shard
from vesalius.data.records import Provenance, Text
from vesalius.data.releases.pictures import modality_of
from vesalius.data.releases.rows import Row
from vesalius.data.releases.studies import captioned
from vesalius.data.releases.twins import digest, identity, picture_bytes, spoken

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="BIOMEDICA", slug="biomedica", licence="each figure under its article's licence, by folder",
    access="Accept the conditions on its page of the hub, then download the shards",
    home="https://huggingface.co/datasets/BIOMEDICA/biomedica_webdataset_24M",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128)

_FOLDERS = ("commercial", "noncommercial", "other")
_THUMBNAIL = (40, 30)
_FIRST_ARTICLE = 90_000_000


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a sample, folder by folder; there is no split. `Provenance.licence` is that of the article."""
    root = root.absolute()
    paths = [path for folder in _FOLDERS for path in sorted((root / folder).glob("*.tar"))]
    if not paths:
        require_files(root, [f"{folder}/000000.tar" for folder in _FOLDERS], ABOUT)
    for path in paths:
        yield from _samples(root, path, provenance(root, ABOUT))


def _samples(root: Path, path: Path, origin: Provenance) -> Iterator[Sample]:
    for members in samples_in(path):
        row = members.row()
        labels = [_one(row, name) for name in ("image_primary_label", "image_secondary_label")]
        image = unpacked_picture(
            root, path, members, id=members.key, modality=modality_of(labels[1] or labels[0]), sequence=labels[0]
        )
        shown = (members.key,) if image else ()
        texts = [Text(text=members.text(), role="caption", images=shown)]
        texts += [Text(text=text, role="note", images=shown) for text in _many(row, "image_context")]
        article = _one(row, "article_accession_id") or members.key.partition("_")[0]
        own = Provenance(
            source=origin.source, licence=_one(row, "article_license") or path.parent.name, virtual=origin.virtual
        )
        name = f"{path.parent.name}/{path.stem}/{members.key}"
        yield Sample(captioned(name, texts, image, patient=article, origin=own), "")


def _many(row: Row, name: str) -> list[str]:
    """Return values that stand alone or in a list."""
    value = row.cells.get(name)
    return [str(part) for part in (value if isinstance(value, list) else [value]) if part not in (None, "")]


def _one(row: Row, name: str) -> str:
    return next(iter(_many(row, name)), "")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write a shard in each folder; a repeated picture, a thumbnail and a missing text are among the samples."""
    root = root.absolute()
    shards: dict[Path, list[tuple[str, bytes]]] = {root / name / "000000.tar": [] for name in _FOLDERS}
    contents: list[bytes] = []
    for number, study in identity(corpus):
        folder = _FOLDERS[number % len(_FOLDERS)]
        content = contents[0] if number == 3 else picture_bytes(corpus, study)
        content = _small(content) if number == 1 else content
        contents.append(content)
        article = f"PMC{_FIRST_ARTICLE + number // 2}"
        key = f"{article}_{number}"
        members = shards[root / folder / "000000.tar"]
        members.append((f"{key}.jpg", content))
        members.append((f"{key}.json", json.dumps(_facts(article, folder, content, number)).encode()))
        if number != 2:
            members.append((f"{key}.txt", spoken(study).encode()))
    for path, members in shards.items():
        write_shard(path, members)
    return [sample for path in shards for sample in _samples(root, path, virtual_origin(ABOUT))]


def _small(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with Picture.open(io.BytesIO(content)) as picture:
        picture.resize(_THUMBNAIL).save(buffer, "JPEG")
    return buffer.getvalue()


def _facts(article: str, folder: str, content: bytes, number: int) -> dict[str, Any]:
    return {
        "image_file_name": f"{article}_{number}.jpg", "image_cluster_id": str(number // 3),
        "image_hash": digest(content.hex()), "image_panel_type": "single",
        "image_primary_label": ["Clinical imaging"],
        "image_secondary_label": ["x-ray radiography"], "image_size": [128, 128],
        "image_context": ["The figure shows a virtual patient."] if number % 2 else [],
        "article_accession_id": [article] if number % 3 else article, "article_title": "A virtual case",
        "article_license": "CC BY" if folder == "commercial" else folder, "article_reference_count": "0",
    }  # fmt: skip
