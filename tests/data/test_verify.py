from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from study_strategies import media_of, small_study

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.verify import problems, verify
from vesalius.errors import DataError


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return from_studies(map(small_study, range(4)), tmp_path, name="small", media=media_of(*range(4)))


def test_an_untouched_corpus_has_no_problem(corpus: Corpus) -> None:
    verify(corpus)


def test_touched_and_missing_files_are_named(corpus: Corpus) -> None:
    corpus.path("media/1.png").write_bytes(b"touched")
    corpus.path("media/2.png").unlink()
    assert list(problems(corpus)) == [
        "study 'study-1': file 'media/1.png' was changed",
        "study 'study-2': file 'media/2.png' is missing",
    ]
    with pytest.raises(DataError, match="is not what its content hash says:\nstudy 'study-1'"):
        verify(corpus)


def test_a_touched_record_and_a_lost_study_are_found(corpus: Corpus) -> None:
    path = corpus.root / "studies" / "part-00000.parquet"
    table = pq.read_table(path)
    patients = ["somebody", *table["patient"].to_pylist()[1:]]
    pq.write_table(table.set_column(1, "patient", pa.array(patients)), path)
    assert list(problems(corpus)) == ["study 'study-0': its record was changed"]
    pq.write_table(pa.concat_tables([table.slice(0, 3), table.slice(0, 1)]), path)
    [problem] = problems(corpus)
    assert problem.startswith("the content hash is")
    assert problem.endswith(f"corpus.json says {corpus.content_hash}")
