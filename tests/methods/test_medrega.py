"""MedRegA: regions as text in both directions, what stands before an answer, the release's four settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.models.vlm.talking import built, conversation, picture

from vesalius.data.conversations.records import Conversation, Located, mark
from vesalius.data.messages import Message
from vesalius.data.records import Box
from vesalius.errors import DataError
from vesalius.methods.medrega import MedRegA, MedRegAConfig, RegionAnswer, build, region_scores
from vesalius.metrics.word_sets import closest_class, is_recalled, set_overlap
from vesalius.tasks.answers.parse import parse_closed
from vesalius.tasks.grammar import Plane, grammar, write

RNG = np.random.default_rng(0)
HOW = grammar("medrega")
PLANE = Plane((999, 999))


def evidence(claim: str) -> pytest.MarkDecorator:
    return pytest.mark.evidence("medrega", "L2", claim)


@pytest.fixture(scope="module")
def method() -> MedRegA:
    return build(MedRegAConfig(chain="boxes"), built()[0])


def asked(*objects: Located, folder: Path, answer: str = "yes", language: str = "en") -> Conversation:
    row = conversation(picture(folder, size=(999, 999)), question="Is there edema?", answer=answer)
    return Conversation(id="c", messages=row.messages, task="presence", objects=objects, language=language)


def lies(name: str, *boxes: tuple[float, float, float, float]) -> Located:
    return Located(name=name, boxes=tuple(Box(*box) for box in boxes))


@evidence("boxes stand before the answer, none where there is nothing, and the answer is read behind them")
def test_the_chain_says_where_before_what(method: MedRegA, tmp_path: Path) -> None:
    there = method.rewrite(asked(lies("edema", (10, 20, 30, 40)), folder=tmp_path), RNG)
    said = write(there, HOW, [PLANE]).messages[-1].text
    assert said == "<ref>edema</ref><box>[[10, 20, 30, 40]]</box>\nAnswer: yes"
    assert parse_closed(said).value == "yes"
    parsed = HOW.parse(said, PLANE)
    assert parsed.value is not None
    assert parsed.value[0].boxes == (Box(10.0, 20.0, 30.0, 40.0),)
    missing = method.rewrite(asked(folder=tmp_path, answer="no"), RNG)
    assert write(missing, HOW, [PLANE]).messages[-1].text == "none\nAnswer: no"
    assert parse_closed("none\nAnswer: no").value == "no"


@evidence("the chain is bilingual: the same region, the answer in the question's language")
def test_the_chain_in_chinese(method: MedRegA, tmp_path: Path) -> None:
    row = method.rewrite(asked(lies("水肿", (10, 20, 30, 40)), folder=tmp_path, answer="是", language="zh"), RNG)
    said = write(row, HOW, [PLANE]).messages[-1].text
    assert said == "<ref>水肿</ref><box>[[10, 20, 30, 40]]</box>\n答案：是"
    assert parse_closed(said).value == "yes"


def test_without_the_chain_and_in_other_tasks_nothing_changes(method: MedRegA, tmp_path: Path) -> None:
    row = asked(lies("edema", (1, 2, 3, 4)), folder=tmp_path)
    assert build(MedRegAConfig(), built()[0]).rewrite(row, RNG) is row
    other = Conversation(id="c", messages=row.messages, task="report", objects=row.objects)
    assert method.rewrite(other, RNG) is other
    question = Message(role="user", parts=(*row.media, f"What is at {mark(0)}?"))
    named = replace(row, messages=(question, row.messages[-1]))
    assert mark(0) not in method.rewrite(named, RNG).messages[-1].text  # it is in the question already


@evidence("box strings go to boxes and back; 999 is the far edge of every picture, whatever its size")
@pytest.mark.parametrize("size", [(999, 999), (512, 512), (431, 1003), (64, 48)])
def test_round_trip_and_resizing(size: tuple[int, int]) -> None:
    width, height = size
    whole = HOW.format([lies("right lung", (0, 0, width, height))], Plane(size))
    assert whole == "<ref>right lung</ref><box>[[0, 0, 999, 999]]</box>"
    rows = [[102, 106, 481, 910], [535, 128, 923, 889]]
    text = f"<ref>lung</ref><box>{rows}</box>"
    parsed = HOW.parse(text, Plane(size)).value
    assert parsed is not None
    assert HOW.format(parsed, Plane(size)) == text
    assert parsed[0].boxes[0].x_min == pytest.approx(102 / 999 * width)


@evidence("one box of one object: the worked example, strict limits, best box where more are said")
def test_single_region_single_object() -> None:
    answer = RegionAnswer([lies("", (0, 0, 10, 5), (50, 50, 60, 60))], [lies("liver", (0, 0, 10, 10))])
    found = region_scores([answer], several_boxes=False, several_objects=False)
    assert found == {"iou": 0.5, "acc_25": 1.0, "acc_50": 0.0, "acc_75": 0.0}
    silent = RegionAnswer([], answer.true)
    assert region_scores([answer, silent], several_boxes=False, several_objects=False)["iou"] == 0.25


EXAMPLE = RegionAnswer(
    [lies("right lung", (0, 0, 100, 100)), lies(", heart", (200, 0, 300, 90)), lies("spleen", (500, 500, 600, 600))],
    [lies("right lung", (0, 0, 100, 100)), lies("left lung", (200, 0, 300, 100))],
)


@evidence("several objects: the worked example under the usual names of precision and recall and under the release's")
def test_several_regions_and_objects() -> None:
    usual = region_scores([EXAMPLE], several_boxes=True, several_objects=True)
    release = region_scores([EXAMPLE], several_boxes=True, several_objects=True, names="release")
    for part, recall, precision, f1 in (("boxes", 1.0, 2 / 3, 0.8), ("objects", 0.5, 1 / 3, 0.4),
                                        ("object_boxes", 0.5, 1 / 3, 0.4)):  # fmt: skip
        of_part = [usual[f"{part}_{name}"] for name in ("recall", "precision", "f1")]
        assert of_part == pytest.approx([recall, precision, f1])
        assert [release[f"{part}_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(of_part)
    assert usual["alignment"] == 0.5
    assert usual["box_iou"] == pytest.approx(0.95)
    assert usual["object_iou"] == 1.0  # of named pairs; the release's sum over all pairs would be 1.9


@evidence("an object of several boxes keeps its name for each: names and boxes are counted alike")
def test_names_follow_their_boxes() -> None:
    true = [lies("kidney", (0, 0, 10, 10), (20, 0, 30, 10)), lies("liver", (50, 0, 60, 10))]
    found = region_scores([RegionAnswer(true, true)], several_boxes=True, several_objects=True)
    assert found["object_boxes_f1"] == found["alignment"] == 1.0


@evidence("one region each of several objects counts from an overlap of 0.75")
def test_single_region_several_objects_is_stricter() -> None:
    near = RegionAnswer([lies("liver", (0, 0, 10, 7))], [lies("liver", (0, 0, 10, 10))])
    assert region_scores([near], several_boxes=False, several_objects=True)["boxes_f1"] == 0.0
    assert region_scores([near], several_boxes=True, several_objects=True)["boxes_f1"] == 1.0
    assert region_scores([near], several_boxes=False, several_objects=True)["box_iou"] == pytest.approx(0.7)


@evidence("an answer that cannot be read says nothing; without a true box nothing is scored, and said so")
def test_unreadable_answers_and_missing_targets() -> None:
    assert HOW.parse("I cannot see that.", PLANE).value is None
    silent = region_scores([RegionAnswer([], EXAMPLE.true)], several_boxes=True, several_objects=True)
    assert silent["boxes_f1"] == silent["alignment"] == 0.0
    with pytest.raises(DataError, match="each with a true box"):
        region_scores([RegionAnswer([], [])], several_boxes=True, several_objects=False)


@evidence(
    "answers as sets of words: closed from a recall of 0.8, open from 0.75, boxes stripped; nearest class by BLEU-1"
)
def test_words() -> None:
    assert is_recalled("yes", "yes")
    assert set_overlap("[[1, 2, 3, 4]] right mandible", "right mandible").f1 == 1.0
    assert not is_recalled("left", "left mandible")
    assert closest_class("macular edema", ("normal", "diabetic macular edema")) == "diabetic macular edema"
