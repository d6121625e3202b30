"""Scores that are made of all answers of a part at once: pooled F1, sets of options, FROC, numbers, ratios."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.detection import first_hits
from vesalius.tasks.answers.evidence import (
    Boxes,
    Choices,
    Counts,
    Evidence,
    Number,
    evidence_detail,
    evidence_label,
    evidence_of,
    is_evidence,
)
from vesalius.tasks.base import Score, detail, predictions
from vesalius.tasks.questions import Questions


def scored(found: Sequence[Evidence], *, clusters: Sequence[str] | None = None, resamples: int = 200) -> list[Score]:
    patients = list(clusters) if clusters is not None else [str(number) for number in range(len(found))]
    table = predictions(
        "bench.part",
        {
            "item": [str(number) for number in range(len(found))],
            "patient": patients,
            "label": [evidence_label(one) for one in found],
            "detail": [evidence_detail(one) for one in found],
        },
    )
    return Questions().score(table, resamples=resamples, seed=0)


def named(scores: Sequence[Score], metric: str, label: str = "all") -> Score:
    return next(score for score in scores if (score.metric, score.label) == (metric, label))


@pytest.mark.parametrize(
    "evidence",
    [
        Counts(metric="micro_f1", found=1, said=2, wanted=3),
        Choices(probability={"A": 0.7, "B": 0.3}, truth="B"),
        Boxes(said=((0.0, 0.0, 1.0, 1.0),), truth=(), score=(0.5,)),
        Number(truth=3.0, unit="mm"),
    ],
)
def test_evidence_is_read_as_it_was_written(evidence: Evidence) -> None:
    assert evidence_of(json.loads(evidence_detail(evidence))) == evidence
    assert is_evidence(evidence_label(evidence))


def test_evidence_that_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="3 found of 2 said"):
        Counts(metric="micro_f1", found=3, said=2, wanted=3)
    with pytest.raises(DataError, match="right one 'C'"):
        Choices(probability={"A": 1.0}, truth="C")
    with pytest.raises(DataError, match="2 scores for 1 boxes"):
        Boxes(said=((0, 0, 1, 1),), truth=(), score=(0.1, 0.2))
    with pytest.raises(DataError, match="no number"):
        Number(truth=float("nan"), unit="mm")
    with pytest.raises(DataError, match="no evidence that this version knows"):
        evidence_of({"kind": "dreams"})


def test_pooled_f1_adds_counts_up_and_is_no_mean_of_f1() -> None:
    found = [
        Counts(metric="micro_f1", found=1, said=1, wanted=1),
        Counts(metric="micro_f1", found=2, said=4, wanted=8),
    ]
    score = named(scored(found * 15), "micro_f1")
    # 2 * 45 / (75 + 135); the mean of the two F1, 1 and 1/3, would be 2/3.
    assert score.value == pytest.approx(90 / 210)
    assert score.extra["precision"] == pytest.approx(45 / 75)
    assert score.extra["recall"] == pytest.approx(45 / 135)
    assert score.low < score.value < score.high
    assert score.n == 30


def test_sets_of_a_sure_model_are_small_and_hold_the_right_option() -> None:
    rng = np.random.default_rng(0)
    sure, blind = [], []
    for _ in range(400):
        truth = "ABCD"[rng.integers(4)]
        said = truth if rng.random() < 0.97 else "ABCD"[rng.integers(4)]
        sure.append(Choices(probability={one: 0.94 if one == said else 0.02 for one in "ABCD"}, truth=truth))
        shares = rng.dirichlet([1.0] * 4)
        blind.append(Choices(probability=dict(zip("ABCD", shares.tolist(), strict=True)), truth=truth))
    size = {name: named(scored(found), "conformal_size").value for name, found in (("sure", sure), ("blind", blind))}
    assert size["sure"] == 1
    assert size["blind"] > 3
    covered = named(scored(blind), "conformal_coverage")
    # the sets are calibrated for .9; 400 answers leave a standard error of .015
    assert 0.85 < covered.value < 0.95
    assert covered.extra["options"] == 4


def test_sets_calibrate_on_one_answer_a_cluster_and_never_on_their_own_half() -> None:
    found = [Choices(probability={"A": 0.6, "B": 0.4}, truth="A")] * 40
    score = named(scored(found, clusters=[str(number // 4) for number in range(40)]), "conformal_size")
    assert sum(score.extra["calibrated_on"]) == 10
    assert scored([found[0]] * 3, clusters=["one"] * 3) == []


def test_few_clusters_leave_sets_that_hold_everything() -> None:
    """With n below 9 the limit of nine tenths is infinite."""
    score = named(scored([Choices(probability={"A": 0.9, "B": 0.1}, truth="A")] * 10), "conformal_size")
    assert score.value == 2


def test_froc_by_hand() -> None:
    box, away = (0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 30.0, 30.0)
    hit = Boxes(said=(box,), truth=(box,), score=(0.9,))
    both = Boxes(said=(away, box), truth=(box,), score=(0.8, 0.3))
    healthy = Boxes(said=(), truth=())
    scores = scored([hit, both, healthy, healthy])
    # Four pictures, two lesions: the first is found before any false alarm, the second after one, which is 1/4 of
    # the pictures: sensitivity .5 at 1/8 and 1 from 1/4 on.
    assert named(scores, "froc", "0.125 false alarms a picture").value == 0.5
    assert named(scores, "froc", "0.25 false alarms a picture").value == 1
    assert named(scores, "froc").value == pytest.approx((0.5 + 6) / 7)
    # AP: precision 1 up to recall .5 (51 of 101 recalls), then 2/3.
    assert named(scores, "ap_50").value == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert scored([healthy, healthy]) == []


def test_a_picture_without_a_box_has_no_hit() -> None:
    assert len(first_hits(np.zeros((0, 2), dtype=bool), np.zeros(0)).hit) == 0


def test_numbers_agree_unit_by_unit() -> None:
    said = [11.0, 19.0, 33.0, None]
    found = [
        Number(truth=truth, said=one, unit="mm") for truth, one in zip((10.0, 20.0, 30.0, 40.0), said, strict=True)
    ]
    scores = scored([*found, Number(truth=1.0, said=1.0, unit="ml")])
    error = named(scores, "mae", "mm")
    assert error.value == pytest.approx(5 / 3)
    assert error.n == 3
    # errors +1, -1, +3: bias 1, standard deviation 2
    assert error.extra["bias"] == pytest.approx(1)
    assert (error.extra["limit_low"], error.extra["limit_high"]) == pytest.approx((1 - 3.92, 1 + 3.92))
    assert error.extra["unparsed"] == 0.25
    assert error.extra["bias_from"] <= 1 <= error.extra["bias_to"]
    assert named(scores, "within_10", "mm").value == 0.75, "what is no number is not within"
    assert named(scores, "mre", "mm").value == pytest.approx((0.1 + 0.05 + 0.1) / 3)
    assert named(scores, "mae", "ml").value == 0


def test_a_ratio_pairs_the_clusters_that_both_parts_share() -> None:
    """Ten patients with a question in each part, right or wrong together: the ratio is always 1."""
    values = [float(number % 2) for number in range(10)]
    columns = {
        "item": [f"{side}{number}" for side in ("o", "u") for number in range(10)],
        "patient": [str(number) for number in range(10)] * 2,
        "label": ["accuracy"] * 20,
        "score": values * 2,
        "detail": [detail(ratios={"shift": side}) for side in ("over", "under") for _ in range(10)],
    }
    table = predictions("", columns)
    names = ["bench.ood"] * 10 + ["bench.iid"] * 10
    import pyarrow as pa

    table = table.set_column(0, table.schema.field("task"), pa.array(names))
    score = next(one for one in Questions().score(table, resamples=200, seed=0) if one.metric == "accuracy_ratio")
    assert (score.task, score.value, score.low, score.high) == ("bench.shift", 1, 1, 1)
    assert (score.extra["over"], score.extra["under"], score.n, score.n_patients) == (0.5, 0.5, 20, 10)


def test_a_ratio_over_nothing_is_not_defined() -> None:
    import pyarrow as pa

    columns = {
        "item": ["a", "b"], "patient": ["1", "2"], "label": ["accuracy"] * 2, "score": [1.0, 0.0],
        "detail": [detail(ratios={"shift": side}) for side in ("over", "under")],
    }  # fmt: skip
    table = predictions("", columns)
    table = table.set_column(0, table.schema.field("task"), pa.array(["bench.ood", "bench.iid"]))
    score = next(one for one in Questions().score(table, resamples=20, seed=0) if one.metric == "accuracy_ratio")
    assert np.isnan(score.value)
    assert score.note
