"""MLLM data-mining study: six kinds of answer, outlines and runs, greedy boxes, times, order of labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vesalius.benchmarks._costs import times
from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.mllm_data_mining_study import BENCHMARK, detection_values
from vesalius.data.messages import Media, text_of
from vesalius.errors import ConfigError, DataError
from vesalius.inference.requests import Reply, Request
from vesalius.metrics.lexical import lexical_scores
from vesalius.metrics.masks import counts, dice
from vesalius.tasks.answers.outlines import filled_polygon, filled_runs, parse_mask, runs_of

GOLDEN = Path(__file__).parent.parent / "golden"
SCORER: dict[str, Any] = json.loads((GOLDEN / "scorer_mllm_data_mining_study.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mllm")
    BENCHMARK.write_twin(root, patients=6, seed=0)
    return root


def hand_made(part: str, kind: str, truth: Any) -> Item:
    options = {"A": "normal {mucosa}", "B": "squamous cell carcinoma"} if kind == "choice" else {}
    concepts = {"A": "none", "B": "squamous_cell_carcinoma"}
    return Item(
        id="one", part=part, kind=kind, question="What is {shown}?", truth=truth, cluster="patient", options=options,
        media=() if kind == "summary" else (Media(path="/one.png"),), more={"size": (40, 20), "concepts": concepts},
    )  # fmt: skip


def marked(item: Item, reply: str) -> Mark:
    return BENCHMARK.mark(item, [Reply(id="one", text=reply)], convention="strict")


def asked(item: Item) -> Request:
    request = BENCHMARK.ask(item, (), arm="direct", shots=())
    assert request is not None
    return request


def test_the_prompts_are_frozen() -> None:
    items = [
        hand_made("oral_diagnosis", "choice", "A"), hand_made("pneumonia_detection", "box", ()),
        hand_made("polyp_segmentation", "mask", ("mask.png", 255)), hand_made("impression", "summary", "Normal."),
    ]  # fmt: skip
    found = {item.part: text_of(asked(item).messages) for item in items}
    assert found == json.loads((GOLDEN / "prompts_mllm_data_mining_study.json").read_text(encoding="utf-8"))


@pytest.mark.evidence(
    "mllm-data-mining-study", "L2", "six tasks, one parser and scorer each; labels in an order of each item; reports "
    "alone show no picture"
)  # fmt: skip
def test_every_task_of_the_twin(release: Path) -> None:
    items = list(BENCHMARK.items(release, parts=BENCHMARK.parts, split="test"))
    assert BENCHMARK.parts_at(release) == BENCHMARK.parts
    assert {item.part for item in items} == set(BENCHMARK.parts)
    assert len({item.fields["task"] for item in items}) == 6
    assert len({item.fields["field"] for item in items}) == 6, "five fields of pictures, and reports"
    for item in items:
        mark = marked(item, BENCHMARK.right(item, ()))
        best = {"choice": "accuracy", "mask": "dice", "summary": "f1_14"}.get(item.kind, "detection_f1")
        assert mark.values[best] == 1, item.id
        assert bool(item.media) == (item.part != "impression")
        assert not item.options or item.options[str(item.truth)] == item.options[item.truth]
    skin = [tuple(item.options.values()) for item in items if item.part == "skin_classes"]
    assert len(set(skin)) > len(skin) / 2
    assert len({frozenset(one) for one in skin}) == 1
    assert len({item.truth for item in items if item.part == "skin_classes"}) > 2
    assert not list(BENCHMARK.items(release, parts=BENCHMARK.parts, split="train"))


@pytest.mark.evidence("mllm-data-mining-study", "L2", "no acute pneumonia to no pneumonia: ROUGE-1 P 2/3, R 1, F 0.8")
def test_rouge_of_the_card() -> None:
    scores = lexical_scores(["no acute pneumonia"], ["no pneumonia"], names=["rouge_1"])
    assert scores.values()["rouge_1"] == pytest.approx(0.8)
    assert marked(hand_made("impression", "summary", "No pneumonia."), "I cannot help.").values["f1_14"] == 0


@pytest.mark.evidence(
    "mllm-data-mining-study", "L2", "a square 10 × 10 and the same 5 columns on: Dice 0.5; nothing and nothing 1, "
    "nothing and something 0"
)  # fmt: skip
def test_dice_of_outlines_by_hand() -> None:
    def square(left: int) -> str:
        return json.dumps({"polygon": [[left, 5], [left + 10, 5], [left + 10, 15], [left, 15]]})

    first, second, nothing = (
        parse_mask(text, size=(40, 20)).value for text in (square(10), square(15), '{"polygon": []}')
    )
    assert first.sum() == 100
    assert [float(dice(counts(one, other), empty="one")) for one, other in
            ((first, second), (nothing, nothing), (nothing, first))] == [0.5, 1, 0]  # fmt: skip
    assert (filled_runs(runs_of(first), size=(40, 20)) == first).all()
    assert runs_of(nothing) == []


@pytest.mark.evidence(
    "mllm-data-mining-study", "L2", "400 masks and 300 sets of boxes equal those of an independent script"
)
def test_equal_to_an_independent_computation() -> None:
    assert SCORER["disagreements"] == 0
    width, height = SCORER["size"]
    for case in SCORER["masks"]:
        found = parse_mask(case["reply"], size=(width, height)).value
        assert np.flatnonzero(found).tolist() == case["pixels"], case["reply"]
    for case in SCORER["boxes"]:
        said, truth = (np.array(case[name], dtype=float).reshape(-1, 4) for name in ("said", "truth"))
        assert detection_values(said, truth)["detection_f1"] == pytest.approx(case["f1"])


@pytest.mark.parametrize(
    ("reply", "status"),
    [("", "empty"), ("a round lesion", "unparsed"), ('{"polygon": [[1, 2], [3]]}', "unparsed"),
     ('{"polygon": "all"}', "unparsed"), ('{"runs": [[1e300, 2]]}', "unparsed"), ('{"outline": []}', "unparsed"),
     ("I'm sorry, but I cannot help.", "refused"), ('{"runs": []}', "answered"),
     ('{"polygons": [[[0, 0], [4, 0], [4, 4]]]}', "answered"), ('{"runs": [[-5, 3], [790, 900]]}', "answered")],
)  # fmt: skip
def test_odd_masks(reply: str, status: str) -> None:
    parsed = parse_mask(reply, size=(40, 20))
    assert parsed.status == status
    assert status != "answered" or parsed.value.shape == (20, 40)


def test_outlines_of_any_length_end() -> None:
    many = [[place % 40, place % 20] for place in range(30_000)]
    assert parse_mask(json.dumps({"polygon": many}), size=(40, 20)).status == "unparsed"
    assert filled_polygon([], size=(3, 2)).sum() == filled_polygon([[1, 1]], size=(3, 2)).sum() == 0
    with pytest.raises(ConfigError, match="some size"):
        parse_mask("{}", size=(0, 4))


@pytest.mark.evidence(
    "mllm-data-mining-study", "L2", "boxes are matched greedily at 0.5; a duplicate is a false alarm"
)
def test_detection_by_hand() -> None:
    truth = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    twice = detection_values(truth[[0, 0]], truth)
    assert (twice["detection_f1"], twice["precision"], twice["recall"], twice["mean_iou"]) == (0.5, 0.5, 0.5, 1)
    nothing = np.empty((0, 4))
    assert detection_values(nothing, nothing)["detection_f1"] == 1
    assert detection_values(nothing, truth)["detection_f1"] == detection_values(truth, nothing)["detection_f1"] == 0
    item = hand_made("pneumonia_detection", "box", ())
    assert marked(item, "[]").values["detection_f1"] == 1
    assert marked(item, "somewhere").values["detection_f1"] == 0, "what cannot be read finds nothing"


def test_f1_of_classes() -> None:
    """B told as B, A told as B: none 0, carcinoma 2 / 3."""
    pairs = []
    for place, truth in enumerate("BA"):
        item = replace(hand_made("oral_diagnosis", "choice", truth), id=str(place))
        pairs.append((item, marked(item, "B")))
    rows = [(item.fields["class"], mark.values["f1"]) for item, mark in BENCHMARK.gather(pairs, convention="strict")
            if "f1" in mark.values]  # fmt: skip
    carcinoma = [value for name, value in rows if name == "squamous_cell_carcinoma"]
    assert np.mean(carcinoma) == pytest.approx(2 / 3)
    assert [value for name, value in rows if name == "none"] == [0]


@pytest.mark.evidence(
    "mllm-data-mining-study", "L2", "median and 90th percentile without warm-up; failures and cached replies apart"
)
def test_times() -> None:
    """Of 1 to 11 s after a warm-up of 50: middle 6, nine tenths of the way 10."""
    replies = [Reply(id=str(place), seconds=float(place), tokens_in=2, tokens_out=1) for place in range(1, 12)]
    odd = [Reply(id="c", seconds=99, cached=True), Reply(id="e", seconds=70, finish="error", error="late")]
    found = times([Reply(id="w", seconds=50, tokens_in=2), *replies, *odd])
    assert list(found) == [11, 6, 10, 24, 11, 1]
    assert np.isnan(times([]).median_s)


def test_missing_parts(tmp_path: Path) -> None:
    assert BENCHMARK.parts_at(tmp_path) == ()
    with pytest.raises(DataError, match="REFUGE"):
        list(BENCHMARK.items(tmp_path, parts=("disc_localisation",), split="test"))
