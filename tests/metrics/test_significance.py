"""Worked p values, adjustments, equivalence; properties of paired comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.errors import ConfigError, DataError
from vesalius.metrics import classification, resampled
from vesalius.metrics import significance as tests
from vesalius.metrics.bootstrap import patient_weights, percentile

Y = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0])
A = np.array([0.1, 0.3, 0.2, 0.6, 0.4, 0.5, 0.8, 0.9, 0.7, 0.35, 0.55, 0.65])
B = np.array([0.2, 0.1, 0.5, 0.7, 0.3, 0.4, 0.6, 0.9, 0.45, 0.55, 0.8, 0.25])
FIVE = [0.1, 0.2, -0.05, 0.15, 0.3]


def test_sign_flip_of_five_patients_is_exact():
    # 32 sign patterns; |sum| >= .7 in 4 of them, sum >= .7 in 2
    assert tests.sign_flip(FIVE, list("abcde")) == 0.125
    assert tests.sign_flip(FIVE, list("abcde"), alternative="greater") == 0.0625


def test_items_of_a_patient_flip_together():
    # two patients of two items each: 4 patterns, the observed and its mirror are the extreme ones
    assert tests.sign_flip([1, 1, 1, 1], list("aabb")) == 0.5
    assert tests.sign_flip([1, 1, 1, 1], list("abcd")) == 0.125


def test_random_swaps_add_one():
    stream = np.random.default_rng(0)
    values = stream.normal(size=40) + 3
    assert tests.sign_flip(values, [str(place) for place in range(40)], swaps=99) == 1 / 100


def test_swaps_of_a_metric_equal_sign_flips_of_a_mean():
    first, second = np.array(FIVE), np.zeros(5)

    def gap(swapped):
        return float(np.mean(np.where(swapped, second, first) - np.where(swapped, first, second)))

    assert tests.swap_test(gap, list("abcde")) == 0.125


def test_swaps_of_an_auroc_equal_the_plain_way():
    from scipy.stats import rankdata

    ranks = rankdata(A), rankdata(B)
    patients = [str(place // 2) for place in range(12)]

    def gap(swapped):
        first, second = np.where(swapped, ranks[1], ranks[0]), np.where(swapped, ranks[0], ranks[1])
        return classification.auroc(Y, first) - classification.auroc(Y, second)

    assert tests.swap_test_auroc(Y, (A, B), patients) == tests.swap_test(gap, patients)
    assert tests.swap_test_auroc(Y, (A, np.exp(A)), patients) == 1  # another scale, the same order
    with pytest.raises(DataError, match="both classes"):
        tests.swap_test_auroc(np.ones(12), (A, B), patients)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((12, 5), (0.143463135, 0.096252441, 0.089555074, 0.145610095)),
        ((3, 10), (0.092285156, 0.057373047, 0.052203635, 0.096092329)),
        ((0, 5), (0.0625, 0.03125, 0.025347319, 0.073638270)),
        ((0, 0), (1, 1, 1, 1)),
    ],
)
def test_mcnemar(counts, expected):
    assert tests.mcnemar(*counts) == pytest.approx(expected)


def test_delong():
    found = tests.delong(Y, [A, B])
    assert found.auroc == pytest.approx([0.885714286, 0.8])
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx([0.101686458, 0.137519324])
    assert found.covariance[0, 1] == pytest.approx(0.002312925)
    assert found.compare() == pytest.approx((0.546207416, 0.584923369))


def test_clustered_delong_of_single_items_is_near_the_plain_one():
    single = tests.delong(Y, [A, B], patients=[str(place) for place in range(12)])
    plain = tests.delong(Y, [A, B])
    assert single.auroc == pytest.approx(plain.auroc)
    # the plain form divides by n+ - 1 and n- - 1, the clustered one by G - 1: 12/11 against 5/4 and 7/6
    assert np.sqrt(np.diag(single.covariance) / np.diag(plain.covariance)) == pytest.approx(1, abs=0.1)
    # every patient twice: the same patients, so nearly the same variance; as single items half of it
    twice = [np.tile(values, 2) for values in (Y, A, B)]
    again = tests.delong(twice[0], twice[1:], patients=[str(place % 12) for place in range(24)])
    assert again.covariance == pytest.approx(single.covariance)
    naive = tests.delong(twice[0], twice[1:])
    assert naive.covariance[0, 0] < 0.6 * again.covariance[0, 0]


def test_delong_without_variance_is_not_estimable():
    perfect = tests.delong([0, 0, 1, 1], [[0, 1, 2, 3], [0, 1, 2, 3]])
    assert np.isnan(perfect.compare()).all()
    with pytest.raises(DataError, match="two items of each class"):
        tests.delong([0, 1, 1], [[0, 1, 2]])


def test_delong_agrees_with_the_bootstrap():
    stream = np.random.default_rng(0)
    target = np.arange(400) < 120
    score = stream.normal(size=400) + target
    weights = patient_weights([str(place) for place in range(400)])
    spread = resampled.auroc(target, score, weights).std()
    # 1000 resamples know a standard error to 2 %; the two definitions differ by less than 3 %
    assert tests.delong(target, [score]).covariance[0, 0] ** 0.5 == pytest.approx(spread, rel=0.08)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("bonferroni", [0.005, 0.06, 0.1, 0.2, 1]),
        ("holm", [0.005, 0.048, 0.06, 0.08, 0.3]),
        ("bh", [0.005, 0.03, 0.033333333, 0.05, 0.3]),
        ("by", [0.011416667, 0.0685, 0.076111111, 0.114166667, 0.685]),
    ],
)
def test_adjusted_p_values(method, expected):
    p = np.array([0.001, 0.012, 0.02, 0.04, 0.3])
    assert tests.adjust(p, method=method) == pytest.approx(expected)
    order = [3, 0, 4, 2, 1]
    assert tests.adjust(p[order], method=method) == pytest.approx(np.array(expected)[order])


def test_unknown_adjustment():
    with pytest.raises(ConfigError, match="holm"):
        tests.adjust([0.1], method="hulm")


def test_equivalence():
    d = np.array([0.02, -0.01, 0, 0.03, -0.02, 0.01, 0.01, 0, -0.01, 0.02])
    found = tests.equivalence(d.mean(), d.std(ddof=1) / 10**0.5, 9, margin=0.02)
    assert (found.p_below, found.p_above) == pytest.approx((0.000369484, 0.007478182))
    assert (found.low, found.high) == pytest.approx((-0.004165565, 0.014165565))
    assert found.equivalent
    assert found.p == found.p_above
    assert not tests.equivalence(0.005, 0.005, 9, margin=0.01).equivalent
    assert tests.equivalence(0.0, 0.0, 9, margin=0.01).equivalent
    with pytest.raises(ConfigError, match="above 0"):
        tests.equivalence(0.0, 0.1, 9, margin=0.0)


@pytest.mark.parametrize(
    ("interval", "narrow", "expected"),
    [
        ((0.01, 0.05), (0.02, 0.04), "win"),
        ((-0.05, -0.01), (-0.04, -0.02), "loss"),
        ((-0.006, 0.006), (-0.005, 0.005), "tie"),
        ((-0.02, 0.03), (-0.01, 0.02), "undecided"),
        # a clear but small difference is a win: the interval decides before the margin
        ((0.001, 0.003), (0.001, 0.003), "win"),
    ],
)
def test_four_words(interval, narrow, expected):
    assert tests.verdict(interval, narrow, margin=0.01) == expected


def test_sign_test_over_data_sets():
    assert tests.sign_test(5, 0) == 0.0625


def _two_systems(seed: int, n: int = 60):
    stream = np.random.default_rng(seed)
    target = np.arange(n) % 3 == 0
    shared = stream.normal(size=n) + target
    return target, shared + stream.normal(size=n) * 0.3, shared + stream.normal(size=n) * 0.3


@given(st.integers(0, 50))
def test_exchanging_the_systems_changes_the_sign(seed):
    target, first, second = _two_systems(seed)
    weights = patient_weights([str(place) for place in range(60)], resamples=200, seed=seed)
    values = classification.auroc(target, first), classification.auroc(target, second)
    draws = resampled.auroc(target, first, weights), resampled.auroc(target, second, weights)
    one = tests.paired_difference(values, draws, weights=weights)
    other = tests.paired_difference(values[::-1], draws[::-1], weights=weights)
    assert one.interval.value == -other.interval.value
    assert one.p == other.p
    # the lower order statistic of d is minus the upper of -d, one place further in
    assert one.interval.low == pytest.approx(-other.interval.high, abs=0.02)


def test_identical_systems_do_not_differ():
    target, first, _ = _two_systems(0)
    weights = patient_weights([str(place) for place in range(60)], resamples=200)
    value, draws = classification.auroc(target, first), resampled.auroc(target, first, weights)
    found = tests.paired_difference((value, value), (draws, draws), weights=weights)
    assert (found.interval.value, found.interval.low, found.interval.high, found.p) == (0, 0, 0, 1)
    assert tests.sign_flip(np.zeros(60), [str(place) for place in range(60)]) == 1


def test_a_clear_difference_has_the_smallest_bootstrap_p():
    weights = patient_weights([str(place) for place in range(60)], resamples=200)
    found = tests.paired_difference((0.9, 0.5), (np.full(200, 0.9), np.linspace(0.4, 0.6, 200)), weights=weights)
    assert found.p == 1 / 201


def test_pairing_narrows_the_interval_of_correlated_systems():
    narrower = 0
    for seed in range(20):
        target, first, second = _two_systems(seed, n=90)
        names = [str(place) for place in range(90)]
        paired, apart = patient_weights(names, seed=0), patient_weights(names, seed=1)
        value = classification.auroc(target, first) - classification.auroc(target, second)
        one, two = resampled.auroc(target, first, paired), resampled.auroc(target, second, paired)
        free = resampled.auroc(target, second, apart)
        together, loose = (percentile(value, one - other, weights=paired) for other in (two, free))
        narrower += (together.high - together.low) < (loose.high - loose.low)
    assert narrower == 20


def test_resamples_must_be_shared():
    weights = patient_weights(["a", "b"], resamples=3)
    with pytest.raises(DataError, match="needs the same ones"):
        tests.paired_difference((0, 0), (np.zeros(3), np.zeros(4)), weights=weights)
