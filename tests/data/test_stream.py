from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_strategies import media_of, small_study

import vesalius.data.shards as shards_module
import vesalius.data.stream as stream_module
import vesalius.data.writer as writer_module
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.records import Study
from vesalius.data.remote import open_corpus
from vesalius.data.stream import StudyStream, Ticket
from vesalius.errors import DataError

ROWS = 103


def name_of(study: Study) -> str:
    return study.id


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    """103 studies in shards of 40 with row groups of 8."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (shards_module, writer_module):
            patch.setattr(module, "ROWS_PER_SHARD", 40)
        for module in (shards_module, stream_module, writer_module):
            patch.setattr(module, "ROWS_PER_GROUP", 8)
        studies = [small_study(number) for number in range(ROWS)]
        corpus = from_studies(
            studies, tmp_path_factory.mktemp("stream") / "c", name="c", media=media_of(*range(ROWS))
        )
        assert [shard.rows for shard in corpus.manifest.shards] == [40, 40, 23]
        yield corpus


def stream(corpus: Corpus, **options) -> StudyStream[str]:
    return StudyStream(corpus=corpus, load=name_of, **{"batch": 4, "window": 3} | options)


def names(batches) -> list[str]:
    return [name for batch in batches for name in batch]


def test_an_epoch_has_every_study_once_in_a_new_order(corpus: Corpus) -> None:
    one = stream(corpus)
    epochs = [names(one.batches()) for _ in range(3)]
    assert all(sorted(epoch) == sorted(corpus.ids) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert names(stream(corpus).batches()) == epochs[0]
    assert names(stream(corpus, seed=1).batches()) != epochs[0]
    assert names(stream(corpus, window=0).batches()) == corpus.ids


def test_rows_are_mixed_far_beyond_a_row_group(corpus: Corpus) -> None:
    order = names(stream(corpus).batches())
    place = {name: number // 8 for number, name in enumerate(corpus.ids)}
    # A window of 3 row groups of 8: 24 studies that follow each other come from 3 groups, in no run of one of them.
    groups = [place[name] for name in order[:24]]
    assert len(set(groups)) == 3
    assert max(len(list(run)) for run in _runs(groups)) < 8


def _runs(values: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1].append(value)
        else:
            runs.append([value])
    return runs


@settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    world=st.integers(1, 7),
    batch=st.integers(1, 9),
    window=st.integers(0, 6),
    epoch=st.integers(0, 3),
    whole=st.booleans(),
)
def test_processes_share_without_loss_or_repeat(
    corpus: Corpus, world: int, batch: int, window: int, epoch: int, whole: bool
) -> None:
    parts = []
    for rank in range(world):
        one = stream(corpus, rank=rank, world=world, batch=batch, window=window, whole=whole)
        one.set_epoch(epoch)
        parts.append(list(one.batches()))
        assert len(parts[-1]) == len(one)
    seen = Counter(name for part in parts for name in names(part))
    assert max(seen.values()) == 1
    if whole:
        assert len({len(part) for part in parts}) == 1
        assert all(len(one) == batch for part in parts for one in part)
        # What is left over is less than a batch and a row for each process.
        assert ROWS - len(seen) < world * (batch + 1)
    else:
        assert sorted(seen) == sorted(corpus.ids)
        sizes = [len(names(part)) for part in parts]
        assert max(sizes) - min(sizes) <= 1


@settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stop=st.integers(0, 60), batch=st.integers(1, 7), window=st.integers(0, 4))
def test_resuming_is_exact(corpus: Corpus, stop: int, batch: int, window: int) -> None:
    def endless(one: StudyStream[str]) -> Iterator[list[str]]:
        while True:
            yield from one.batches()

    whole = stream(corpus, batch=batch, window=window, rank=1, world=2)
    wanted = [names([piece]) for piece, _ in zip(endless(whole), range(stop + 30), strict=False)]
    first = stream(corpus, batch=batch, window=window, rank=1, world=2)
    got = [names([piece]) for _, piece in zip(range(stop), endless(first), strict=False)]
    state = json.loads(json.dumps(first.state_dict()))
    second = stream(corpus, batch=batch, window=window, rank=1, world=2)
    second.load_state_dict(state)
    rest = [names([piece]) for piece, _ in zip(endless(second), range(30), strict=False)]
    assert got + rest == wanted


def test_a_state_of_another_order_is_refused(corpus: Corpus) -> None:
    state = stream(corpus).state_dict()
    for options, word in (({"seed": 3}, "seed 0"), ({"batch": 5}, "batch 4"), ({"world": 2}, "world 1")):
        with pytest.raises(DataError, match=f"was made with {word}"):
            stream(corpus, **options).load_state_dict(state)
    with pytest.raises(DataError, match="was made with rows 103"):
        stream(corpus.filter(ids=corpus.ids[:50])).load_state_dict(state)


def test_views_stream_their_rows(corpus: Corpus) -> None:
    view = corpus.filter(ids=corpus.ids[3:90:7])
    assert sorted(names(stream(view).batches())) == sorted(view.ids)
    assert names(stream(view, window=0).batches()) == view.ids


def test_memory_holds_one_window(corpus: Corpus) -> None:
    one = stream(corpus)
    most = 0
    for _ in one.batches():
        window = one._kept[1]
        assert window is not None
        most = max(most, sum(len(table) for table in window.tables))
    assert most == 3 * 8


def test_only_the_rows_of_the_process_are_read(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    plain = StudyStream._rows
    monkeypatch.setattr(
        StudyStream, "_rows", lambda self, first, last: read.append(last - first) or plain(self, first, last)
    )
    list(stream(corpus, rank=1, world=4).batches())
    # A quarter of 103 rows lies in at most three windows of 24.
    assert sum(read) <= 3 * 24


def test_a_batch_follows_from_its_ticket_alone(corpus: Corpus) -> None:
    one = stream(corpus)
    batches = list(one.batches())
    other = stream(corpus)
    for number in np.random.default_rng(0).permutation(len(batches)).tolist():
        assert other[Ticket(0, number)] == batches[number]
    with pytest.raises(IndexError):
        other[Ticket(0, len(batches))]


def test_wrong_settings(corpus: Corpus) -> None:
    for options in ({"batch": 0}, {"window": -1}, {"rank": 2, "world": 2}):
        with pytest.raises(DataError, match="expected a batch"):
            stream(corpus, **options)
    with pytest.raises(DataError, match="do not fill a batch"):
        stream(corpus, batch=60, world=2, whole=True)


def test_two_processes_of_two_workers(corpus: Corpus) -> None:
    pytest.importorskip("torch")
    parts = []
    for rank in range(2):
        plain = list(stream(corpus, rank=rank, world=2).batches())
        loaded = list(stream(corpus, rank=rank, world=2).batches(workers=2))
        # The order does not depend on the workers.
        assert loaded == plain
        parts += names(loaded)
    assert sorted(parts) == sorted(corpus.ids)
    assert len(parts) == len(set(parts))


def test_resuming_with_other_workers(corpus: Corpus) -> None:
    whole = names(stream(corpus).batches())
    first = stream(corpus)
    taken = first.batches(workers=2)
    got = names(next(taken) for _ in range(5))
    state = first.state_dict()
    taken.close()
    second = stream(corpus)
    second.load_state_dict(state)
    assert got + names(second.batches(workers=1)) == whole


def test_from_an_object_store_with_workers(corpus: Corpus, tmp_path: Path) -> None:
    filesystem = fsspec.filesystem("memory")
    filesystem.put(str(corpus.root), f"/{tmp_path.name}", recursive=True)
    try:
        remote = open_corpus(f"memory://{tmp_path.name}")
        wanted = names(stream(corpus).batches())
        assert names(stream(remote).batches()) == wanted
        assert names(stream(remote).batches(workers=2)) == wanted
        assert names(stream(open_corpus(f"file://{corpus.root}")).batches()) == wanted
    finally:
        filesystem.store.clear()


def test_no_footer_stays_in_memory(corpus: Corpus) -> None:
    for _ in stream(corpus).batches():
        assert not corpus._reader._files
