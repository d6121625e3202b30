"""Why two scores differ: every field has its words, blocking ones come first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.run import evaluate
from vesalius.evaluation.why import ScoreName, differences, read_score_name, why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("runs/a", ScoreName(path="runs/a")),
        ("runs/a#zero_shot", ScoreName(path="runs/a", task="zero_shot")),
        (
            "a/scores.json#zero_shot/auroc/pleural_effusion",
            ScoreName(path="a/scores.json", task="zero_shot", metric="auroc", label="pleural_effusion"),
        ),
        (
            "a#untrained:retrieval/r_at_5",
            ScoreName(path="a", task="retrieval", metric="r_at_5", control="untrained"),
        ),
    ],
)
def test_names_of_scores(text: str, expected: ScoreName) -> None:
    assert read_score_name(text) == expected


@pytest.mark.parametrize("text", ["", "#zero_shot", "a#b/c/d/e"])
def test_names_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ConfigError, match="PATH#task/metric/label"):
        read_score_name(text)


@pytest.mark.parametrize(
    ("first", "second", "field", "blocks", "words"),
    [
        ({"dataset": {"revision": "a"}}, {"dataset": {"revision": "b"}}, "dataset.revision", True, "other data"),
        ({"dataset": {"split": "test"}}, {"dataset": {"split": "val"}}, "dataset.split", True, "other items"),
        ({"scoring": {"resamples": 1}}, {"scoring": {"resamples": 2}}, "scoring.resamples", False, "the value stays"),
        (
            {"model": {"weights_sha256": "a"}},
            {"model": {"weights_sha256": "b"}},
            "model.weights_sha256",
            False,
            "weights",
        ),
        ({"model": {"step": 1}}, {"model": {}}, "model.step", False, "the model differs"),
        ({"command": "a"}, {"command": "b"}, "command", False, "nothing by itself"),
        ({"task": {"confidence": "stated"}}, {"task": {}}, "task.confidence", False, "another quantity"),
        ({"task": {}}, {"task": {"wordnet": {"version": "3.0"}}}, "task.wordnet.version", False, "other synonyms"),
        ({"novel": {"x": 1}}, {"novel": {"x": 2}}, "novel.x", True, "does not know"),
    ],
)
def test_each_field_has_its_effect(
    first: dict[str, Any], second: dict[str, Any], field: str, blocks: bool, words: str
) -> None:
    (found,) = differences(first, second)
    assert (found.field, found.blocks) == (field, blocks)
    assert words in found.effect


def test_prompts_are_told_by_the_words_that_differ() -> None:
    shared = {"count": 2, "sha256": "a", "texts": ["Same.", "Pneumothorax."]}
    other = {"count": 2, "sha256": "b", "texts": ["Same.", "There is a pneumothorax."]}
    (found,) = differences({"task": {"prompts": shared}}, {"task": {"prompts": other}})
    assert (found.first, found.second) == (["Pneumothorax."], ["There is a pneumothorax."])
    assert found.blocks


def test_blocking_differences_come_first() -> None:
    first = {"command": "a", "dataset": {"split": "test"}, "seed": 0}
    second = {"command": "b", "dataset": {"split": "val"}, "seed": 1}
    assert [row.blocks for row in differences(first, second)] == [True, False, False]


@pytest.fixture(scope="module")
def folders(corpus: Corpus, band_model: type, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("why")
    settings = {"resamples": 50, "report": False, "tasks": ["zero_shot"]}
    evaluate(band_model(noise=0.5), on=corpus, out=root / "a", **settings)
    evaluate(band_model(noise=2.0), on=corpus, out=root / "b", **settings)
    evaluate(band_model(noise=0.5), on=corpus, split="val", out=root / "c", **settings)
    return {name: root / name for name in "abc"}


def test_two_models_on_the_same_items(folders: dict[str, Path]) -> None:
    told = why(f"{folders['a']}#zero_shot/auroc/macro", str(folders["b"]))
    assert {row.field for row in told.differences} == {"model.weights_sha256"}
    assert told.verdict.startswith("Same question on the same items")
    assert "zero_shot/auroc/macro" in told.text()
    assert told.to_dict()["second"]["metric"] == "auroc"


def test_two_splits_are_not_comparable(folders: dict[str, Path]) -> None:
    told = why(f"{folders['a']}#zero_shot/auroc/macro", str(folders["c"]))
    assert {"dataset.split", "dataset.items.ids"} <= {row.field for row in told.differences if row.blocks}
    assert told.verdict.startswith("Not comparable")


def test_the_same_score_and_a_control(folders: dict[str, Path]) -> None:
    name = f"{folders['a']}#zero_shot/auroc/macro"
    assert why(name, name).verdict.startswith("The passports are the same")
    told = why(name, f"{folders['a']}#shuffled:zero_shot/auroc/macro")
    assert {row.field for row in told.differences} == {"control"}
    assert "different scores" in why(name, f"{folders['a']}#zero_shot/brier/macro").verdict


def test_names_that_are_not_there_are_answered_with_the_nearest(folders: dict[str, Path]) -> None:
    with pytest.raises(DataError, match="did you mean 'auroc'"):
        why(f"{folders['a']}#zero_shot/aurok/macro", str(folders["b"]))
    with pytest.raises(DataError, match="did you mean 'untrained'"):
        why(f"{folders['a']}#untraind:zero_shot", str(folders["b"]))
    with pytest.raises(DataError, match="run vesalius evaluate first"):
        why("nowhere", "nowhere")
