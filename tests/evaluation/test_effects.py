"""The paired effect over seeds and patients: by hand, in both forms, and with bad input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from vesalius.errors import DataError
from vesalius.evaluation.effects import Measure, effect_of
from vesalius.metrics import variance
from vesalius.metrics.classification import auroc
from vesalius.tasks.base import detail, predictions

MRR = Measure(task="retrieval", metric="mrr", label="text_to_image")
AREA = Measure(task="linear_probe", metric="auroc", subset=0.1)


def ranked(ranks: list[float], *, patients: list[str] | None = None) -> pa.Table:
    """Answers of a retrieval, one rank an item, in both ways of matching."""
    count = len(ranks)
    ways = [
        detail(matching=matching, gallery=9, relevant=1, top=[], without_text=0)
        for matching in ("duplicate-aware", "identity")
        for _ in range(count)
    ]
    columns = {
        "item": [f"s{place}" for place in range(count)] * 2,
        "patient": (patients or [f"p{place}" for place in range(count)]) * 2,
        "label": ["text_to_image"] * 2 * count,
        "rank": ranks * 2,
        "score": np.zeros(2 * count),
        "detail": ways,
    }
    return predictions("retrieval", columns)


def probed(scores: np.ndarray, target: np.ndarray) -> pa.Table:
    """Answers of a probe for one label."""
    count = len(target)
    columns = {
        "item": [f"s{place:03d}" for place in range(count)],
        "patient": [f"p{place:03d}" for place in range(count)],
        "label": ["edema"] * count,
        "target": target,
        "score": scores,
        "detail": [detail(fraction=0.1, draw=0)] * count,
    }
    return predictions("linear_probe_10", columns)


def test_mean_score_takes_the_two_way_form():
    # 1/rank: on .5 1 1 .25, off .25 .5 1 .25: differences .25 .5 0 0; second seed .5 .5 0 .75
    pairs = [
        (ranked([2, 1, 1, 4]), ranked([4, 2, 1, 4])),
        (ranked([1, 1, 1, 1]), ranked([2, 2, 1, 4])),
    ]
    table = np.array([[0.25, 0.5, 0, 0], [0.5, 0.5, 0, 0.75]])
    found = effect_of(pairs, measure=MRR, resamples=20, seed=0)
    expected = variance.seeds_by_patients(table)
    assert found.value == pytest.approx(2.5 / 8)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.seeds == pytest.approx((0.1875, 0.4375))
    assert found.on - found.off == pytest.approx(found.value)
    assert "two-way" in found.form
    assert "seed variance unknown" in found.note


def test_the_card_s_table_of_differences():
    # statistics.md, section 7: mean .633333333, SE .086066297; here as 1/rank differences to an arm of rank infinity
    values = [[0.8, 0.6, 0.9, 0.3, 0.7, 0.5], [0.7, 0.7, 0.8, 0.2, 0.9, 0.4], [0.9, 0.5, 0.9, 0.4, 0.6, 0.6]]
    pairs = [(ranked([1 / value for value in row]), ranked([np.inf] * 6)) for row in values]
    found = effect_of(pairs, measure=MRR, resamples=20, seed=0)
    assert found.value == pytest.approx(0.633333333)
    # degrees of freedom 4.164702810 and the floored error .086066297: half-width 2.73337 x SE
    from scipy.special import stdtrit

    half = stdtrit(4.164702810, 0.975) * 0.086066297
    assert (found.low, found.high) == pytest.approx((0.633333333 - half, 0.633333333 + half), abs=1e-6)


def test_a_patient_counts_once_however_many_items():
    patients = ["a", "a", "b"]
    pair = (ranked([1, 1, 2], patients=patients), ranked([2, 2, 2], patients=patients))
    # a: mean of .5 and .5, b: 0; the mean over patients is .25, over items .333
    found = effect_of([pair, pair, pair], measure=MRR, resamples=20, seed=0)
    assert found.value == pytest.approx(0.25)
    assert found.n_patients == 2


def test_auroc_takes_the_form_with_seeds_as_readers():
    stream = np.random.default_rng(0)
    target = np.arange(40) % 2
    arms = [[stream.normal(size=40) + strength * target for strength in (1.5, 0.5)] for _ in range(3)]
    pairs = [(probed(on, target), probed(off, target)) for on, off in arms]
    found = effect_of(pairs, measure=AREA, resamples=300, seed=0)
    each = [auroc(target, on) - auroc(target, off) for on, off in arms]
    assert found.seeds == pytest.approx(each)
    assert found.value == pytest.approx(np.mean(each))
    assert found.low < found.value < found.high
    assert "Obuchowski" in found.form


def test_equal_arms_have_no_effect():
    target = np.arange(40) % 2
    scores = np.random.default_rng(1).normal(size=40)
    pair = (probed(scores, target), probed(scores, target))
    found = effect_of([pair] * 3, measure=AREA, resamples=100, seed=0)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_swapping_the_arms_turns_the_sign():
    pairs = [(ranked([2, 1, 1, 4]), ranked([4, 2, 1, 4])), (ranked([1, 1, 3, 1]), ranked([2, 2, 1, 4]))]
    one = effect_of(pairs, measure=MRR, resamples=20, seed=0)
    other = effect_of([(off, on) for on, off in pairs], measure=MRR, resamples=20, seed=0)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_other_items_are_an_error():
    with pytest.raises(DataError, match="have no counterpart"):
        effect_of([(ranked([1, 2]), ranked([1, 2, 3]))], measure=MRR, resamples=20, seed=0)
    pairs = [(ranked([1, 2]), ranked([1, 2])), (ranked([1, 2, 3]), ranked([1, 2, 3]))]
    with pytest.raises(DataError, match="other items than seed 0"):
        effect_of(pairs, measure=MRR, resamples=20, seed=0)


def matched(ranks: list[float], *, anew: Sequence[float] = ()) -> pa.Table:
    """Answers of a search by matching; `anew` are ranks of the nearest put in order anew."""
    columns = {
        "item": [f"s{place}" for given in (ranks, anew) for place in range(len(given))],
        "patient": [f"p{place}" for given in (ranks, anew) for place in range(len(given))],
        "label": ["image_to_text"] * (len(ranks) + len(anew)),
        "rank": [*ranks, *anew],
        "score": np.zeros(len(ranks) + len(anew)),
        "detail": [
            detail(matching=kind, gallery=9, relevant=1, without_text=0)
            for kind, given in (("drawn", ranks), ("reranked", anew))
            for _ in given
        ],
    }
    return predictions("matching", columns)


def test_an_arm_may_search_in_a_further_way_than_the_other():
    measure = Measure(task="matching", metric="r_at_1", label="image_to_text")
    pairs = [(matched([1, 1, 1, 2], anew=[9, 9, 9, 9]), matched([1, 2, 2, 2]))] * 3
    found = effect_of(pairs, measure=measure, resamples=20, seed=0)
    assert (found.on, found.off, found.value, found.n) == (0.75, 0.25, 0.5, 4)
    assert "two-way" in found.form
    again = Measure(task="matching", metric="r_at_1_reranked", label="image_to_text")
    both = [(matched([1, 1], anew=[1, 1]), matched([1, 1], anew=[2, 1]))] * 3
    assert effect_of(both, measure=again, resamples=20, seed=0).value == 0.5


def test_an_unknown_score_names_those_that_are_there():
    with pytest.raises(DataError, match="retrieval mrr"):
        effect_of(
            [(ranked([1, 2]), ranked([1, 2]))],
            measure=Measure(task="retrieval", metric="mr", label="text_to_image"),
            resamples=9,
            seed=0,
        )


def test_a_score_that_is_not_defined_is_an_error():
    pair = (probed(np.arange(6.0), np.zeros(6)), probed(np.arange(6.0), np.zeros(6)))
    measure = Measure(task="linear_probe", metric="auroc", label="edema", subset=0.1)
    with pytest.raises(DataError, match="one class only"):
        effect_of([pair] * 3, measure=measure, resamples=20, seed=0)
