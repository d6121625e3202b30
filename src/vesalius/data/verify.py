"""Whether a corpus is still what its content hash says: every record and every file hashed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.fingerprint import ContentHash, file_sha256, record_digest
from vesalius.data.media import files_below
from vesalius.data.schema import RECORD_COLUMNS
from vesalius.errors import DataError

__all__ = ["problems", "verify"]


def verify(corpus: Corpus) -> None:
    """Hash the records and files of a whole corpus again; the files are read from end to end.

    Raises:
        DataError: lists what differs, at most ten items.
    """
    found = []
    for problem in problems(corpus):
        found.append(problem)
        if len(found) == 10:
            break
    if found:
        raise DataError(f"corpus {corpus.root} is not what its content hash says:\n" + "\n".join(found))


def problems(corpus: Corpus) -> Iterator[str]:
    """Yield what differs, a sentence a problem; a file that was never there is none."""
    whole, content = Corpus.open(corpus.root), ContentHash()
    for table in whole.tables([*RECORD_COLUMNS, "media", "digest"]):
        for row in table.to_pylist():
            media, digest = row.pop("media"), row.pop("digest")
            content.add(np.frombuffer(digest, np.uint8).reshape(1, 32))
            if record_digest(row, {file["path"]: file["sha256"] for file in media}) != digest:
                yield f"study {row['study_id']!r}: its record was changed"
            for file in media:
                if problem := _file_problem(whole, file):
                    yield f"study {row['study_id']!r}: file {file['path']!r} {problem}"
            known = {file["path"] for file in media}
            for image in row["images"]:
                if added := _added(whole, image["path"], known):
                    yield f"study {row['study_id']!r}: file {added!r} was added"
    if content.hexdigest() != whole.content_hash:
        yield f"the content hash is {content.hexdigest()}, corpus.json says {whole.content_hash}"


def _added(corpus: Corpus, path: str, known: set[str]) -> str:
    """Return a file of an image's folder that the corpus does not know, or ""."""
    if not corpus.path(path).is_dir():
        return ""
    return next((name for name in files_below(corpus.root, path) if name not in known), "")


def _file_problem(corpus: Corpus, file: Mapping[str, Any]) -> str:
    path = corpus.path(file["path"])
    if not path.is_file():
        return "is missing"
    return "" if file_sha256(path) == file["sha256"] else "was changed"
