"""Items of two systems side by side: who was right where the other was wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from choosing import Pairs, Sure

from vesalius.errors import DataError
from vesalius.evaluation.answering.run import answer_benchmark
from vesalius.evaluation.compare import compare
from vesalius.evaluation.report.versus import write_versus
from vesalius.evaluation.results import Evaluation


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Evaluation]:
    root = tmp_path_factory.mktemp("release")
    bench = Pairs(root, pairs=70)
    one, other = (
        answer_benchmark(
            Sure(name, seed=seed), on=bench, data=root, out=tmp_path_factory.mktemp(name), resamples=20,
            controls=False, safety_items=0,
        )
        for seed, name in enumerate(("ours", "theirs"))
    )  # fmt: skip
    return one, other


def script(path: Path, before: str, after: str) -> Any:
    text = path.read_text(encoding="utf-8").strip()
    assert text.startswith(before)
    return json.loads(text[len(before) : -len(after)])


def test_every_shared_item_stands_with_both_replies(both: tuple[Evaluation, Evaluation], tmp_path: Path) -> None:
    compare(list(both), out=tmp_path, resamples=50)
    index = script(tmp_path / "items" / "index.js", "window.vesaliusItems=", ";")
    assert len(index["id"]) == 280
    assert index["metric"][0] == "accuracy"
    block = script(tmp_path / "items" / "block-00002.js", "vesaliusBlock(2,", ")")
    item = block[79]
    assert item["id"] == index["id"][279] == "far-139"
    assert [one["name"] for one in item["systems"]] == ["ours", "theirs"]
    for number, (system, evaluation) in enumerate(zip(item["systems"], both, strict=True)):
        assert system["value"] == index["values"][number][279]
        stored = script(evaluation.folder / "items" / "block-00002.js", "vesaliusBlock(2,", ")")[79]
        assert system["replies"] == stored["replies"]
    apart = sum(a != b for a, b in zip(*index["values"], strict=True))
    assert apart > 5
    assert (tmp_path / "items" / "pictures" / item["pictures"][0]["file"]).is_file()
    text = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert '<section id="items">' in text
    assert text.count('<option value="0">ours</option>') == 2
    assert '<script src="items/index.js">' in text


def test_without_items_there_is_no_browser(both: tuple[Evaluation, Evaluation], tmp_path: Path) -> None:
    bare = Evaluation(tmp_path / "bare", both[1].document)
    assert write_versus([("ours", both[0]), ("bare", bare)], tmp_path / "items") is None
    assert not (tmp_path / "items").exists()


def test_broken_items_are_named(both: tuple[Evaluation, Evaluation], tmp_path: Path) -> None:
    (tmp_path / "bad" / "items").mkdir(parents=True)
    (tmp_path / "bad" / "items" / "index.js").write_text("window.vesaliusItems={cut")
    bad = Evaluation(tmp_path / "bad", both[1].document)
    with pytest.raises(DataError, match=r"index\.js is not what vesalius wrote"):
        write_versus([("ours", both[0]), ("bad", bad)], tmp_path / "items")


def test_systems_with_confidences_are_compared_although_their_marks_differ(tmp_path: Path) -> None:
    root = tmp_path / "release"
    bench = Pairs(root)
    found = [
        answer_benchmark(
            Sure(name, seed=seed), on=bench, data=root, out=tmp_path / name, resamples=20, controls=False,
            safety_items=0, report=False, confidence="stated",
        )
        for seed, name in enumerate(("ours", "theirs"))
    ]  # fmt: skip
    done = compare(found, resamples=20)
    assert {"brier", "conformal_size", "accuracy_ratio"} <= {row["metric"] for row in done.pairs}
