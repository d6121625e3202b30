"""The two data sets of SMMILE on the hub, smmile/SMMILE and smmile/SMMILE-plusplus, and their twin.

Each lies in the folder of its name with ``data/train-*.parquet``. A row is a picture with question and answer; the
rows of a problem have one `problem_id`, and the last by `order` is the query. A picture is unpacked beside the
release once, also where permutations show it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.datasets.base import About, require_files, unpacked
from vesalius.data.records import Finding, Study
from vesalius.data.releases.rows import Row, parquet_rows
from vesalius.data.releases.twins import digest, identity, picture_bytes
from vesalius.virtual.twin import virtual_patients

__all__ = ["ABOUT", "Example", "Problem", "problems", "write"]

ABOUT = About(
    title="SMMILE", slug="smmile", licence="CC BY 4.0 by its repository, CC BY-NC-SA 4.0 by its page of the hub",
    access="Accept its terms on the hub and download smmile/SMMILE and smmile/SMMILE-plusplus into folders so called",
    home="https://huggingface.co/datasets/smmile/SMMILE",
)  # fmt: skip

_FLAGS = {
    "speciality": "speciality",
    "flag_answer_format": "answer_format",
    "flag_image_type": "image_type",
    "flag_cognitive_process": "cognitive_process",
    "flag_rarity": "rarity",
    "flag_difficulty_llms": "difficulty",
}
"""Column to field; `speciality` is the release's spelling."""
_OF_ORDER = ("original_order", "original_problem_id", "permutation_number")
"""Columns of SMMILE-plusplus alone."""
_COLUMNS = ("question", "answer", "problem_id", "order", *_FLAGS)
_TYPES = {"image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]), "order": pa.int64(),
          "original_order": pa.int64(), "permutation_number": pa.int64()}  # fmt: skip
