"""Media as one model sees them: layouts without pixels, edits on views, tokens reduced by what changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.models.vlm.talking import picture

from vesalius.data.messages import Media
from vesalius.errors import DataError
from vesalius.models.vlm.looking import Looker
from vesalius.models.vlm.reduction import ReductionConfig
from vesalius.models.vlm.view_settings import PictureViews, ViewSettings, VolumeViews

GRID = (2, 2)


def looker(**changed: object) -> Looker:
    reduction = changed.pop("reduction", None)
    settings = ViewSettings(**{"size": 16, "channels": 1, **changed})  # type: ignore[arg-type]
    return Looker(settings, places=lambda size: GRID, reduction=reduction)  # type: ignore[arg-type]


@pytest.fixture
def volume(tmp_path: Path) -> Media:
    """A volume of six slices, of which the last three are alike."""
    nibabel = pytest.importorskip("nibabel")
    values = np.random.default_rng(0).integers(0, 200, (16, 16, 6)).astype(np.int16)
    values[:, :, 3:] = values[:, :, 3:4]
    path = tmp_path / "volume.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 5.0, 1.0])), path)
    return Media(path=str(path), kind="volume")


@pytest.mark.parametrize("policy", ["resize", "tiles", "native"])
def test_a_layout_before_and_after_the_pixels_are_read_is_the_same(policy: str, tmp_path: Path) -> None:
    settings = PictureViews(policy=policy)  # type: ignore[arg-type]
    medium = picture(tmp_path, size=(40, 90))
    before, after = looker(picture=settings).layout(medium), looker(picture=settings).look(medium).layout
    assert (before.views, before.size, before.columns, before.rows) == (
        after.views,
        after.size,
        after.columns,
        after.rows,
    )


def test_a_blank_volume_is_grey_in_every_view_and_as_many(volume: Media) -> None:
    plain, blank = (looker().views(one) for one in (volume, volume.edited("blank")))
    assert plain.shape == blank.shape
    # 128 of 255, less a mean of .5, over a deviation of .5
    assert np.allclose(blank, (128 / 255 - 0.5) / 0.5, atol=1e-6)


def test_an_edit_of_slices_a_distance_apart_keeps_their_number(volume: Media) -> None:
    settings = VolumeViews(slices=None, every_mm=10.0)
    found = looker(volume=settings).look(volume.edited("gaussian-blur:3"))
    assert found.arrays.shape[0] == found.layout.views == looker(volume=settings).layout(volume).views


def test_slices_that_repeat_give_fewer_tokens(volume: Media) -> None:
    layout = looker(reduction=ReductionConfig(threshold=0.05, least=1)).layout(volume)
    assert layout.kept is not None
    assert layout.kept[:4].all()
    assert layout.kept[4:].sum() == 2


def test_a_volume_is_no_picture(volume: Media) -> None:
    with pytest.raises(DataError, match="picture"):
        looker().look(Media(path=volume.path))
