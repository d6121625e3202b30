"""CheXpert Plus: 223 462 chest radiographs of CheXpert with their reports, demographic columns and CheXbert's labels.

A study is the patient's and the study's folder in the picture's path. The sections of its report stand in columns of
their own, with headings inside that are stripped here; the whole report is kept as it is. Labels are CheXbert's on
the report, on the findings and on the impression: `Finding.source` names the text, since labels of the findings
section must not be given to what predicts labels from that section. "valid" is called "val"; there is no test part.

`patient_report_date_order` is no chronology, so that no priors are stated. Race, ethnicity, insurance, interpreter,
body mass index and death have no place in a `Study`: `rows` yields the table as it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from vesalius.data.chexpert_labels import LABELS, findings_of_row
from vesalius.data.corpus import Corpus
from vesalius.data.datasets._dicom import image_of, sex_of, years_of
from vesalius.data.datasets._pictures import Case, Gaps, cases, is_lateral, pixels_of, write_picture
from vesalius.data.datasets._tables import Line, Lookup, find, groups, json_lines, read_rows, write_lines, write_rows
from vesalius.data.datasets._twin_labels import labelled
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Finding, Image, Provenance, Study, Text, TextRole
from vesalius.data.sections import without_heading
from vesalius.errors import DataError

__all__ = ["ABOUT", "SCOPES", "TWIN", "read", "rows", "write"]

ABOUT = About(
    title="CheXpert Plus", slug="chexpert_plus", licence="Stanford University Dataset Research Use Agreement",
    access="It needs registration: accept the research use agreement of the Stanford AIMI Center and download it",
    home="https://aimi.stanford.edu/datasets/chexpert-plus",
)  # fmt: skip
TWIN = Twin(preset="chest-two-views", settings=("follow_up.share=0.25",), image_size=64)

SCOPES = {name: f"CheXbert on {name}" for name in ("report", "findings", "impression")}
"""Texts that were labelled, and the source of their findings."""
_TABLE = "df_chexpert_plus_240401.csv"
_HEADER = (
    "path_to_image", "path_to_dcm", "frontal_lateral", "ap_pa", "deid_patient_id", "patient_report_date_order",
    "report", "section_narrative", "section_clinical_history", "section_history", "section_comparison",
    "section_technique", "section_procedure_comments", "section_findings", "section_impression",
    "section_end_of_impression", "section_summary", "section_accession_number", "age", "sex", "race", "ethnicity",
    "interpreter_needed", "insurance_type", "recent_bmi", "deceased", "split",
)  # fmt: skip
_NEEDED = ("path_to_image", "path_to_dcm", "frontal_lateral", "ap_pa", "report", "section_findings",
           "section_impression", "age", "sex", "split")  # fmt: skip
_SECTIONS: tuple[tuple[TextRole, str], ...] = (
    ("findings", "section_findings"), ("impression", "section_impression"),
    ("indication", "section_clinical_history"), ("indication", "section_history"),
    ("comparison", "section_comparison"), ("summary", "section_summary"),
)  # fmt: skip
_SPLITS = {"train": "train", "valid": "val"}


def rows(root: Path) -> Iterator[Mapping[str, str]]:
    """Yield the cells of the table by column, a row an image."""
    path = find(root, "df_chexpert_plus_*.csv")
    require_files(root, [] if path else [_TABLE], ABOUT)
    assert path is not None
    for line in read_rows(path, _NEEDED):
        yield line.cells


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies in the order of the table; splits "train" and "val"."""
    path = find(root, "df_chexpert_plus_*.csv")
    require_files(root, [] if path else [_TABLE], ABOUT)
    assert path is not None
    labels = {source: Lookup(_labels(file)) for scope, source in SCOPES.items()
              if (file := root / "chexbert_labels" / f"{scope}_fixed.json").exists()}  # fmt: skip
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    seen: set[str] = set()
    for name, lines in groups(read_rows(path, _NEEDED), lambda line: _name_of(line, path)):
        if name in seen:
            raise DataError(f"{path}, line {lines[0].number}: rows of {name} stand apart; sort the table by path")
        seen.add(name)
        findings = [finding for line in lines for finding in _findings(line, labels, path)]
        images = [image for line in lines for image in _opened(root, line, gaps)]
        split = lines[0].cells["split"]
        if split not in _SPLITS:
            raise DataError(f"{path}, line {lines[0].number}: split {split!r}, expected train or valid")
        study = _study(name, lines[0].cells, images, tuple(dict.fromkeys(findings)), origin)
        yield Sample(study, _SPLITS[split])
    gaps.tell()


def _labels(path: Path) -> Iterator[tuple[str, dict[str, str | float | None]]]:
    for _, row in json_lines(path, ("path_to_image",)):
        yield row["path_to_image"], row


def _name_of(line: Line, table: Path) -> str:
    parts = PurePosixPath(line.cells["path_to_image"]).parts
    if len(parts) != 4 or ".." in parts:
        raise DataError(
            f"{table}, line {line.number}: path {line.cells['path_to_image']!r}, "
            "expected train/patient00001/study1/view1_frontal.jpg"
        )
    return f"{parts[1]}/{parts[2]}"


