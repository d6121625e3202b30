"""Labels scored together: undefined ones, macro, micro, draws, what stands beside a number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.metrics import classification, multilabel
from vesalius.metrics.bootstrap import patient_weights
from vesalius.metrics.labels import LabelData, score_labels

N = 60
STREAM = np.random.default_rng(0)
TARGET = (STREAM.random((N, 2)) < 0.4).astype(float)
SCORE = STREAM.normal(size=(N, 2)) + TARGET


def label(place, *, name="edema", target=TARGET, score=SCORE, threshold=0.5):
    return LabelData(
        name=name,
        target=target[:, place],
        score=score[:, place],
        probability=1 / (1 + np.exp(-score[:, place])),
        threshold=threshold,
        rows=np.arange(N),
        items=np.arange(N),
        unknown=3,
    )


WEIGHTS = patient_weights([str(place // 2) for place in range(N)], resamples=200)


def by_name(scores):
    return {(score.label, score.metric): score for score in scores}


def test_values_are_the_plain_metrics():
    found = by_name(score_labels([[label(0, name="a"), label(1, name="b")]], WEIGHTS))
    counts = classification.confusion(TARGET[:, 0], SCORE[:, 0] >= 0.5)
    assert found["a", "auroc"].interval.value == pytest.approx(classification.auroc(TARGET[:, 0], SCORE[:, 0]))
    assert found["a", "mcc"].interval.value == pytest.approx(float(classification.mcc(counts)))
    assert found["macro", "auroc"].interval.value == pytest.approx(multilabel.auroc(TARGET, SCORE).value)
    said = SCORE >= 0.5
    assert found["macro", "f1"].interval.value == pytest.approx(multilabel.f1(TARGET, said))
    assert found["micro", "f1"].interval.value == pytest.approx(multilabel.f1(TARGET, said, average="micro"))
    assert {metric for name, metric in found if name == "a"} == {
        "auroc", "auprc", "f1", "accuracy", "balanced_accuracy", "mcc", "brier", "ece_width15",
    }  # fmt: skip


def test_every_score_has_n_patients_and_an_interval_that_holds_it():
    for score in score_labels([[label(0), label(1)]], WEIGHTS):
        assert (score.interval.n, score.interval.n_patients) == (N, N // 2)
        assert score.interval.low <= score.interval.value <= score.interval.high
        assert score.draws.shape == (200,)


def test_one_class_is_undefined_and_left_out_of_the_macro():
    empty = label(1, name="rib_fracture", target=np.zeros((N, 2)))
    found = by_name(score_labels([[label(0), empty]], WEIGHTS))
    undefined = found["rib_fracture", "auroc"]
    assert np.isnan(undefined.interval.value)
    assert undefined.interval.note == f"one class only in test: 0 of {N} known items are present"
    assert undefined.extra["unknown"] == 3
    assert found["macro", "auroc"].interval.value == found["edema", "auroc"].interval.value
    assert found["macro", "auroc"].extra["labels"] == ["edema"]
    assert score_labels([[empty]], WEIGHTS)[0].label == "rib_fracture"
    assert len(score_labels([[empty]], WEIGHTS)) == 1


def test_a_label_that_could_not_be_learnt_is_undefined():
    unlearnt = replace(label(0), score=np.full(N, np.nan), probability=np.full(N, np.nan))
    found = score_labels([[unlearnt]], WEIGHTS)
    assert [score.interval.note for score in found] == ["not predicted: the training items do not hold both classes"]


def test_without_a_threshold_or_a_probability_only_ranks_are_scored():
    bare = replace(label(0, threshold=float("nan")), probability=np.full(N, np.nan))
    assert {score.metric for score in score_labels([[bare]], WEIGHTS)} == {"auroc", "auprc"}


def test_what_stands_beside_a_number():
    found = by_name(score_labels([[label(0)]], WEIGHTS))
    share = TARGET[:, 0].mean()
    assert found["edema", "auprc"].extra["chance"] == share
    assert found["edema", "f1"].extra["chance"] == pytest.approx(2 * share / (1 + share))
    assert found["edema", "accuracy"].extra["majority"] == max(share, 1 - share)
    assert found["edema", "ece_width15"].extra["null_mean"] > 0


def test_draws_of_the_training_data_widen_the_interval():
    noisy = [
        [replace(label(0), score=SCORE[:, 0] + np.random.default_rng(seed).normal(size=N) * 2)] for seed in range(3)
    ]
    found = by_name(score_labels(noisy, WEIGHTS))["edema", "auroc"]
    each = [classification.auroc(one.target, one.score) for (one,) in noisy]
    assert found.interval.value == pytest.approx(np.mean(each))
    assert found.interval.method.startswith("seeds x patients")
    assert found.extra["draws"] == 3
    over_patients = np.quantile(found.draws, [0.025, 0.975])
    assert found.interval.high - found.interval.low > over_patients[1] - over_patients[0]


def test_a_resample_without_a_class_drops_the_label_there_and_counts_it():
    rare = np.zeros((N, 2))
    rare[:2, 0] = 1  # one patient: absent from about 1/e of the resamples
    rare[::2, 1] = 1
    found = by_name(score_labels([[label(0, name="rare", target=rare), label(1, name="b", target=rare)]], WEIGHTS))
    interval = found["rare", "auroc"].interval
    assert interval.dropped == pytest.approx(200 / np.e, abs=30)
    assert np.isnan(interval.low)
    assert interval.note == f"undefined in {interval.dropped} of 200 resamples: no interval"
    assert found["macro", "auroc"].extra["left_out_in_resamples"] == interval.dropped
    assert np.isfinite(found["macro", "auroc"].interval.low)


def test_ece_of_calibrated_probabilities_keeps_its_value_inside():
    stream = np.random.default_rng(3)
    p = stream.random((N, 1))
    calibrated = LabelData(
        name="a",
        target=(stream.random((N, 1)) < p).astype(float)[:, 0],
        score=p[:, 0],
        probability=p[:, 0],
        threshold=0.5,
        rows=np.arange(N),
        items=np.arange(N),
    )
    found = by_name(score_labels([[calibrated]], WEIGHTS))["a", "ece_width15"]
    assert found.interval.low <= found.interval.value <= found.interval.high
    assert found.extra["null_p"] > 0.01
