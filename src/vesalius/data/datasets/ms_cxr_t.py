"""MS-CXR-T: 1 045 pairs of radiographs of one patient with how five findings changed, and pairs of sentences.

A pair is a study with two pictures, the current one first; how a finding went on is the attribute "progression"
(improving, stable, worsening) of that finding, and the agreement of the experts the attribute "label_quality". A
finding that changes is stated present: in one of the two pictures it is. The days between them are not stated, so
that no prior is. Pairs of sentences are studies with two texts of the role "note" and a dialogue of the type
"choice". All is for testing. The pictures are files of MIMIC-CXR-JPG: put or link its ``files`` into the root.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets import _mimic
from vesalius.data.datasets._mimic import folder_of
from vesalius.data.datasets._pictures import Case, Gaps, cases, pixels_of, write_picture
from vesalius.data.datasets._tables import find, read_rows, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Dialogue, Finding, Image, Provenance, Study, Text, Turn
from vesalius.errors import DataError

__all__ = ["ABOUT", "FINDINGS", "RELATIONS", "TWIN", "SentencePair", "read", "sentence_pairs", "write"]

ABOUT = About(
    title="MS-CXR-T", slug="ms_cxr_t", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/ms-cxr-t/",
)  # fmt: skip
TWIN = Twin(preset="chest", settings=("follow_up.share=1", "follow_up.visits=2", "normal=0"), image_size=96)

FINDINGS = ("consolidation", "edema", "pleural_effusion", "pneumonia", "pneumothorax")
RELATIONS = ("paraphrase", "contradiction")
_PROGRESSIONS = ("improving", "stable", "worsening")
_QUALITIES = ("one_expert", "multiple_experts", "disagreement")
_IMAGES = "MS_CXR_T_temporal_image_classification_v*.csv"
_SENTENCES = "MS_CXR_T_temporal_sentence_similarity_v*.csv"
_QUESTION = "First: {first}\nSecond: {second}\nDo both say the same of the change, or do they contradict each other?"


class SentencePair(NamedTuple):
    """Two sentences on a change, and whether they say the same."""

    first: str
    second: str
    relation: str
    """paraphrase or contradiction."""


def sentence_pairs(root: Path) -> Iterator[SentencePair]:
    """Yield the pairs of sentences; none where the file is not there."""
    path = find(root, _SENTENCES)
    for line in read_rows(path, ()) if path else ():
        texts = [cell for column, cell in line.cells.items() if "sentence" in column.lower()]
        relation = next((cell.lower() for cell in line.cells.values() if cell.lower() in RELATIONS), "")
        if len(texts) != 2 or not relation:
            raise DataError(
                f"{path}, line {line.number}: found {len(texts)} sentences and relation {relation!r}; expected two "
                f"columns of sentences and one of {', '.join(RELATIONS)}"
            )
        yield SentencePair(texts[0], texts[1], relation)


def read(root: Path) -> Iterator[Sample]:
    """Yield the pairs of pictures, then those of sentences; all are "test"."""
    path = find(root, _IMAGES)
    require_files(root, [] if path else [_IMAGES.replace("*", "1.0.0")], ABOUT)
    assert path is not None
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    columns = [f"{finding}_{kind}" for finding in FINDINGS for kind in ("progression", "label_quality")]
    for line in read_rows(path, ("dicom_id", "previous_dicom_id", *columns)):
        where = f"{path}, line {line.number}"
        yield Sample(_study(root, line.cells, where, gaps, origin), "test")
    for place, pair in enumerate(sentence_pairs(root)):
        yield Sample(_sentences(place, pair, origin), "test")
    gaps.tell()


def _study(root: Path, cells: Mapping[str, str], where: str, gaps: Gaps, origin: Provenance) -> Study:
    images = []
    for column in ("dicom_id", "previous_dicom_id"):
        stem = PurePosixPath(cells[column])
        if len(stem.parts) < 4 or ".." in stem.parts:
            raise DataError(f"{where}: {column} is {cells[column]!r}, expected p10/p10000032/s50414267/<dicom_id>")
        path = root / "files" / f"{stem}.jpg"
        if found := gaps.head(path):
            images.append(Image(id=stem.name, path=str(path), modality="DX", shape=found.shape, units="display",
                                body_part="CHEST"))  # fmt: skip
    now, before = (PurePosixPath(cells[column]) for column in ("dicom_id", "previous_dicom_id"))
    return Study(
        id=f"{now.name}/{before.name}", patient=now.parts[-3], images=tuple(images),
        findings=tuple(_findings(cells, where)), provenance=origin,
    )  # fmt: skip


def _findings(cells: Mapping[str, str], where: str) -> Iterator[Finding]:
    for finding in FINDINGS:
        progression, quality = cells[f"{finding}_progression"], cells[f"{finding}_label_quality"]
        if not progression:
            continue
        if progression not in _PROGRESSIONS or quality not in ("", *_QUALITIES):
            raise DataError(
                f"{where}: {finding} is {progression!r} by {quality!r}; expected one of {', '.join(_PROGRESSIONS)} "
                f"by one of {', '.join(_QUALITIES)}"
            )
        attributes = [("progression", progression), *([("label_quality", quality)] if quality else [])]
        yield Finding(concept=finding, attributes=tuple(sorted(attributes)), source="radiologists")


def _sentences(place: int, pair: SentencePair, origin: Provenance) -> Study:
    name = f"sentences/{place}"
    question = _QUESTION.format(first=pair.first, second=pair.second)
    return Study(
        id=name, patient=name, texts=(Text(text=pair.first, role="note"), Text(text=pair.second, role="note")),
        dialogues=(Dialogue(id=name, turns=(Turn(role="user", text=question),), answer=pair.relation,
                            options=RELATIONS, answer_type="choice", source=ABOUT.title),),
        provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the pictures of two visits after another, their table, and pairs of sentences on the changes."""
    rows: list[dict[str, str]] = []
    stems: dict[str, tuple[Case, PurePosixPath]] = {}
    for case in cases(corpus):
        subject, study = _mimic.virtual_subject(case.patient), _mimic.virtual_study(case.number)
        stem = PurePosixPath(folder_of(subject, study).removeprefix("files/")) / _mimic.virtual_dicom(study, 0)
        write_picture(root / "files" / f"{stem}.jpg", pixels_of(corpus, case.study.images[0].path))
        if subject in stems:
            before, previous = stems[subject]
            rows.append({"dicom_id": str(stem), "previous_dicom_id": str(previous), **_changes(before, case)})
        stems[subject] = (case, stem)
    columns = ["dicom_id", "previous_dicom_id", *(f"{finding}_{kind}" for finding in FINDINGS
                                                  for kind in ("progression", "label_quality"))]  # fmt: skip
    write_rows(root / _IMAGES.replace("*", "1.0.0"), columns, [[row[column] for column in columns] for row in rows])
    pairs = [SentencePair("the edema has improved", other, relation) for other, relation in
             (("edema is less than before", "paraphrase"), ("edema is worse", "contradiction"))]  # fmt: skip
    write_rows(root / _SENTENCES.replace("*", "1.0.0"), ("sentence_1", "sentence_2", "category"), pairs)
    gaps, origin = Gaps(root, ABOUT.title), Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
    made = [_study(root, row, "twin", gaps, origin) for row in rows]
    made += [_sentences(place, pair, origin) for place, pair in enumerate(pairs)]
    return [Sample(study, "test") for study in made]


def _changes(before: Case, now: Case) -> dict[str, str]:
    """Return the cells of the five findings: what came is worsening, what went is improving, what stays is stable."""
    cells = {}
    for place, finding in enumerate(FINDINGS):
        was, is_now = before.has(finding), now.has(finding)
        progression = "stable" if was and is_now else "improving" if was else "worsening" if is_now else ""
        cells[f"{finding}_progression"] = progression
        cells[f"{finding}_label_quality"] = _QUALITIES[(now.number + place) % 3] if progression else ""
    return cells
