"""Token reduction: Hulu-Med's hand cases, its release's fault, the public rule, and budgets that always hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vesalius.errors import DataError
from vesalius.models.vlm.connector_settings import ConnectorConfig
from vesalius.models.vlm.connectors import build_connector
from vesalius.models.vlm.reduction import ReductionConfig, changes, reduced
from vesalius.models.vlm.views import Layout

GRID = (2, 2)
RELEASED = ReductionConfig(unprotected=True)


def layout(views: int, *, side: int = 8, kind: str = "volume") -> Layout:
    return Layout(kind=kind, views=views, size=(side, side))  # type: ignore[arg-type]


def slices(views: int, *, side: int = 8) -> NDArray[np.float32]:
    """The same picture so many times."""
    picture = np.random.default_rng(0).normal(size=(1, 3, side, side)).astype(np.float32)
    return np.repeat(picture, views, axis=0)


def kept(arrays: NDArray[np.float32], settings: ReductionConfig) -> list[int]:
    """Tokens that stay of each slice."""
    out = reduced(arrays, layout(len(arrays)), grid=GRID, settings=settings)
    assert out.kept is not None
    return out.kept.sum(axis=1).tolist()


def one_patch_changed(by: float = 0.3) -> NDArray[np.float32]:
    """Two slices of 2 × 2 merged patches of 4 × 4 pixels; the last patch differs."""
    arrays = slices(2)
    arrays[1, :, 4:, 4:] += by
    return arrays


def test_identical_slices_keep_the_first_and_one_token_each() -> None:
    assert kept(slices(6), ReductionConfig()) == [4, 1, 1, 1, 1, 1]


def test_the_changed_patch_stays() -> None:
    # Four of slice 0 and the changed one of slice 1: one is enough, the rule of at least one adds nothing.
    out = reduced(one_patch_changed(), layout(2), grid=GRID, settings=ReductionConfig())
    assert out.kept is not None
    assert out.kept.tolist() == [[True] * 4, [False, False, False, True]]


def test_as_released_slice_0_falls_back_to_one_token() -> None:
    # The mark (.1 + 1) / 255 = .0043 is below .1.
    assert kept(one_patch_changed(), RELEASED) == [1, 1]
    assert kept(slices(3), RELEASED) == [1, 1, 1]
    # Where the threshold is low enough the mark works: (.004 + 1) / 255 = .00394 is not above, .0039 is.
    assert kept(slices(2), replace(RELEASED, threshold=0.004)) == [1, 1]
    assert kept(slices(2), replace(RELEASED, threshold=0.0039)) == [4, 1]


def test_thresholds_at_the_ends_and_a_single_slice() -> None:
    noisy = np.random.default_rng(1).normal(size=(5, 3, 8, 8)).astype(np.float32)
    assert kept(noisy, ReductionConfig(threshold=-1.0)) == [4] * 5
    assert kept(slices(5), ReductionConfig(threshold=-1.0)) == [4] * 5
    assert kept(noisy, ReductionConfig(threshold=1e6)) == [4, 1, 1, 1, 1]
    assert kept(noisy, ReductionConfig(threshold=1e6, least=0)) == [4, 0, 0, 0, 0]
    assert kept(noisy, ReductionConfig(threshold=1e6, least=2)) == [4, 2, 2, 2, 2]
    for settings in (ReductionConfig(), RELEASED):
        assert reduced(slices(1), layout(1), grid=GRID, settings=settings).kept is None


def test_pictures_pass_unchanged() -> None:
    picture = Layout(kind="image", views=1, size=(8, 8))
    assert reduced(slices(1), picture, grid=GRID, settings=ReductionConfig(budget=1)) is picture


def test_clips_are_reduced_as_volumes_are() -> None:
    out = reduced(slices(3), layout(3, kind="video"), grid=GRID, settings=ReductionConfig())
    assert out.kept is not None
    assert out.kept.sum() == 6


def test_differences_are_means_over_the_cell() -> None:
    arrays = slices(3)
    arrays[1, 0, 0, 0] += 4.8  # one of 3 × 4 × 4 = 48 values of the first cell: .1
    found = changes(arrays, grid=GRID)
    assert np.isinf(found[0]).all()
    np.testing.assert_allclose(found[1:], [[0.1, 0, 0, 0], [0.1, 0, 0, 0]], atol=1e-6)


# Which of the nine tokens of each slice stay in the volume below. From two public codes, run on its patches in their
# order: the rule of VideoLLaMA 3 in transformers 5.23 (the parent of Hulu-Med; it compares on the scale of 255, so
# that its threshold was 25.5), and that of Hulu-Med's release of 2025, threshold .1, which differs in slice 0 alone.
PARENT = "111111111 000000101 100010001 001101111 110111110 010110000 010111011 101101010"
RELEASE = "100000000" + PARENT[9:]


def test_the_rules_are_those_of_the_public_codes() -> None:
    noisy = (0.089 * np.random.default_rng(7).normal(size=(8, 3, 12, 12))).astype(np.float32)
    for settings, expected in ((ReductionConfig(), PARENT), (RELEASED, RELEASE)):
        out = reduced(noisy, layout(8, side=12), grid=(3, 3), settings=settings)
        assert out.kept is not None
        assert " ".join("".join(str(int(stays)) for stays in row) for row in out.kept) == expected


def test_views_that_do_not_divide_are_refused() -> None:
    with pytest.raises(DataError, match="8 × 8 pixels do not divide into 3 × 3 cells"):
        reduced(slices(2), layout(2), grid=(3, 3), settings=ReductionConfig())


@pytest.mark.parametrize("budget", [9, 12, 17, 20])
def test_the_strongest_changes_stay_within_the_budget(budget: int) -> None:
    arrays = np.random.default_rng(2).normal(size=(6, 3, 8, 8)).astype(np.float32)
    settings = ReductionConfig(budget=budget, over="strongest")
    out = reduced(arrays, layout(6), grid=GRID, settings=settings)
    assert out.kept is not None
    assert out.kept.sum() == budget
    assert out.kept[0].all()
    assert (out.kept.sum(axis=1) >= 1).all()
    found = changes(arrays, grid=GRID)
    best = found.argmax(axis=1)
    assert out.kept[np.arange(1, 6), best[1:]].all()  # each slice keeps its strongest
    free = ~np.isinf(found)
    free[np.arange(6), best] = False
    left = budget - 4 - 5
    if left:
        weakest = np.sort(found[free])[-left]
        np.testing.assert_array_equal(out.kept[free], found[free] >= weakest)
    else:
        assert not out.kept[free].any()


def test_budgets_that_cannot_hold_name_the_numbers() -> None:
    noisy = np.random.default_rng(2).normal(size=(6, 3, 8, 8)).astype(np.float32)
    with pytest.raises(DataError, match="keeps 24 of 24 tokens, the budget is 20"):
        reduced(noisy, layout(6), grid=GRID, settings=ReductionConfig(budget=20))
    with pytest.raises(DataError, match="9 tokens, the budget is 8"):
        reduced(noisy, layout(6), grid=GRID, settings=ReductionConfig(budget=8, over="strongest"))
    plain = ReductionConfig(threshold=None, budget=20)
    with pytest.raises(DataError, match="6 views with 4 tokens each is 24 tokens, the budget is 20"):
        reduced(noisy, layout(6), grid=GRID, settings=plain)
    with pytest.raises(DataError, match="the budget is 3"):
        reduced(noisy, layout(6), grid=GRID, settings=ReductionConfig(threshold=None, budget=3, over="merge"))


@pytest.mark.parametrize(("budget", "merged"), [(24, 1), (23, 2), (12, 2), (11, 3), (8, 3), (7, 6), (4, 6)])
def test_neighbours_are_merged_as_far_as_needed(budget: int, merged: int) -> None:
    # 6 slices of 4 tokens; budget // 4 sets of tokens fit.
    settings = ReductionConfig(threshold=None, budget=budget, over="merge")
    out = reduced(slices(6), layout(6), grid=GRID, settings=settings)
    assert out.merged == merged
    assert out.kept is None


def test_nothing_asked_for_is_nothing_done() -> None:
    one = layout(6)
    assert reduced(slices(6), one, grid=GRID, settings=ReductionConfig(threshold=None)) is one


@pytest.mark.parametrize("over", ["merge", "strongest"])
def test_a_ct_of_300_slices_fits_4096_tokens(over: str) -> None:
    # 300 slices of 14 × 14 patches, merged 2 × 2: 14 700 tokens before.
    model = build_connector(ConnectorConfig(kind="mlp", merge=2), vision_width=8, language_width=4)
    one = layout(300, side=28)
    places = model.places((14, 14))
    assert places == (7, 7)
    assert model.count(one, (14, 14)) == 14_700
    settings = ReductionConfig(threshold=None, budget=4096, over=over)  # type: ignore[arg-type]
    arrays = np.random.default_rng(0).normal(size=(300, 1, 28, 28)).astype(np.float32)
    out = reduced(arrays, one, grid=(7, 7), settings=settings)
    # 4096 // 49 = 83 sets hold 300 slices four at a time: 75 · 49 = 3675; single tokens fill the budget.
    assert model.count(out, (14, 14)) == {"merge": 3675, "strongest": 4096}[over]
