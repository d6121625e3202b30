"""Which pixels are destroyed and with what: constant maps, the blur by hand, OpenCV's masks, pixels that stay."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesalius.curation.preferences.lesion_noise import NoiseConfig, attention_mask, box_mask, noised
from vesalius.data.records import Box
from vesalius.errors import DataError

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "lesion_noise.json").read_text(encoding="utf-8"))


def test_a_constant_map_selects_nothing() -> None:
    for value in (0.0, 0.1, 3.7, -2.0):
        assert not attention_mask(np.full((14, 14), value), (96, 120)).any()


def test_a_low_threshold_selects_most_of_what_is_salient() -> None:
    attention = np.zeros((14, 14))
    attention[4:8, 3:6] = 1
    mask = attention_mask(attention, (224, 224))
    assert mask[4 * 16 : 8 * 16, 3 * 16 : 6 * 16].all()
    # 12 of 196 patches: mean .061, SD .24: the threshold lies below 0, and all is selected.
    assert mask.all()
    half = np.zeros((14, 14))
    half[:, 7:] = 1
    # Half of it: mean .5, SD a little below .5 (the blurred edge): just above 0, so that the dark half stays out.
    cut = attention_mask(half, (224, 224))
    assert cut[:, 112:].all()
    assert not cut[:, :100].any()


def attention(rows: int, columns: int) -> np.ndarray:
    """The maps of the golden numbers."""
    i, j = np.mgrid[:rows, :columns]
    return np.sin(1.3 * i + 0.4) * np.cos(0.9 * j - 0.2) + 0.3 * np.sin(i * j / 5)


@pytest.mark.parametrize("name", sorted(GOLDEN["masks"]))
def test_masks_are_those_of_the_public_code(name: str) -> None:
    case = GOLDEN["masks"][name]
    mask = attention_mask(attention(14, 14).astype(np.float32), tuple(case["shape"]))
    rows = mask.sum(axis=1)
    # OpenCV blurs in float32, we in float64: pixels whose value is the threshold to 1e-6 may differ.
    assert np.abs(rows - np.array(case["row_sums"])).sum() <= case["pixels"] * 2e-4
    assert abs(int(mask.sum()) - case["selected"]) <= case["pixels"] * 2e-4


@given(
    kind=st.sampled_from(["clipped", "wrapped", "diffused", "added"]), seed=st.integers(0, 50),
    deep=st.booleans(), colour=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_pixels_outside_the_mask_stay_bit_by_bit(kind: str, seed: int, deep: bool, colour: bool) -> None:
    rng = np.random.default_rng(seed)
    shape = (17, 23, 3) if colour else (17, 23)
    picture = rng.integers(0, 65536 if deep else 256, shape).astype(np.uint16 if deep else np.uint8)
    before = picture.copy()
    mask = rng.random((17, 23)) < 0.4
    made = noised(picture, mask, settings=NoiseConfig(kind=kind), rng=np.random.default_rng(seed))
    assert np.array_equal(made[~mask], picture[~mask])
    assert np.array_equal(picture, before)
    assert (made.shape, made.dtype) == (picture.shape, picture.dtype)
    again = noised(picture, mask, settings=NoiseConfig(kind=kind), rng=np.random.default_rng(seed))
    assert np.array_equal(made, again)
    assert mask.sum() < 20 or not np.array_equal(made[mask], picture[mask])


def test_an_empty_mask_changes_nothing() -> None:
    picture = np.arange(20, dtype=np.uint8).reshape(4, 5)
    made = noised(picture, np.zeros((4, 5), bool), settings=NoiseConfig(), rng=np.random.default_rng(0))
    assert np.array_equal(made, picture)


def drawn(kind: str, value: int = 128, **more: float) -> np.ndarray:
    picture = np.full((200, 200), value, np.uint8)
    mask = np.ones_like(picture, dtype=bool)
    return noised(picture, mask, settings=NoiseConfig(kind=kind, **more), rng=np.random.default_rng(0))


def test_clipped_noise_is_half_black() -> None:
    # N(0, 10²) cut at 0 and made whole downwards: half is below 0, 4 % more below 1.
    made = drawn("clipped")
    assert (made == 0).mean() == pytest.approx(0.54, abs=0.01)
    assert made.max() < 60


def test_wrapped_noise_is_near_black_and_near_white() -> None:
    # Below 0 comes round from the top: -3.7 becomes -3, which is 253.
    made = drawn("wrapped")
    assert (made > 195).mean() == pytest.approx(0.46, abs=0.01)
    assert ((made < 60) | (made > 195)).all()
    for case in GOLDEN["masks"].values():
        assert (made > 195).mean() == pytest.approx(case["near_white"], abs=0.01)


def test_diffusion_by_steps() -> None:
    # x from -1 to 1; after k steps √ξ of it is left: the mean goes from the value to grey, the spread grows.
    # ξ after one step is 1 - β with β = 1e-5 + (5e-3 - 1e-5) σ(-6) = 2.2338e-5: SD 127.5 · √2.2338e-5 = .603.
    first = drawn("diffused", value=200, step=0)
    assert first.mean() == pytest.approx(199.5, abs=0.1)
    # Cut to whole numbers downwards: the variance of rounding, 1/12, is added.
    assert first.std() == pytest.approx((0.603**2 + 1 / 12) ** 0.5, abs=0.05)
    means = [drawn("diffused", value=200, step=step).mean() for step in (0, 300, 500, 700, 999)]
    assert all(later < earlier for earlier, later in pairwise(means))
    # ξ after all steps is .0812: N(.285 · .569, .9188) cut to -1 and 1 has the mean .1136: (1.1136 / 2) · 255 = 142.
    assert means[-1] == pytest.approx(141.98 - 0.5, abs=1.5)


def test_noise_on_a_whole_picture_is_added() -> None:
    made = drawn("added", value=100, sd=0.02)
    assert made.mean() == pytest.approx(99.5, abs=0.2)
    assert made.std() == pytest.approx(5.1, abs=0.1)
    # The authors' 10 of 1: nearly every pixel is black or white.
    strong = drawn("added", sd=10.0)
    assert np.isin(strong, (0, 255)).mean() > 0.95


def test_sixteen_bits_have_their_own_white() -> None:
    picture = np.zeros((100, 100), np.uint16)
    made = noised(picture, picture == 0, settings=NoiseConfig(), rng=np.random.default_rng(0))
    assert made[made > 0].std() == pytest.approx(10 * 257 * 0.6028, rel=0.05)  # half-normal: SD .6028 σ


def test_boxes_as_masks() -> None:
    mask = box_mask((Box(1.0, 2.0, 3.0, 4.0), Box(-5.0, 0.0, 1.0, 1.0), Box(4.4, 4.4, 99.0, 99.0)), (6, 5))
    assert np.argwhere(mask).tolist() == [[0, 0], [2, 1], [2, 2], [3, 1], [3, 2], [4, 4], [5, 4]]


def test_what_is_refused() -> None:
    picture, rng = np.zeros((4, 5), np.uint8), np.random.default_rng(0)
    with pytest.raises(DataError, match=r"mask of \(5, 4\) for a picture of \(4, 5\)"):
        noised(picture, np.zeros((5, 4), bool), settings=NoiseConfig(), rng=rng)
    with pytest.raises(DataError, match=r"float64.*export it as a picture"):
        noised(picture.astype(float), picture == 0, settings=NoiseConfig(), rng=rng)
    with pytest.raises(DataError, match="finite numbers"):
        attention_mask(np.full((3, 3), np.nan), (9, 9))
    with pytest.raises(ValueError, match="step 1000"):
        NoiseConfig(step=1000)
