"""The probe learns what is there and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vesalius.tasks.linear_probe import COARSE, LinearProbe, fit_probe


def macro(task, data, name="linear_probe_100"):
    scores = task.score(task.predict(data), resamples=100, seed=0)
    return next(one for one in scores if (one.task, one.metric, one.label) == (name, "auroc", "macro"))


WHOLE = LinearProbe(fractions=(1.0,))


def with_features(data, change):
    splits = {name: getattr(data, name) for name in ("test", "train", "val")}
    return replace(data, **{name: replace(split, features=change(split)) for name, split in splits.items()})


def test_a_label_among_the_features_is_found(data):
    leaked = with_features(data, lambda split: np.concatenate([split.features, np.nan_to_num(split.labels)], axis=1))
    assert macro(WHOLE, leaked).value == pytest.approx(1.0, abs=0.01)


def test_permuted_labels_teach_nothing(data):
    values = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(data.train))
        shuffled = replace(data.train, labels=data.train.labels[order])
        values.append(macro(WHOLE, replace(data, train=shuffled, val=None)).value)
    # one permutation lies off .5 by chance, for a random direction ranks these images somehow; their mean
    # over permutations does not: t interval with seven degrees, 99 %
    assert abs(np.mean(values) - 0.5) < 3.4995 * np.std(values, ddof=1) / 8**0.5


def test_standardising_undoes_the_scale_of_features(data):
    scaled = with_features(data, lambda split: split.features * 1000 - 7)
    assert macro(WHOLE, scaled).value == pytest.approx(macro(WHOLE, data).value, abs=0.002)


def test_more_labels_help(data):
    task = LinearProbe()
    scores = {(one.task, one.metric, one.label): one for one in task.score(task.predict(data), resamples=50, seed=0)}
    few, all_of_them = (
        scores["linear_probe_1", "auroc", "macro"],
        scores["linear_probe_100", "auroc", "macro"],
    )
    assert few.value < all_of_them.value
    assert few.extra["interval"].startswith("seeds x patients")
    assert all_of_them.extra["interval"] == "percentile"
    assert scores["linear_probe_100", "brier", "macro"].value < 0.25


def test_c_is_chosen_on_validation_and_written_down(data):
    rows = WHOLE.predict(data).to_pylist()
    details = {row["label"]: json.loads(row["detail"]) for row in rows}
    assert all(COARSE[0] / 40 <= one["c"] <= COARSE[-1] * 40 for one in details.values())
    assert all(one["threshold_from"] == "validation" for one in details.values())
    without = [json.loads(row["detail"]) for row in WHOLE.predict(replace(data, val=None)).to_pylist()]
    assert {one["c"] for one in without} == {1.0}
    assert {one["threshold_from"] for one in without} == {"natural"}


def test_a_label_of_one_class_in_training_is_not_predicted(data):
    labels = np.array(data.train.labels)
    labels[:, 1] = 0
    found = WHOLE.score(WHOLE.predict(replace(data, train=replace(data.train, labels=labels))), resamples=20, seed=0)
    edema = [one for one in found if one.label == "edema"]
    assert [one.note for one in edema] == ["not predicted: the training items do not hold both classes"]
    assert np.isnan(edema[0].value)


def test_level_values_take_the_smallest_c():
    features = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    labels = np.array([0.0, 1.0, 0.0, 1.0])
    # every C separates the validation items, and so does every C tried around the smallest
    probe = fit_probe(features, labels, validation=(features, labels))
    assert probe.c < COARSE[0]
    assert fit_probe(features, np.full(4, np.nan), validation=None) is None


@pytest.mark.parametrize("shape", [(80, 10), (20, 60)])
@pytest.mark.parametrize("c", [1e-3, 1.0, 100.0])
def test_the_probe_is_the_penalised_optimum_of_scikit_learn(shape, c, monkeypatch):
    from sklearn.linear_model import LogisticRegression

    stream = np.random.default_rng(0)
    features = stream.normal(size=shape)
    features = (features - features.mean(0)) / features.std(0)
    labels = (features[:, 0] + stream.normal(size=shape[0]) > 0).astype(float)
    monkeypatch.setattr("vesalius.tasks.linear_probe.DEFAULT_C", c)
    ours = fit_probe(features, labels, validation=None)
    peer = LogisticRegression(C=c, tol=1e-10, max_iter=20_000).fit(features, labels)
    # measured worst case 4e-6 of the largest log odds, where C = 100 separates the labels
    gap = np.abs(ours.logit(features) - peer.decision_function(features)).max()
    assert gap < 1e-5 * np.abs(peer.decision_function(features)).max()


def test_columns_that_do_not_vary_or_repeat_do_no_harm(data):
    same = with_features(
        data,
        lambda split: np.concatenate([split.features, split.features, np.full((len(split), 2), 0.1)], axis=1),
    )
    found = macro(WHOLE, same)
    assert found.value == pytest.approx(macro(WHOLE, data).value, abs=0.01)
