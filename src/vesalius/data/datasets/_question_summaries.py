"""Questions of patients with a photograph and a summary of the question, as MMCQS and MMQS hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of
from vesalius.data.datasets._paths import below
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import pixels
from vesalius.data.records import Image, Provenance, Study, Text
from vesalius.errors import DataError

__all__ = ["Asked", "asked_of", "question_rows", "question_study", "write_photographs"]


class Asked(NamedTuple):
    """A row: the question, its summary, the photograph below the release (or none)."""

    question: str
    summary: str
    picture: str


def question_rows(table: Path, schemes: Sequence[tuple[str, str, str]]) -> Iterator[Asked]:
    """Yield the rows of a table whose columns are those of one of the schemes: question, summary, picture.

    Raises:
        DataError: the columns are of no scheme.
    """
    scheme: tuple[str, str, str] | None = None
    for line, row in rows_of(table):
        scheme = scheme or next((names for names in schemes if set(names) <= row.keys()), None)
        if scheme is None:
            wanted = " or ".join(", ".join(names) for names in schemes)
            raise DataError(f"{table}, line {line}: columns {', '.join(row)}; expected {wanted}")
        yield Asked(*(row[name].strip() for name in scheme))


def question_study(root: Path, name: str, asked: Asked, *, language: str, origin: Provenance) -> Study:
    """Return the study of a row; a photograph that is not there is missing in the study."""
    path = below(root, asked.picture) if asked.picture else None
    images: tuple[Image, ...] = ()
    if path is not None and path.is_file():
        images = (described(path, like=Image(id="photograph", path="", modality="XC")),)
    texts = [Text(text=asked.question, role="query", language=language), Text(text=asked.summary, role="summary")]
    return Study(
        id=name, patient=name, images=images, texts=tuple(text for text in texts if text.text), provenance=origin
    )


def asked_of(study: Study, language: str, picture: str) -> Asked:
    """Return a row for a virtual study with a query in the given language and a summary."""
    question = study.text("query", language=language) or study.text("query", language="en")
    return Asked(question or "What is on my skin?", study.text("summary") or "What is on the skin?", picture)


def write_photographs(corpus: Corpus, root: Path, folder: str) -> Mapping[str, str]:
    """Write the picture of each study and return its name below the release, by study; the third is left out."""
    names = {}
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id)):
        names[study.id] = f"{folder}/Image_{number:04d}.jpg"
        if number != 2:
            save_picture(root / names[study.id], pixels(corpus, study.images[0]))
    return names
