"""Meaning of columns and cells."""

from __future__ import annotations

import pytest

from vesalius.data.ingest import Columns
from vesalius.data.ingest.columns import concept_name, modality_code, read_age, read_laterality, read_sex
from vesalius.errors import ConfigError


@pytest.mark.parametrize(
    ("label", "concept"),
    [
        ("COVID-19", "covid_19"),
        ("Pleural Effusion", "pleural_effusion"),
        ("  Pleural_Thickening ", "pleural_thickening"),
        ("Épanchement pleural", "épanchement_pleural"),
        ("No Finding", "no_finding"),
    ],
)
def test_concept_names(label: str, concept: str) -> None:
    assert concept_name(label) == concept


def test_labels_of_a_cell() -> None:
    columns = Columns(label=("finding",))
    labels = columns.labels({"finding": "COVID-19, ARDS"}, frozenset())
    assert list(labels) == [("covid_19", "present"), ("ards", "present")]
    assert list(columns.labels({"finding": "Edema|Nodule;Mass"}, frozenset())) == [
        ("edema", "present"),
        ("nodule", "present"),
        ("mass", "present"),
    ]
    assert list(columns.labels({"finding": ["Large, round mass"]}, frozenset())) == [("large_round_mass", "present")]
    assert list(columns.labels({"finding": "Normal"}, frozenset())) == [("no_finding", "present")]
    assert list(columns.labels({"finding": " "}, frozenset())) == []


def test_numeric_labels() -> None:
    columns = Columns(label=("Edema", "Pleural Effusion", "words"))
    rows = [
        {"Edema": "1.0", "Pleural Effusion": "0", "words": "a"},
        {"Edema": "-1", "Pleural Effusion": "", "words": "1"},
    ]
    numeric = columns.numeric(rows)
    assert numeric == {"Edema", "Pleural Effusion"}
    assert list(columns.labels(rows[0], numeric)) == [
        ("edema", "present"),
        ("pleural_effusion", "absent"),
        ("a", "present"),
    ]
    assert next(columns.labels(rows[1], numeric)) == ("edema", "uncertain")


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("54", 54),
        ("54.5", 54.5),
        ("054Y", 54),
        ("018M", 1.5),
        ("52w", 364 / 365.25),
        ("", None),
        ("old", None),
        ("999", None),
    ],
)
def test_ages(text: str, years: float | None) -> None:
    assert read_age(text) == (None if years is None else pytest.approx(years))


def test_small_words() -> None:
    assert [read_sex(text) for text in ("F", "male", "Other", "x", "")] == ["F", "M", "O", "", ""]
    assert [read_laterality(text) for text in ("L", "R", "B", "U")] == ["left", "right", "bilateral", ""]
    assert [modality_code(text) for text in ("X-ray", "CT", "mri", "Ultrasound", "dx", "")] == [
        "DX", "CT", "MR", "US", "DX", ""
    ]  # fmt: skip


def test_roles_of_texts() -> None:
    texts = Columns(text=("clinical_notes", "Findings", "impression", "body", "body:caption")).texts()
    assert [column.role for column in texts] == ["note", "findings", "impression", "report", "caption"]
    with pytest.raises(ConfigError, match="roles are findings, impression"):
        Columns(text=("a:novel",))
    with pytest.raises(ConfigError, match="column:name:unit"):
        Columns(measurement=("a:b:c:d",))


def test_stated_values() -> None:
    columns = Columns(modality="=DX", view="view")
    assert columns.value({}, "modality") == "DX"
    assert columns.value({"view": " PA "}, "view") == "PA"
    assert columns.value({}, "sex") == ""
    assert list(columns.names()) == [("view", "view")]
