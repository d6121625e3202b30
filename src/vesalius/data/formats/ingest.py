"""From files in one of the formats to a corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.formats.base import data_format, origin_of
from vesalius.data.samples import write_samples
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError

__all__ = ["ingest_format"]


def ingest_format(
    name: str, source: str | Path, *, out: str | Path, corpus_name: str = "",
    advance: Callable[[int], None] | None = None,
) -> Corpus:  # fmt: skip
    """Write what is kept in a format as a corpus and return it; an interrupted call is gone on with.

    Files are linked into the corpus (copied where that cannot be). The split is that of the files.

    Args:
        name: of the format, see `vesalius.data.formats`.
        source: file or folder.
        out: folder of the corpus.
        corpus_name: name of the corpus; that of the source where none is given.
        advance: is told of every study.

    Raises:
        ConfigError: unknown format; the nearest are given.
        DataError: no such source, a row that is wrong, or a patient in two parts of the split.
    """
    source, out = Path(source), Path(out)
    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    base = source if source.is_dir() else source.parent
    if out.resolve().is_relative_to(base.resolve()):
        raise DataError(f"corpus {out} would lie inside its source {base}; choose another --out")
    named = corpus_name or source.stem
    if (out / "corpus.json").exists():
        raise DataError(f"{out} holds a corpus already; choose a new folder for --out")
    virtual = origin_of(source, named).virtual
    with CorpusWriter(out, name=named, virtual=virtual) as writer:
        parts = write_samples(data_format(name).read(source), writer, source=base, advance=advance)
    corpus = Corpus.open(out)
    if parts:
        corpus.set_split(parts)
    return Corpus.open(out)
