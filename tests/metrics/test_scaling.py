"""Power laws: exponents of made curves come back, with and without noise; what cannot be fitted is refused."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.scaling import power_law

SIZES = [250, 500, 1000, 2500, 5000, 10000, 25000]


@pytest.mark.evidence("merlin", "L2", "the scaling fit returns the exponent of y = a n^-b + c")
@pytest.mark.parametrize("law", [(-2.0, 0.3, 0.8), (5.0, 1.0, 0.1), (-0.9, 0.05, 1.0), (300.0, 2.5, 0.0)])
def test_made_curves_come_back(law: tuple[float, float, float]) -> None:
    a, b, c = law
    found = power_law(SIZES, a * np.array(SIZES, float) ** -b + c)
    assert found.exponent == pytest.approx(b, rel=1e-4)
    assert found.amplitude == pytest.approx(a, rel=1e-3)
    assert found.limit == pytest.approx(c, abs=1e-4)
    np.testing.assert_allclose(found.at(SIZES), a * np.array(SIZES, float) ** -b + c, atol=1e-7)


def test_noise_is_left_over() -> None:
    rng = np.random.default_rng(0)
    clean = -2.0 * np.array(SIZES * 20, float) ** -0.3 + 0.8
    found = power_law(SIZES * 20, clean + rng.normal(0, 0.005, len(clean)))
    assert found.deviation == pytest.approx(0.005, rel=0.15)
    assert found.exponent == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize(
    ("sizes", "scores", "fault"),
    [
        ([1, 2, 4], [1, 2, 3], "at least four different sizes, found 3"),
        ([1, 2, 4, 0], [1, 2, 3, 4], "above 0"),
        ([1, 2, 4, 8], [1, 2, 3, float("nan")], "scores finite"),
        ([1, 2, 4, 8], [1, 2, 3], "two lists of one length"),
    ],
)
def test_what_cannot_be_fitted_is_refused(sizes: list[float], scores: list[float], fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        power_law(sizes, scores)
