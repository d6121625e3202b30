"""Precision of a finding among the nearest images of other patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.tasks.image_retrieval import ImageRetrieval


def scored(data, **settings):
    task = ImageRetrieval(**settings)
    return {(score.label, score.metric): score for score in task.score(task.predict(data), resamples=50, seed=0)}


def test_images_of_one_finding_lie_near_one_another(data):
    found = scored(data)
    for concept in data.test.concepts:
        score = found[concept, "p_at_5"]
        assert score.value > score.extra["chance"]
        place = data.test.concepts.index(concept)
        assert score.n == int(np.nansum(data.test.labels[:, place]))
        assert score.extra["gallery"] == int(np.isfinite(data.test.labels[:, place]).sum())
    assert found["macro", "p_at_5"].value == pytest.approx(
        np.mean([found[concept, "p_at_5"].value for concept in data.test.concepts])
    )


def test_the_own_patient_is_not_found(data):
    # every patient has two equal images with an own finding pattern: only the other one is near
    joint = np.repeat(np.eye(40), 2, axis=0)
    labels = np.repeat((np.arange(40) % 2).astype(float)[:, None], 2, axis=0)
    test = replace(data.test, joint=joint, labels=labels, concepts=("edema",))
    found = scored(replace(data, test=test), ks=(1,))
    # all others are level: the expected precision is the share of present ones among 78
    assert found["edema", "p_at_1"].value == pytest.approx(38 / 78)


def test_concepts_of_one_class_are_left_out(data):
    labels = np.array(data.test.labels)
    labels[:, 0] = 0
    labels[:, 1] = np.nan
    found = scored(replace(data, test=replace(data.test, labels=labels)))
    assert {label for label, _ in found} == {"no_finding", "gas_gangrene", "macro"}
    with pytest.raises(DataError, match="present in some"):
        ImageRetrieval().predict(replace(data, test=replace(data.test, labels=np.ones_like(labels))))


def test_a_list_longer_than_the_gallery_is_not_scored(data):
    found = scored(data, ks=(5, 500))
    assert {metric for _, metric in found} == {"p_at_5"}
