"""What training data tells of test data: shared patients, studies, files, pixels, copies, reports and questions.

Each finding is a pair of studies. Of one pair of images only the strongest kind is told: the same file, the same
pixels, or a near copy; of one pair of texts the same words or nearly the same. A text that several patients of one
side share word for word is a habit of wording, not a leak: such templates are counted and left out.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.config import Config
from vesalius.curation.base import Files
from vesalius.curation.leakage_side import Side
from vesalius.curation.minhash import near_texts
from vesalius.curation.seen import AGREEMENT, BITS, near_pictures
from vesalius.data.corpus import Corpus
from vesalius.data.disk import replacing
from vesalius.data.records import Study
from vesalius.errors import DataError

__all__ = ["KINDS", "Audit", "AuditSettings", "Contamination", "Kind", "Match", "audit", "shared_with"]

Kind = Literal["patient", "study", "file", "pixels", "near_image", "report", "near_report", "question"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The strongest of the same thing first."""


class Match(NamedTuple):
    """A study of the test side and what it shares with one of the training side."""

    kind: Kind
    train: str
    """Study id."""
    test: str
    train_image: str = ""
    test_image: str = ""
    score: float = 1.0
    """Agreement of detail of near images, Jaccard similarity of near reports, else 1."""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class AuditSettings(Config):
    """Thresholds; `perf/dedup.py` measures what they find and what they call alike by mistake."""

    kinds: tuple[Kind, ...] = KINDS
    bits: int = BITS
    """Bits of 64 by which the pHash or dHash of a copy may differ."""
    agreement: float = AGREEMENT
    """Agreement of fine detail from which two pictures are one film."""
    jaccard: float = 0.7
    """Jaccard similarity of runs of 4 words from which two reports are nearly the same."""
    least_words: int = 20
    """Reports with fewer words are not compared, for there is little to tell them apart."""
    least_question_words: int = 6
    template_patients: int = 3
    """A text of as many patients of one side is a template."""


