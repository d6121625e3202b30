"""The data sets of SURE-VQA as it uses them, and which rows each of its shifts puts on which side.

Source: IML-DKFZ/sure-vqa at 417e886, datamodule.py, data/ovqa_clean.py, data/mimic_cxr_vqa_data.py. They lie in the
folders ``SLAKE``, ``OVQA`` and ``MIMIC-CXR-VQA`` in the layout of their releases; the last one also holds ``hosp``
with patients.csv and admissions.csv of MIMIC-IV, which tell sex, age and race of a subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from pathlib import Path

import numpy as np

from vesalius.data.datasets.base import About, dataset, require_files
from vesalius.data.releases.pictures import first_of
from vesalius.data.releases.rows import Row, csv_rows, json_list, json_value
from vesalius.data.releases.twins import write_csv, write_json
from vesalius.virtual.twin import write_twin

__all__ = ["SHIFTS", "Asked", "Fold", "Shift", "asked", "ethnicity_of", "write"]

Fold = str
"""train, val or test."""
_TWO = ("yes", "no")


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A field by whose value the items are parted, and what of it is out of the distribution."""

    of: str
    """Data set."""
    field: str
    side: Callable[[str], str]
    """Value to "iid", "ood" or nothing."""
    pooled: bool = False
    """The value is one and the same for a patient, so that rows of the training file join the o.o.d. test."""
    without: str = ""
    """Content type that asks for the field itself and is left out."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A row as the study uses it."""

    fold: Fold
    """File it comes from."""
    id: str
    patient: str
    """Picture or subject."""
    picture: Path
    question: str
    answer: str
    closed: bool
    categories: tuple[str, ...]
    """The answers that a closed question allows; empty where nothing tells them."""
    fields: Mapping[str, str]


def _is(value: str) -> Callable[[str], str]:
    return lambda found: "ood" if found == value else "iid"


def _age(found: str) -> str:
    return "" if not found else "ood" if int(found) < 40 else "iid" if int(found) >= 60 else ""


def _race(found: str) -> str:
    return "iid" if found == "WHITE" else "" if found in ("", "UNKNOWN/OTHER") else "ood"


def _sex(found: str) -> str:
    return {"F": "ood", "M": "iid"}.get(found, "")


SHIFTS: Mapping[str, Shift] = {
    "slake-modality": Shift(of="SLAKE", field="modality", side=_is("X-Ray"), pooled=True),
    "slake-content": Shift(of="SLAKE", field="content_type", side=_is("Size")),
    "ovqa-organ": Shift(of="OVQA", field="image_organ", side=_is("LEG"), pooled=True),
    "ovqa-type": Shift(of="OVQA", field="question_type", side=_is("Organ System")),
    "mimic-gender": Shift(of="MIMIC-CXR-VQA", field="gender", side=_sex, without="gender"),
    "mimic-ethnicity": Shift(of="MIMIC-CXR-VQA", field="ethnicity", side=_race),
    "mimic-age": Shift(of="MIMIC-CXR-VQA", field="age", side=_age),
}
"""The shifts of the paper, i.i.d. against o.o.d.: X-Ray, Size, LEG, Organ System, F, nonwhite, young (< 40, ≥ 60)."""

