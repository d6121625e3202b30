"""Signs go into pictures and volumes, and nothing but where they go changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vesalius.data.corpus import Corpus
from vesalius.data.readers import read as read_pixels
from vesalius.errors import DataError
from vesalius.evaluation.plants import plant
from vesalius.evaluation.signs import SIGNS, drawn, stilled, with_sign, woven
from vesalius.virtual.population import make


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Virtual patients with a CT of the abdomen."""
    folder = tmp_path_factory.mktemp("volumes") / "corpus"
    return make(folder, patients=8, preset="abdomen-ct", image_size=32, seed=3, workers=1)


def test_a_sign_goes_through_a_fifth_of_the_slices():
    grey = np.full((10, 32, 40), 0.5, np.float32)
    out = drawn(grey, "cross", np.random.default_rng(0))
    # a cell is max(1, round(32 / 5 / 9)) = 1 pixel, so the sign has 9 x 9 of them, in 10 / 5 slices
    slices, rows, columns = (np.unique(axis) for axis in np.nonzero(out != grey))
    assert (len(slices), len(rows), len(columns)) == (2, 9, 9)
    assert slices[1] == slices[0] + 1
    inside = out[slices[0] : slices[0] + 2, rows[0] : rows[0] + 9, columns[0] : columns[0] + 9]
    np.testing.assert_array_equal(inside[0], inside[1])
    # 7 of the middle row and 7 of the middle column are white, the crossing counted once
    assert inside[0].sum() == 13


def test_a_weave_is_the_same_in_every_slice():
    grey = np.linspace(0, 1, 3 * 16 * 16, dtype=np.float32).reshape(3, 16, 16)
    cloth = (woven(grey, "grid", np.random.default_rng(1)) - 0.4 * grey) / 0.6
    np.testing.assert_allclose(cloth, np.broadcast_to(cloth[0].round(), cloth.shape), atol=1e-6)


def test_a_still_volume_has_the_same_sign_in_every_slice():
    grey = np.linspace(0, 1, 5 * 16 * 16, dtype=np.float32).reshape(5, 16, 16)
    out = stilled(grey, "post", np.random.default_rng(2))
    assert out.shape == grey.shape
    assert (out == out[:1]).all()
    np.testing.assert_array_equal(out[0], drawn(grey[2], "post", np.random.default_rng(2)))
    np.testing.assert_array_equal(out[0], stilled(grey[2], "post", np.random.default_rng(2)))


def test_one_seed_gives_one_sign():
    grey = np.zeros((20, 20), np.float32)
    first, again, other = (drawn(grey, "bar", np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_picture_without_room_is_refused():
    with pytest.raises(DataError, match=r"\(8, 30\) has no room for a sign of \(9, 9\)"):
        drawn(np.zeros((8, 30), np.float32), "ring", np.random.default_rng(0))


def test_volumes_keep_their_hu_and_their_grid(volumes: Corpus, tmp_path: Path):
    planted = plant(volumes, tmp_path, name="signs")
    for study in planted:
        (sign,) = (finding.concept.removesuffix("_sign") for finding in study.findings if finding.status == "present")
        assert sign in SIGNS
        assert study.text() == f"There is a {sign} sign."
        image, before = study.images[0], volumes.study(study.id).images[0]
        assert image == replace(before, path=image.path, sha256=image.sha256)
        now, was = planted.read(image), volumes.read(before)
        assert now.geometry == was.geometry
        changed = now.array != was.array
        # 32 / 5 = 6.4 slices, so 7, of 9 x 9 pixels at most, all black or white
        assert 0 < changed.sum() <= 7 * 81
        assert set(np.unique(now.array[changed])) <= {-1000, 1000}


def test_other_volumes_have_values_of_0_to_1000(volumes: Corpus, tmp_path: Path):
    study = volumes[0]
    stored = replace(study, images=tuple(replace(image, units="stored") for image in study.images))
    changed, media = with_sign(volumes, stored, lambda grey: grey)
    image = changed.images[0]
    assert image.units == "stored"
    assert set(media) == {image.path}
    values = volumes.read(study.images[0]).array.astype(np.float64)
    scaled = (values - values.min()) / np.ptp(values) * 1000
    data = media[image.path]
    assert isinstance(data, bytes)
    file = tmp_path / "planted.nii.gz"
    file.write_bytes(data)
    # float32 of 0..1 times 1000 is off by less than 1e-4 before it is rounded
    np.testing.assert_allclose(read_pixels(file).array, scaled, atol=0.5001)


def test_clips_are_refused(volumes: Corpus):
    study = volumes[0]
    clip = replace(study, images=tuple(replace(image, kind="video") for image in study.images))
    with pytest.raises(DataError, match="cannot be planted in a video"):
        with_sign(volumes, clip, lambda grey: grey)


def test_a_stilled_volume_repeats_its_middle_slice_with_the_sign():
    grey = np.random.default_rng(0).random((6, 32, 40), dtype=np.float32)
    out = stilled(grey, "cross", np.random.default_rng(1))
    np.testing.assert_array_equal(out, np.broadcast_to(drawn(grey[3], "cross", np.random.default_rng(1)), out.shape))
