"""Ingest and looks at pictures on a local Ray cluster of two processes: the same as here."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from series_files import heights, write_series

from vesalius.curation.seen import look
from vesalius.data.corpus import Corpus
from vesalius.data.ingest import ingest
from vesalius.data.ordered import ordered_map
from vesalius.errors import DataError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray warns of its own settings


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(12):
        values = np.random.default_rng(number).integers(0, 255, (40, 40)).astype(np.uint8)
        Image.fromarray(values).save(folder / f"{number:02d}.png")
    write_series(folder / "series", heights(0, 2, 4, 6))
    (folder / "broken.png").write_bytes((folder / "00.png").read_bytes()[:200])
    return folder


def test_ray_gives_the_same_corpus_and_problems(source: Path, tmp_path: Path) -> None:
    here = ingest(source, out=tmp_path / "here", backend="local")
    there = ingest(source, out=tmp_path / "there", backend="ray", workers=2)
    assert there.content_hash == here.content_hash
    assert (there.problems, there.counts, there.notes) == (here.problems, here.counts, here.notes)
    assert len(here.problems) == 1
    with pytest.raises(DataError, match="unknown backend 'spark'"):
        ingest(source, out=tmp_path / "other", backend="spark")  # type: ignore[arg-type]


def test_looks_at_pictures_are_the_same_on_ray(source: Path, tmp_path: Path) -> None:
    ingest(source, out=tmp_path / "corpus", backend="local")
    corpus = Corpus.open(tmp_path / "corpus")
    here = look(corpus, corpus)
    there = look(corpus, corpus, spread=partial(ordered_map, backend="ray", workers=2))
    assert there.of == here.of
    for one, other in zip(here.looks, there.looks, strict=True):
        assert one[:3] == other[:3]
        assert np.array_equal(one.small, other.small)
