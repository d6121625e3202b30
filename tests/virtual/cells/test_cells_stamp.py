"""Outlines painted against their areas by geometry."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.cells.fields import blurred, lattice, mosaic, quantile_mask
from vesalius.virtual.cells.stamp import Outlines, make_outlines, paint_labels, stamped


def _one(x: float, y: float, a: float, b: float, *, bend: float = 0.0, wave: float = 0.0) -> Outlines:
    row = [np.array([value], np.float32) for value in (x, y, a, b, 0.4)]
    waves = np.array([[wave, 0.0, 0.0]], np.float32)
    return Outlines(*row, waves, np.zeros((1, 3), np.float32), np.array([bend], np.float32))


@pytest.mark.parametrize(("a", "b"), [(10.0, 10.0), (16.0, 6.0), (30.0, 20.0), (3.0, 2.0)])
def test_painted_area_is_that_of_the_ellipse(a: float, b: float) -> None:
    # Antialiased cover sums to the area but for the curvature of the line within a pixel: measured worst 1.5 %.
    assert stamped(_one(64.3, 63.8, a, b), 128).sum() == pytest.approx(np.pi * a * b, rel=0.02)


def test_bowing_keeps_the_area() -> None:
    straight, bowed = stamped(_one(64, 64, 24, 7), 128).sum(), stamped(_one(64, 64, 24, 7, bend=0.5), 128).sum()
    # A shear keeps areas; the distance to the line does not know it: 3 % of the edge.
    assert bowed == pytest.approx(straight, rel=0.03)


def test_waves_add_half_their_square() -> None:
    outlines = _one(64, 64, 25, 25, wave=0.2)
    assert outlines.area[0] == pytest.approx(np.pi * 625 * 1.02, rel=1e-5)
    assert stamped(outlines, 128).sum() == pytest.approx(outlines.area[0], rel=0.02)


def test_the_later_outline_owns_what_is_shared() -> None:
    both = [
        getattr(_one(60, 64, 10, 10), name) for name in ("x", "y", "a", "b", "angle", "amplitude", "phase", "bend")
    ]
    other = [
        getattr(_one(68, 64, 10, 10), name) for name in ("x", "y", "a", "b", "angle", "amplitude", "phase", "bend")
    ]
    labels = paint_labels(Outlines(*(np.concatenate(pair) for pair in zip(both, other, strict=True))), 128)
    assert labels[64, 64] == 2
    assert (labels == 2).sum() == pytest.approx(np.pi * 100, rel=0.03)
    assert 0 < (labels == 1).sum() < (labels == 2).sum()


def test_outlines_beyond_the_edge_are_cut() -> None:
    assert stamped(_one(0, 64, 10, 10), 128).sum() == pytest.approx(np.pi * 50, rel=0.03)
    assert stamped(_one(-40, 64, 10, 10), 128).sum() == 0


def test_drawn_areas_have_their_mean_and_spread() -> None:
    outlines = make_outlines(np.random.default_rng(0), np.zeros((4000, 2)), area=35, cv=0.3, ratio=1.5, rough=0.0)
    assert outlines.area.mean() == pytest.approx(35, rel=0.02)
    assert outlines.area.std() / outlines.area.mean() == pytest.approx(0.3, abs=0.03)


def test_lattice_keeps_its_density() -> None:
    places = lattice(np.random.default_rng(1), 128, 8.0)
    inside = ((places >= 0) & (places < 128)).all(axis=1).sum()
    # A hexagonal lattice holds one place in 0.866 spacing²: 16384 / 55.4 = 296.
    assert inside == pytest.approx(296, rel=0.06)


def test_mosaic_gives_every_pixel_its_nearest_place() -> None:
    places = np.array([[20.0, 20.0], [100.0, 30.0], [60.0, 110.0]])
    cells = mosaic(places, 64, 128)
    at = (np.arange(64) + 0.5) * 2
    distance = (at[None, None, :] - places[:, 0, None, None]) ** 2 + (
        at[None, :, None] - places[:, 1, None, None]
    ) ** 2
    assert (cells.cell == distance.argmin(axis=0)).all()
    assert cells.wall_um.min() >= 0


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_quantile_mask_takes_exactly_its_share(share: float) -> None:
    noise = np.random.default_rng(2).standard_normal((80, 80)).astype(np.float32)
    assert quantile_mask(noise, share).sum() == round(share * 6400)
    half = np.zeros((80, 80), np.bool_)
    half[:40] = True
    chosen = quantile_mask(noise, share, within=half)
    assert not chosen[40:].any()
    assert chosen.sum() == min(round(share * 6400), 3200)


def test_blur_keeps_the_mean_and_does_nothing_at_zero() -> None:
    picture = np.random.default_rng(3).random((40, 40)).astype(np.float32)
    assert blurred(picture, 0.0) is picture
    assert blurred(picture, 2.0).mean() == pytest.approx(picture.mean(), rel=0.02)
    assert blurred(picture, 2.0).std() < 0.3 * picture.std()
