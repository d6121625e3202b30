"""MedTrinity-25M: 25 million captions about regions of pictures of 30 sources, written by a model.

Two forms are read: the demonstration (Parquet with pictures) and the whole (Parquet with file names, and the pictures
that may be given out in ``25M_accessible/*.tar.zst``, unpacked once). Rows of restricted sources have no picture,
which is normal. `Study.site` is the source, as it is spelt there. There is no split, and nearly every benchmark made
of its sources is leaked by it. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, unpacked, virtual_origin
from vesalius.data.records import Image, Provenance, Text
from vesalius.data.releases.pictures import picture, picture_in, stem
from vesalius.data.releases.rows import Row, parquet_rows
from vesalius.data.releases.studies import captioned
from vesalius.data.releases.twins import identity, picture_bytes, spoken
from vesalius.errors import ConfigError, DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MedTrinity-25M", slug="medtrinity_25m", licence="for research; each picture under its source's terms",
    access="Accept the conditions on its page of the hub, then download 25M_full and 25M_accessible",
    home="https://huggingface.co/datasets/UCSC-VLAA/MedTrinity-25M",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128)

_DEMO, _FULL, _ARCHIVES = "25M_demo", "25M_full", "25M_accessible"
_ARTICLE = re.compile(r"^(PMC\d+)")
_LARGEST_MEMBER = 1 << 28
_SOURCES = ("pmc_oa", "nih_chest", "brats24", "cr_rate")
_RESTRICTED = "cr_rate"


def read(root: Path, *, config: str = "") -> Iterator[Sample]:
    """Yield one study a row, without a split.

    Args:
        root: folder with ``25M_full`` or ``25M_demo``.
        config: "full" or "demo"; where none is given, the whole where it is there.
    """
    if config not in ("", "full", "demo"):
        raise ConfigError(f"config {config!r} of MedTrinity-25M; it has full and demo")
    root = root.absolute()
    demo = config == "demo" or (not config and not (root / _FULL).is_dir() and (root / _DEMO).is_dir())
    require_files(root, [_DEMO if demo else _FULL], ABOUT)
    paths = sorted((root / (_DEMO if demo else _FULL)).glob("*.parquet"))
    if demo:
        yield from _demo(parquet_rows(paths, ("image", "id", "caption")), root, provenance(root, ABOUT))
        return
    for path in sorted((root / _ARCHIVES).glob("*.tar.zst")):
        _unpack(root, path)
    yield from _samples(parquet_rows(paths, ("file_name", "caption", "source")), root, provenance(root, ABOUT))


def _demo(rows: Iterable[Row], root: Path, origin: Provenance) -> Iterator[Sample]:
    for row in rows:
        name = row.text("id")
        yield _sample(row, name, picture_in(root, row, "image", id=name, folder=_DEMO), origin)


def _samples(rows: Iterable[Row], root: Path, origin: Provenance) -> Iterator[Sample]:
    for row in rows:
        file = row.text("file_name")
        image = picture(root / "unpacked" / _ARCHIVES / PurePosixPath(file).name, id=stem(file))
        yield _sample(row, file, image, origin)


def _sample(row: Row, name: str, image: Image | None, origin: Provenance) -> Sample:
    article = _ARTICLE.match(stem(name))
    text = Text(text=row.text("caption").strip(), role="caption", images=(image.id,) if image else ())
    study = captioned(name, [text], image, patient=article[1] if article else stem(name), origin=origin)
    return Sample(replace(study, site=row.optional("source")), "")


def _unpack(root: Path, path: Path) -> None:
    """Unpack an archive by the names of its files; a mark says that it was done to the end."""
    folder = root / "unpacked" / _ARCHIVES
    if (folder / f"{path.name}.done").exists():
        return
    try:
        with (
            pa.OSFile(str(path)) as file,
            pa.CompressedInputStream(file, "zstd") as stream,
            tarfile.open(fileobj=io.BufferedReader(_Raw(stream)), mode="r|") as archive,
        ):
            for member in archive:
                if member.isfile() and member.size <= _LARGEST_MEMBER:
                    content = archive.extractfile(member)
                    name = PurePosixPath(member.name).name
                    unpacked(root, f"{_ARCHIVES}/{name}", content.read() if content else b"")
    except (tarfile.TarError, pa.ArrowException, OSError, EOFError) as error:
        raise DataError(f"{path}: no whole tar.zst archive: {error}; download it again") from None
    unpacked(root, f"{_ARCHIVES}/{path.name}.done", b"")


class _Raw(io.RawIOBase):
    """A stream of Arrow as one of Python's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write four sources, one archive and the demonstration; rows of one source have no picture."""
    root = root.absolute()
    rows: list[dict[str, Any]] = []
    members: list[tuple[str, bytes]] = []
    demo: list[dict[str, Any]] = []
    for number, study in identity(corpus):
        source = _SOURCES[number % len(_SOURCES)]
        name = f"PMC9{number:07d}_virtual.jpg" if source == "pmc_oa" else f"virtual_{source}_{number}.jpg"
        caption = f"{spoken(study)} The region of interest takes up a part of the picture."
        rows.append({"file_name": name, "caption": caption, "source": source})
        if source != _RESTRICTED:
            content = picture_bytes(corpus, study)
            members.append((f"images/{name}", content))
            demo.append({"image": {"bytes": content, "path": None}, "id": f"demo_{number}", "caption": caption})
    for folder, table in ((_FULL, rows), (_DEMO, demo)):
        (root / folder).mkdir()
        pq.write_table(pa.Table.from_pylist(table), root / folder / "train-00000-of-00001.parquet")
    _write_archive(root / _ARCHIVES / "00000.tar.zst", members)
    _unpack(root, root / _ARCHIVES / "00000.tar.zst")
    return list(_samples((Row(row, "row") for row in rows), root, virtual_origin(ABOUT)))


def _write_archive(path: Path, members: list[tuple[str, bytes]]) -> None:
    path.parent.mkdir(parents=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with pa.OSFile(str(path), "wb") as file, pa.CompressedOutputStream(file, "zstd") as stream:
        stream.write(buffer.getvalue())
