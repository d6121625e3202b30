"""PadChest-GR: 4 555 frontal radiographs whose findings are sentences in English and Spanish with boxes.

A sentence is a text in each language, and a dialogue in each whose turn is the sentence and whose evidence are the
indices of its boxes in `Study.regions`. Boxes stand as parts of the picture's width and height, corners (x_min,
y_min, x_max, y_max), and become pixels here; "boxes" are those of the first reader, "extra_boxes" further ones. An
abnormal sentence states its labels as findings with the places; a normal one mostly has no labels and no boxes.

Pictures are 16-bit PNG as in PadChest; they come as pieces of one archive (``Padchest_GR_files/PadChest_GR.zip.001``
and so on): join the pieces and unpack them in their folder. The split is by patient. The days to a previous picture
are not stated, so that no prior is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._pictures import Case, Gaps, box_in, cases, pixels_of, write_picture
from vesalius.data.datasets._tables import find, form, read_json, read_rows, write_json, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Box, Dialogue, Finding, Image, Laterality, Provenance, Region, Study, Text, Turn
from vesalius.errors import DataError, did_you_mean

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="PadChest-GR", slug="padchest_gr", licence="PadChest-GR Dataset Research Use Agreement",
    access="It needs registration: accept the research use agreement of BIMCV and download it",
    home="https://bimcv.cipf.es/bimcv-projects/padchest-gr/",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=96)

_REPORTS, _TABLE = "grounded_reports_*.json", "master_table.csv"
_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_PLACES = ("Padchest_GR_files/PadChest_GR", "Padchest_GR_files", "PadChest_GR", "images", "")
_LANGUAGES = ("en", "es")
_SIDES: Mapping[str, Laterality] = {"left": "left", "right": "right", "bilateral": "bilateral"}
_SOURCE = "radiologists"


class _Member(NamedTuple):
    patient: str
    split: str


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies in the order of the reports; splits "train", "val" (their validation) and "test"."""
    reports, table = find(root, _REPORTS), find(root, _TABLE)
    lacking = [*([] if reports else [_REPORTS.replace("*", "20240819")]), *([] if table else [_TABLE])]
    require_files(root, lacking, ABOUT)
    assert reports is not None
    assert table is not None
    members = _members(table)
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for place, entry in enumerate(read_json(reports, list)):
        where = f"{reports}, [{place}]"
        if not isinstance(entry, dict):
            raise DataError(f"{where}: a {type(entry).__name__}, expected an object")
        missing = [key for key in ("StudyID", "ImageID", "findings") if key not in entry]
        if missing:
            raise DataError(f"{where}: no {missing[0]!r}{did_you_mean(missing[0], entry)}")
        member = members.get(str(entry["StudyID"]))
        if member is None:
            raise DataError(f"{where}: study {entry['StudyID']!r} is not in {table.name}")
        image = _image(root, str(entry["ImageID"]), where, gaps)
        with form(where):
            study = _study(entry, member.patient, image, where, origin)
        yield Sample(study, member.split)
    gaps.tell()


def _members(table: Path) -> dict[str, _Member]:
    """Return patient and split of each study; the table has a row for each of its labels."""
    found: dict[str, _Member] = {}
    for line in read_rows(table, ("StudyID", "PatientID", "split")):
        cells = line.cells
        if cells["split"] not in _SPLITS:
            raise DataError(f"{table}, line {line.number}: split {cells['split']!r}, expected {', '.join(_SPLITS)}")
        member = _Member(cells["PatientID"], _SPLITS[cells["split"]])
        if found.setdefault(cells["StudyID"], member) != member:
            raise DataError(f"{table}, line {line.number}: study {cells['StudyID']} has two patients or splits")
    return found


def _image(root: Path, name: str, where: str, gaps: Gaps) -> Image | None:
    if "/" in name or "\\" in name:
        raise DataError(f"{where}: the picture is called {name!r}, which leaves its folder")
    candidates = [root / place / name for place in _PLACES]
    path = next((path for path in candidates if path.is_file()), candidates[0])
    found = gaps.head(path)
    return _record(path, found.shape) if found else None


def _record(path: Path, shape: tuple[int, int]) -> Image:
    return Image(id="cxr", path=str(path), modality="DX", shape=shape, units="stored", body_part="CHEST")


