"""GPT-4V medical study: prompt arms from training data, n-grams beside facts, boxes of declared form, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.gpt4v_medical_study import BENCHMARK, states_finding
from vesalius.data.messages import Media, text_of
from vesalius.errors import DataError
from vesalius.inference.requests import Reply, Request
from vesalius.metrics.boxes import union_iou
from vesalius.metrics.lexical import lexical_scores
from vesalius.tasks.answers import parse_boxes

GOLDEN = Path(__file__).parent.parent / "golden"
SCORER: dict[str, Any] = json.loads((GOLDEN / "scorer_gpt4v_medical_study.json").read_text(encoding="utf-8"))
NORMAL, ABNORMAL = "Findings: Clear. Impression: No acute disease.", "Findings: Left effusion. Impression: Effusion."


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gpt4v")
    BENCHMARK.write_twin(root, patients=18, seed=0)
    return root


def hand_made(kind: str, truth: Any, **more: Any) -> Item:
    part = {"report": "report", "box": "grounding"}.get(kind, "vqa")
    return Item(
        id="one", part=part, kind=kind, question="Is there {effusion}?", truth=truth, cluster="patient",
        media=(Media(path="/one.png"),), fields={"answer_type": kind}, more=more,
    )  # fmt: skip


def report_with_examples() -> Item:
    examples = {
        normal: tuple(
            replace(hand_made("report", text), id=f"{text}{number}", media=(Media(path=f"/{normal}{number}.png"),))
            for number in range(2)
        )
        for normal, text in ((True, NORMAL), (False, ABNORMAL))
    }
    return hand_made("report", ABNORMAL, examples=examples)


def box_item(*truth: tuple[float, float, float, float]) -> Item:
    return hand_made("box", truth, size=tuple(SCORER["size"]), mean_box=(0.0, 0.0, 0.5, 0.5))


def asked(item: Item, arm: str) -> Request:
    request = BENCHMARK.ask(item, (), arm=arm, shots=())
    assert request is not None
    return request


def marked(item: Item, reply: str, convention: str = "strict") -> Mark:
    return BENCHMARK.mark(item, [Reply(id="one", text=reply)], convention=convention)


@pytest.mark.evidence("gpt4v-medical-study", "L2", "arms put no, normal, abnormal or mixed examples as turns before")
def test_the_prompts_are_frozen() -> None:
    items = {"report": report_with_examples(), "closed": hand_made("closed", "yes"), "box": box_item((1, 2, 3, 4))}
    found = {f"{name} {arm.name}": text_of(asked(item, arm.name).messages)
             for name, item in items.items() for arm in BENCHMARK.arms}  # fmt: skip
    judge = BENCHMARK.judge(hand_made("open", "left {lung}"), [Reply(id="one", text="the left")])
    assert judge is not None
    found["judge"] = text_of(judge.messages)
    assert found == json.loads((GOLDEN / "prompts_gpt4v_medical_study.json").read_text(encoding="utf-8"))
    turns = {arm.name: [one.text for one in asked(items["report"], arm.name).messages if one.role == "assistant"]
             for arm in BENCHMARK.arms}  # fmt: skip
    assert turns["two-normal"] == [NORMAL] * 2
    assert turns["two-abnormal"] == [ABNORMAL] * 2
    assert turns["mixed"] == [NORMAL, ABNORMAL]
    assert not turns["zero-shot"]
    assert not turns["findings-list"]
    bare = replace(items["report"], more={"examples": {True: (), False: ()}})
    with pytest.raises(DataError, match="has 0 reports without a finding, 2 are needed"):
        asked(bare, "two-normal")


@pytest.mark.evidence("gpt4v-medical-study", "L2", "examples are training reports; no picture is in prompt and test")
def test_examples_of_the_training_part(release: Path) -> None:
    items = list(BENCHMARK.items(release, parts=BENCHMARK.parts, split="test"))
    assert {item.part for item in items} == set(BENCHMARK.parts)
    shown = {media.path for item in items for media in item.media}
    reports = [item for item in items if item.kind == "report"]
    trained = {item.id for item in BENCHMARK.items(release, parts=("report",), split="train")}
    for normal in (True, False):
        shots = reports[0].more["examples"][normal]
        assert len({shot.cluster for shot in shots}) == 2
        assert {shot.id for shot in shots} <= trained
        assert all(states_finding(shot.truth) != normal for shot in shots)
        assert not shown & {media.path for shot in shots for media in shot.media}
    for item in items:
        assert not {shot.id for shot in item.more.get("examples", {}).get(True, ())} & {one.id for one in items}
        mark = marked(item, BENCHMARK.right(item, ()))
        assert {mark.values.get(name, 1.0) for name in ("accuracy", "f1_14", "iou")} == {1.0}


@pytest.mark.evidence(
    "gpt4v-medical-study", "L2", "BLEU-1 is exp(1 - 4/3) = 0.717, ROUGE-L has P 1, R 0.75, F1 0.857"
)
def test_metrics_of_a_toy_pair() -> None:
    scores = lexical_scores(
        ["no acute disease"], ["no acute cardiopulmonary disease"], names=["coco_bleu_1", "rouge_l"]
    )
    assert scores.values() == pytest.approx({"coco_bleu_1": 0.716531, "rouge_l": 6 / 7}, abs=1e-6)
    found = lexical_scores(SCORER["said"], SCORER["references"], names=["cider_d", "coco_bleu_1", "coco_bleu_4"])
    assert found.values() == pytest.approx(
        {"cider_d": SCORER["cider_d"], "coco_bleu_1": SCORER["bleu"][0], "coco_bleu_4": SCORER["bleu"][3]}, abs=1e-9
    )


@pytest.mark.evidence(
    "gpt4v-medical-study",
    "L2",
    "a lost negation moves the facts strongly and BLEU little; a paraphrase the other way",
)
def test_facts_beside_words() -> None:
    truth = "Findings: The heart is normal in size and there is no pleural effusion. Impression: No acute disease."
    flipped, told = truth.replace("no pleural", "a pleural"), "Findings: No effusion. Impression: Normal chest."
    item = hand_made("report", truth, examples={})
    words = {text: lexical_scores([text], [truth], names=["coco_bleu_1"]).values()["coco_bleu_1"]
             for text in (flipped, told)}  # fmt: skip
    assert marked(item, flipped).values["f1_14"] < 0.5 < 0.9 < words[flipped]
    assert marked(item, told).values["f1_14"] == 1 > 0.4 > words[told]
    assert (states_finding(flipped), states_finding(told)) == (True, False)


def test_report_begins_at_its_findings() -> None:
    item = hand_made("report", ABNORMAL, examples={})
    mark = marked(item, f"Abnormal.\n- effusion: present\n{ABNORMAL}")
    assert mark.written == ABNORMAL
    assert marked(item, "Left effusion.").written == "Left effusion."


@pytest.mark.evidence("gpt4v-medical-study", "L2", "a refusal is a class of its own and wrong in every metric")
def test_refusals() -> None:
    words = "I'm sorry, but I cannot interpret medical images."
    items = [hand_made("report", NORMAL, examples={}), hand_made("closed", "yes"), hand_made("open", "the lung"),
             box_item((0, 0, 9, 9))]  # fmt: skip
    for item in items:
        mark = marked(item, words)
        assert mark.status == "refused"
        assert not any(mark.values.get(name, 0) for name in ("f1_14", "f1_5", "accuracy", "exact", "iou", "found"))
    open_mark = marked(items[2], words)
    assert BENCHMARK.judged(items[2], open_mark, Reply(id="one", text="1")).values["judged"] == 0


def test_three_ways_to_match_an_answer() -> None:
    item = hand_made("open", "Left lung")
    rows = {
        reply: marked(item, reply).values for reply in ("Left lung", "left lung.", "the left lung", "left upper lobe")
    }
    assert [(row["exact"], row["normalised"], row["accuracy"]) for row in rows.values()] == [
        (1, 1, 1), (0, 1, 1), (0, 0, 1), (0, 0, 0),
    ]  # fmt: skip
    mark = marked(item, "the lung on the left")
    assert BENCHMARK.judged(item, mark, Reply(id="one", text="1\n")).values["judged"] == 1
    nonsense = BENCHMARK.judged(item, mark, Reply(id="one", text="Surely!"))
    assert (nonsense.values["judged"], nonsense.status, nonsense.rule) == (0, "unparsed", "judge gave no digit")
    assert BENCHMARK.judge(hand_made("closed", "yes"), [Reply(id="one", text="yes")]) is None


@pytest.mark.evidence(
    "gpt4v-medical-study", "L2", "pixels, shares, thousandths, width and height: 600 overlaps equal those of a grid"
)
def test_boxes_of_a_declared_form() -> None:
    assert SCORER["disagreements"] == 0
    for case in SCORER["cases"]:
        item = box_item(*(tuple(box) for box in case["truth"]))
        rounded = case["convention"] in ("unit-boxes", "thousand-boxes")
        found = marked(item, case["reply"], case["convention"]).values["iou"]
        assert found == pytest.approx(case["iou"], abs=0.02 if rounded else 1e-12), case
    item = box_item((10, 10, 30, 30))
    assert marked(item, "[0.1, 0.2, 0.5, 0.6]").status == "ambiguous", "no form is guessed"
    for reply in ("", "somewhere left", "[500, 500, 600, 600]"):
        mark = marked(item, reply)
        assert mark.status != "answered"
        assert mark.values["iou"] == mark.values["found"] == 0
    assert marked(item, "[30, 30, 10, 10]").values["iou"] == 1, "reversed corners are sorted"
    assert parse_boxes("[30, 30, 10, 5]", size=(60, 40), scale="pixel", corners="xywh").value.tolist() == [
        [30, 30, 40, 35]
    ]


def test_boxes_of_the_blind_by_hand() -> None:
    """Picture 60 by 40, truth 400: the middle, 30 × 20, shares 15 × 20; the mean box, 30 × 20, 20 × 10."""
    mark = marked(box_item((10, 10, 30, 30)), "[10, 10, 30, 20]")
    assert mark.values["iou"] == pytest.approx(200 / 400)
    assert mark.values["iou_centre"] == pytest.approx(300 / (600 + 400 - 300))
    assert mark.values["iou_mean_box"] == pytest.approx(200 / (600 + 400 - 200))
    assert [whose for whose, _ in mark.boxes] == ["truth", "said"]
    assert mark.boxes[0][1] == pytest.approx((10 / 60, 10 / 40, 0.5, 0.75))


def test_unions_of_boxes() -> None:
    """Two halves are the whole; what lies twice counts once."""
    whole = [(0, 0, 10, 10)]
    assert union_iou([(0, 0, 5, 10), (5, 0, 10, 10)], whole) == 1
    assert union_iou([(0, 0, 5, 10), (0, 0, 5, 10), (2, 0, 5, 5)], whole) == 0.5
    assert union_iou([], whole) == union_iou(whole, []) == union_iou([], []) == 0


def test_costs_are_kept_where_they_are_known() -> None:
    reply = Reply(id="one", text="yes", tokens_in=120, tokens_out=3, seconds=0.5)
    values = BENCHMARK.mark(hand_made("closed", "yes"), [reply], convention="strict").values
    assert (values["tokens_in"], values["tokens_out"], values["seconds"]) == (120, 3, 0.5)
    again = BENCHMARK.mark(hand_made("closed", "yes"), [replace(reply, cached=True)], convention="strict").values
    assert again["seconds"] != again["seconds"], "a cached reply has no time of its own"


def test_missing_parts(tmp_path: Path) -> None:
    assert BENCHMARK.parts_at(tmp_path) == ()
    with pytest.raises(DataError, match="MS-CXR"):
        list(BENCHMARK.items(tmp_path, parts=("grounding",), split="test"))