_NAMES = {
    "SLAKE": ("slake", {"train": "train.json", "val": "validate.json", "test": "test.json"}),
    "OVQA": ("ovqa", {"train": "trainset.json", "val": "valset.json", "test": "testset.json"}),
    "MIMIC-CXR-VQA": ("mimic_cxr_vqa", {"train": "train.json", "val": "valid.json", "test": "test.json"}),
}
_MOST = {"train": 20_000, "val": 5_000, "test": 5_000}
"""Rows of MIMIC-CXR-VQA that are drawn of a file's side, with seed 123 as pandas draws."""
_SEED = 123
_KEPT = re.compile(
    "Is this a CT image or X-Ray image?|Is this an MRI or a CT scan?|Was this image taken with an MRI or CT scanner?"
)
"""Closed questions of OVQA that are kept though their answer is not yes or no; expressions, as in the source."""
_CHOICES = re.compile(r"\$\{\w*} or (?:the )?\$\{\w*}")
_NAMED = re.compile(r", (\w*) or (\w*)")
_RACES = {
    "WHITE": "WHITE, WHITE - RUSSIAN, PORTUGUESE, WHITE - OTHER EUROPEAN, WHITE - BRAZILIAN, "
    "WHITE - EASTERN EUROPEAN",
    "UNKNOWN/OTHER": "OTHER, UNABLE TO OBTAIN, UNKNOWN, PATIENT DECLINED TO ANSWER, NATIVE HAWAIIAN OR OTHER PACIFIC "
    "ISLANDER, AMERICAN INDIAN/ALASKA NATIVE, MULTIPLE RACE/ETHNICITY, SOUTH AMERICAN",
    "BLACK": "BLACK/AFRICAN AMERICAN, BLACK/CAPE VERDEAN, BLACK/AFRICAN, BLACK/CARIBBEAN ISLAND",
    "ASIAN": "ASIAN, ASIAN - CHINESE, ASIAN - SOUTH EAST ASIAN, ASIAN - KOREAN, ASIAN - ASIAN INDIAN",
    "HISPANIC/LATINO": "HISPANIC/LATINO - DOMINICAN, HISPANIC/LATINO - SALVADORAN, HISPANIC/LATINO - PUERTO RICAN, "
    "HISPANIC/LATINO - GUATEMALAN, HISPANIC OR LATINO, HISPANIC/LATINO - MEXICAN, HISPANIC/LATINO - CUBAN, "
    "HISPANIC/LATINO - HONDURAN, HISPANIC/LATINO - COLUMBIAN, HISPANIC/LATINO - CENTRAL AMERICAN",
}
_GROUP_OF = {race: group for group, races in _RACES.items() for race in races.split(", ")}


def asked(root: Path, shift: Shift, *, side: str, fold: Fold) -> Iterator[Asked]:
    """Yield the rows of one side of a shift.

    The o.o.d. side has only a test; where the field is one and the same for a patient, rows of the training file join
    it. What is fitted to is always the i.i.d. side.

    Raises:
        DataError: a file is missing, or a row lacks what it needs.
    """
    if side == "ood" and fold != "test":
        return
    for one in (fold, "train") if side == "ood" and shift.pooled else (fold,):
        drawn = _drawn(root, shift, side, one) if shift.of == "MIMIC-CXR-VQA" else None
        place = 0
        for row in _READ[shift.of](root, one):
            if shift.side(row.fields[shift.field]) != side:
                continue
            if (drawn is None or place in drawn) and row.fields["content_type"] != (shift.without or None):
                yield row
            place += 1


def _drawn(root: Path, shift: Shift, side: str, fold: Fold) -> frozenset[int] | None:
    """Return which rows of a side are drawn, as ``DataFrame.sample`` draws with this seed; None for all."""
    total = sum(shift.side(row.fields[shift.field]) == side for row in _READ[shift.of](root, fold))
    if total <= _MOST[fold]:
        return None
    return frozenset(np.random.RandomState(_SEED).permutation(total)[: _MOST[fold]].tolist())


def ethnicity_of(races: Sequence[str]) -> str:
    """Return the group of a subject by the races of all admissions; unknown where they are of several groups."""
    groups = {_GROUP_OF[race] for race in races if race in _GROUP_OF}
    known = groups - {"UNKNOWN/OTHER"}
    return known.pop() if len(known) == 1 else "UNKNOWN/OTHER"


def _files(root: Path, name: str, fold: Fold, folders: Sequence[str]) -> tuple[Path, Path]:
    """Return the folder of a data set and the file of a fold, in the first of a few places below it."""
    slug, files = _NAMES[name]
    about: About = dataset(slug).ABOUT
    base = root.absolute() / name
    places = [base / folder for folder in folders if (base / folder / files["train"]).exists()]
    require_files(places[0] if places else base, list(files.values()), about)
    return base, places[0] / files[fold]


def _slake(root: Path, fold: Fold) -> Iterator[Asked]:
    """Yield the English questions."""
    base, file = _files(root, "SLAKE", fold, (".",))
    for row in json_list(file):
        if row.text("q_lang") == "en" and row.text("answer").strip():
            yield _plain(
                row, fold, patient=str(row.whole("img_id")), columns=("modality", "location", "content_type"),
                picture=first_of([base / "imgs", base / "imgs" / "imgs"], row.text("img_name")),
                listed=_answers(base, "SLAKE"),
            )  # fmt: skip