def _study(entry: Mapping[str, Any], patient: str, image: Image | None, where: str, origin: Provenance) -> Study:
    texts: list[Text] = []
    regions: list[Region] = []
    dialogues: list[Dialogue] = []
    findings: list[Finding] = []
    for place, sentence in enumerate(entry["findings"]):
        stated = _findings(sentence)
        evidence = range(len(regions), len(regions))
        if image is not None:
            boxes = [*(sentence.get("boxes") or ()), *(sentence.get("extra_boxes") or ())]
            made = [_region(box, stated, image.shape, f"{where}.findings[{place}]") for box in boxes]
            evidence = range(len(regions), len(regions) + len(made))
            regions += made
        findings += stated
        for language in _LANGUAGES:
            words = (sentence.get(f"sentence_{language}") or "").strip()
            if words:
                texts.append(Text(text=words, role="findings", language=language))
                dialogues += _phrase(entry["StudyID"], place, words, language, image, tuple(evidence))
    return Study(
        id=entry["StudyID"], patient=patient, images=(image,) if image else (), texts=tuple(texts),
        findings=tuple(dict.fromkeys(findings)), regions=tuple(regions), dialogues=tuple(dialogues),
        provenance=origin,
    )  # fmt: skip


def _phrase(
    study: str, place: int, words: str, language: str, image: Image | None, evidence: tuple[int, ...]
) -> list[Dialogue]:
    if not evidence:
        return []
    turn = Turn(role="user", text=words, images=("cxr",) if image else ())
    return [Dialogue(id=f"{study}/{place}/{language}", turns=(turn,), answer_type="box", evidence=evidence,
                     language=language, source=ABOUT.title)]  # fmt: skip


def _findings(sentence: Mapping[str, Any]) -> list[Finding]:
    places = [place.removeprefix("loc ") for place in sentence.get("locations") or ()]
    side: Laterality = next((_SIDES[place] for place in places if place in _SIDES), "")
    anatomy = ", ".join(place for place in places if place not in _SIDES)
    progression = sentence.get("progression") or ""
    status = "present" if sentence.get("abnormal") else "absent"
    return [
        Finding(
            concept="_".join(label.casefold().split()), anatomy=anatomy, laterality=side, source=_SOURCE,
            attributes=(("progression", str(progression)),) if progression else (),
            status="present" if label.casefold() == "normal" else status,  # type: ignore[arg-type]
        )
        for label in sentence.get("labels") or ()
    ]  # fmt: skip


def _region(box: Sequence[float], stated: Sequence[Finding], shape: tuple[int, ...], where: str) -> Region:
    if len(box) != 4 or not all(0 <= value <= 1 for value in box):
        raise DataError(f"{where}: box {box}, expected (x_min, y_min, x_max, y_max) as parts of the picture, 0 to 1")
    height, width = shape
    pixels = Box(box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    return Region(image="cxr", kind="box", concept=stated[0].concept if stated else "", box=pixels)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write 16-bit pictures, reports and the table; the Spanish sentence is a sign, not a translation."""
    entries: list[dict[str, Any]] = []
    rows: list[tuple[str, ...]] = []
    made = []
    words = {ours: theirs for theirs, ours in _SPLITS.items()}
    for case in cases(corpus):
        source = case.study.images[0]
        path = root / _PLACES[0] / f"9{case.number:05d}_gr.png"
        write_picture(path, pixels_of(corpus, source.path).astype(np.uint16) * 16)
        sentences = _sentences(case)
        entry = {"StudyID": f"9{case.number:08d}", "ImageID": path.name, "PreviousStudyID": None,
                 "findings": sentences}  # fmt: skip
        entries.append(entry)
        patient = f"virtual{case.patient}"
        groups = [label for sentence in sentences for label in sentence["labels"]] or [""]
        rows += [(str(entry["StudyID"]), patient, words[case.split], label) for label in groups]
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        image = _record(path, (source.shape[0], source.shape[1]))
        made.append(Sample(_study(entry, patient, image, "twin", origin), case.split))
    write_json(root / _REPORTS.replace("*", "20240819"), entries)
    write_rows(root / _TABLE, ("StudyID", "PatientID", "split", "label_group"), rows)
    return made


def _sentences(case: Case) -> list[dict[str, Any]]:
    source = case.study.images[0]
    height, width = source.shape
    concepts = [part.concept for part in case.study.findings if part.status == "present"]
    found: list[dict[str, Any]] = []
    for concept, (left, top, right, bottom) in box_in(case.study, source.id, concepts):
        name = concept.replace("_", " ")
        found.append({
            "sentence_en": f"There is {name}.", "sentence_es": f"Se observa: {name}.", "abnormal": True,
            "boxes": [[left / width, top / height, right / width, bottom / height]], "extra_boxes": [],
            "labels": [name], "locations": ["loc right"] if left * 2 < width else ["loc left"], "progression": None,
        })  # fmt: skip
    found.append({"sentence_en": "The bones are normal.", "sentence_es": "Huesos normales.", "abnormal": False,
                  "boxes": [], "extra_boxes": [], "labels": [], "locations": [], "progression": None})  # fmt: skip
    return found
