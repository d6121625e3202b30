"""Overlap and surfaces of masks: the card's examples, rules for empty masks, and properties."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.masks import counts, cumulative_iou, dice, iou, pooled_dice, surfaces
from vesalius.tasks.segmentation import overlap

CASES = np.array([[90, 10, 10], [1, 1, 8], [0, 0, 0], [0, 3, 0]])
"""TP, FP, FN."""


def square(rows: tuple[int, int], columns: tuple[int, int], shape: tuple[int, int] = (12, 12)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    return mask


A, B = square((2, 7), (2, 7)), square((3, 8), (2, 7))


def test_aggregation_of_the_card() -> None:
    each = dice(CASES)
    np.testing.assert_allclose(each, [0.9, 0.181818182, np.nan, 0], atol=1e-9)
    assert np.nanmean(each) == pytest.approx(0.360606061, abs=1e-9)
    assert dice(CASES, empty="one").mean() == pytest.approx(0.520454545, abs=1e-9)
    assert np.nanmean(dice(CASES, empty="truth_only")) == pytest.approx(0.540909091, abs=1e-9)
    assert pooled_dice(CASES) == pytest.approx(0.850467290, abs=1e-9)
    assert iou(CASES[:2]).mean() == pytest.approx(0.459090909, abs=1e-9)
    assert cumulative_iou(CASES[:2]) == pytest.approx(0.758333333, abs=1e-9)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("nan", [np.nan, 0, 0]), ("one", [1, 0, 0]), ("truth_only", [np.nan, np.nan, 0])],
)
def test_empty_masks(rule, expected) -> None:
    """Both empty; truth empty and answer not; answer empty and truth not."""
    cases = [[0, 0, 0], [0, 5, 0], [0, 0, 5]]
    np.testing.assert_array_equal(dice(cases, empty=rule), expected)
    np.testing.assert_array_equal(iou(cases, empty=rule), expected)


def test_the_task_and_the_metric_agree() -> None:
    both, said, truth = CASES[:, 0], CASES[:, :2].sum(axis=1), CASES[:, [0, 2]].sum(axis=1)
    found = overlap(np.stack([both, said, truth], axis=1))
    np.testing.assert_array_equal(found["dice"], dice(CASES, empty="truth_only"))
    np.testing.assert_array_equal(found["iou"], iou(CASES, empty="truth_only"))
    np.testing.assert_array_equal(found["dice_all"], dice(CASES, empty="one"))


@pytest.mark.parametrize(
    ("spacing", "far", "mean", "shares"),
    [((1.0, 1.0), 1, 0.5, (0.5, 1, 1)), ((2.0, 0.5), 2, 0.75, (0.6, 0.7, 1))],
)
def test_surfaces_of_the_card(spacing, far, mean, shares) -> None:
    assert float(dice(counts(A, B))) == pytest.approx(0.833333333, abs=1e-9)
    found = surfaces(A, B, spacing_mm=spacing)
    assert found.hausdorff() == far
    assert found.hausdorff(percentile=95) == far
    assert found.hausdorff(percentile=95, pooled=True) == far
    assert found.mean_distance() == pytest.approx(mean)
    assert found.mean_distance(by_side=True) == pytest.approx(mean)
    assert [found.normalised_dice(tolerance) for tolerance in (0.5, 1, 2)] == pytest.approx(list(shares))


def test_a_cube_shifted_along_thick_slices() -> None:
    """4 x 4 x 4 in 6 x 6 x 6, 3 mm slices: 56 surface voxels each, 40 of both within 1 mm."""
    first, second = np.zeros((6, 6, 6), bool), np.zeros((6, 6, 6), bool)
    first[1:5, 1:5, 0:4], second[1:5, 1:5, 1:5] = True, True
    assert float(dice(counts(first, second))) == 0.75
    found = surfaces(first, second, spacing_mm=(1, 1, 3))
    assert found.hausdorff(percentile=95) == 3
    assert found.normalised_dice(1) == pytest.approx(0.714285714, abs=1e-9)
    assert found.normalised_dice(3) == 1


def test_properties_of_distances() -> None:
    stream = np.random.default_rng(0)
    first, second = stream.random((2, 9, 8, 7)) < 0.3
    found = surfaces(first, second, spacing_mm=(1.0, 0.5, 2.0))
    twice = surfaces(first, second, spacing_mm=(2.0, 1.0, 4.0))
    assert twice.hausdorff() == pytest.approx(2 * found.hausdorff())
    assert twice.mean_distance() == pytest.approx(2 * found.mean_distance())
    turned = surfaces(first.transpose(2, 0, 1), second.transpose(2, 0, 1), spacing_mm=(2.0, 1.0, 0.5))
    assert turned.hausdorff(percentile=95) == pytest.approx(found.hausdorff(percentile=95))
    shares = [found.normalised_dice(tolerance) for tolerance in (0, 0.5, 1, 2, 5)]
    assert shares == sorted(shares)
    same = surfaces(first, first, spacing_mm=(1, 1, 1))
    assert (same.hausdorff(), same.normalised_dice(0), same.mean_distance()) == (0, 1, 0)


def test_distances_against_all_pairs() -> None:
    """By brute force over surface voxels; a voxel at the border of the picture is surface."""
    stream = np.random.default_rng(1)
    spacing = np.array([1.5, 0.7])
    masks = stream.random((2, 10, 11)) < 0.5

    def surface(mask: np.ndarray) -> np.ndarray:
        padded = np.pad(mask, 1)
        inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        return np.argwhere(mask & ~inner) * spacing

    ours, theirs = (surface(mask) for mask in masks)
    apart = np.sqrt(((ours[:, None] - theirs[None]) ** 2).sum(axis=2))
    found = surfaces(*masks, spacing_mm=spacing.tolist())
    np.testing.assert_allclose(found.to_truth, apart.min(axis=1))
    np.testing.assert_allclose(found.to_said, apart.min(axis=0))


def test_one_mask_empty() -> None:
    nothing = np.zeros_like(A)
    found = surfaces(nothing, A, spacing_mm=(3, 4))
    assert found.hausdorff(percentile=95) == np.inf
    assert found.mean_distance() == np.inf
    # 12 x 3 and 12 x 4 mm: a diagonal of 60
    assert found.penalised(found.hausdorff()) == 60
    assert found.penalised(5.0) == 5.0
    assert found.normalised_dice(100) == 0
    neither = surfaces(nothing, nothing, spacing_mm=(1, 1))
    assert np.isnan([neither.hausdorff(), neither.mean_distance(), neither.normalised_dice(1)]).all()


def test_faults_are_named() -> None:
    with pytest.raises(DataError, match="one grid"):
        counts(A, A[:5])
    with pytest.raises(DataError, match="real numbers"):
        counts(A * 0.5, A)
    for spacing in (None, (1.0,), (1.0, 0.0)):
        with pytest.raises(DataError, match="spacing above 0"):
            surfaces(A, B, spacing_mm=spacing)
    with pytest.raises(ConfigError, match="'nann'"):
        dice(CASES, empty="nann")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="tolerance"):
        surfaces(A, B, spacing_mm=(1, 1)).normalised_dice(-1)
