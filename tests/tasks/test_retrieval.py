"""Both directions, duplicates, texts that are missing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.tasks.retrieval import Retrieval


def scored(data, **settings):
    task = Retrieval(**settings)
    return {(score.label, score.metric): score for score in task.score(task.predict(data), resamples=50, seed=0)}


def test_both_directions_and_both_matchings(data):
    found = scored(data)
    assert {label for label, _ in found} == {"image_to_text", "text_to_image"}
    metrics = {"r_at_1", "r_at_5", "r_at_10", "mrr", "median_rank", "r_at_1_of_32", "r_at_1_of_64"}
    assert {name for _, name in found} == metrics | {f"{name}_identity" for name in metrics}
    pooled = found["image_to_text", "r_at_1_of_32_identity"]
    assert found["image_to_text", "r_at_1_identity"].value < pooled.value < 1
    assert pooled.extra["chance"] == 1 / 32
    assert pooled.low <= pooled.value <= pooled.high
    for direction in ("image_to_text", "text_to_image"):
        aware, identity = found[direction, "r_at_1"], found[direction, "r_at_1_identity"]
        assert aware.value >= identity.value
        assert aware.extra["duplicates"] == pytest.approx(16 / 80)  # every fifth text is the same
        assert identity.extra["duplicates"] == 0
        assert identity.extra["chance"] == pytest.approx(1 / 80)
        # 64 texts with one right answer, 16 with sixteen of eighty
        assert aware.extra["chance"] == pytest.approx((64 / 80 + 16 * 16 / 80) / 80)
    assert found["image_to_text", "r_at_10"].value > 0.5


def test_exact_duplicates_are_not_errors(data):
    same = replace(data.test, text_joint=data.test.joint)
    rows = [
        row for row in Retrieval().predict(replace(data, test=same)).to_pylist() if row["label"] == "image_to_text"
    ]
    by_matching = {}
    for row in rows:
        by_matching.setdefault(json.loads(row["detail"])["matching"], []).append(row["rank"])
    assert by_matching["identity"] == by_matching["duplicate-aware"] == [1.0] * 80


def test_shuffled_images_fall_to_chance(data):
    order = np.roll(np.arange(80), 7)
    found = scored(replace(data, test=replace(data.test, joint=data.test.joint[order])))
    score = found["image_to_text", "r_at_10_identity"]
    assert score.low <= score.extra["chance"] + 0.1
    assert score.value < 0.5


def test_studies_without_a_text_are_left_out_and_counted(data):
    texts = ("", " . ", *data.test.texts[2:])
    found = scored(replace(data, test=replace(data.test, texts=texts)))
    score = found["image_to_text", "r_at_1"]
    assert score.n == 78
    assert score.extra["gallery"] == 78
    assert score.extra["without_text"] == 2
    with pytest.raises(DataError, match="1 of 80 have one"):
        Retrieval().predict(replace(data, test=replace(data.test, texts=("one", *[""] * 79))))


def test_the_nearest_studies_are_kept_for_show(data):
    rows = Retrieval(shown=3).predict(data).to_pylist()
    found = json.loads(rows[0]["detail"])["top"]
    assert len(found) == 3
    assert set(found) <= set(data.test.ids)
    # the first row asks for the text of the first image
    nearest = np.argsort(-(data.test.text_joint @ data.test.joint[0]), kind="stable")[:3]
    assert sorted(found) == sorted(data.test.ids[place] for place in nearest) or 0 in nearest % 5
