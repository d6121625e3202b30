from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_strategies import small_study

import vesalius.data.shards as shards_module
from vesalius.data.schema import study_row, to_table
from vesalius.data.shards import Shard, ShardReader, ShardSink
from vesalius.errors import DataError


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ShardReader:
    """Twenty rows in shards of 7, 7 and 6 with row groups of 3."""
    folder = tmp_path_factory.mktemp("twenty") / "studies"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards_module, "ROWS_PER_SHARD", 7)
        patch.setattr(shards_module, "ROWS_PER_GROUP", 3)
        sink = ShardSink(folder, names=(f"part-{number}.parquet" for number in count()), metadata={})
        for start in range(0, 20, 5):
            sink.add(to_table([study_row(small_study(number)) for number in range(start, start + 5)]))
        sink.flush()
    assert [shard.rows for shard in sink.written] == [7, 7, 6]
    return ShardReader(folder, sink.written)


@given(chosen=st.sets(st.integers(0, 19)))
@settings(max_examples=30, deadline=None)
def test_rows_are_the_chosen_ones(reader: ShardReader, chosen: set[int]) -> None:
    rows = np.array(sorted(chosen), np.int64)
    scanned = [name for _, table in reader.scan(["study_id"], rows=rows) for name in table["study_id"].to_pylist()]
    grouped = [name for table in reader.groups(rows=rows) for name in table["study_id"].to_pylist()]
    assert scanned == grouped == [f"study-{row}" for row in sorted(chosen)]


def test_any_row_from_many_threads(reader: ShardReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_module, "_OPEN_FILES", 1)
    monkeypatch.setattr(shards_module, "_CACHED_GROUPS", 1)
    reader = ShardReader(reader.folder, reader.shards)
    rows = np.random.default_rng(0).integers(0, 20, 300).tolist()
    with ThreadPoolExecutor(4) as threads:
        names = list(threads.map(lambda row: reader.row(row)["study_id"][0].as_py(), rows))
    assert names == [f"study-{row}" for row in rows]
    assert len(reader._files) == len(reader._groups) == 1


def test_a_shard_of_another_length_is_refused(reader: ShardReader) -> None:
    other = ShardReader(reader.folder, [Shard(reader.shards[0].file, 8)])
    with pytest.raises(DataError, match=r"part-0.parquet has 7 rows, corpus.json says 8"):
        other.row(0)
