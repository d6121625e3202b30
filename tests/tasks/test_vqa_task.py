"""Accuracy of answers: the published examples by hand, families, draws, and what stands beside the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vesalius.errors import DataError
from vesalius.tasks.base import Encoded, TaskData, make_task


def asked(correct: list[float], kinds: list[str], **more: Any) -> TaskData:
    n = len(correct)
    nothing = np.zeros((n, 0))
    outputs = {
        "correct": np.array(correct), "type": np.array(kinds), "said": np.array(["yes"] * n),
        "family": np.array(["a", "b"] * n)[:n], "listed": np.array([True] * n), "chance": np.full(n, 0.5),
        "route": np.full(n, -1), **more,
    }  # fmt: skip
    test = Encoded(
        ids=tuple(f"s/{place}" for place in range(n)), patients=tuple(f"p{place}" for place in range(n)),
        features=nothing, joint=nothing, texts=("",) * n, text_joint=nothing, labels=nothing, concepts=(),
        outputs=outputs,
    )  # fmt: skip
    return TaskData(test=test)


def values(*data: TaskData) -> dict[str, float]:
    tables = [make_task("vqa", draw=draw).predict(one) for draw, one in enumerate(data)]
    scores = make_task("vqa").score(pa.concat_tables(tables), resamples=20, seed=0)
    return {score.label: score.value for score in scores}


def test_example_of_pubmedclip() -> None:
    """Closed 2 of 3, open 1 of 2: 66.7, 50 and (2 + 1) / 5 = 60."""
    found = values(asked([1, 1, 0, 1, 0], ["closed", "choice", "closed", "open", "number"]))
    assert found["closed"] == pytest.approx(2 / 3)
    assert found["open"] == 0.5
    assert found["all"] == pytest.approx(0.6)


def test_example_of_m3ae() -> None:
    """Scores 1, 0, 1 of types closed, closed, open: 0.5, 1 and 2/3; families a (1, 1) and b (0)."""
    found = values(asked([1, 0, 1], ["closed", "closed", "open"]))
    assert (found["closed"], found["open"], found["a"], found["b"]) == (0.5, 1, 1, 0)
    assert found["all"] == pytest.approx(2 / 3)


def test_only_closed_questions_have_no_open_score() -> None:
    assert set(values(asked([1, 0], ["closed", "closed"]))) == {"all", "closed", "a", "b"}


def test_draws_are_averaged() -> None:
    assert values(asked([1, 0], ["open"] * 2), asked([1, 1], ["open"] * 2))["all"] == 0.75


def test_what_stands_beside_the_numbers() -> None:
    data = asked([1, 0], ["closed", "open"], listed=np.array([True, False]), chance=np.array([0.5, 0.0]))
    task = make_task("vqa")
    scores = {score.label: score for score in task.score(task.predict(data), resamples=20, seed=0)}
    assert scores["all"].extra["chance"] == 0.25
    assert scores["all"].extra["unlisted"] == 0.5
    assert scores["open"].extra["unlisted"] == 1
    assert (scores["all"].low, scores["all"].n_patients) == (0, 2)


def test_without_a_head_the_task_says_how() -> None:
    data = TaskData(test=asked([1], ["open"]).test)
    bare = Encoded(**{**{name: getattr(data.test, name) for name in Encoded.__dataclass_fields__}, "outputs": {}})
    with pytest.raises(DataError, match="vesalius finetune --protocol vqa"):
        make_task("vqa").predict(TaskData(test=bare))
