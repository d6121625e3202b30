"""GMAI-MMBench: the kit's letters, groups and prompt, the tree, and marks on pictures."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.benchmarks import _gmai_mmbench_twin as twin
from vesalius.benchmarks.base import Item, Mark
from vesalius.benchmarks.gmai_mmbench import (
    BENCHMARK,
    LEVELS,
    Branch,
    lexical_tree,
    means_by_group,
    select_branch,
    write_branch,
)
from vesalius.data.messages import Media, text_of
from vesalius.data.releases.picture_tables import write_picture_table
from vesalius.errors import ConfigError, DataError
from vesalius.inference.requests import Reply

GOLDEN = Path(__file__).parents[1] / "golden"
PATIENTS = 32


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gmai")
    BENCHMARK.write_twin(folder, patients=PATIENTS, seed=0)
    return folder


@pytest.fixture(scope="module")
def items(root: Path) -> list[Item]:
    return list(BENCHMARK.items(root, parts=BENCHMARK.parts, split="test"))


def item_of(options: str, truth: str, *, kind: str = "choice", hint: str = "") -> Item:
    return Item(
        id="1", part="validation", kind=kind, question="Which organ is marked?", truth=truth, cluster="c",
        options=dict(zip("ABCDE", options.split("/"), strict=False)), media=(Media(path="/a.png"),),
        fields=dict.fromkeys(LEVELS, "x"), more={"hint": hint},
    )  # fmt: skip


def mark(item: Item, reply: str, convention: str = "strict") -> Mark:
    return BENCHMARK.mark(item, [Reply(id="1", text=reply)], convention=convention)


@pytest.mark.evidence("gmai-mmbench", "L2", "1566 replies and groups: letters, hits and means as the released scorer")
def test_the_released_scorer() -> None:
    golden = json.loads((GOLDEN / "scorer_gmai_mmbench.json").read_text(encoding="utf-8"))
    assert golden["disagreements"] == len(golden["explained"]) == 0
    assert len(golden["cases"]) >= 60
    for case in golden["cases"]:
        item = replace(item_of("a", case["gold"]), options=dict(zip("ABCDE", case["options"], strict=False)))
        found = mark(item, case["reply"], "vlmevalkit")
        assert (found.said or "Z", found.values["accuracy"]) == (case["letter"], case["hit"]), case["reply"]
        assert mark(item, case["reply"]).values["accuracy"] == case["strict"], case["reply"]
    for case in golden["groups"]:
        means = means_by_group(case["hits"], case["groups"], released=True)
        assert {key: None if math.isnan(value) else value for key, value in means.items()} == case["means"]


@pytest.mark.evidence("gmai-mmbench", "L2", "the card's replies under the kit's rule")
@pytest.mark.parametrize(
    ("reply", "letter", "status"),
    [
        ("(B)", "B", "answered"),
        ("It is the heart", "B", "answered"),
        ("A or B", "", "unparsed"),
        ("Sorry, I can't help with images of people yet.", "", "refused"),
        ("I think B is right because of the clear shape here", "", "unparsed"),
        ("This bright oval in the very middle of this picture must be the heart", "", "unparsed"),
    ],
)
def test_replies_of_the_card(reply: str, letter: str, status: str) -> None:
    """Options lung, heart, liver and spleen have 20 signs, so that a text counts in at most 40."""
    found = mark(item_of("lung/heart/liver/spleen", "B"), reply, "vlmevalkit")
    assert (found.said, found.status) == (letter, status)


@pytest.mark.evidence("gmai-mmbench", "L2", "several right letters: exact set and recall")
def test_several_right_letters() -> None:
    item = item_of("lung/heart/liver/spleen", "AC", kind="multi_choice")
    assert BENCHMARK.right(item, ()) == "A, C"
    assert mark(item, "A, C").values == {"accuracy": 1.0, "recall": 1.0}
    assert mark(item, "A").values == {"accuracy": 0.0, "recall": 0.5}
    assert mark(item, "A, C", "vlmevalkit").values["accuracy"] == 0


@pytest.mark.evidence("gmai-mmbench", "L2", "grouped accuracy; rows without a value are a group here, NaN in the kit")
def test_means_by_group() -> None:
    """Hits 1 0 1 in tasks x x y: x 1/2, y 1, and 2/3 over all."""
    assert means_by_group([1, 0, 1], ["x", "x", "y"]) == {"x": 0.5, "y": 1.0}
    assert means_by_group([1, 0, 1], ["x", "", "x"]) == {"None": 0.0, "x": 1.0}
    assert math.isnan(means_by_group([1, 0, 1], ["x", "", "x"], released=True)["None"])


@pytest.mark.evidence("gmai-mmbench", "L2", "the prompt is the kit's, with hint and more than four options")
def test_prompts() -> None:
    golden = json.loads((GOLDEN / "prompts_gmai_mmbench.json").read_text(encoding="utf-8"))
    asked = {"choice": item_of("lung/heart", "B"), "hint": item_of("a/b/c/d/e", "E", hint="Marked in red.")}
    for name, item in asked.items():
        request = BENCHMARK.ask(item, (), arm="direct", shots=())
        assert request is not None
        assert text_of(request.messages) == golden[name]
    judged = BENCHMARK.judge(asked["choice"], [Reply(id="1", text="the left one, or not")])
    assert judged is not None
    assert text_of(judged.messages) == golden["judge"]


def test_a_judge_reads_what_no_rule_can() -> None:
    item = item_of("lung/heart", "B")
    assert BENCHMARK.judge(item, [Reply(id="1", text="B")]) is None
    open_mark = mark(item, "the pump of the body")
    taken = BENCHMARK.judged(item, open_mark, Reply(id="1", text="B"))
    assert (taken.values["accuracy"], taken.status, taken.rule) == (1.0, "answered", "judge")
    for verdict in ("Z", "no idea", ""):
        lost = BENCHMARK.judged(item, open_mark, Reply(id="1", text=verdict))
        assert (lost.values["accuracy"], lost.status) == (0.0, "unparsed")
        assert lost.rule.startswith("judge gave")
    sure = mark(item, "A")
    assert BENCHMARK.judged(item, sure, Reply(id="1", text="B")) == sure


@pytest.mark.evidence("gmai-mmbench", "L2", "a branch and its complement are all questions; counts add up")
def test_the_tree(items: list[Item], root: Path, tmp_path: Path) -> None:
    tree = lexical_tree(items)
    assert tree.count == len(items)
    _assert_adds_up(tree, depth=len(LEVELS))
    where = {"modality": ["X-ray"], "perceptual granularity": ["box level", "mask level"]}
    inside, outside = select_branch(items, where), select_branch(items, where, complement=True)
    assert Counter(one.id for one in (*inside, *outside)) == Counter(one.id for one in items)
    nodes = tree.children["X-ray"].children
    counted = [
        level.count
        for task in nodes.values()
        for department in task.children.values()
        for name, level in department.children.items()
        if name in where["perceptual granularity"]
    ]
    assert sum(counted) == len(inside)
    with pytest.raises(DataError, match="no question in this branch"):
        select_branch(items, {"modality": ["MR"]})
    with pytest.raises(ConfigError, match="did you mean 'modality'"):
        lexical_tree(items, levels=("modalty",))
    assert write_branch(root, tmp_path / "branch", where) == len(inside)
    alone = list(BENCHMARK.items(tmp_path / "branch", parts=BENCHMARK.parts, split="test"))
    assert [(one.id, one.truth, one.cluster) for one in alone] == [(one.id, one.truth, one.cluster) for one in inside]


def _assert_adds_up(branch: Branch, *, depth: int) -> None:
    if depth:
        assert sum(child.count for child in branch.children.values()) == branch.count
        for child in branch.children.values():
            _assert_adds_up(child, depth=depth - 1)


@pytest.mark.evidence("gmai-mmbench", "L2", "a mark changes only the pixels on it")
@pytest.mark.parametrize("granularity", twin.GRANULARITIES)
def test_marks_change_only_their_pixels(granularity: str) -> None:
    """A region of 3 × 4 pixels: its box has 10 on the line, its inner edge is the same, the mask has 12."""
    pixels = np.full((9, 9, 3), 40, np.uint8)
    region = np.zeros((9, 9), bool)
    region[2:5, 3:7] = True
    changed = (twin.drawn(pixels, region, granularity) != pixels).any(axis=2)
    wanted = {"image level": 0, "box level": 10, "mask level": 12, "contour level": 10}
    assert changed.sum() == wanted[granularity]
    assert not (changed & ~region).any()


@pytest.mark.evidence("gmai-mmbench", "L2", "one that looks at marks is better where there is one")
def test_who_sees_marks_gains_by_them(items: list[Item]) -> None:
    """Nearest place of the red pixels among the structures of other patients; without red it has nothing to go by."""
    asked = [item for item in items if item.fields["modality"] == "X-ray" and item.fields["category"] in _STRUCTURES]
    places = {item.id: _red_place(item) for item in asked}
    right = 0
    for item in asked:
        others = [one for one in asked if one.cluster != item.cluster]
        nearest = min(others, key=lambda one: float(np.abs(places[one.id] - places[item.id]).sum()))
        right += nearest.fields["category"] == item.fields["category"]
    frequent = Counter(item.fields["category"] for item in asked).most_common(1)[0][1]
    assert len(asked) >= 12
    assert right / len(asked) > 0.8 > frequent / len(asked)


_STRUCTURES = ("right lung", "left lung", "heart")


def _red_place(item: Item) -> np.ndarray:
    """Middle and extent of the red pixels in shares of the picture."""
    pixels = np.asarray(Image.open(item.media[0].path)).astype(int)
    rows, columns = np.nonzero(pixels[..., 0] - pixels[..., 1] > 20)
    sides = np.array([rows.min(), rows.max(), columns.min(), columns.max()])
    return sides / len(pixels)


def test_the_twin_is_read_as_the_release(root: Path, items: list[Item]) -> None:
    assert {item.fields["perceptual granularity"] for item in items} == set(twin.GRANULARITIES)
    assert len(items) >= 30
    hidden = list(BENCHMARK.items(root, parts=BENCHMARK.parts, split="hidden"))
    assert len(hidden) == 22, "two rows in each of eleven tables"
    assert mark(hidden[0], "A").values == {"read": 1.0}
    assert not list(BENCHMARK.items(root, parts=BENCHMARK.parts, split="train"))
    with pytest.raises(DataError, match=r"no GMAI-MMBench_VAL\.tsv"):
        list(BENCHMARK.items(root / "unpacked", parts=BENCHMARK.parts, split="test"))


@pytest.mark.parametrize("answer", ["E", "AA", "", "AE"])
def test_a_wrong_answer_in_the_release_is_named(tmp_path: Path, answer: str) -> None:
    path = tmp_path / twin.VALIDATION
    row = {"index": 0, "image": None, "question": "Which?", "A": "a", "B": "b", "answer": answer}
    write_picture_table(path, [row])
    with pytest.raises(DataError, match=r"GMAI-MMBench_VAL\.tsv, line 2: .*answer"):
        list(BENCHMARK.items(tmp_path, parts=BENCHMARK.parts, split="test"))


def test_a_row_without_a_picture_is_left_out_by_name(tmp_path: Path) -> None:
    row = {"index": 5, "image": None, "question": "Which?", "A": "a", "B": "b", "answer": "A"}
    write_picture_table(tmp_path / twin.VALIDATION, [row])
    found = list(BENCHMARK.items(tmp_path, parts=BENCHMARK.parts, split="test"))
    assert found[0].media[0].path == "/missing picture of row 5"
    assert found[0].fields["department"] == "None"
    assert write_branch(tmp_path, tmp_path / "branch", {"department": ["None"]}) == 1
