"""Painting: volumes agree with the solids, later parts take room of earlier ones, nothing depends on the grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Part, Warp, sample
from vesalius.virtual.anatomy.solids import Ellipsoid, Tube
from vesalius.virtual.body import draw_body

BODY = draw_body(0, "somebody")
PALETTE = {"air": ((-1000, 0), (0, 0)), "fat": ((-100, 1), (10, 0)), "soft": ((50, 2), (5, 0))}
BALL = Ellipsoid((0, 0, 0), (20, 20, 20))
PARTS = (
    Part(structure="trunk", solid=Ellipsoid((0, 0, 0), (40, 30, 35)), tissue="fat"),
    Part(structure="ball", solid=BALL, tissue="soft"),
)
ANATOMY = Anatomy("test", BODY, PARTS)
GRID = Grid((45, 40, 50), (2, 2, 2), (-49, -39, -44))


def test_volume_of_a_mask_and_of_partial_volume() -> None:
    found = sample(ANATOMY, GRID, PALETTE)
    expected = 4 / 3 * np.pi * 8
    assert found.mask("ball").sum() * GRID.voxel_ml == pytest.approx(expected, rel=0.01)
    share = (found.values[0][found.labels > 0] + 100) / 150
    assert share.clip(0, 1).sum() * GRID.voxel_ml == pytest.approx(expected, rel=0.02)


def test_structures_do_not_overlap_and_the_later_wins() -> None:
    found = sample(ANATOMY, GRID, PALETTE)
    assert not (found.mask("trunk") & found.mask("ball")).any()
    assert found.values[:, 22, 20, 25] == pytest.approx([50, 2])
    assert found.values[0, 0, 0, 0] == -1000


def test_a_part_without_a_structure_changes_values_only() -> None:
    tint = Part(structure="", solid=BALL, tissue="fat", opacity=0.5, within=("ball",))
    found = sample(ANATOMY.painted((tint,)), GRID, PALETTE)
    assert found.structures == ("trunk", "ball")
    assert np.array_equal(found.labels, sample(ANATOMY, GRID, PALETTE).labels)
    # Half of soft at 50 and half of fat at -100.
    assert found.values[0, 22, 20, 25] == pytest.approx(-25)


def test_lesions_keep_to_what_they_sit_in() -> None:
    lesion = Part(
        structure="ball", solid=Ellipsoid((15, 0, 0), (10, 10, 10)), tissue="soft", within=("ball",),
        concept="cyst", instance=2, component="core", score=2.0,
    )  # fmt: skip
    found = sample(ANATOMY.painted((lesion,)), GRID, PALETTE)
    mask = found.lesion("cyst", 2)
    assert mask.any()
    assert not (mask & ~found.mask("ball")).any()
    assert found.values[0][mask].max() == pytest.approx(60)
    assert not found.lesion("cyst", 0).any()


def test_a_lesion_smaller_than_a_voxel_has_its_fullest_voxel() -> None:
    dot = Part(structure="ball", solid=Ellipsoid((0.9, 1.0, 0.0), (0.5, 0.5, 0.5)), tissue="soft", concept="dot",
               within=("ball",))  # fmt: skip
    mask = sample(ANATOMY.painted((dot,)), GRID, PALETTE).lesion("dot", 0)
    assert np.argwhere(mask).tolist() == [[22, 20, 25]]
    gone = replace(dot, within=("trunk",))
    assert not sample(ANATOMY.painted((gone,)), GRID, PALETTE).lesion("dot", 0).any()


def test_soft_margin_is_wider_than_a_sharp_one() -> None:
    def edge(softness: float) -> int:
        part = Part(structure="ball", solid=BALL, tissue="soft", softness_mm=softness)
        values = sample(Anatomy("test", BODY, (PARTS[0], part)), GRID, PALETTE).values[0, 22, 20]
        return int(((values > -80) & (values < 30)).sum())

    assert edge(0) <= 4 < edge(3)


def test_coordinates_of_a_warp_are_its_displacements() -> None:
    warp = Warp(1, "p", 3.0)
    x, y, z = warp.coordinates(*GRID.axes)
    place = (GRID.axes[0][7], GRID.axes[1][30], GRID.axes[2][11])
    found = np.array([x[11, 30, 7], y[11, 30, 7], z[11, 30, 7]]) - place
    # float32 products of places up to 50 mm.
    np.testing.assert_allclose(found, warp.at(place), atol=1e-4)
    assert np.abs(found).max() <= warp.reach_mm


def test_warp_does_not_fold() -> None:
    for seed in range(20):
        x, y, z = Warp(seed, "p", 3.0).coordinates(*GRID.axes)
        jacobian = np.stack([np.stack(np.gradient(part, 2.0)[::-1]) for part in (x, y, z)])
        assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0.5


def test_points_are_drawn_uniformly_with_a_margin() -> None:
    rng = np.random.default_rng(0)
    points = np.array([ANATOMY.point_in(rng, "ball", margin_mm=5) for _ in range(600)])
    radius = np.linalg.norm(points, axis=1)
    assert radius.max() <= 15.05
    # Uniform in a ball of 15: the mean radius is 3/4 of it; standard error 0.12.
    assert radius.mean() == pytest.approx(11.25, abs=0.4)
    assert np.abs(points.mean(axis=0)).max() < 1.5


def test_a_long_tube_costs_only_its_surroundings_and_is_whole() -> None:
    tube = Tube(((-40, -30, -35), (0.7, 0.3, 0.9), (40, 30, 35)), (2, 2, 2))
    found = sample(Anatomy("test", BODY, (Part(structure="vessel", solid=tube, tissue="soft"),)), GRID, PALETTE)
    steps = np.linalg.norm(np.diff(tube.samples[:, :3], axis=0), axis=1)
    assert found.mask("vessel").sum() * 8 == pytest.approx(np.pi * 4 * steps.sum() + 4 / 3 * np.pi * 8, rel=0.05)


def test_finding_a_name_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"no structure 'bal' in the test.*ball"):
        ANATOMY.solid("bal")
    with pytest.raises(ConfigError, match="no values for the tissue 'bone'"):
        sample(Anatomy("test", BODY, (Part(structure="x", solid=BALL, tissue="bone"),)), GRID, PALETTE)


def test_grid_knows_its_places() -> None:
    assert GRID.index((-49, -39, -44)) == (0, 0, 0)
    assert GRID.index((-47, -35, -38)) == (1, 2, 3)
    around = Grid.around(BALL.bounds, (10, 20, 40), isotropic=True)
    assert around.spacing_mm == (4, 4, 4)
    assert around.index((0, 0, 0)) == pytest.approx((19.5, 9.5, 4.5))


def test_impossible_grids_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"spacing \(2, 0, 2\) mm: expected numbers above 0"):
        Grid((4, 4, 4), (2, 0, 2), (0, 0, 0))
    with pytest.raises(ConfigError, match="at least one voxel"):
        Grid((4, 0, 4), (2, 2, 2), (0, 0, 0))
