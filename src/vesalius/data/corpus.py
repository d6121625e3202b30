"""A corpus on disk, and views of it: Parquet metadata with one row a study, files, and `corpus.json`.

Nothing here holds all studies: a view is an array of row numbers, a study is decoded when it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vesalius.data.datasets.base import VIRTUAL_NOTE, dataset
from vesalius.data.fingerprint import study_key
from vesalius.data.manifest import Counts, Manifest, value_counts
from vesalius.data.media import inside
from vesalius.data.merge import Source, merge
from vesalius.data.readers import Pixels
from vesalius.data.readers import read as read_pixels
from vesalius.data.records import Image, Status, Study
from vesalius.data.samples import write_samples
from vesalius.data.schema import SCHEMA, to_studies
from vesalius.data.shards import Rows, ShardReader
from vesalius.data.splits import common_split, draw, read_split, split_file
from vesalius.data.stored_split import members, parts, store_given, store_patients
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError, did_you_mean

__all__ = ["Corpus", "StatusCounts", "from_studies"]

_STATUSES: tuple[Status, ...] = ("present", "absent", "uncertain")


class StatusCounts(NamedTuple):
    """Number of studies that state a concept, by status."""

    present: int = 0
    absent: int = 0
    uncertain: int = 0


class Corpus:
    """Studies on disk, or a view of some of them; open one with `Corpus.open`.

    A view keeps the root, the name, the counts and the content hash of the whole corpus; `len`, iteration,
    `ids`, `labels` and `table` are those of the view, in the order of the rows on disk.
    """

    def __init__(self, root: Path, manifest: Manifest, *, reader: ShardReader, rows: Rows | None = None) -> None:
        self.root = root
        self._manifest = manifest
        self._reader = reader
        self._rows = rows

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the corpus in a folder; only `corpus.json` and the split are read.

        Raises:
            DataError: no corpus, not finished, of a newer schema, or with a patient in two splits.
        """
        root = Path(path)
        manifest = Manifest.read(root)
        reader = ShardReader(root / "studies", manifest.shards, version=manifest.schema_version)
        for path in sorted((root / "splits").glob("*.parquet")):
            read_split(root, path.stem)
        return cls(root, manifest, reader=reader)

    @classmethod
    def from_dataset(
        cls, name: str, root: str | Path, *, out: str | Path | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> Self:  # fmt: skip
        """Open the release of a data set as a corpus, which is written the first time.

        Its split is the release's own; where that puts patients into several parts, the manifest counts them.

        Args:
            name: of the data set, see `vesalius.data.datasets`.
            root: folder of the release (or of its twin); only what must be unpacked is added to it.
            out: folder of the corpus; else beside `root` with ``.corpus`` after its name.
            advance: is told of every study.

        Raises:
            ConfigError: unknown name, the nearest are given.
            DataError: files are missing, with the way to get them; or `out` holds another corpus.
        """
        module, root = dataset(name), Path(root)
        target = Path(out) if out else root.with_name(f"{root.name}.corpus")
        if not (target / "corpus.json").exists():
            virtual = (root / VIRTUAL_NOTE).exists()
            writer = CorpusWriter(target, name=module.ABOUT.slug, licence=module.ABOUT.licence, virtual=virtual)
            with writer:
                parts = write_samples(module.read(root), writer, source=root, advance=advance)
            if parts:
                cls.open(target).set_split(parts, shared=True)
        corpus = cls.open(target)
        if corpus.name != module.ABOUT.slug:
            raise DataError(
                f"{target} holds the corpus {corpus.name!r}, not {module.ABOUT.slug!r}: give another `out`"
            )
        return corpus

    @property
    def name(self) -> str:
        """Name of the corpus."""
        return self._manifest.name

    @property
    def schema_version(self) -> int:
        """Version of the files on disk."""
        return self._manifest.schema_version

    @property
    def content_hash(self) -> str:
        """Hash of all records and files, whatever the shards, their order and the place on disk."""
        return self._manifest.content_hash

    @property
    def counts(self) -> Counts:
        """Counts of the whole corpus, also of a view."""
        return self._manifest.counts

    @property
    def manifest(self) -> Manifest:
        """The content of `corpus.json`."""
        return self._manifest

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}, {len(self)} of {len(self._reader)} studies, {str(self.root)!r})"

    def __len__(self) -> int:
        return len(self._reader) if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[Study]:
        for table in self._reader.groups(rows=self._rows):
            yield from to_studies(table)

    def __getitem__(self, index: int) -> Study:
        if not -len(self) <= index < len(self):
            raise IndexError(f"study {index} of {len(self)}")
        index %= len(self)
        return next(to_studies(self._reader.row(index if self._rows is None else int(self._rows[index]))))

    def study(self, study_id: str) -> Study:
        """Return the study of that name."""
        keys, order = self._keys
        place = int(np.searchsorted(keys, study_key(study_id)))
        while place < len(keys) and keys[place] == study_key(study_id):
            table = self._reader.row(int(order[place]))
            if table["study_id"][0].as_py() == study_id and self._contains(int(order[place])):
                return next(to_studies(table))
            place += 1
        raise DataError(
            f"corpus {self.root} has no study {study_id!r}" + ("" if self._rows is None else " in this view")
        )

    def path(self, relative: str) -> Path:
        """Return where a file of the corpus is; a path that leaves the root is an error."""
        return inside(self.root, relative)

    def read(self, image: Image) -> Pixels:
        """Open an image of the corpus, its frame where the record is of one, in the units that the record states."""
        return read_pixels(self.path(image.path), frame=image.frame).meant_as(image.units)

    @property
    def ids(self) -> list[str]:
        """Ids of the studies."""
        return self._column("study_id")

    @property
    def patients(self) -> list[str]:
        """Patient of each study, aligned with `ids`."""
        return self._column("patient")

    def filter(
        self,
        finding: str | None = None,
        *,
        status: Status = "present",
        modality: str | None = None,
        sex: str | None = None,
        site: str | None = None,
        split: str | None = None,
        ids: Iterable[str] | None = None,
    ) -> Corpus:
        """Return a view of the studies that meet all conditions; only the columns in question are read.

        Raises:
            DataError: no study is left.
        """
        conditions = {"modalities": modality, "sex": sex, "site": site, f"findings_{status}": finding}
        wanted: dict[str, Any] = {column: value for column, value in conditions.items() if value is not None}
        if split is not None:
            wanted |= members(self.root, split, scheme="default", manifest=self._manifest)
        view = self if ids is None else self._named(ids)
        view = view._view(view._matching(wanted)) if wanted else view
        if not len(view):
            raise DataError(self._nothing_left(finding, conditions | {"split": split}))
        return view

    def split(self, name: str, *, scheme: str = "default") -> Corpus:
        """Return the view of one part of a stored split."""
        return self._view(self._matching(members(self.root, name, scheme=scheme, manifest=self._manifest)))

    @property
    def has_split(self) -> bool:
        """Whether a default split is stored."""
        return split_file(self.root, "default").exists()

    def parts(self) -> dict[str, str]:
        """Return the part of every study of the view that is in one, by its id; nothing without a default split."""
        return parts(self.root, dict(zip(self.ids, self.patients, strict=True)))

    def make_split(
        self,
        fractions: Mapping[str, float] | None = None,
        *,
        seed: int = 0,
        stratify: Sequence[str] = (),
        scheme: str = "default",
    ) -> Corpus:
        """Draw a split of all patients, balanced over who has each concept of `stratify`, and store it.

        The default is 70 % train, 10 % val and 20 % test. The draw depends on the seed and on the patients'
        names and findings, not on the order of the studies.
        """
        if self._rows is not None:
            raise DataError(
                f"{self!r} is a view: a split is drawn for the whole corpus, Corpus.open(root).make_split()"
            )
        fractions = dict(fractions or {"train": 0.7, "val": 0.1, "test": 0.2})
        known = self.concepts() if stratify else {}
        for concept in stratify:
            if concept not in known:
                raise DataError(f"corpus {self.root} has no finding {concept!r}{did_you_mean(concept, known)}")
        encoded = self.table(["patient"])["patient"].combine_chunks().dictionary_encode()
        patients = encoded.dictionary.to_pylist()
        labels = np.zeros((len(patients), len(stratify)), bool)
        np.logical_or.at(labels, encoded.indices.to_numpy(), self.labels(stratify) == 1)
        part_of = draw(patients, labels, fractions=fractions, seed=seed)
        self._manifest = store_patients(
            self.root, part_of, scheme=scheme, seed=seed, fractions=fractions, stratify=tuple(stratify)
        )
        return self

    def set_split(
        self, split_of_study: Mapping[str, str], *, scheme: str = "default", shared: bool = False
    ) -> Corpus:
        """Store a given split, by study id; studies that it does not name are in no part.

        Args:
            split_of_study: part of each study.
            scheme: name of the split.
            shared: take a split as it is where it puts a patient into several parts; how many is in the manifest.

        Raises:
            DataError: a study is unknown, or a patient would lie in two parts and `shared` is not set.
        """
        patient_of = dict(zip(self.ids, self.patients, strict=True))
        unknown = [name for name in split_of_study if name not in patient_of]
        if unknown:
            raise DataError(f"corpus {self.root} has no study {unknown[0]!r}, which the split names")
        self._manifest = store_given(self.root, split_of_study, patient_of, scheme=scheme, shared=shared)
        return self

    def labels(self, concepts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return 1 where a concept is present, 0 where absent, NaN where uncertain or not said: (n, c)."""
        values = np.full((len(self), len(concepts)), np.nan, np.float32)
        names = pa.array(list(concepts), pa.string())
        row = 0
        for table in self.tables(["findings_present", "findings_absent"]):
            for column, value in (("findings_absent", 0.0), ("findings_present", 1.0)):
                lists = table[column].combine_chunks()
                place = pc.index_in(pc.list_flatten(lists), names)
                parents = pc.list_parent_indices(lists)
                found = pc.is_valid(place)
                values[row + parents.filter(found).to_numpy(), place.filter(found).to_numpy()] = value
            row += len(table)
        return values

    def concepts(self) -> dict[str, StatusCounts]:
        """Return each concept that a study states with its studies by status, most often present first."""
        counted = {status: Counter[str]() for status in _STATUSES}
        for table in self.tables([f"findings_{status}" for status in _STATUSES]):
            for status in _STATUSES:
                counted[status].update(value_counts(pc.list_flatten(table[f"findings_{status}"])))
        names = sorted(set().union(*counted.values()), key=lambda name: (-counted["present"][name], name))
        return {name: StatusCounts(*[counted[status][name] for status in _STATUSES]) for name in names}

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return columns of the view (all where none is named) as one table, held in memory."""
        return pa.concat_tables(self.tables(columns))

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield columns of the view (all where none is named), one shard in memory at a time."""
        columns = list(SCHEMA.names if columns is None else columns)
        unknown = [column for column in columns if column not in SCHEMA.names]
        if unknown:
            raise DataError(f"no column {unknown[0]!r}{did_you_mean(unknown[0], SCHEMA.names)}")
        for _, table in self._reader.scan(columns, rows=self._rows):
            yield table.select(columns).replace_schema_metadata(None)

    @staticmethod
    def merge(corpora: Sequence[Corpus], out: str | Path, *, name: str | None = None) -> Corpus:
        """Write the studies of several corpora (or views), with their files, as one at `out`.

        Equal studies are counted once. Patients of one name are one patient. Where every corpus has a default
        split, so has the result.

        Raises:
            DataError: one id stands for different studies, or a patient would lie in two splits.
        """
        split = all(corpus.has_split for corpus in corpora)
        part_of = common_split([(corpus.root, corpus.patients) for corpus in corpora]) if split else {}
        sources = [Source(corpus.root, corpus.manifest, corpus._reader, corpus._rows) for corpus in corpora]
        merge(sources, Path(out), name=name or "+".join(dict.fromkeys(corpus.name for corpus in corpora)))
        merged = Corpus.open(out)
        if part_of:
            merged._manifest = store_patients(merged.root, part_of)
        return merged

    def _column(self, name: str) -> list[str]:
        return list(self.table([name])[name].to_pylist())

    def _named(self, ids: Iterable[str]) -> Corpus:
        names = set(ids)
        view = self._view(self._matching({"study_id": pa.array(sorted(names), pa.string())}))
        if len(view) < len(names):
            unknown = sorted(names.difference(view.ids))
            raise DataError(
                f"{self!r} has no study {', '.join(map(repr, unknown[:5]))} ({len(unknown)} of {len(names)})"
            )
        return view

    def _view(self, rows: Rows) -> Corpus:
        return type(self)(self.root, self._manifest, reader=self._reader, rows=rows)

    def _contains(self, row: int) -> bool:
        if self._rows is None:
            return True
        place = int(np.searchsorted(self._rows, row))
        return place < len(self._rows) and bool(self._rows[place] == row)

    def _matching(self, wanted: Mapping[str, Any]) -> Rows:
        found = []
        for start, table in self._reader.scan(list(wanted)):
            keep = np.ones(len(table), bool)
            for column, value in wanted.items():
                keep &= _holds(table[column].combine_chunks(), value)
            found.append(np.flatnonzero(keep) + start)
        rows = np.concatenate(found) if found else np.empty(0, np.int64)
        return rows if self._rows is None else np.intersect1d(rows, self._rows, assume_unique=True)

    def _nothing_left(self, finding: str | None, conditions: Mapping[str, Any]) -> str:
        stated = ", ".join(f"{column}={value!r}" for column, value in conditions.items() if value is not None)
        known = self.concepts()
        hint = did_you_mean(finding, known) if finding is not None and finding not in known else ""
        return f"{self!r}: no study has {stated or 'one of the given ids'}{hint}"

    @cached_property
    def _keys(self) -> tuple[Rows, Rows]:
        """Sorted keys of all studies and their rows: 16 bytes a study."""
        keys = np.concatenate([table["study_key"].to_numpy() for _, table in self._reader.scan(["study_key"])])
        order = np.argsort(keys, kind="stable")
        return keys[order], order


def _holds(column: pa.Array, value: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say for each row whether it equals `value`, is one of them, or is a list that has it."""
    if isinstance(value, pa.Array):
        return np.asarray(pc.is_in(column, value_set=value))
    if not pa.types.is_list(column.type):
        return np.asarray(pc.equal(column, value))
    keep = np.zeros(len(column), bool)
    keep[pc.list_parent_indices(column).filter(pc.equal(pc.list_flatten(column), value)).to_numpy()] = True
    return keep


def from_studies(
    studies: Iterable[Study],
    root: str | Path,
    *,
    name: str,
    media: Mapping[str, bytes | Path] | None = None,
    licence: str = "",
    virtual: bool = False,
) -> Corpus:
    """Write studies, and the files that they name, as a corpus and open it."""
    media = media or {}
    with CorpusWriter(root, name=name, licence=licence, virtual=virtual) as writer:
        for study in studies:
            paths = {image.path for image in study.images} | {region.mask for region in study.regions}
            writer.add(study, media={path: media[path] for path in sorted(paths & set(media))})
    return Corpus.open(root)