def _findings(line: Line, labels: Mapping[str, Lookup], table: Path) -> Iterator[Finding]:
    for source, lookup in labels.items():
        row = lookup.take(line.cells["path_to_image"])
        if row is not None:
            where = f"{table.parent}, {source}, {line.cells['path_to_image']}"
            yield from findings_of_row(row, source=source, where=where)


def _opened(root: Path, line: Line, gaps: Gaps) -> list[Image]:
    cells = line.cells
    name = Path(cells["path_to_image"]).with_suffix(".png")
    path = next((path for path in (root / "PNG" / name, root / "PNG" / "PNG" / name, root / name) if path.is_file()),
                root / "PNG" / name)  # fmt: skip
    view = cells["ap_pa"] or cells["frontal_lateral"].upper()
    dicom = root / "DICOM" / cells["path_to_dcm"]
    if not path.is_file() and cells["path_to_dcm"] and dicom.is_file() and ".." not in cells["path_to_dcm"]:
        opened = image_of(dicom, name.stem, gaps)
        return [opened[0]] if opened else []
    found = gaps.head(path)
    return [_image(path, found.shape, view)] if found else []


def _image(path: Path, shape: tuple[int, int], view: str) -> Image:
    return Image(
        id=path.stem, path=str(path), modality="DX", shape=shape, units="display", view=view, body_part="CHEST"
    )


def _study(
    name: str, cells: Mapping[str, str], images: Sequence[Image], findings: tuple[Finding, ...], origin: Provenance
) -> Study:
    texts = [Text(text=cells["report"], role="report")] if cells["report"] else []
    for role, column in _SECTIONS:
        words = without_heading(cells.get(column, ""))
        if words:
            texts.append(Text(text=words, role=role))
    age = cells["age"].removesuffix(".0")
    return Study(
        id=name, patient=name.partition("/")[0], images=tuple(images), texts=tuple(texts), findings=findings,
        age_years=years_of(age) or None, sex=sex_of(cells["sex"]), provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures, the table and the three files of labels; some reports have no findings section."""
    lines: list[list[str]] = []
    codes: dict[str, list[dict[str, object]]] = {scope: [] for scope in SCOPES}
    made = []
    for case in cases(corpus):
        split = "val" if case.split == "val" else "train"
        name = f"patient{90000 + case.patient}/study{case.visit + 1}"
        cells = _cells(case, name, split)
        images = []
        for number, source in enumerate(case.study.images, start=1):
            lateral = is_lateral(source)
            file = f"view{number}_{'lateral' if lateral else 'frontal'}"
            path = root / "PNG" / _PARTS[split] / name / f"{file}.png"
            write_picture(path, pixels_of(corpus, source.path))
            row = cells | {
                "path_to_image": f"{_PARTS[split]}/{name}/{file}.jpg", "path_to_dcm": f"{name}/{file}.dcm",
                "frontal_lateral": "Lateral" if lateral else "Frontal", "ap_pa": "" if lateral else source.view,
            }  # fmt: skip
            lines.append([row.get(column, "") for column in _HEADER])
            images.append(_image(path, (source.shape[0], source.shape[1]), "LATERAL" if lateral else source.view))
            _add_labels(case, row["path_to_image"], codes)
        findings = _stated(case)
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        made.append(Sample(_study(name, cells, images, findings, origin), split))
    write_rows(root / _TABLE, _HEADER, lines)
    for scope, content in codes.items():
        write_lines(root / "chexbert_labels" / f"{scope}_fixed.json", [json.dumps(row) for row in content])
    return made


_PARTS = {ours: name for name, ours in _SPLITS.items()}


def _cells(case: Case, name: str, split: str) -> dict[str, str]:
    findings = "" if case.number % 4 == 3 else f"FINDINGS: {' '.join(case.study.text('findings').split())}"
    impression = f"IMPRESSION: \n1. {' '.join(case.study.text('impression').split())}"
    history = "CLINICAL HISTORY: Cough."
    return {
        "deid_patient_id": name.partition("/")[0], "patient_report_date_order": str(case.visit + 1),
        "report": f"NARRATIVE: CHEST\n{history}\n{findings}\n{impression}", "section_clinical_history": history,
        "section_findings": findings, "section_impression": impression, "split": _PARTS[split],
        "age": f"{round(case.study.age_years or 0)}.0", "sex": {"F": "Female", "M": "Male"}[case.study.sex],
        "race": "Unknown", "deceased": "No",
    }  # fmt: skip


def _add_labels(case: Case, path: str, codes: Mapping[str, list[dict[str, object]]]) -> None:
    for shift, scope in enumerate(SCOPES):
        said = labelled(case, list(LABELS), shift=shift)
        values: dict[str, object] = {name: float(code) if code else None for name, code in said.items()}
        codes[scope].append({"path_to_image": path, **values})


def _stated(case: Case) -> tuple[Finding, ...]:
    return tuple(
        finding
        for shift, source in enumerate(SCOPES.values())
        for finding in findings_of_row(labelled(case, list(LABELS), shift=shift), source=source, where=source)
    )
