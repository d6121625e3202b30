"""PubMedQA: 1,000 questions about abstracts answered yes, no or maybe; and 211,269 more made by rules.

The abstract without its conclusion stands before the question. The 500 of test_ground_truth.json are the test part;
the other 500 are parted into ten folds of training and development. About 55 % are "yes". The twin's abstracts
describe virtual patients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance
from vesalius.data.releases.exams import examined, stated, text_questions
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, json_value
from vesalius.data.releases.twins import part_of, write_json
from vesalius.errors import ConfigError, DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="PubMedQA", slug="pubmedqa", licence="MIT",
    access="It is open: clone its repository (labelled part) and download ori_pqaa.json by its link",
    home="https://github.com/pubmedqa/pubmedqa",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=64, questions=4.0, families=("presence", "any_abnormality", "in_place"))

_TABLE, _TRUTH, _ARTIFICIAL = "ori_pqal.json", "test_ground_truth.json", "ori_pqaa.json"
_FOLD = "pqal_fold{}/{}_set.json"
_DECISIONS = ("yes", "no", "maybe")
_FOLDS = 10


def read(root: Path, *, fold: int = 0, artificial: bool = False) -> Iterator[Sample]:
    """Yield one study without pictures for each question: "train", "val" (of the fold, where it is there) or "test".

    `Dialogue.rationale` is the long answer, which is the conclusion of the abstract.

    Args:
        root: folder with the files, or with ``data`` that has them.
        fold: 0 to 9, which parts the other 500 into "train" and "val".
        artificial: the questions made by rules instead, all in "train".
    """
    if not 0 <= fold < _FOLDS:
        raise ConfigError(f"fold {fold} of PubMedQA, expected 0 to {_FOLDS - 1}")
    origin = provenance(root, ABOUT)
    root = root / "data" if (root / "data").is_dir() else root
    require_files(root, [_ARTIFICIAL] if artificial else [_TABLE, _TRUTH], ABOUT)
    path = root / (_ARTIFICIAL if artificial else _TABLE)
    tests = set() if artificial else set(_object(root / _TRUTH))
    held = root / _FOLD.format(fold, "dev")
    yield from _samples(
        _object(path), str(path), tests, set(_object(held)) if held.exists() and not artificial else set(), origin
    )


def _object(path: Path) -> Mapping[str, Any]:
    value = json_value(path)
    if not isinstance(value, dict):
        raise DataError(f"{path}: a {type(value).__name__}, expected an object of questions by PubMed id")
    return value


def _samples(
    rows: Mapping[str, Any], where: str, tests: set[str], held: set[str], origin: Provenance
) -> Iterator[Sample]:
    for name, cells in rows.items():
        row = Row({}, where).inside(f"id {name}", cells)
        answer = row.text("final_decision")
        if answer not in _DECISIONS:
            raise row.fault(f"final_decision is {answer!r}, expected one of {', '.join(_DECISIONS)}")
        context = "\n".join(str(part) for part in row.items("CONTEXTS"))
        dialogue = asked(
            name, f"{context}\n{row.text('QUESTION')}", answer, options=_DECISIONS, answer_type="choice",
            source="pubmedqa",
        )  # fmt: skip
        dialogue = replace(dialogue, rationale=row.optional("LONG_ANSWER"))
        part = "test" if name in tests else "val" if name in held else "train"
        yield examined(f"pmid-{name}", dialogue, part, origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write table, truth and the first fold; a long context in several sections and one "maybe" are among them."""
    parts = part_of(corpus)
    rows: dict[str, dict[str, Any]] = {}
    part_by_name: dict[str, str] = {}
    for place, (study, _, question) in enumerate(text_questions(corpus)):
        name = str(90_000_000 + place)
        contexts = [f"Virtual patient. {stated(study)}"]
        decision = question.answer
        if place == 0:
            contexts, decision = ["The description of this virtual patient was lost.", "Nothing is stated."], "maybe"
        rows[name] = {
            "QUESTION": question.question, "CONTEXTS": contexts, "LABELS": ["RESULTS", "BACKGROUND"][: len(contexts)],
            "MESHES": ["Humans"], "YEAR": None, "reasoning_required_pred": "yes", "reasoning_free_pred": "no",
            "final_decision": decision, "LONG_ANSWER": f"The answer is {decision}.",
        }  # fmt: skip
        part_by_name[name] = parts[study.id]
    named = {part: {name for name, own in part_by_name.items() if own == part} for part in ("train", "val", "test")}
    folder = root / "data"
    write_json(folder / _TABLE, rows)
    write_json(folder / _TRUTH, {name: rows[name]["final_decision"] for name in sorted(named["test"])})
    for part, file in (("train", "train"), ("val", "dev")):
        write_json(folder / _FOLD.format(0, file), {name: rows[name] for name in sorted(named[part])})
    return list(_samples(rows, "row", named["test"], named["val"], virtual_origin(ABOUT)))
