"""A function over many items: in order, lazily, the same wherever it runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from vesalius.curation.pipeline import curate
from vesalius.curation.recipe import load_recipe
from vesalius.data.ordered import Backend, ordered_map
from vesalius.errors import DataError
from vesalius.virtual.population import make


def square(number: int) -> int:
    return number * number


def fail(number: int) -> int:
    raise DataError(f"item {number} cannot be done")


@pytest.mark.parametrize("backend", ["local", "processes"])
def test_results_come_in_order_and_few_items_are_taken_ahead(backend: Backend) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = ordered_map(square, items(), backend=backend)
    assert list(islice(results, 5)) == [0, 1, 4, 9, 16]
    assert len(taken) < 300
    assert list(results) == [number * number for number in range(5, 1000)]


@pytest.mark.parametrize("backend", ["local", "processes"])
def test_an_error_of_ours_comes_through(backend: Backend) -> None:
    with pytest.raises(DataError, match="item 0 cannot be done"):
        list(ordered_map(fail, range(3), backend=backend))


def test_unknown_backends_are_named() -> None:
    with pytest.raises(DataError, match="known: local, processes, ray"):
        ordered_map(square, [1], backend="spark")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray warns of its own settings
@pytest.mark.parametrize("backend", ["processes", "ray"])
def test_a_recipe_gives_the_same_corpus_in_processes_and_on_ray(backend: Backend, tmp_path: Path) -> None:
    from functools import partial

    corpus = make(tmp_path / "corpus", patients=20, preset="chest", image_size=64)
    recipe = load_recipe("unimed-clip")
    here = curate(corpus, recipe, tmp_path / "here")
    there = curate(corpus, recipe, tmp_path / "there", spread=partial(ordered_map, backend=backend))
    assert there.content_hash == here.content_hash
    assert [step.tally for step in there.steps] == [step.tally for step in here.steps]
