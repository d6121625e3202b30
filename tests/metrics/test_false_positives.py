"""How often equal systems are called different, or covered, by right and by wrong habits (slow; print: -s).

Every figure is a rate over simulated runs with its Wilson interval. What must hold: the formulas for seeds and
patients stay near their level, tests over patients too, and the wrong habits do not.
"""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.metrics import classification, resampled, variance
from vesalius.metrics.bootstrap import patient_weights, percentile
from vesalius.metrics.proportions import wilson
from vesalius.metrics.significance import adjust, delong, mcnemar, paired_difference, sign_flip

pytestmark = pytest.mark.slow
RUNS = 4000


def rate(name: str, found: list[bool]) -> float:
    """Print and return the share of runs."""
    share = float(np.mean(found))
    low, high = wilson(sum(found), len(found))
    print(f"{name}: {share:.3f} [{low:.3f}, {high:.3f}] of {len(found)} runs")
    return share


def equal_models(stream: np.random.Generator, patients: int, questions: int, *, graded: bool) -> np.ndarray:
    """Return first - second of two models of equal skill, (patients * questions,).

    A patient is easy or hard for both, and each model finds other patients hard, so that a patient's answers lean
    together, and the differences too. Graded values are the skill with some noise, else an answer is right or wrong.
    """
    ease = stream.normal(0.9, 0.8, (patients, 1))
    values = []
    for _ in range(2):
        skill = 1 / (1 + np.exp(-(ease + stream.normal(0, 0.8, (patients, 1)))))
        drawn = stream.random((patients, questions))
        values.append(skill + 0.3 * drawn if graded else (drawn < skill).astype(float))
    return (values[0] - values[1]).reshape(-1)


@pytest.mark.parametrize(("questions", "graded"), [(1, True), (5, True), (5, False), (1, False)])
def test_equal_models_differ_in_one_of_twenty(questions, graded):
    """The tests that a comparison makes: .05 +- .01, which is three deviations of 4000 runs."""
    patients, resamples = 150, 1000
    stream = np.random.default_rng(questions)
    names = np.repeat(np.arange(patients), questions)
    weights = patient_weights([str(name) for name in names], resamples=resamples)
    table = np.stack([equal_models(stream, patients, questions, graded=graded) for _ in range(RUNS)], axis=1)
    values, draws = table.mean(axis=0), resampled.mean(table, weights)
    found: dict[str, list[bool]] = {"paired interval": [], "bootstrap p": [], "swaps of patients": []}
    for run in range(RUNS):
        apart = paired_difference((values[run], 0.0), (draws[:, run], np.zeros(resamples)), weights=weights)
        found["paired interval"].append(not apart.interval.low <= 0 <= apart.interval.high)
        found["bootstrap p"].append(apart.p < 0.05)
        found["swaps of patients"].append(sign_flip(table[:, run], names, swaps=999, seed=run) <= 0.05)
    title = f"equal models, {'graded' if graded else 'right or wrong'}, {questions} a patient"
    rates = {name: rate(f"{title}, {name}", hits) for name, hits in found.items()}
    # whole answers of one question a patient: their sum takes steps of two, of which none may end at just .05
    least = 0.04 if graded or questions > 1 else 0.03
    assert all(least <= share <= 0.06 for share in rates.values())


# seeds, cases, deviation of seeds, then rates: one seed, seed means over cases, Welch over seeds, our formula
CELLS = [
    (3, 100, 0.02, 0.142, 0.117, 0.054, 0.050),
    (3, 400, 0.02, 0.332, 0.283, 0.053, 0.070),
    (5, 400, 0.02, 0.334, 0.244, 0.065, 0.055),
    (3, 2000, 0.02, 0.631, 0.591, 0.033, 0.046),
    (3, 400, 0.0, 0.053, 0.050, 0.074, 0.032),
]