@dataclass(frozen=True, kw_only=True)
class Contamination:
    """Which studies of a test corpus were seen in training, and how."""

    train: str
    test: str
    test_hash: str
    """Content hash of the test corpus."""
    kinds: Mapping[str, tuple[Kind, ...]] = field(default_factory=dict)
    """By study id, sorted as `KINDS`; studies that are not named are clean."""

    def studies(self, *kinds: Kind) -> set[str]:
        """Return the ids of the studies that have one of the kinds (any where none is named)."""
        return {name for name, found in self.kinds.items() if not kinds or set(kinds) & set(found)}

    def write(self, path: str | Path) -> Path:
        """Write the marks as .json or .parquet."""
        path = Path(path)
        facts = {"train": self.train, "test": self.test, "test_hash": self.test_hash}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            names = sorted(self.kinds)
            lists = [list(self.kinds[name]) for name in names]
            columns = {"study_id": pa.array(names, pa.string()), "kinds": pa.array(lists, pa.list_(pa.string()))}
            table = pa.table(columns).replace_schema_metadata({"contamination": json.dumps(facts)})
            with replacing(path, scratch=path.parent) as file:
                pq.write_table(table, file)
        elif path.suffix == ".json":
            document = facts | {"studies": {name: list(self.kinds[name]) for name in sorted(self.kinds)}}
            with replacing(path, scratch=path.parent) as file:
                file.write((json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
        else:
            raise DataError(f"{path}: found {path.suffix or 'no suffix'}, expected .json or .parquet")
        return path

    @classmethod
    def read(cls, path: str | Path) -> Contamination:
        """Read marks that `write` wrote.

        Raises:
            DataError: no such file, or something else in it.
        """
        path = Path(path)
        try:
            if path.suffix == ".parquet":
                table = pq.read_table(path)
                document = json.loads((table.schema.metadata or {})[b"contamination"])
                rows = table.to_pylist()
                found = {str(row["study_id"]): row["kinds"] for row in rows}
            else:
                document = json.loads(path.read_text(encoding="utf-8"))
                found = document["studies"]
            kinds = {name: _known(marks) for name, marks in found.items()}
            return cls(train=document["train"], test=document["test"], test_hash=document["test_hash"], kinds=kinds)
        except FileNotFoundError:
            raise DataError(
                f"{path}: no such file; `vesalius audit TRAIN TEST --mark {path.name}` makes it"
            ) from None
        except (KeyError, TypeError, AttributeError, ValueError, UnicodeDecodeError, pa.ArrowException) as error:
            raise DataError(f"{path} holds no contamination marks of an audit: {error}") from None


def _known(marks: Iterable[str]) -> tuple[Kind, ...]:
    unknown = set(marks) - set(KINDS)
    if unknown:
        raise ValueError(f"unknown kind {sorted(unknown)[0]!r}, known are {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in set(marks))


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All that two sides share."""

    train: str
    test: str
    train_studies: int
    test_studies: int
    matches: tuple[Match, ...]
    """Sorted by kind, as `KINDS`, and by studies."""
    templates: int
    """Texts that were left out as templates."""
    settings: AuditSettings
    test_hash: str
    unreadable: tuple[str, ...] = ()
    """Images that could not be opened and so were not compared, as "side: study/image: why"."""

    def pairs(self) -> dict[str, int]:
        """Count the pairs by kind."""
        counts = Counter(match.kind for match in self.matches)
        return {kind: counts[kind] for kind in self.settings.kinds}

    def studies(self) -> dict[str, int]:
        """Count the test studies by kind."""
        counts = Counter(kind for kind, _ in {(match.kind, match.test) for match in self.matches})
        return {kind: counts[kind] for kind in self.settings.kinds}

    @property
    def contamination(self) -> Contamination:
        """The mark that evaluation reads."""
        found: dict[str, set[str]] = defaultdict(set)
        for match in self.matches:
            found[match.test].add(match.kind)
        kinds = {name: _known(found[name]) for name in sorted(found)}
        return Contamination(train=self.train, test=self.test, test_hash=self.test_hash, kinds=kinds)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, every pair in them."""
        return {
            "train": self.train, "test": self.test, "train_studies": self.train_studies,
            "test_studies": self.test_studies, "contaminated_studies": len(self.contamination.kinds),
            "studies": self.studies(), "pairs": self.pairs(), "templates": self.templates,
            "settings": asdict(self.settings), "unreadable": list(self.unreadable),
            "matches": [match._asdict() for match in self.matches],
        }  # fmt: skip

    def text(self) -> str:
        """Return a table for people."""
        lines = [f"{'shared':12} {'test studies':>12} {'pairs':>8}"]
        pairs = self.pairs()
        lines += [f"{kind:12} {count:12} {pairs[kind]:8}" for kind, count in self.studies().items()]
        marked = len(self.contamination.kinds)
        lines.append(
            f"{marked} of {self.test_studies} test studies share something with {self.train_studies} of training"
        )
        if self.templates:
            lines.append(f"{self.templates} texts are templates, which several patients share, and were left out")
        if self.unreadable:
            lines.append(f"{len(self.unreadable)} images could not be opened, such as {self.unreadable[0]}")
        return "\n".join(lines)


def audit(
    train: Corpus, test: Corpus, *, settings: AuditSettings | None = None, names: tuple[str, str] = ("", "")
) -> Audit:
    """Compare two corpora, or two views of one.

    Args:
        train: what a model learns from.
        test: what it is judged by.
        settings: kinds and thresholds.
        names: of both sides, for the report; those of the corpora where empty.

    Raises:
        DataError: both sides are the same studies of the same corpus.
    """
    how = settings or AuditSettings()
    if train.root.resolve() == test.root.resolve() and train.ids == test.ids:
        raise DataError(f"{train!r} is compared with itself: name two parts, such as {train.root.name}:train")
    learnt, asked = _side(train, train, how), _side(test, test, how)
    matches, templates = _compared(learnt, asked, how)
    return Audit(
        train=names[0] or train.name,
        test=names[1] or test.name,
        train_studies=len(learnt.patient_of),
        test_studies=len(asked.patient_of),
        matches=matches,
        templates=templates,
        settings=how,
        test_hash=test.content_hash,
        unreadable=tuple(f"{side}: {line}" for side, one in (("train", learnt), ("test", asked)) for line in one.bad),
    )


def shared_with(
    studies: Iterable[Study], files: Files, test: Corpus, *, settings: AuditSettings | None = None
) -> tuple[Match, ...]:
    """Return what studies share with a corpus, every study of a shared patient named.

    Args:
        studies: what a model would learn from; gone through twice.
        files: where their files are.
        test: what it is judged by.
        settings: kinds and thresholds.
    """
    how = settings or AuditSettings()
    learnt, asked = _side(studies, files, how), _side(test, test, how)
    matches, _ = _compared(learnt, asked, how)
    patients = [
        Match("patient", name, asked.studies_of[patient][0])
        for name, patient in learnt.patient_of.items()
        if patient in asked.studies_of
    ]
    return (*matches, *(patients if "patient" in how.kinds else ()))


def _side(studies: Iterable[Study], files: Files, how: AuditSettings) -> Side:
    pictures = bool({"pixels", "near_image"} & set(how.kinds))
    return Side.of(studies, files, pictures=pictures, least_words=how.least_words)


def _compared(train: Side, test: Side, how: AuditSettings) -> tuple[tuple[Match, ...], int]:
    texts, templates = _texts(train, test, how)
    kept = [match for match in {*_matches(train, test, how), *texts} if match.kind in how.kinds]
    return tuple(sorted(kept, key=lambda match: (KINDS.index(match.kind), match[1:]))), templates


def _matches(train: Side, test: Side, how: AuditSettings) -> Iterator[Match]:
    for name, patient in test.patient_of.items():
        if name in train.patient_of:
            yield Match("study", name, name)
        # One pair a test study tells enough: a patient of many visits would make thousands.
        shared = train.studies_of.get(patient, ())
        if shared:
            yield Match("patient", shared[0], name, detail=f"{len(shared)} studies of this patient are in training")
    told: set[tuple[str, str]] = set()
    for kind, mine, theirs in (("file", train.files, test.files), ("pixels", train.pixels, test.pixels)):
        for key, places in theirs.items():
            for (study, image), (other, other_image) in _crossed(mine.get(key, ()), places):
                if (f"{study}/{image}", f"{other}/{other_image}") not in told:
                    told.add((f"{study}/{image}", f"{other}/{other_image}"))
                    yield Match("file" if kind == "file" else "pixels", study, other, image, other_image)
    if "near_image" in how.kinds:
        for pair in near_pictures(train.seen, test.seen, bits=how.bits, least=how.agreement):
            (study, image), (other, other_image) = train.seen.of[pair.one], test.seen.of[pair.other]
            if (f"{study}/{image}", f"{other}/{other_image}") not in told:
                yield Match(
                    "near_image", study, other, image, other_image, round(pair.agreement, 3), f"{pair.bits} bits"
                )


def _crossed(
    mine: Iterable[tuple[str, str]], theirs: Iterable[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    theirs = list(theirs)
    return ((one, other) for one in mine for other in theirs)


def _texts(train: Side, test: Side, how: AuditSettings) -> tuple[list[Match], int]:
    """Return the matches of reports and questions, and how many different texts are templates."""
    found: list[Match] = []
    templates = 0
    told: set[tuple[str, str]] = set()
    sides = (("report", train.reports, test.reports), ("question", train.questions, test.questions))
    for name, mine, theirs in sides:
        for key, studies in theirs.items():
            others = mine.get(key, [])
            if not others:
                continue
            if max(train.num_patients(others), test.num_patients(studies)) >= how.template_patients:
                templates += 1
                told |= {(one, other) for one in others for other in studies} if name == "report" else set()
                continue
            for one in others:
                for other in studies:
                    kind: Kind = "report" if name == "report" else "question"
                    if kind == "question" and test.num_words[key] < how.least_question_words:
                        continue
                    found.append(Match(kind, one, other))
                    told.add((one, other))
    if "near_report" in how.kinds:
        found += _near_reports(train, test, how, told)
    return found, templates


def _near_reports(train: Side, test: Side, how: AuditSettings, told: set[tuple[str, str]]) -> Iterator[Match]:
    runs = [*train.runs.values(), *test.runs.values()]
    names = [*train.runs, *test.runs]
    groups = [0] * len(train.runs) + [1] * len(test.runs)
    for pair in near_texts(runs, threshold=how.jaccard, groups=groups):
        one, other = names[pair.one], names[pair.other]
        if (one, other) not in told:
            yield Match("near_report", one, other, score=round(pair.jaccard, 3))
