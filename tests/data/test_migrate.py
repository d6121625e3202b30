from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from study_strategies import small_study

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.migrate import MIGRATIONS, require_readable
from vesalius.data.records import Finding, Image, Provenance, Study
from vesalius.data.schema import RECORD_COLUMNS, SCHEMA, SCHEMA_VERSION, record_row
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError

FINDING_0 = pa.list_(pa.struct([("label", pa.string()), ("present", pa.bool_())]))


def study(number: int) -> Study:
    findings = (Finding(concept="edema", status="present" if number else "absent"),)
    image = Image(id="cxr", path=f"media/{number}.png", modality="DX", sha256=f"{number:064x}")
    return small_study(number, findings=findings, images=(image,), provenance=Provenance(source="old"))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A corpus as version 0 wrote it: `patient_id`, findings as (label, present), no derived columns."""
    fields = [SCHEMA.field(name) for name in RECORD_COLUMNS if name not in ("patient", "findings", "events")]
    schema = pa.schema([*fields, ("patient_id", pa.string()), ("findings", FINDING_0)])
    rows: list[dict[str, Any]] = []
    for number in range(3):
        row = record_row(study(number))
        row["patient_id"] = row.pop("patient")
        del row["events"]
        row["findings"] = [{"label": "edema", "present": number > 0}]
        rows.append(row)
    (tmp_path / "old" / "studies").mkdir(parents=True)
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, tmp_path / "old" / "studies" / "part-00000.parquet", row_group_size=2)
    counts = {"studies": 3, "patients": 2, "images": 3, "modalities": {"DX": 3}, "findings": {"edema": 2}}
    document = {"schema_version": 0, "name": "old", "content_hash": "0" * 64, "counts": counts}
    document["shards"] = [{"file": "part-00000.parquet", "rows": 3}]
    (tmp_path / "old" / "corpus.json").write_text(json.dumps(document))
    return tmp_path / "old"


def test_every_older_version_has_a_step() -> None:
    assert sorted(MIGRATIONS) == list(range(SCHEMA_VERSION))


def test_an_old_corpus_opens_as_it_is(old: Path) -> None:
    corpus = Corpus.open(old)
    assert corpus.schema_version == 0
    assert list(corpus) == [study(0), study(1), study(2)]
    assert corpus[2] == study(2)
    assert corpus.study("study-1").patient == "patient-0"
    assert corpus.filter("edema").ids == ["study-1", "study-2"]
    assert corpus.labels(["edema"])[:, 0].tolist() == [0, 1, 1]
    assert corpus.table(["patient"])["patient"].to_pylist() == ["patient-0", "patient-0", "patient-1"]


def test_merge_writes_it_anew(old: Path, tmp_path: Path) -> None:
    new = Corpus.merge([Corpus.open(old)], tmp_path / "new")
    assert new.schema_version == SCHEMA_VERSION
    assert list(new) == [study(0), study(1), study(2)]
    fresh = from_studies([study(0), study(1), study(2)], tmp_path / "fresh", name="fresh")
    assert new.content_hash == fresh.content_hash


def test_a_corpus_without_events_is_read_and_written_anew(tmp_path: Path) -> None:
    fresh = from_studies([study(0), study(1)], tmp_path / "fresh", name="same")
    former = from_studies([study(0), study(1)], tmp_path / "former", name="same")
    [shard] = (former.root / "studies").glob("*.parquet")
    pq.write_table(pq.read_table(shard).drop_columns("events"), shard)
    manifest = former.root / "corpus.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 2', '"schema_version": 1'))
    old = Corpus.open(former.root)
    assert old.schema_version == 1
    assert list(old) == [study(0), study(1)]
    assert Corpus.merge([old], tmp_path / "new").content_hash == fresh.content_hash


def test_nothing_is_added_to_an_old_corpus(old: Path) -> None:
    with (
        pytest.raises(DataError, match="has schema version 0, new studies have 2: write it anew"),
        CorpusWriter(old, name="old"),
    ):
        pass


def test_versions_that_cannot_be_read() -> None:
    with pytest.raises(DataError, match="corpus x has schema version 3, this release reads versions up to 2"):
        require_readable(3, where="corpus x")
    with pytest.raises(DataError, match="has schema version -1, expected 0 to 2"):
        require_readable(-1, where="corpus x")
