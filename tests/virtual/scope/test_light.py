"""Light falls off with the square of the distance, and the camera finds its gain."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.scope.light import Surface, develop, shade


def facing(distance: float) -> Surface:
    points = np.array([[0.0, 0.0, distance]], np.float32)
    normal = np.array([[0.0, 0.0, -1.0]], np.float32)
    return Surface(points, normal, np.full((1, 3), 0.5, np.float32), normal, np.ones(1, np.float32))


def test_inverse_square_law() -> None:
    near, far = shade(facing(40.0))[0][0, 0], shade(facing(80.0))[0][0, 0]
    # Lamps 3.4 mm beside the lens: the ratio is 4 but for (3.4 / 40)², below 2 %.
    assert near / far == pytest.approx(4.0, rel=0.02)


def test_reflections_need_a_mirror_towards_the_lens() -> None:
    straight = facing(40.0)
    leaning = straight._replace(rough=np.array([[0.5, 0.0, -0.866]], np.float32))
    assert shade(straight)[1][0] > 100 * shade(leaning)[1][0]


@pytest.mark.parametrize("target", [0.40, 0.50])
@pytest.mark.parametrize("level", [1e-4, 3.0])
def test_gain_brings_every_scene_to_the_wanted_mean(target: float, level: float) -> None:
    rng = np.random.default_rng(0)
    light = (level * rng.lognormal(0, 0.6, (80, 80, 3))).astype(np.float32)
    pixels, gain = develop(light, target=target, sd=2.0, rng=rng)
    # The gain is found on every 13th pixel: SD of the mean is 0.2 / √500 = 0.01.
    assert pixels.mean() / 255 == pytest.approx(target, abs=0.03)
    assert gain > 0
