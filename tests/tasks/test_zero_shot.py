"""Worked pair probabilities, ensembles, thresholds from validation, spread over templates."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import CapabilityError, ConfigError, DataError
from vesalius.metrics.classification import best_threshold
from vesalius.tasks.base import column
from vesalius.tasks.zero_shot import ZeroShot, pair_probability, prompt_scores


@pytest.mark.parametrize(("temperature", "expected"), [(0.07, 0.671347453), (1, 0.512497396), (0.01, 0.993307149)])
def test_pair_probability(temperature, expected):
    assert pair_probability(0.30, 0.25, temperature=temperature) == pytest.approx(expected)


def test_pair_probability_does_not_overflow():
    assert pair_probability(np.array([-1.0, 1.0]), np.array([1.0, -1.0]), temperature=1e-4).tolist() == [0, 1]


IMAGE = np.array([[1.0, 0, 0], [0, 1.0, 0]])
POSITIVE = np.array([[0.6, 0.8, 0], [1.0, 0, 0]])
NEGATIVE = np.array([[0, 0, 1.0], [0, 1.0, 0]])


def test_three_ensembles_are_three_numbers():
    # mean of the positives (.8, .4), norm sqrt(.8); of the negatives (0, .5, .5), norm sqrt(.5)
    embedding = prompt_scores(IMAGE, POSITIVE, NEGATIVE, ensemble="embedding", temperature=0.5)
    assert embedding.score == pytest.approx([0.8 / 0.8**0.5, 0.4 / 0.8**0.5 - 0.5 / 0.5**0.5])
    cosine = prompt_scores(IMAGE, POSITIVE, NEGATIVE, ensemble="cosine", temperature=0.5)
    assert cosine.score == pytest.approx([0.8 - 0.0, 0.4 - 0.5])
    probability = prompt_scores(IMAGE, POSITIVE, NEGATIVE, ensemble="probability", temperature=0.5)
    # pairs in order: cosines (.6, 0), (1, 0) and (.8, 0), (0, 1)
    expected = [
        (1 / (1 + np.exp(-1.2)) + 1 / (1 + np.exp(-2.0))) / 2,
        (1 / (1 + np.exp(-1.6)) + 1 / (1 + np.exp(2.0))) / 2,
    ]
    assert probability.score == pytest.approx(expected)
    assert np.array_equal(probability.score, probability.probability)


def test_single_scoring_states_no_probability():
    found = prompt_scores(IMAGE, POSITIVE, np.empty((0, 3)), ensemble="embedding", temperature=0.07)
    assert found.score == pytest.approx([0.8 / 0.8**0.5, 0.4 / 0.8**0.5])
    assert np.isnan(found.probability).all()


def test_the_temperature_changes_no_rank(data):
    task = ZeroShot()
    cold, warm = (task.predict(replace(data, temperature=value)) for value in (0.01, 1.0))
    assert np.array_equal(column(cold, "score"), column(warm, "score"))
    assert not np.array_equal(column(cold, "probability"), column(warm, "probability"))


def test_images_near_their_sentences_are_found(data):
    scores = {
        (score.label, score.metric): score
        for score in ZeroShot().score(ZeroShot().predict(data), resamples=100, seed=0)
    }
    macro = scores["macro", "auroc"]
    assert macro.value > 0.8
    assert macro.low > 0.5
    mean = scores["edema", "auroc_template_mean"]
    assert mean.extra["templates"] == 5
    assert mean.extra["template_low"] <= mean.value <= mean.extra["template_high"]
    assert 0 <= mean.extra["flip_rate"] <= 1
    assert scores["edema", "auroc"].n + scores["edema", "auroc"].extra["unknown"] == 80


def _ensemble_rows(table, label):
    return [
        row for row in table.to_pylist()
        if row["label"] == label and json.loads(row["detail"])["template"] == "ensemble"
    ]  # fmt: skip


def test_the_threshold_is_that_of_validation_never_of_test(data):
    rows = _ensemble_rows(ZeroShot().predict(data), "edema")
    as_test = _ensemble_rows(ZeroShot().predict(replace(data, test=data.val)), "edema")
    known = [row for row in as_test if np.isfinite(row["target"])]
    expected = best_threshold([row["target"] for row in known], [row["score"] for row in known])[0]
    assert {row["threshold"] for row in rows} == {expected}
    assert json.loads(rows[0]["detail"])["threshold_from"] == "validation"


@pytest.mark.parametrize(("ensemble", "threshold"), [("embedding", 0.0), ("cosine", 0.0), ("probability", 0.5)])
def test_without_validation_the_pair_has_a_natural_threshold(data, ensemble, threshold):
    rows = _ensemble_rows(ZeroShot(ensemble=ensemble).predict(replace(data, val=None)), "edema")
    assert {row["threshold"] for row in rows} == {threshold}
    assert json.loads(rows[0]["detail"])["threshold_from"] == "natural"


def test_single_prompts_without_validation_have_no_threshold(data):
    task = ZeroShot(prompts="gloria")
    table = task.predict(replace(data, val=None))
    assert {row["threshold"] for row in _ensemble_rows(table, "edema")} != {0.0}
    metrics = {score.metric for score in task.score(table, resamples=20, seed=0)}
    assert metrics == {"auroc", "auprc", "auroc_template_mean"}


def test_unknown_labels_are_left_out_and_counted_and_one_class_is_undefined(data):
    labels = np.array(data.test.labels)
    labels[:, 1] = np.where(np.isfinite(labels[:, 1]), 0.0, np.nan)
    task = ZeroShot()
    scores = task.score(task.predict(replace(data, test=replace(data.test, labels=labels))), resamples=20, seed=0)
    edema = [score for score in scores if score.label == "edema"]
    assert len(edema) == 1
    assert np.isnan(edema[0].value)
    assert edema[0].note.startswith("one class only in test: 0 of")
    assert edema[0].extra["unknown"] == int(np.isnan(labels[:, 1]).sum())
    assert edema[0].to_dict()["value"] is None


def test_each_sentence_is_encoded_once(data):
    asked = []

    def recording(texts):
        asked.extend(texts)
        return data.embed_text(texts)

    ZeroShot().predict(replace(data, embed_text=recording))
    assert len(asked) == len(set(asked)) == 40  # five stating and five denying sentences a concept


def test_what_cannot_be_done_is_said(data):
    with pytest.raises(CapabilityError, match="embeds text"):
        ZeroShot().predict(replace(data, embed_text=None))
    with pytest.raises(ConfigError, match="embedding"):
        ZeroShot(ensemble="embeddings").predict(data)
    with pytest.raises(ConfigError, match="convirt"):
        ZeroShot(prompts="konvirt").predict(data)
    bare = replace(data.test, concepts=(), labels=np.empty((80, 0)))
    with pytest.raises(DataError, match="states none"):
        ZeroShot().predict(replace(data, test=bare))
