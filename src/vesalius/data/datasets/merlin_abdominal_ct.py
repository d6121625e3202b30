"""Merlin abdominal CT: 25,494 CTs of an emergency department with findings text, 30 findings and later diagnoses.

The findings are one text with a heading for each organ ("Liver and biliary tree: ..."), kept whole; `sections`
parts it. In the table of zero-shot findings 1 is present, 0 denied and -1 not mentioned: -1 states nothing, and
never "uncertain". The files' orientation is as their headers say, and not RAS. Study ids may begin with letters.
Volumes that are not on the disk are left out with a warning. The release names no patients: each study counts as
one.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import rows_of, write_rows
from vesalius.data.datasets._sheet import sheet_rows, write_sheet
from vesalius.data.datasets._virtual import pixels, present, studies_of
from vesalius.data.datasets._volumes import volume, write_volume
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.formats.nnunet import concept_of
from vesalius.data.records import Finding, Image, Provenance, Study, Text
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "sections", "write"]

ABOUT = About(
    title="Merlin abdominal CT", slug="merlin_abdominal_ct", licence="by agreement, non-commercial research",
    access="Sign the agreement of the imaging centre and download merlinabdominalctdataset",
    home="https://stanfordaimi.azurewebsites.net",
)  # fmt: skip
TWIN = Twin(preset="abdomen-ct", image_size=32)

_REPORTS, _ZERO_SHOT, _METADATA = "reports_final.xlsx", "zero_shot_findings_disease_cls.csv", "metadata.csv"
_SPLITS = ("train", "val", "test")
_HEADING = re.compile(r"(?:^|(?<=[.!?] ))([A-Z][A-Za-z ,/]{2,40}):\s*")


def sections(findings: str) -> dict[str, str]:
    """Part the findings at the headings of organs; what stands before the first has an empty name."""
    parts = _HEADING.split(findings)
    found = {"": parts[0].strip()} if parts[0].strip() else {}
    return found | {name.strip(): text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies in the order of the workbook of reports."""
    base = root / "merlinabdominalctdataset" if (root / "merlinabdominalctdataset").is_dir() else root
    require_files(base, [_REPORTS], ABOUT)
    origin, listed, found = provenance(root, ABOUT), 0, 0
    codes, about = _by_study(base / _ZERO_SHOT), _by_study(base / _METADATA)
    for number, row in sheet_rows(base / _REPORTS):
        name, where = _cell(row, "study id"), f"{base / _REPORTS}, row {number}"
        split = _cell(row, "split").casefold()
        if not name or split not in _SPLITS:
            raise DataError(f"{where}: study {name!r}, split {split!r}; expected an id and train, val or test")
        listed += 1
        path = base / "merlin_data" / f"{name}.nii.gz"
        if path.exists():
            found += 1
            text = _cell(row, "findings")
            yield Sample(_study(path, text, codes.get(name, {}), about.get(name, {}), where, origin), split)
    if found == 0:
        raise DataError(f"{base}: none of the {listed} volumes is below merlin_data; download some of them")
    if found < listed:
        warnings.warn(f"{base}: {listed - found} of {listed} volumes are not here and are left out", stacklevel=2)


def _cell(row: Mapping[str, str], name: str) -> str:
    """Return the cell of a column whose name may be spelt in capitals, or nothing for NaN."""
    value = next((value.strip() for key, value in row.items() if key.strip().casefold() == name), "")
    return "" if value.casefold() == "nan" else value


def _by_study(table: Path) -> dict[str, dict[str, str]]:
    if not table.exists():
        return {}
    return {_cell(row, "study id"): row for _, row in rows_of(table)}


def _study(
    path: Path, text: str, codes: Mapping[str, str], about: Mapping[str, str], where: str, origin: Provenance
) -> Study:
    name = path.name.removesuffix(".nii.gz")
    age, sex = _cell(about, "age"), _cell(about, "gender").casefold()
    like = Image(id="ct", path="", modality="CT", units="HU", body_part="ABDOMEN", sequence=_cell(about, "phase"))
    return Study(
        id=name, patient=name, images=(volume(path, like=like),), findings=tuple(_findings(codes, where)),
        texts=(Text(text=text, role="findings"),) if text else (),
        age_years=float(age) if age else None, sex="F" if sex.startswith("f") else "M" if sex.startswith("m") else "",
        site=_cell(about, "manufacturer"), provenance=origin,
    )  # fmt: skip


def _findings(codes: Mapping[str, str], where: str) -> Iterator[Finding]:
    for key, value in codes.items():
        if key.strip().casefold() == "study id" or value == "":
            continue
        code = value.removesuffix(".0")
        if code not in ("1", "0", "-1"):
            raise DataError(f"{where}: {_ZERO_SHOT} has {key} = {value!r}; expected 1, 0 or -1")
        if code != "-1":
            status: Any = "present" if code == "1" else "absent"
            yield Finding(concept=concept_of(key), status=status, source="report labeller")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the workbook, the two tables and the volumes; one report lacks a heading, one is empty."""
    base = root / "merlinabdominalctdataset"
    studies = sorted(corpus, key=lambda study: study.id)
    concepts = sorted({part.concept for study in studies for part in study.findings} - {"no_finding"})[:30]
    splits = {name: part for part in _SPLITS for name in studies_of(corpus, part)}
    reports, codes, about, made = [], [], [], []
    for number, study in enumerate(studies):
        name = f"{'AC' if number % 2 else 'MX'}9{number:05d}"
        path = base / "merlin_data" / f"{name}.nii.gz"
        write_volume(path, pixels(corpus, study.images[0]), like=study.images[0])
        text = "" if number == 2 else f"{'' if number == 1 else 'Liver and biliary tree: '}{study.text('findings')}"
        stated = {concept: _code(study, concept, number) for concept in concepts}
        row = {"study id": name, "age": str(int(study.age_years or 0)), "gender": study.sex, "phase": "portal venous"}
        reports.append((name, text or None, splits[study.id], number == 0))
        codes.append((name, *stated.values()))
        about.append(tuple(row.values()))
        zero_shot = {"study id": name} | stated
        made.append(Sample(_study(path, text, zero_shot, row, "twin", virtual_origin(ABOUT)), splits[study.id]))
    write_sheet(base / _REPORTS, ("study id", "Findings", "Split", "few-shot"), reports)
    write_rows(base / _ZERO_SHOT, ("study id", *concepts), codes)
    write_rows(base / _METADATA, ("study id", "age", "gender", "phase"), about)
    return made


def _code(study: Study, concept: str, number: int) -> str:
    """Return 1, 0, or -1 for what every third report does not mention."""
    if concept in present(study):
        return "1"
    return "-1" if (number + len(concept)) % 3 == 0 else "0"
