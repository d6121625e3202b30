"""A limit and the sample of the safety sheet take items that are marked together whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from choosing import Pairs, Sure

from vesalius.benchmarks.base import benchmark
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.answering.survey import survey, twin_of


def test_a_limit_never_halves_a_pair_and_says_where_it_asks_more(tmp_path: Path) -> None:
    root = tmp_path / "release"
    bench = Pairs(root)
    found = {limit: survey(bench, root, limit=limit) for limit in (5, 8)}
    assert {limit: len(one.ids) for limit, one in found.items()} == {5: 6, 8: 8}
    assert found[5].ids < found[8].ids, "a larger limit only adds items"
    for one in found.values():
        pairs = [bench.group(item) for item in one.items()]
        assert all(pairs.count(name) == 2 for name in pairs)
    model = Sure()
    done = answer_benchmark(
        model, on=bench, data=root, out=tmp_path / "out", limit=5, resamples=20, controls=False, safety_items=3,
        report=False,
    )  # fmt: skip
    assert "6 items were asked for a limit of 5" in done.document["warnings"][0]
    assert done.document["safety"]["items"] == 4
    whole = survey(bench, root, limit=4)
    assert len(whole.ids) == 4


@pytest.mark.parametrize("name", ["mediconfusion", "smmile"])
def test_marks_of_several_items_stay_within_a_group(name: str, tmp_path: Path) -> None:
    bench = benchmark(name)
    root = twin_of(bench, tmp_path / name, patients=24, seed=0)
    groups = {item.id: bench.group(item) for item in bench.items(root, parts=bench.parts, split="test")}
    assert len(set(groups.values())) < len(groups)
    asked = survey(bench, root, limit=7)
    drawn = {groups[item] for item in asked.ids}
    assert asked.ids == {item for item, group in groups.items() if group in drawn}
