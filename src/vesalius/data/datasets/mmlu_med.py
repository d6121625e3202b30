"""MMLU, its medical subjects: 1,089 test questions with four options in six subjects, 1,871 in nine, as text.

The mean over subjects and the mean over questions differ: say which. Five questions a subject ("dev") are examples to
show. Read are the tables without header of the release, and the folders of Parquet of the hub. The twin asks about
described virtual patients: it tests plumbing and not medicine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance
from vesalius.data.releases.exams import examined, padded_options, right_of, text_questions
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, csv_rows, parquet_rows
from vesalius.data.releases.twins import QUESTION_FAMILIES, write_csv
from vesalius.errors import ConfigError, did_you_mean

__all__ = ["ABOUT", "MORE_SUBJECTS", "SUBJECTS", "TWIN", "read", "write"]

ABOUT = About(
    title="MMLU, medical subjects", slug="mmlu_med", licence="MIT",
    access="It is open: download data.tar by the link of its repository, or the copy of the hub",
    home="https://github.com/hendrycks/test",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=64, questions=4.0, families=QUESTION_FAMILIES)

SUBJECTS = (
    "anatomy", "clinical_knowledge", "college_biology", "college_medicine", "medical_genetics",
    "professional_medicine",
)  # fmt: skip
"""The usual six."""
MORE_SUBJECTS = ("nutrition", "virology", "high_school_biology")
"""Three that some evaluations add."""
_PARTS = {"dev": "dev", "val": "val", "test": "test"}
_HUB = {"dev": "dev", "validation": "val", "test": "test"}
_LETTERS = "ABCD"
_COLUMNS = ("question", *_LETTERS, "answer")


def read(root: Path, *, subjects: Sequence[str] = SUBJECTS, more: bool = False) -> Iterator[Sample]:
    """Yield one study without pictures for each question, in "dev", "val" or "test"; subject by subject.

    `Dialogue.source` is ``mmlu_med/<subject>``.

    Args:
        root: folder with ``dev``, ``val`` and ``test``, or with a folder of Parquet for each subject.
        subjects: which.
        more: also those of `MORE_SUBJECTS` whose files are there.
    """
    known = (*SUBJECTS, *MORE_SUBJECTS)
    for name in subjects:
        if name not in known:
            raise ConfigError(f"no medical subject {name!r}{did_you_mean(name, known)}")
    origin = provenance(root, ABOUT)
    root = root / "data" if (root / "data" / "test").is_dir() else root
    if more:
        there = [
            name for name in MORE_SUBJECTS if (root / name).is_dir() or (root / f"test/{name}_test.csv").exists()
        ]
        subjects = tuple(dict.fromkeys((*subjects, *there)))
    if (root / subjects[0]).is_dir():
        for name in subjects:
            yield from _samples(_hub_rows(root / name), name, origin)
        return
    require_files(root, [f"test/{name}_test.csv" for name in subjects], ABOUT)
    for name in subjects:
        paths = {part: root / part / f"{name}_{part}.csv" for part in _PARTS}
        rows = (
            (part, row)
            for part, path in paths.items()
            if path.exists()
            for row in csv_rows(path, _COLUMNS, header=False)
        )
        yield from _samples(rows, name, origin)


def _hub_rows(folder: Path) -> Iterator[tuple[str, Row]]:
    for theirs, part in _HUB.items():
        for row in parquet_rows(sorted(folder.glob(f"{theirs}-*.parquet")), ("question", "choices", "answer")):
            choices, number = row.items("choices"), row.whole("answer")
            if len(choices) != len(_LETTERS) or not 0 <= number < len(choices):
                raise row.fault(f"{len(choices)} choices and answer {number}, expected 4 and a number from 0 to 3")
            cells = {"question": row.text("question"), **dict(zip(_LETTERS, choices, strict=True))}
            yield part, Row({**cells, "answer": _LETTERS[number]}, row.where)


def _samples(rows: Iterable[tuple[str, Row]], subject: str, origin: Provenance) -> Iterator[Sample]:
    numbers: dict[str, int] = {}
    for part, row in rows:
        numbers[part] = numbers.get(part, -1) + 1
        name = f"{subject}-{part}-{numbers[part]}"
        options = {letter: row.text(letter) for letter in _LETTERS}
        dialogue = asked(
            name, row.text("question"), right_of(row, options, row.text("answer").strip()),
            options=[*options.values()], answer_type="choice", source=f"mmlu_med/{subject}",
        )  # fmt: skip
        yield examined(name, dialogue, part, origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the tables of the six subjects, questions in turn."""
    found = list(text_questions(corpus))
    questions = [question for _, _, question in found]
    tables: dict[tuple[str, str], list[list[str]]] = {(name, part): [] for name in SUBJECTS for part in _PARTS}
    for place, (_, text, question) in enumerate(found):
        options = padded_options(question, questions, 4, seed=text)
        part = ("test", "dev", "val")[place // len(SUBJECTS) % 3]
        row = [text, *options, _LETTERS[options.index(question.answer)]]
        tables[SUBJECTS[place % len(SUBJECTS)], part].append(row)
    made: list[Sample] = []
    for name in SUBJECTS:
        rows: list[tuple[str, Row]] = []
        for part in _PARTS:
            write_csv(root / part / f"{name}_{part}.csv", (), tables[name, part])
            rows += [(part, Row(dict(zip(_COLUMNS, row, strict=True)), "row")) for row in tables[name, part]]
        made += _samples(rows, name, virtual_origin(ABOUT))
    return made
