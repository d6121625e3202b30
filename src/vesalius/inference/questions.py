"""Questions for a batch: from chat rows, a table, files, a folder (DICOM by study) or a corpus, as requests.

What cannot be asked, such as a row with a fault, comes as a failed reply in its place, so that nothing is lost.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from vesalius.data.conversations.jsonl import JsonLines
from vesalius.data.corpus import Corpus
from vesalius.data.ingest.columns import Columns
from vesalius.data.ingest.from_folder import Over, plan_folder
from vesalius.data.ingest.plan import ImagePlan
from vesalius.data.messages import Media, MediaKind, Message
from vesalius.data.readers import sniff
from vesalius.data.records import Provenance
from vesalius.errors import ConfigError, DataError
from vesalius.inference.constraint import Constraint
from vesalius.inference.requests import Decoding, Reply, Request

__all__ = ["Asked", "Questions"]

_VOLUMES = ("nifti", "metaimage", "nrrd")
_ROWS = (".jsonl", ".json")
_TABLES = (".csv", ".tsv")
_COLUMNS = ("id", "study", "image", "volume", "video", "question")


class Asked(NamedTuple):
    """One request, or why there is none."""

    study: str
    """Whose report the answer belongs to."""
    request: Request | None
    failed: Reply | None = None


@dataclass(frozen=True, kw_only=True)
class Questions:
    """What is asked about each item of a source."""

    source: tuple[str, ...]
    """Files, or one JSONL, CSV, folder or corpus."""
    ask: tuple[str, ...] = ()
    """Questions to every item; rows with a question of their own need none."""
    decoding: Decoding = field(default_factory=Decoding)
    constraint: Constraint | None = None

    def __iter__(self) -> Iterator[Asked]:
        """Yield a request for every item and question, in the order of the source.

        Raises:
            ConfigError: the source or a question is missing.
            DataError: the source cannot be read at all.
        """
        first = Path(self.source[0]) if self.source else None
        if first is None:
            raise ConfigError("nothing to ask about: name files, a .jsonl, a .csv, a folder or a corpus")
        if len(self.source) == 1 and first.suffix.lower() in _ROWS:
            return self._rows(first)
        if len(self.source) == 1 and first.suffix.lower() in _TABLES:
            return self._table(first)
        if not self.ask:
            raise ConfigError(f"{first} states no question: give one by --ask")
        if len(self.source) == 1 and (first / "corpus.json").is_file():
            return self._corpus(first)
        if len(self.source) == 1 and first.is_dir():
            return self._folder(first)
        return self._files()

    def _rows(self, path: Path) -> Iterator[Asked]:
        rows = JsonLines(path)
        for place in range(len(rows)):
            name = f"row {place + 1}"
            try:
                row = rows.conversation(place)
                messages = list(row.messages)
                while messages and messages[-1].role == "assistant":
                    messages.pop()
                if not messages:
                    raise DataError("it asks nothing")
            except DataError as error:
                yield Asked(name, None, Reply(id=name, finish="error", error=str(error)))
                continue
            yield self._asked(row.id or name, row.id or name, tuple(messages))

    def _table(self, path: Path) -> Iterator[Asked]:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            names = table.fieldnames or ()
            if not {"image", "volume", "video", "question"} & set(names) or not (
                {"question"} & set(names) or self.ask
            ):
                raise DataError(
                    f"{path}: columns {', '.join(names) or 'none'}; expected some of {', '.join(_COLUMNS)}, and a "
                    "question there or by --ask"
                )
            for place, row in enumerate(table, start=1):
                kinds: tuple[MediaKind, ...] = ("image", "volume", "video")
                media = [
                    Media(path=str((path.parent / one.strip()).absolute()), kind=kind)
                    for kind in kinds
                    for one in (row.get(kind) or "").split(";")
                    if one.strip()
                ]
                name = row.get("id") or f"row {place}"
                asked = [row["question"]] if row.get("question") else list(self.ask)
                yield from self._each(name, row.get("study") or name, media, asked)

    def _files(self) -> Iterator[Asked]:
        for one in self.source:
            try:
                media = [Media(path=str(Path(one).absolute()), kind=_kind(Path(one)))]
            except DataError as error:
                yield Asked(one, None, Reply(id=one, finish="error", error=str(error)))
                continue
            yield from self._each(one, Path(one).stem, media, self.ask)

    def _folder(self, folder: Path) -> Iterator[Asked]:
        plan = plan_folder(folder, Columns(), provenance=Provenance(source=""), over=Over(1, None))
        for problem in plan.problems:
            yield Asked(problem.item, None, Reply(id=problem.item, finish="error", error=problem.reason))
        for study in plan.studies:
            name = study.study.id
            try:
                media = [_planned(one) for one in study.images]
            except DataError as error:
                yield Asked(name, None, Reply(id=name, finish="error", error=str(error)))
                continue
            yield from self._each(name, name, media, self.ask)

    def _corpus(self, root: Path) -> Iterator[Asked]:
        corpus = Corpus.open(root)
        for study in corpus:
            media = [
                Media(
                    path=str(corpus.path(one.path)),
                    kind="image" if one.kind == "slide" else one.kind,
                    frame=one.frame,
                )
                for one in study.images
            ]
            yield from self._each(study.id, study.id, media, self.ask)

    def _each(self, name: str, study: str, media: Sequence[Media], asked: Sequence[str]) -> Iterator[Asked]:
        for place, question in enumerate(asked):
            message = Message(role="user", parts=(*media, question))
            yield self._asked(name if len(asked) == 1 else f"{name}/{place + 1}", study, (message,))

    def _asked(self, name: str, study: str, messages: tuple[Message, ...]) -> Asked:
        request = Request(
            id=name, messages=messages, decoding=self.decoding, constraint=self.constraint, question=messages[-1].text
        )
        return Asked(study, request)


def _kind(path: Path) -> MediaKind:
    """Return what a file is to be shown as.

    Raises:
        DataError: there is none, or it is of no known kind.
    """
    if path.is_dir():
        return "volume"
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    name = sniff(path)
    return "volume" if name in _VOLUMES else "video" if name == "video" else "image"


def _planned(image: ImagePlan) -> Media:
    """Return an image of a folder's study; the slices of a volume must have a folder of their own.

    Raises:
        DataError: they have not.
    """
    if not image.slices:
        return Media(path=str(image.path.absolute()), kind=_kind(image.path))
    folder = image.slices[0].path.parent
    held = sum(1 for one in folder.iterdir() if one.is_file())
    if held != len(image.slices):
        raise DataError(
            f"{folder.name}: {len(image.slices)} slices of a volume among {held} files; ingest the folder and ask "
            "about the corpus, or give each series a folder"
        )
    return Media(path=str(folder.absolute()), kind="volume")
