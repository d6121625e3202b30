"""The files of TemMed-Bench with the reports that its notebooks join to them, and their twin.

The lists lie in ``Get_Data``, the pictures in ``PNG``; reports are those of the lists that end in ``_Final``, or are
joined here from CheXpert Plus's table as the notebooks do. Items name others by their place in the list of test
pairs, so that no item of that list may be left out or moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets import chexpert_plus
from vesalius.data.datasets._pictures import cases
from vesalius.data.datasets.base import About, require_files
from vesalius.data.readers import read
from vesalius.data.releases.rows import Row, csv_rows, json_list
from vesalius.data.releases.twins import write_json
from vesalius.errors import DataError
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.preset import load_preset
from vesalius.virtual.text.comparison import compare, pair
from vesalius.virtual.twin import virtual_patients
from vesalius.virtual.visits import study_name, visits_of

__all__ = ["ABOUT", "TABLE", "Release", "Visits", "nearest_pairs", "normalised", "write"]

ABOUT = About(
    title="TemMed-Bench", slug="temmed-bench",
    licence="none seen; its pictures and reports are CheXpert Plus's, under the agreement of that data set",
    access="Download the four lists from the hub, uclanlp/TemMed-Bench, into Get_Data, and PNG folder and table of "
    "CheXpert Plus from the Stanford AIMI Center, which needs registration",
    home="https://github.com/Levi-ZJY/TemMed-Bench",
)  # fmt: skip
TABLE = "df_chexpert_plus_240401.csv"
_LISTS = {
    "test": "TestSet_VQA_ReportGeneration",
    "vqa": "TestSet_SelectedVQA_2000",
    "selection": "TestSet_ImagePairSelection",
    "corpus": "TrainSet_KnowledgeCorpus",
}
_BLANKS, _STOPS = re.compile(r"\s+"), re.compile(r"([.!?])")
_PATIENT = re.compile(r"patient\d+")
_SPLITS = ("train", "valid")
"""Folders that paths begin with, whatever stands before them."""
_SETTINGS = ("follow_up.share=1", "follow_up.visits=2", "follow_up.interval_days=20", "follow_up.arising=0.4",
             "normal=0")  # fmt: skip
_SIDE, _FEATURE = 64, 16
"""Rows and columns of a twin's pictures, and of what retrieval compares."""
_KINDS = {"increased": "worsened", "worsened": "worsened", "decreased": "improved", "improved": "improved"}
_STATED = {"new": "There is a new {}.", "resolved": "The {} has resolved.", "worsened": "The {} has worsened.",
           "improved": "The {} has improved.", "stable": "The {} is unchanged."}  # fmt: skip
