"""Grounding measures against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.maps import contrast_to_noise, energy_inside, mean_iou, pointing_hit

S = np.array([[0.1, 0.2, 0.3], [0.2, 0.9, 0.8], [0.1, 0.7, 0.2]])
M = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 0]], dtype=bool)


def test_the_worked_example() -> None:
    """Means .8 and .18333, variances .0066667 and .0047222; IoU .428571, .75, 1, 1, 1; 2.4 of 3.5 lie inside."""
    assert contrast_to_noise(S, M) == pytest.approx(5.778429190, rel=1e-9)
    assert mean_iou(S, M) == pytest.approx(0.835714286, rel=1e-9)
    assert pointing_hit(S, M) == 1
    assert energy_inside(S, M) == pytest.approx(2.4 / 3.5)


def test_scale_and_sign() -> None:
    assert contrast_to_noise(3 * S + 2, M) == pytest.approx(contrast_to_noise(S, M))
    assert contrast_to_noise(-S, M) == pytest.approx(-contrast_to_noise(S, M))
    assert mean_iou(3 * S, M) != mean_iou(S, M)


def test_what_is_not_defined_is_nan() -> None:
    nothing = np.zeros_like(M)
    for measure in (contrast_to_noise, mean_iou, pointing_hit, energy_inside):
        assert np.isnan(measure(S, nothing))
    assert np.isnan(contrast_to_noise(S, ~nothing))
    assert np.isnan(contrast_to_noise(np.ones((3, 3)), M))
    assert np.isnan(energy_inside(-S, M))


def test_ties_take_the_first() -> None:
    flat = np.zeros((3, 3))
    assert pointing_hit(flat, M) == 0
    assert pointing_hit(flat, np.eye(3, dtype=bool)) == 1


def test_faults_are_named() -> None:
    with pytest.raises(DataError, match=r"\(3, 3\) for a mask of \(2, 2\)"):
        contrast_to_noise(S, np.ones((2, 2)))
    with pytest.raises(DataError, match="not finite"):
        mean_iou(np.full((3, 3), np.nan), M)
