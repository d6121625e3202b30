"""Hashes by their definitions, all pairs within a distance, and the confirmation by detail."""

from __future__ import annotations

import io

import numpy as np
import pytest
from curation_studies import texture
from PIL import Image as Picture

from vesalius.curation.alignment import agreement
from vesalius.curation.hashes import dct_matrix, dhash, hamming, phash, within
from vesalius.curation.pictures import reduced
from vesalius.curation.seen import Seen, look_at, near_pictures


def grey(seed: int, side: int = 96) -> np.ndarray:
    return texture(seed, side).astype(np.float32) / 255


def test_dct_is_that_of_scipy_and_orthonormal() -> None:
    fft = pytest.importorskip("scipy.fft")
    values = np.random.default_rng(0).normal(size=(32, 32))
    matrix = dct_matrix(32)
    np.testing.assert_allclose(matrix @ values @ matrix.T, fft.dctn(values, norm="ortho"), atol=1e-12)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(32), atol=1e-12)


def test_area_average_by_hand() -> None:
    # 3 columns onto 2: the middle one is halved. (1·1 + 0.5·2) / 1.5 = 4/3, (0.5·2 + 1·3) / 1.5 = 8/3
    np.testing.assert_allclose(reduced(np.array([[1, 2, 3]], np.float32), 1, 2), [[4 / 3, 8 / 3]], rtol=1e-6)
    constant = np.full((7, 5), 0.3, np.float32)
    np.testing.assert_allclose(reduced(constant, 32, 32), 0.3, rtol=1e-5)


def test_phash_by_its_definition() -> None:
    picture = grey(1)
    small = reduced(picture, 32, 32).astype(float)
    bits = []
    for u in range(1, 9):
        for v in range(1, 9):
            x = np.arange(32)
            row, column = np.cos(np.pi * u * (2 * x + 1) / 64), np.cos(np.pi * v * (2 * x + 1) / 64)
            bits.append(float(row @ small @ column))
    expected = "".join("1" if value > np.median(bits) else "0" for value in bits)
    assert f"{phash(picture):064b}" == expected
    assert expected.count("1") == 32


def test_dhash_of_a_ramp() -> None:
    ramp = np.tile(np.linspace(0, 1, 90, dtype=np.float32), (80, 1))
    assert dhash(ramp) == 2**64 - 1
    assert dhash(ramp[:, ::-1]) == 0


@pytest.mark.parametrize("change", [lambda p: p * 0.5 + 0.2, lambda p: reduced(p, 48, 48), lambda p: p])
def test_hashes_ignore_brightness_contrast_and_size(change) -> None:
    picture = grey(2)
    assert hamming(phash(change(picture)), phash(picture)) <= 2
    assert hamming(dhash(change(picture)), dhash(picture)) <= 2


@pytest.mark.parametrize("bits", [0, 1, 3, 6, 14])
def test_all_pairs_within_a_distance_as_by_brute_force(bits: int) -> None:
    rng = np.random.default_rng(bits)
    hashes = rng.integers(0, 2**63, 300, dtype=np.uint64)
    near = hashes[:60].copy()
    for place in range(60):
        for bit in rng.choice(64, size=int(rng.integers(0, 16)), replace=False):
            near[place] ^= np.uint64(1) << np.uint64(bit)
    hashes = np.concatenate([hashes, near])
    table = hamming(hashes[:, None], hashes[None])
    expected = [(i, j, table[i, j]) for i in range(360) for j in range(i + 1, 360) if table[i, j] <= bits]
    assert [tuple(row) for row in within(hashes, bits=bits)] == expected
    both = within(hashes[:100], hashes[100:], bits=bits)
    assert len(both) == int((table[:100, 100:] <= bits).sum())


def test_no_hashes_no_pairs() -> None:
    assert within(np.empty(0, np.uint64), bits=3).shape == (0, 3)


def test_detail_agrees_with_copies_and_not_with_others() -> None:
    picture = grey(3, 200)
    copies = {
        "window": np.clip((picture - 0.1) / 0.7, 0, 1),
        "gamma": picture**0.6,
        "crop": picture[4:-4, 4:-4],
        "side": picture[:, 4:],
        "half": reduced(picture, 100, 100),
    }
    file = io.BytesIO()
    Picture.fromarray((picture * 255).astype(np.uint8)).save(file, "JPEG", quality=40)
    copies["jpeg"] = np.asarray(Picture.open(file), np.float32) / 255
    assert {name for name, copy in copies.items() if agreement(picture, copy) < 0.9} == set()
    assert max(agreement(picture, grey(seed, 200)) for seed in range(10, 20)) < 0.6


def test_pictures_without_detail_are_like_nothing() -> None:
    flat = np.full((64, 64), 0.4, np.float32)
    assert agreement(flat, flat) == 0.0
    seen = Seen(of=[("a", "i"), ("b", "i")], looks=[look_at(flat), look_at(flat)])
    assert near_pictures(seen) == []


def test_copies_are_found_within_and_between() -> None:
    pictures = [grey(seed) for seed in range(30)]
    copy = np.clip(pictures[4][2:-2, 2:-2] * 0.8, 0, 1)
    seen = Seen(of=[(str(n), "i") for n in range(31)], looks=[look_at(p) for p in [*pictures, copy]])
    assert [(pair.one, pair.other) for pair in near_pictures(seen)] == [(4, 30)]
    other = Seen(of=[("copy", "i")], looks=[look_at(copy)])
    assert [(pair.one, pair.other) for pair in near_pictures(seen, other)] == [(4, 0), (30, 0)]