def _ovqa(root: Path, fold: Fold) -> Iterator[Asked]:
    """Yield the questions that are left when closed ones without yes or no are taken out, but for three forms."""
    base, file = _files(root, "OVQA", fold, ("OVQA_publish", "."))
    for row in json_list(file):
        open_or_two = row.text("answer_type") == "OPEN" or row.text("answer").lower().rstrip(".") in _TWO
        if (open_or_two or _KEPT.search(row.text("question"))) and row.text("answer").strip():
            yield _plain(
                row, fold, patient=row.text("image_name"), columns=("image_organ", "question_type"),
                picture=file.parent / "img" / row.text("image_name"), listed=_answers(base, "OVQA"),
            )  # fmt: skip


def _plain(
    row: Row, fold: Fold, *, patient: str, picture: Path, columns: Sequence[str], listed: frozenset[str]
) -> Asked:
    fields = {name: row.text(name) for name in columns}
    fields.setdefault("content_type", fields.get("question_type", ""))
    closed = row.text("answer_type") == "CLOSED"
    question, answer = row.text("question"), row.text("answer").strip()
    return Asked(
        fold=fold,
        id=row.text("qid"),
        patient=patient,
        picture=picture,
        question=question,
        answer=answer,
        closed=closed,
        categories=_categories(question, answer, listed) if closed else (),
        fields={**fields, "answer_type": "closed" if closed else "open"},
    )


def _categories(question: str, answer: str, listed: frozenset[str]) -> tuple[str, ...]:
    """Return yes and no, or the closed answers that a question names behind its first comma, where there is one."""
    if answer.lower().rstrip(".") in _TWO:
        return _TWO
    words = re.findall(r"[\w-]+", (question.partition(",")[2] or question).lower())
    found = {one for one in listed if f" {one} " in f" {' '.join(words)} "}
    return tuple(sorted(found | {answer.lower()})) if found - {answer.lower()} else ()


@lru_cache(maxsize=4)
def _answers(base: Path, name: str) -> frozenset[str]:
    """Return the closed answers of a data set in small letters, yes and no left out."""
    files = [next(base.glob(f"**/{file}")) for file in _NAMES[name][1].values()]
    rows = (row for file in files for row in json_list(file) if row.text("answer_type") == "CLOSED")
    return frozenset(row.text("answer").strip().lower() for row in rows) - {*_TWO, ""}


def _mimic(root: Path, fold: Fold) -> Iterator[Asked]:
    base, file = _files(root, "MIMIC-CXR-VQA", fold, ("dataset", "."))
    require_files(base, ["hosp/patients.csv", "hosp/admissions.csv"], dataset("mimic_cxr_vqa").ABOUT)
    people = _people(base / "hosp")
    folders = [base / name for name in ("files", "images", ".")]
    for row in json_list(file):
        subject = row.text("subject_id")
        sex, age, race = people.get(subject, ("", "", "UNKNOWN/OTHER"))
        categories = _mimic_categories(row)
        closed = row.text("semantic_type") != "query"
        yield Asked(
            fold=fold, id=row.text("idx"), patient=subject, picture=first_of(folders, row.text("image_path")),
            question=row.text("question"), answer=_mimic_answer(row, categories), closed=closed,
            categories=categories, fields={
                "gender": sex, "age": age, "ethnicity": race, "content_type": row.text("content_type"),
                "semantic_type": row.text("semantic_type"), "answer_type": "closed" if closed else "open",
            },
        )  # fmt: skip


@lru_cache(maxsize=2)
def _people(folder: Path) -> dict[str, tuple[str, str, str]]:
    """Return sex, anchor age and group of race of every subject."""
    races: dict[str, list[str]] = {}
    for row in csv_rows(folder / "admissions.csv", ("subject_id", "race")):
        races.setdefault(row.text("subject_id"), []).append(row.optional("race"))
    return {
        row.text("subject_id"): (
            row.optional("gender"), row.optional("anchor_age"), ethnicity_of(races.get(row.text("subject_id"), ())),
        )
        for row in csv_rows(folder / "patients.csv", ("subject_id", "gender", "anchor_age"))
    }  # fmt: skip