_FINDINGS = ("pleural_effusion", "cardiomegaly", "pneumothorax", "consolidation", "atelectasis")
"""What the problems of the twin ask for."""
_ORDERS = 4
"""Permutations of each problem in the twin."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A picture with its question and answer."""

    picture: Path
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Demonstrations in their order, and the query."""

    id: str
    family: str
    """The problem of which this one is a permutation; itself where it is none."""
    demonstrations: tuple[Example, ...]
    query: Example
    flags: Mapping[str, str]


def problems(root: Path, name: str) -> Iterator[Problem]:
    """Yield the problems of one data set in the order of their first rows.

    Raises:
        DataError: the data set is not there, or a problem has no demonstration, two rows of one order, or a row
            without question or answer.
    """
    require_files(root, [name], ABOUT)
    paths = sorted((root / name).glob("**/*.parquet"))
    if not paths:
        require_files(root, [f"{name}/data/train-00000-of-00001.parquet"], ABOUT)
    columns = _COLUMNS + (_OF_ORDER if name.endswith("plusplus") else ())
    groups: dict[str, list[Row]] = {}
    for row in parquet_rows(paths, columns, alone=True):
        groups.setdefault(row.text("problem_id"), []).append(row)
    if not all(_place(root, name, row).exists() for rows in groups.values() for row in rows):
        _unpack(root, name, paths, columns)
    for id, rows in groups.items():
        yield _problem(root, name, id, sorted(rows, key=lambda row: row.whole("order")))


def _unpack(root: Path, name: str, paths: Sequence[Path], columns: Sequence[str]) -> None:
    """Write every picture that is there; a row without one leaves its file out, which the evaluation names."""
    for row in parquet_rows(paths, (*columns, "image"), alone=True):
        target = _place(root, name, row)
        content = (row.cells["image"] or {}).get("bytes")
        if content and not target.exists():
            unpacked(root, str(target.relative_to(root / "unpacked")), content)


def _place(root: Path, name: str, row: Row) -> Path:
    """Return where a picture is unpacked; permutations of a problem share it."""
    family = row.optional("original_problem_id") or row.text("problem_id")
    number = row.whole("original_order" if "original_order" in row.cells else "order")
    return root / "unpacked" / name / digest(family) / f"{number}.picture"


def _problem(root: Path, name: str, id: str, rows: Sequence[Row]) -> Problem:
    last = rows[-1]
    orders = [row.whole("order") for row in rows]
    if len(rows) < 2 or len(set(orders)) < len(rows):
        raise last.fault(f"problem {id} has rows of order {orders}; expected demonstrations and a query, each once")
    shots = [
        Example(picture=_place(root, name, row), question=row.text("question"), answer=row.text("answer"))
        for row in rows
    ]
    return Problem(
        id=id,
        family=last.optional("original_problem_id") or id,
        demonstrations=tuple(shots[:-1]),
        query=shots[-1],
        flags={field: last.optional(column) for column, field in _FLAGS.items()},
    )


def write(root: Path, *, patients: int, seed: int) -> None:
    """Write both data sets: a problem for every second virtual patient, about one finding each."""
    rows: dict[str, list[dict[str, Any]]] = {"SMMILE": [], "SMMILE-plusplus": []}
    with virtual_patients("chest", patients=patients, seed=seed) as corpus:
        studies = [study for _, study in identity(corpus)]
        draw = np.random.default_rng(seed)
        for number in range(max(len(studies) // 2, 1)):
            finding = _FINDINGS[number % len(_FINDINGS)]
            drawn = [studies[place] for place in draw.permutation(len(studies))]
            made = [
                _row(number, order, finding, study, picture_bytes(corpus, study))
                for order, study in enumerate(_alternating(drawn, finding)[: 3 + number % 3], start=1)
            ]
            rows["SMMILE"] += made
            rows["SMMILE-plusplus"] += _permuted(made)
    for name, found in rows.items():
        _write_table(root / name / "data" / "train-00000-of-00001.parquet", found)


def _alternating(studies: Sequence[Study], finding: str) -> list[Study]:
    """Put studies with and without a finding in turn for as long as there are both."""
    groups: dict[bool, list[Study]] = {True: [], False: []}
    for study in studies:
        groups[_present(study, finding) is not None].append(study)
    paired = [one for pair in zip(groups[True], groups[False], strict=False) for one in pair]
    return paired + [study for study in studies if study not in paired]


def _present(study: Study, finding: str) -> Finding | None:
    return next((one for one in study.findings if one.concept == finding and one.status == "present"), None)


def _row(number: int, order: int, finding: str, study: Study, content: bytes) -> dict[str, Any]:
    """Write one example: whether a finding is there, with its side where it is known."""
    found = _present(study, finding)
    words = finding.replace("_", " ")
    side = f" {found.laterality}" if found and number % 2 and found.laterality else ""
    problem = digest("problem", number, length=32)
    return {
        "question": f"Is there {words} in this film?", "answer": f"Yes,{side} {words}." if found else "None",
        "image": {"bytes": content, "path": None}, "image_url": f"virtual/{study.id}.jpg",
        "problem_id": problem, "order": order, "parquet_path": "", "speciality": "Radiology",
        "flag_answer_format": "free response" if number % 2 else "binary(yes/no)",
        "flag_image_type": "X-ray", "flag_cognitive_process": "classification/diagnosis",
        "flag_rarity": ("common", "rare")[number % 2], "flag_difficulty_llms": ("easy", "medium", "hard")[number % 3],
    }  # fmt: skip


def _permuted(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Put the demonstrations of a problem in a few orders; the query stays last."""
    for number, order in enumerate(islice(permutations(rows[:-1]), _ORDERS)):
        for place, row in enumerate((*order, rows[-1]), start=1):
            yield row | {
                "problem_id": digest(row["problem_id"], number, length=32), "original_problem_id": row["problem_id"],
                "order": place, "original_order": row["order"], "permutation_number": number,
            }  # fmt: skip


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