@pytest.mark.parametrize(("seeds", "cases", "sigma", "one_seed", "over_cases", "welch", "ours"), CELLS)
def test_seeds_and_cases(seeds, cases, sigma, one_seed, over_cases, welch, ours):
    from scipy.stats import ttest_1samp, ttest_ind

    stream = np.random.default_rng(0)
    found: dict[str, list[bool]] = {name: [] for name in ("one seed", "over cases", "Welch", "ours")}
    for _ in range(RUNS):
        case = stream.normal(0, 0.3, cases)
        tables = [
            case
            + stream.normal(0, 0.1, cases)
            + stream.normal(0, sigma, (seeds, 1))
            + stream.normal(0, 0.2, (seeds, cases))
            for _ in range(2)
        ]
        first, second = tables
        found["one seed"].append(ttest_1samp(first[0] - second[0], 0).pvalue < 0.05)
        found["over cases"].append(ttest_1samp(first.mean(0) - second.mean(0), 0).pvalue < 0.05)
        found["Welch"].append(ttest_ind(first.mean(1), second.mean(1), equal_var=False).pvalue < 0.05)
        interval = variance.seeds_of_two(first, second)
        found["ours"].append(not interval.low <= 0 <= interval.high)
    title = f"{seeds} seeds, {cases} cases, sigma {sigma}"
    rates = {name: rate(f"{title}, {name}", hits) for name, hits in found.items()}
    assert rates["ours"] <= 0.075
    expected = {"one seed": one_seed, "over cases": over_cases, "Welch": welch, "ours": ours}
    for name, value in expected.items():
        # two simulations of 4000 runs: four deviations of their difference
        assert rates[name] == pytest.approx(value, abs=4 * (2 * value * (1 - value) / RUNS) ** 0.5)


@pytest.mark.parametrize(("seeds", "cases", "sigma"), [cell[:3] for cell in CELLS])
def test_paired_seeds_and_cases(seeds, cases, sigma):
    """Two arms with the same seeds, as `reproduce` trains them: the two-way form of the table of differences."""
    from scipy.stats import ttest_1samp

    stream = np.random.default_rng(5)
    one_run, ours = [], []
    for _ in range(RUNS):
        case = stream.normal(0, 0.3, cases)
        first, second = (
            case
            + stream.normal(0, 0.1, cases)
            + stream.normal(0, sigma, (seeds, 1))
            + stream.normal(0, 0.2, (seeds, cases))
            for _ in range(2)
        )
        one_run.append(ttest_1samp(first[0] - second[0], 0).pvalue < 0.05)
        interval = variance.seeds_by_patients(first - second)
        ours.append(not interval.low <= 0 <= interval.high)
    title = f"paired, {seeds} seeds, {cases} cases, sigma {sigma}"
    # .05 + what three seeds cost (statistics, section 8: accept up to .075) + 3 deviations of 4000 runs
    assert rate(f"{title}, ours", ours) <= 0.075 + 3 * (0.05 * 0.95 / RUNS) ** 0.5
    shown = rate(f"{title}, one run an arm, test over cases", one_run)
    assert shown > 0.12 if sigma else shown < 0.07


def test_paired_seeds_and_an_auroc():
    """Seeds as readers, covariance from resamples of patients: the form that `reproduce` gives to an AUROC."""
    stream = np.random.default_rng(6)
    cases, seeds, runs = 300, 3, 300
    target = np.arange(cases) % 2
    weights = patient_weights([str(place) for place in range(cases)], resamples=200)
    one_run, ours = [], []
    for _ in range(runs):
        case = stream.normal(0, 1, cases)
        values, draws = np.zeros(seeds), np.zeros((200, seeds))
        for sign in (1, -1):
            of_method = stream.normal(0, 0.3, cases)
            for seed in range(seeds):
                strength = stream.normal(1.2, 0.25)  # a seed makes the whole model better or worse
                score = strength * target + case + of_method + stream.normal(0, 0.6, cases)
                values[seed] += sign * classification.auroc(target, score)
                draws[:, seed] += sign * resampled.auroc(target, score, weights)
        alone = percentile(values[0], draws[:, 0], weights=weights)
        found = variance.over_seeds(values, draws, weights=weights, limits=(-1.0, 1.0))
        one_run.append(not alone.low <= 0 <= alone.high)
        ours.append(not found.low <= 0 <= found.high)
    assert rate("paired AUROC, ours", ours) <= 0.075 + 3 * (0.05 * 0.95 / runs) ** 0.5
    assert rate("paired AUROC, one run an arm, bootstrap of cases", one_run) > 0.14


