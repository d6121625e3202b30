"""PointDetectCount: five answer schemas, other names, wordings, every worked example and edge case of the scorer."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.models.vlm.talking import built, conversation, picture

from vesalius.data.conversations.records import Conversation, Located, mark
from vesalius.data.records import Box
from vesalius.methods.pointdetectcount import (
    TASKS,
    PointDetectCount,
    PointDetectCountConfig,
    answer_scores,
    build,
)
from vesalius.tasks.grammar import Plane, grammar, write
from vesalius.tasks.instructions import Wording, worded
from vesalius.training.recipe import ConversationRecipe, open_recipe
from vesalius.training.trainer import train

HOW = grammar("pointdetectcount")
SIZE = (640, 480)
PLANE = Plane(SIZE)
BOXES = (Box(10.0, 20.0, 30.0, 44.5), Box(100.0, 120.0, 140.0, 170.0))
POINTS = ((20.0, 32.2), (120.0, 145.0))


def evidence(claim: str) -> pytest.MarkDecorator:
    return pytest.mark.evidence("pointdetectcount", "L2", claim)


def fenced(value: object) -> str:
    return f"```json\n{json.dumps(value)}\n```"


def marked(task: str) -> Located:
    pointed = task in ("pointing", "cnt_and_point")
    if task == "counting":
        return Located(name="sperm", number=2)
    return Located(name="sperm", points=POINTS) if pointed else Located(name="sperm", boxes=BOXES)


def dots(*points: tuple[float, float]) -> list[Located]:
    return [Located(name="sperm", points=points)]


@evidence("a record goes to its task's schema and back: the same points, boxes and count")
@pytest.mark.parametrize(
    ("task", "schema"),
    [
        ("pointing", [{"point_2d": [20, 32.2], "label": "sperm"}, {"point_2d": [120, 145], "label": "sperm"}]),
        ("bounding", [{"bbox_2d": [10, 20, 30, 44.5], "label": "sperm"},
                      {"bbox_2d": [100, 120, 140, 170], "label": "sperm"}]),
        ("counting", {"counts": 2, "label": "sperm"}),
        ("cnt_and_point", {"counts": 2, "point_2d": [[20, 32.2], [120, 145]], "label": "sperm"}),
        ("count_and_box", {"counts": 2, "bbox_2d": [[10, 20, 30, 44.5], [100, 120, 140, 170]], "label": "sperm"}),
    ],
)  # fmt: skip
def test_round_trip(task: str, schema: object) -> None:
    truth = marked(task)
    text = HOW.format([truth], PLANE, task=task)
    assert text == fenced(schema)
    found = HOW.parse(text, PLANE, task=task).value
    assert found is not None
    assert [(one.boxes, one.points, one.count) for one in found] == [(truth.boxes, truth.points, 2)]


@evidence("as many wordings of each task as the release has distinct ones, all of which name the thing")
def test_wordings() -> None:
    pool = worded(Wording(pool="pointdetectcount"))
    sizes = {task: len(set(pool.get(task, "en").asks)) for task in TASKS}
    assert sizes == {"pointing": 41, "bounding": 20, "counting": 54, "cnt_and_point": 17, "count_and_box": 20}
    assert any("point" in ask.casefold() for ask in pool.get("counting", "en").asks)


def asked(task: str, folder: Path, name: str = "normal") -> Conversation:
    row = conversation(picture(folder, size=SIZE[::-1]), question=f"Point to every {name}.", answer="x")
    said = replace(row.messages[-1], parts=(mark(0),))
    objects = (replace(marked(task), name=name),)
    return Conversation(id="c", messages=(row.messages[0], said), task=task, objects=objects)


@pytest.fixture(scope="module")
def method() -> PointDetectCount:
    return build(PointDetectCountConfig(), built()[0])


@evidence(
    "labels go by a drawn synonym; in tasks that count and locate the answer's is drawn apart from the question's"
)
def test_synonyms(method: PointDetectCount, tmp_path: Path) -> None:
    pairs: dict[str, set[tuple[str, str]]] = {"pointing": set(), "cnt_and_point": set()}
    for seed in range(40):
        for task, seen in pairs.items():
            row = method.rewrite(asked(task, tmp_path), np.random.default_rng(seed))
            question = row.messages[0].text.removeprefix("Point to every ").rstrip(".")
            assert f'"label": "{row.objects[0].name}"' in write(row, HOW, [PLANE]).messages[-1].text
            seen.add((question, row.objects[0].name))
    names = {"normal sperm", "sperm"}
    assert pairs["pointing"] == {(name, name) for name in names}
    assert pairs["cnt_and_point"] == {(one, other) for one in names for other in names}
    other = asked("pointing", tmp_path, name="nodule")
    assert method.rewrite(other, np.random.default_rng(0)) is other


@evidence("points: MAE 2.5, RMSE 3.5355, matching 1.0 of the worked example; the match one to one beside them")
def test_points() -> None:
    reply = fenced([{"point_2d": [13, 14], "label": "a"}, {"point_2d": [50, 50], "label": "a"}])
    found = answer_scores([reply], [dots((10, 10), (50, 50))], task="pointing", size=SIZE)
    assert found["point_mae"] == pytest.approx(2.5)
    assert found["point_rmse"] == pytest.approx(3.5355339)
    assert (found["matching"], found["one_to_one_f1"], found["zero_cases"]) == (1.0, 1.0, 0.0)


@evidence("boxes: the worked overlap of a half; every score 1, so that a second copy of a box costs precision")
def test_boxes() -> None:
    truth = [[Located(name="a", boxes=(Box(0.0, 0.0, 10.0, 20.0),))]]
    reply = fenced([{"bbox_2d": [0, 0, 10, 10], "label": "a"}])
    found = answer_scores([reply], truth, task="bounding", size=SIZE)
    assert (found["best_iou"], found["ap_50"], found["ap_75"]) == (0.5, 1.0, 0.0)


@evidence("counts: truth 3 and 1, said 3 and nothing: MAE and MSE 0.5; also from other keys and from lists")
def test_counts() -> None:
    truth = [[Located(name="a", number=3)], [Located(name="a", number=1)]]
    found = answer_scores([fenced({"counts": 3, "label": "a"}), "no idea"], truth, task="counting", size=SIZE)
    assert (found["count_mae"], found["count_mse"], found["unparsed"]) == (0.5, 0.5, 0.5)
    listed = fenced([{"point_2d": [1, 2], "label": "a"}] * 3)
    for reply in (fenced({"total_count": 3}), listed, fenced([{"count": 3}]), '```JSON\n{"counts": 3}\n```'):
        assert answer_scores([reply], truth[:1], task="counting", size=SIZE)["count_mae"] == 0.0
    assert (
        answer_scores([fenced([])], [[Located(name="a", number=0)]], task="counting", size=SIZE)["count_mae"] == 0.0
    )


@evidence("nothing in the picture, an answer cut in its JSON, exchanged corners, one object where a list is expected")
def test_edge_cases() -> None:
    nothing = answer_scores([fenced([])], [[]], task="pointing", size=SIZE)
    assert (nothing["zero_cases"], nothing["right_nothing"], nothing["unparsed"]) == (1.0, 1.0, 0.0)
    cut = answer_scores(['```json\n[{"point_2d": [13, '], [dots((10, 10))], task="pointing", size=SIZE)
    assert (cut["unparsed"], cut["zero_cases"], cut["wrong_nothing"]) == (1.0, 1.0, 1.0)
    truth = [[Located(name="a", boxes=(Box(0.0, 0.0, 10.0, 20.0),))]]
    swapped = fenced([{"bbox_2d": [10, 20, 0, 0], "label": "a"}])
    assert answer_scores([swapped], truth, task="bounding", size=SIZE)["best_iou"] == 1.0
    alone = fenced({"point_2d": [10, 10], "label": "a"})
    assert answer_scores([alone], [dots((10, 10))], task="pointing", size=SIZE)["point_mae"] == 0.0


@evidence("the adapters are on the language model alone, of rank 16; vision does not move")
def test_recipe() -> None:
    for name in ("pointdetectcount", "pointdetectcount/paper"):
        recipe = open_recipe(name)
        assert isinstance(recipe, ConversationRecipe)
        stage = recipe.stages["tuning"]
        assert stage.learns == ()
        assert stage.lora is not None
        assert (stage.lora.parts, stage.lora.rank, stage.lora.targets) == (("language",), 16, ())


@pytest.mark.real
@pytest.mark.evidence("pointdetectcount", "L1", "tunes on real boxes of polyps")
def test_real_boxes(real_data: Path, tmp_path: Path) -> None:
    rows = []
    polyps = json.loads((real_data / "endoscopy-polyps" / "polyps.json").read_text(encoding="utf-8"))[:12]
    for one in polyps:
        boxes = [[box[side] for side in ("xmin", "ymin", "xmax", "ymax")] for box in one["boxes"]]
        source = real_data / "endoscopy-polyps" / one["file"]
        target = tmp_path / source.name
        shutil.copy(source, target)
        said = {"images": [target.name], "objects": [{"name": "polyp", "boxes": boxes}], "task": "count_and_box"}
        turns = [("user", "<image> Count the polyp and box each."), ("assistant", "<objects:0>")]
        rows.append({**said, "messages": [{"role": role, "content": text} for role, text in turns]})
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    settings = [
        f"data.sources.real.path={path}", "stages.general.mixture.caption=0", "stages.general.mixture.real=1",
        "stages.tuning.mixture.real=1", "run.report_to=[]", "data.validation=null",
        *(f"stages.tuning.mixture.{task}=0" for task in TASKS),
    ]  # fmt: skip
    run = train("pointdetectcount/tiny", overrides=settings, out=tmp_path / "run")
    assert (
        json.loads((run.folder / "stages" / "2-tuning" / "stage.json").read_text())["weights"]["vision"]["moved"] == 0
    )
