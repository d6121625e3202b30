"""The table, the score and the tasks by name; what every task must do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.inference.predictor import CAPABILITIES
from vesalius.tasks import base
from vesalius.tasks.base import Score, make_task, task_names

ENCODED = (
    "image_retrieval", "knn", "linear_probe", "matching", "retrieval", "zero_shot", "zero_shot_knowledge",
    "zero_shot_matching",
)  # fmt: skip
SEEN = ("classification", "detection", "grounding", "report", "segmentation", "vqa")
"""Tasks of what a head or a map says of each picture; their own tests bring that."""


def test_all_tasks_are_found():
    assert task_names() == tuple(sorted((*ENCODED, *SEEN, "questions")))


def test_questions_are_put_by_benchmarks(data):
    with pytest.raises(DataError, match="--on BENCHMARK"):
        make_task("questions").predict(data)


@pytest.mark.parametrize("name", ENCODED)
def test_every_task_predicts_a_table_that_is_enough_to_score(name, data, tmp_path):
    task = make_task(name)
    assert task.name == name
    assert task.needs <= {"embed_image", "embed_text", "match"}
    table = task.predict(data)
    assert table.schema.equals(base.PREDICTIONS)
    pq.write_table(table, tmp_path / "predictions.parquet")
    read = pq.read_table(tmp_path / "predictions.parquet")
    scores = task.score(read, resamples=50, seed=0)
    assert [score.to_dict() for score in scores] == [
        score.to_dict() for score in task.score(table, resamples=50, seed=0)
    ]
    assert len({(score.task, score.metric, score.label) for score in scores}) == len(scores)
    for score in scores:
        assert score.task.startswith(name)
        assert 0 < score.n <= 80
        assert 0 < score.n_patients <= 40
        assert score.draws.shape == (50,)
        assert score.low <= score.value <= score.high
        json.dumps(score.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", ENCODED)
def test_equal_images_tell_nothing(name, data):
    """The control that never looks: ranks are level, AUROC is one half, P@k is the prevalence."""

    def blind(split):
        rows = np.repeat(data.train.joint.mean(axis=0, keepdims=True), len(split), axis=0)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return replace(split, joint=rows.astype(np.float32), features=rows.astype(np.float32))

    splits = {name: blind(getattr(data, name)) for name in ("test", "train", "val")}
    same = replace(data, **splits, match=type(data.match)(splits))
    task = make_task(name)
    scores = task.score(task.predict(same), resamples=20, seed=0)
    aurocs = [score.value for score in scores if score.metric.startswith("auroc")]
    assert all(value == 0.5 for value in aurocs)
    if name == "retrieval":
        found = {(score.label, score.metric): score for score in scores}
        median = found["text_to_image", "median_rank_identity"]
        assert median.value == (1 + 80) / 2
        assert found["text_to_image", "r_at_10_identity"].value == 0
    elif name == "matching":
        found = {(score.label, score.metric): score for score in scores}
        median = found["text_to_image", "median_rank"]
        assert median.value == (1 + 16) / 2
        assert found["text_to_image", "r_at_1"].value == found["text_to_image", "r_at_1_reranked"].value == 0
    elif name == "image_retrieval":
        # expected share among other patients' images; the gallery as a whole differs by the own patient
        assert all(score.value == pytest.approx(score.extra["chance"], abs=0.02) for score in scores)
    else:
        assert aurocs


@pytest.mark.parametrize("name", ENCODED)
def test_order_of_the_studies_does_not_matter(name, data):
    order = np.random.default_rng(0).permutation(len(data.test))
    test = data.test
    moved = replace(
        test,
        ids=tuple(test.ids[row] for row in order),
        patients=tuple(test.patients[row] for row in order),
        features=test.features[order],
        joint=test.joint[order],
        texts=tuple(test.texts[row] for row in order),
        text_joint=test.text_joint[order],
        labels=test.labels[order],
    )
    task = make_task(name)
    first = task.score(task.predict(data), resamples=30, seed=0)
    match = type(data.match)({"test": moved, "val": data.val})
    second = task.score(task.predict(replace(data, test=moved, match=match)), resamples=30, seed=0)
    ours = {(score.metric, score.label, score.task): (score.value, score.low, score.high) for score in first}
    for score in second:
        expected = ours[score.metric, score.label, score.task]
        assert (score.value, score.low, score.high) == pytest.approx(expected, abs=1e-9)


def test_unknown_task_and_setting_offer_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'zero_shot'"):
        make_task("zero_shoot")
    with pytest.raises(ConfigError, match="did you mean 'prompts'"):
        make_task("zero-shot", prompt="convirt")


def test_encoded_parts_must_fit(data):
    with pytest.raises(DataError, match=r"80 ids but \{'texts': 1\}"):
        replace(data.test, texts=("one",))
    with pytest.raises(DataError, match="for 1 concepts"):
        replace(data.test, concepts=("edema",))
    broken = data.test.joint.copy()
    broken[3] = np.nan
    with pytest.raises(DataError, match=r"joint of 1 of 80 studies are not finite, such as 'study-1-3'"):
        replace(data.test, joint=broken)


def test_score_as_plain_values():
    score = Score(
        task="t", metric="m", label="l", value=np.float64("nan"), low=0.0, high=float("inf"), n=1,
        n_patients=1, extra={"a": np.int64(3), "b": [np.float64(0.5)], "c": {"d": float("nan")}},
    )  # fmt: skip
    plain = score.to_dict()
    assert plain["value"] is None
    assert plain["high"] is None
    assert plain["extra"] == {"a": 3, "b": [0.5], "c": {"d": None}}
    assert "draws" not in plain


def test_an_empty_table_is_an_error():
    with pytest.raises(DataError, match="the table is empty"):
        make_task("zero_shot").score(base.PREDICTIONS.empty_table(), resamples=10, seed=0)


def test_majority_predictions_rank_nothing(data):
    task = make_task("zero_shot")
    table = task.predict(data)
    prevalence = dict.fromkeys(data.test.concepts, 0.3)
    control = base.majority_predictions(table, prevalence)
    assert control.schema.equals(base.PREDICTIONS)
    found = {(score.label, score.metric): score for score in task.score(control, resamples=20, seed=0)}
    assert found["macro", "auroc"].value == 0.5
    accuracy = found["edema", "accuracy"]
    assert accuracy.value == accuracy.extra["majority"]
    with pytest.raises(DataError, match="no prevalence of 'cardiomegaly'"):
        base.majority_predictions(table, {"edema": 0.1})


def test_two_systems_on_the_same_patients_share_their_resamples(data):
    task = make_task("zero_shot")
    first = task.score(task.predict(data), resamples=40, seed=0)
    worse = replace(data, test=replace(data.test, joint=data.test.joint[::-1]))
    again = task.score(task.predict(data), resamples=40, seed=0)
    other = task.score(task.predict(worse), resamples=40, seed=0)
    assert np.array_equal(first[0].draws, again[0].draws)
    assert not np.array_equal(first[0].draws, other[0].draws)


def test_columns_that_are_not_given_are_empty():
    table = base.predictions("t", {"item": ["a"], "patient": ["p"], "label": ["l"], "rank": [2.0]})
    assert isinstance(table, pa.Table)
    assert np.isnan(base.column(table, "score")).all()
    assert base.column(table, "detail").tolist() == [""]


def test_a_model_that_lacks_what_a_task_needs_is_told_what_to_do():
    for name in task_names():
        assert make_task(name).needs <= set(CAPABILITIES)
