"""Noise closes round the organ; colours mix in linear light."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.scope.canvas import Grain
from vesalius.virtual.scope.texture import linear, mix, soft, vessels, wrapped_noise


def test_noise_closes_round_the_second_axis() -> None:
    field = wrapped_noise(np.random.default_rng(1), (200, 320), (12, 10))
    steps = np.abs(np.diff(field, axis=1)).mean()
    seam = np.abs(field[:, 0] - field[:, -1]).mean()
    assert seam < 2 * steps
    assert field.std() == pytest.approx(1.0, abs=0.01)


def test_grain_closes_at_all_sides_and_stays_with_the_tissue() -> None:
    grain = Grain(np.random.default_rng(2))
    x, y = np.meshgrid(np.linspace(0, 80, 300, dtype=np.float32), np.linspace(0, 80, 300, dtype=np.float32))
    field = grain.at(x, y, 10.0, smooth=True)
    # A tile is eight bumps of 10 mm: at 80 mm it begins anew.
    assert np.abs(field[:, 0] - field[:, -1]).mean() < 0.1
    moved = grain.at(x + 8.0, y, 10.0, smooth=True)
    assert moved[:, :270] == pytest.approx(field[:, 30:], abs=0.35)


def test_linear_light_and_mixing() -> None:
    assert linear((255, 0, 128)) == pytest.approx([1.0, 0.0, (128 / 255) ** 2.2], rel=1e-5)
    both = mix(np.zeros((2, 3), np.float32), (1.0, 1.0, 1.0), np.array([0.25, 1.0], np.float32))
    assert both[0] == pytest.approx([0.25] * 3)
    assert both[1] == pytest.approx([1.0] * 3)
    # Smooth step at a quarter: 0.25² · (3 − 0.5) = 0.15625.
    assert soft(np.array([0.25, 2.0], np.float32), 0, 1) == pytest.approx([0.15625, 1.0])


def test_vessels_cover_a_small_part_of_the_sheet() -> None:
    sheet = vessels(np.random.default_rng(3), (300, 300), 12, 1.5, 80)
    assert 0.02 < (sheet > 0.3).mean() < 0.5
    assert sheet.min() >= 0
    assert sheet.max() <= 1
