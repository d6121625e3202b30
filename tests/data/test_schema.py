from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_strategies import small_study, studies

from vesalius.data.fingerprint import record_digest
from vesalius.data.records import Finding, Study
from vesalius.data.schema import (
    DERIVED_COLUMNS,
    RECORD_COLUMNS,
    SCHEMA,
    SCHEMA_VERSION,
    MediaFile,
    record_row,
    study_row,
    to_studies,
    to_table,
)
from vesalius.errors import DataError


@given(st.lists(studies(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_study_comes_back_from_parquet_as_it_went(made: list[Study]) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(to_table([study_row(study) for study in made]), sink, compression="zstd")
    table = pq.read_table(pa.BufferReader(sink.getvalue()))
    assert table.schema.equals(SCHEMA)
    assert list(to_studies(table)) == made


@given(studies())
@settings(max_examples=60, deadline=None)
def test_the_digest_is_the_same_after_a_round_trip(study: Study) -> None:
    row = study_row(study)
    [again] = to_studies(to_table([row]))
    assert study_row(again) == row


def test_spacing_that_is_not_a_number_stays_so() -> None:
    [study] = to_studies(to_table([study_row(small_study(1))]))
    assert repr(study) == repr(small_study(1))  # NaN differs from itself, its name does not


def test_the_schema_changes_only_with_its_version() -> None:
    # After a change of the records: raise SCHEMA_VERSION, add a step to MIGRATIONS, and put both here.
    text = "\n".join(f"{field.name}: {field.type}" for field in SCHEMA)
    assert (SCHEMA_VERSION, hashlib.sha256(text.encode()).hexdigest()[:16]) == (2, "1a81d0863afdb3a6")
    assert len(RECORD_COLUMNS) == 14
    assert set(DERIVED_COLUMNS) & set(RECORD_COLUMNS) == set()


def test_derived_columns() -> None:
    findings = (
        Finding(concept="edema", status="absent"),
        Finding(concept="edema", status="uncertain"),  # uncertain wins over absent
        Finding(concept="fibrosis", status="present"),
        Finding(concept="fibrosis", status="absent"),  # present wins
        Finding(concept="emphysema", status="absent"),
    )
    row = study_row(small_study(0, findings=findings), [MediaFile("media/0.png", "ab", 3)])
    assert row["findings_present"] == ["fibrosis"]
    assert row["findings_uncertain"] == ["edema"]
    assert row["findings_absent"] == ["emphysema"]
    assert row["modalities"] == ["DX"]
    assert row["num_images"] == 1
    assert row["media"] == [{"path": "media/0.png", "sha256": "ab", "bytes": 3}]


def test_the_digest_knows_the_file_not_its_name() -> None:
    first, moved = record_row(small_study(0)), record_row(small_study(0))
    moved["images"][0]["path"] = "elsewhere.png"
    digest = record_digest(first, {"media/0.png": "ab"})
    assert digest == record_digest(moved, {"elsewhere.png": "ab"})
    assert digest != record_digest(first, {"media/0.png": "cd"})
    assert digest != record_digest(first, {})


def test_a_value_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(DataError, match=r"study 'study-1' cannot be stored: .*surrogate"):
        study_row(small_study(1, site="\ud800"))
    with pytest.raises(DataError, match="study 'study-1' cannot be stored: expected text, found 7"):
        study_row(small_study(1, site=7))