def _mimic_categories(row: Row) -> tuple[str, ...]:
    """Return the answers that a question allows: yes and no, two named ones, or two findings, none and both."""
    if row.text("semantic_type") == "verify":
        return _TWO
    if row.text("semantic_type") == "query":
        return ()
    slots = _CHOICES.findall(row.optional("template"))
    if len(slots) == 1:
        names = re.findall(r"\{(\w*)_(\d+)}", slots[0])
        arguments = row.part("template_arguments")
        return (*(arguments.part(kind).text(str(int(number) - 1)) for kind, number in names), "none", "both")
    named = _NAMED.search(row.text("question"))
    if named:
        return named.groups()
    return ("AP", "PA") if set(row.items("answer")) & {"ap", "pa"} else ()


def _mimic_answer(row: Row, categories: Sequence[str]) -> str:
    """Return a list of answers as one text: none, both, the sex in full, or all with commas."""
    answers = [str(answer) for answer in row.items("answer")]
    if not answers:
        return "none"
    if row.text("semantic_type") == "choose" and len(answers) > 1:
        return "both"
    sex = {"m": "male", "f": "female"}
    if row.text("content_type") == "gender" or {"male", "female"} <= set(categories):
        answers = [sex.get(answer, answer) for answer in answers]
    return ", ".join(answers)


_READ: Mapping[str, Callable[[Path, Fold], Iterator[Asked]]] = {
    "SLAKE": _slake, "OVQA": _ovqa, "MIMIC-CXR-VQA": _mimic,
}  # fmt: skip


def write(root: Path, *, patients: int, seed: int) -> None:
    """Write the twins of the three data sets; modality, organ, type, sex, age and race are dealt out in turn.

    A twin has chest radiographs only, so these columns part its rows and say nothing of its pictures.
    """
    for name, (slug, _) in _NAMES.items():
        write_twin(slug, root / name, patients=max(patients // 3, 8), seed=seed)
    for name, column, key, values in (
        ("SLAKE", "modality", "img_id", ("CT", "X-Ray", "MRI")),
        ("SLAKE", "content_type", "qid", ("Size", "Organ", "Position", "Abnormality")),
        ("OVQA", "image_organ", "image_name", ("LEG", "HAND", "CHEST")),
        ("OVQA", "question_type", "qid", ("Organ System", "Modality", "Plane", "Condition Presence")),
    ):
        _deal(root / name, name, column, key, values)
    _write_people(root / "MIMIC-CXR-VQA")


def _deal(folder: Path, name: str, column: str, key: str, values: Sequence[str]) -> None:
    """Overwrite a column, the same value for the same key; the values take turns in each file, English rows first."""
    given: dict[str, str] = {}
    for file in _NAMES[name][1].values():
        path, turns = next(folder.glob(f"**/{file}")), cycle(values)
        rows = json_value(path)
        for row in sorted(rows, key=lambda row: row.get("q_lang") == "zh"):
            row[column] = given.get(str(row[key])) or given.setdefault(str(row[key]), next(turns))
        write_json(path, rows)


def _write_people(folder: Path) -> None:
    """Part the rows anew by subject, half of them for the test, and write who the subjects are."""
    files = {fold: folder / "dataset" / name for fold, name in _NAMES["MIMIC-CXR-VQA"][1].items()}
    rows = [row for path in files.values() for row in json_value(path)]
    subjects = list(dict.fromkeys(str(row["subject_id"]) for row in rows))
    folds = dict(zip(subjects, cycle(("test", "train", "test", "train", "test", "val")), strict=False))
    for fold, path in files.items():
        write_json(path, [row | {"split": fold} for row in rows if folds[str(row["subject_id"])] == fold])
    tested, fitted = ([one for one in subjects if (folds[one] == "test") == test] for test in (True, False))
    numbered = [*enumerate(tested), *enumerate(fitted, start=1)]
    races = ("ASIAN - CHINESE", "WHITE")
    write_csv(
        folder / "hosp" / "patients.csv",
        ("subject_id", "gender", "anchor_age", "anchor_year", "anchor_year_group", "dod"),
        [(one, "FM"[n % 2], (30, 70)[(n // 2) % 2], 2150, "2011 - 2013", "") for n, one in numbered],
    )
    write_csv(
        folder / "hosp" / "admissions.csv",
        ("subject_id", "hadm_id", "race"),
        [(one, n, races[((n + 1) // 2) % 2]) for n, one in numbered],
    )