def test_clustered_binary_items_need_a_test_over_patients():
    stream = np.random.default_rng(1)
    patients, items, runs = 40, 5, 600
    names = np.repeat(np.arange(patients), items)
    by_item, by_patient = [], []
    for _ in range(runs):
        # correlation .3 within a patient and system by a shared coin
        answers = []
        for _ in range(2):
            shared = np.repeat(stream.random(patients) < 0.7, items)
            own = stream.random(patients * items) < 0.7
            answers.append(np.where(stream.random(patients * items) < 0.3**0.5, shared, own).astype(float))
        first, second = answers
        only_first, only_second = int(np.sum(first > second)), int(np.sum(first < second))
        by_item.append(mcnemar(only_first, only_second).exact < 0.05)
        by_patient.append(sign_flip(first - second, names, swaps=999) < 0.05)
    assert rate("clustered items, McNemar over items", by_item) > 0.08
    # 600 runs: .05 + 3 deviations
    assert rate("clustered items, sign flip over patients", by_patient) < 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


@pytest.mark.parametrize(("habit", "choices"), [("best of 10 checkpoints", 10), ("best of 5 prompts", 5)])
def test_choosing_on_the_test_set_finds_differences(habit, choices):
    stream = np.random.default_rng(2)
    runs, cases = 2000, 200
    chosen, fixed = [], []
    for _ in range(runs):
        case = stream.normal(0, 0.3, cases)
        baseline = case + stream.normal(0, 0.2, cases)
        options = case + stream.normal(0, 0.2, (choices, cases))
        best = options[options.mean(axis=1).argmax()]
        for hits, option in ((chosen, best), (fixed, options[0])):
            interval = variance.mean_interval(option - baseline, np.arange(cases))
            hits.append(not interval.low <= 0 <= interval.high)
    allowed = 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
    assert rate(f"{habit} on test", chosen) > allowed
    assert rate(f"{habit}, fixed before", fixed) < allowed


def test_twenty_metrics_need_a_correction():
    from scipy.stats import ttest_1samp

    stream = np.random.default_rng(3)
    runs = 1000
    p = np.stack([ttest_1samp(stream.normal(size=(50, 20)), 0).pvalue for _ in range(runs)])
    raw = [bool(row.min() < 0.05) for row in p]
    held = [bool(adjust(row).min() < 0.05) for row in p]
    # 1 - .95^20 = .64
    assert rate("20 metrics without correction", raw) == pytest.approx(0.64, abs=0.06)
    assert rate("20 metrics with Holm", held) < 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_coverage_of_an_auroc_with_ten_positives():
    from scipy.stats import norm

    stream = np.random.default_rng(4)
    target = np.arange(100) < 10
    truth = float(norm.cdf(1.2 / 2**0.5))  # P(N(1.2, 1) > N(0, 1))
    weights = patient_weights([str(place) for place in range(100)], resamples=1000)
    by_bootstrap, by_delong, runs = [], [], 1000
    for _ in range(runs):
        score = stream.normal(size=100) + 1.2 * target
        area = classification.auroc(target, score)
        interval = percentile(area, resampled.auroc(target, score, weights), weights=weights)
        by_bootstrap.append(interval.low <= truth <= interval.high)
        error = delong(target, [score]).covariance[0, 0] ** 0.5
        by_delong.append(abs(area - truth) <= 1.959963985 * error)
    # with so few positives both cover a little less than 95 %
    assert 0.87 < rate("10 positives, percentile covers", by_bootstrap) < 0.97
    assert 0.87 < rate("10 positives, DeLong covers", by_delong) < 0.97