_ASKED = {"new": "Is there a new {}?", "resolved": "Has the {} resolved?", "worsened": "Has the {} worsened?",
          "improved": "Has the {} improved?", "stable": "Is the {} unchanged?"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Visits:
    """Pictures of two visits of a patient, with the report of the current one."""

    last: Path
    current: Path
    report: str = ""

    @property
    def patient(self) -> str:
        """Name of the patient in the path; the path where it names none."""
        found = _PATIENT.search(str(self.current))
        return found[0] if found else str(self.current)


class Release:
    """The lists of a release; the table is read once, and only where reports are not in the lists."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._reports: dict[str, str] = {}
        self._tests: list[Row] = []

    def rows(self, name: str) -> list[Row]:
        """Return the objects of a list, with reports where there are such."""
        return list(json_list(self._path(name)))

    @property
    def tests(self) -> Sequence[Row]:
        """All test pairs, in their order."""
        if not self._tests:
            self._tests = self.rows("test")
        return self._tests

    def test(self, row: Row, place: int) -> Row:
        """Return the test pair that another list names by its place.

        Raises:
            DataError: there is none; names the row.
        """
        if not 0 <= place < len(self.tests):
            raise row.fault(
                f"pair {place} of {len(self.tests)}; the list of test pairs was changed, download it again"
            )
        return self.tests[place]

    def visits(self, row: Row) -> Visits:
        """Return the pictures and the report of a pair."""
        last, current = (self._picture(row, row.text(name)) for name in ("historical_image_path", "image_path"))
        told = row.optional("condition_changes_report")
        return Visits(last=last, current=current, report=told or self._report(row, row.text("image_path")))

    def reference(self, row: Row) -> Visits | None:
        """Return the first pair that was retrieved for a test pair, or None where the release names none."""
        now, before = (row.items(name) for name in ("reference_images", "hist_reference_images"))
        if not now or not before:
            return None
        reports = row.items("reference_condition_changes_reports")
        report = str(reports[0]) if reports else self._report(row, str(now[0]))
        return Visits(last=self._picture(row, str(before[0])), current=self._picture(row, str(now[0])), report=report)

    def corpus(self, places: Iterable[int]) -> dict[int, Visits]:
        """Return pairs of the knowledge corpus by their place, read in one pass."""
        wanted = set(places)
        found = enumerate(json_list(self._path("corpus"))) if wanted else ()
        return {place: self.visits(row) for place, row in found if place in wanted}

    def _path(self, name: str) -> Path:
        stem = _LISTS[name]
        names = [f"{folder}{stem}{end}.json" for folder in ("Get_Data/", "") for end in ("_Final", "")]
        found = next((name for name in names if (self.root / name).is_file()), names[1])
        require_files(self.root, [found], ABOUT)
        return self.root / found

    def _picture(self, row: Row, name: str) -> Path:
        parts = PurePosixPath(name).parts
        begin = next((place for place, part in enumerate(parts) if part in _SPLITS), None)
        if begin is None or ".." in parts:
            raise row.fault(f"picture {name!r}; expected train/patient00001/study1/view1_frontal.jpg")
        inside = Path(*parts[begin:]).with_suffix(".png")
        folders = (self.root / "PNG", self.root / "PNG" / "PNG")
        return next((path for folder in folders if (path := folder / inside).is_file()), folders[0] / inside)

    def _report(self, row: Row, name: str) -> str:
        if not self._reports:
            require_files(self.root, [TABLE], ABOUT)
            for line in csv_rows(self.root / TABLE, ("path_to_image", "section_impression")):
                self._reports[line.text("path_to_image")] = line.optional("section_impression")
        key = name.replace("png", "jpg")
        if not self._reports.get(key):
            raise row.fault(f"no impression of {key} in {TABLE}; take the table and the lists of the same release")
        return normalised(self._reports[key])


def normalised(text: str) -> str:
    """Return a report in small letters, blanks squeezed, with a capital where a sentence begins."""
    parts = _STOPS.split(_BLANKS.sub(" ", text).strip().lower())
    return "".join(_capital(part) for part in parts)


def _capital(text: str) -> str:
    place = next((place for place, letter in enumerate(text) if letter.isalpha()), None)
    return text if place is None else text[:place] + text[place].upper() + text[place + 1 :]


def nearest_pairs(asked: ArrayLike, corpus: ArrayLike, *, count: int = 1) -> NDArray[np.intp]:
    """Return the pairs of a corpus that are most like each asked pair, the likest first, (N, count).

    The likeness of two pairs is the cosine of the current pictures plus that of the last ones.

    Args:
        asked: unit-norm features of last and current picture, (N, 2, D); with one picture (N, 1, D) alone.
        corpus: likewise, (M, 2, D).
        count: how many for each, at most M.

    Raises:
        DataError: the shapes do not fit, or the corpus has fewer pairs.
    """
    ours, theirs = np.asarray(asked, dtype=np.float64), np.asarray(corpus, dtype=np.float64)
    if ours.ndim != 3 or ours.shape[1:] != theirs.shape[1:] or len(theirs) < count:
        raise DataError(f"asked {ours.shape}, corpus {theirs.shape}; expected (N, 2, D) and at least {count} pairs")
    likeness = np.einsum("nvd,mvd->nm", ours, theirs)
    found: NDArray[np.intp] = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
    return found


@dataclass(frozen=True, kw_only=True)
class _Case:
    """Two visits of a virtual patient: paths as the lists name them, features, and what changed."""

    last: str
    current: str
    features: NDArray[np.float64]
    changes: Mapping[str, str]


def write(root: Path, *, patients: int, seed: int) -> None:
    """Write CheXpert Plus's layout with two visits of each virtual patient, and the four lists on them.

    What changed is read from the bodies, not from the reports; a third of the patients is the knowledge corpus.
    """
    with virtual_patients("chest", patients=patients, seed=seed, settings=_SETTINGS, image_size=_SIDE) as corpus:
        found = _cases(corpus, root, patients=patients, seed=seed)
    known, tests = found[::3], [case for place, case in enumerate(found) if place % 3]
    nearest = nearest_pairs(
        [one.features for one in tests], [one.features for one in known], count=min(2, len(known))
    )
    folder = root / "Get_Data"
    rows = [
        _test_row(number, case, [known[place] for place in near])
        for number, (case, near) in enumerate(zip(tests, nearest, strict=True))
    ]
    write_json(folder / f"{_LISTS['test']}.json", rows)
    write_json(folder / f"{_LISTS['corpus']}.json", [_paths(case) for case in known])
    asked = [(place, number) for place, row in enumerate(rows) for number in range(len(row["VQA_Final"]))]
    selected = [{"img_id": place, "question_id": number} for place, number in asked]
    write_json(folder / f"{_LISTS['vqa']}.json", selected)
    write_json(folder / f"{_LISTS['selection']}.json", _selections(tests, nearest))


def _cases(corpus: Corpus, root: Path, *, patients: int, seed: int) -> list[_Case]:
    """Write pictures and table, and return the pairs by patient."""
    preset = load_preset("chest", _SETTINGS)
    changes = {}
    for index in range(patients):
        before, now = visits_of(draw_patient(seed, index, preset=preset), preset)
        groups: dict[str, list[str]] = {}
        for disease, old in pair(now.diseases, before.diseases):
            if disease:
                kind = compare(disease, old).kind.removeprefix("slightly_")
                groups.setdefault(disease.concept, []).append(_KINDS.get(kind, kind))
            elif old:
                groups.setdefault(old.concept, []).append("resolved")
        single = {concept: kinds[0] for concept, kinds in groups.items() if len(kinds) == 1}
        changes[study_name(now)] = single
    written = {case.study.id: Path(sample.study.images[0].path)
               for case, sample in zip(cases(corpus), chexpert_plus.write(corpus, root), strict=True)}  # fmt: skip
    return [
        _case(root, written[case.study.priors[-1].study], written[case.study.id], changes[case.study.id])
        for case in cases(corpus)
        if case.visit
    ]


def _case(root: Path, last: Path, current: Path, changes: Mapping[str, str]) -> _Case:
    names = [str(path.relative_to(root / "PNG").with_suffix(".jpg")) for path in (last, current)]
    return _Case(
        last=names[0], current=names[1], changes=changes, features=np.stack([_feature(last), _feature(current)])
    )


def _feature(path: Path) -> NDArray[np.float64]:
    """Return a picture's coarse look as a vector of unit norm."""
    shown = np.asarray(read(str(path)).display(), dtype=np.float64).reshape(_SIDE, _SIDE)
    step = _SIDE // _FEATURE
    coarse = shown.reshape(_FEATURE, step, _FEATURE, step).mean(axis=(1, 3)).ravel()
    coarse -= coarse.mean()
    unit: NDArray[np.float64] = coarse / max(float(np.linalg.norm(coarse)), 1e-12)
    return unit


def _paths(case: _Case) -> dict[str, Any]:
    return {"image_path": case.current, "historical_image_path": case.last}


def _test_row(place: int, case: _Case, nearest: Sequence[_Case]) -> dict[str, Any]:
    """Write a test pair; of its questions every second one is about a change that did not happen."""
    questions = []
    for number, (concept, kind) in enumerate(sorted(case.changes.items())):
        other = "improved" if kind in ("worsened", "new") else "worsened"
        asked, answer = (kind, "Yes") if (number + place) % 2 else (other, "No")
        question = _ASKED[asked].format(concept.replace("_", " "))
        questions.append({"VQA_question": question, "VQA_answer": f"{answer}{'.' * (place % 2)}"})
    return {
        **_paths(case),
        "reference_images": [one.current for one in nearest],
        "hist_reference_images": [one.last for one in nearest],
        "VQA_Final": questions,
    }


def _selections(tests: Sequence[_Case], nearest: NDArray[np.intp]) -> list[dict[str, Any]]:
    """Write for each pair a statement that fits it and neither of two other pairs."""
    rows: list[dict[str, Any]] = []
    for place, case in enumerate(tests):
        for concept, kind in sorted(case.changes.items()):
            others = [other for other in range(len(tests)) if tests[other].changes.get(concept) != kind]
            if len(others) < 2:
                continue
            wrong = [others[(place * 7 + step) % len(others)] for step in (0, 1)]
            right = len(rows) % 3
            order = [*wrong[:right], place, *wrong[right:]]
            rows.append({
                "condition_change": _STATED[kind].format(concept.replace("_", " ")),
                "option": dict(zip("ABC", order, strict=True)), "right_option": "ABC"[right],
                "Retrieval_TrainSet_now_idx": int(nearest[place][0]),
            })  # fmt: skip
    return rows
