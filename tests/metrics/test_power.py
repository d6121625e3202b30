"""Power of a paired comparison: by hand, against the discordant rates' formula, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.power import cases_needed, detectable, paired_power
from vesalius.metrics.proportions import paired_cases_needed
from vesalius.metrics.variance import mean_interval


def test_by_hand() -> None:
    """1.959964 + .841621 = 2.801585 errors show; an error of .01 with 100 cases: 100 (.02801585/.02)² = 196.2."""
    assert detectable(0.01) == pytest.approx(0.028015852, abs=1e-9)
    assert cases_needed(0.01, 100) == pytest.approx(196.2220, abs=1e-3)
    assert cases_needed(0.01, 100, difference=detectable(0.01)) == pytest.approx(100)


def test_near_the_formula_of_discordant_rates() -> None:
    """.12 and .07 of 10000 items: 595 by McNemar's formula, a little less without its null variance."""
    apart = np.repeat([1.0, -1.0, 0.0], [1200, 700, 8100])
    found = paired_power(apart, np.zeros(10_000), np.arange(10_000), difference=0.05)
    assert found.items_needed == pytest.approx(paired_cases_needed(0.12, 0.07), rel=0.02)
    assert found.design_effect == pytest.approx(1, abs=1e-3)


def test_doubled_items_are_no_more_evidence() -> None:
    stream = np.random.default_rng(0)
    first, second = stream.random((2, 50))
    once = paired_power(first, second, np.arange(50))
    twice = paired_power(np.repeat(first, 2), np.repeat(second, 2), np.repeat(np.arange(50), 2))
    assert twice.detectable == pytest.approx(once.detectable)
    assert twice.clusters_needed == pytest.approx(once.clusters_needed)
    assert twice.items_needed == pytest.approx(2 * once.items_needed)
    # sd with n - 1 of 100 and of 50: (99/49) (49/50 ... ) = 99/49
    assert twice.design_effect == pytest.approx(99 / 49)


def test_the_number_found_has_the_power_promised() -> None:
    """Patients of three questions each; a difference of .1, as many patients as were said to be needed."""
    stream = np.random.default_rng(1)

    def questions(patients: int) -> tuple[np.ndarray, np.ndarray]:
        shared = np.repeat(stream.normal(0.1, 0.5, patients), 3)
        return shared + stream.normal(0, 0.5, 3 * patients), np.repeat(np.arange(patients), 3)

    pilot, names = questions(3000)
    patients = round(paired_power(pilot, np.zeros(9000), names, difference=0.1).clusters_needed)
    # one item's share of the variance: .25 + .25/3 a patient, (2.8016 / .1)² x .3333 = 262
    assert patients == pytest.approx(262, rel=0.06)
    found = [mean_interval(*questions(patients)).low > 0 for _ in range(600)]
    assert np.mean(found) == pytest.approx(0.8, abs=4 * (0.16 / 600) ** 0.5)


def test_faults_are_named() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        cases_needed(0.1, 10, difference=0)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        detectable(0.1, power=1)
    with pytest.raises(DataError, match="same items"):
        paired_power([1, 0], [1], ["a", "b"])
    with pytest.raises(DataError, match="one patient"):
        paired_power([1, 0], [1, 1], ["a", "a"])
