"""Volumes and pictures of releases: headers as the readers give them, grids, masks converted once, files of twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from release_files import nifti, picture

from vesalius.data.datasets._paths import below, first_of
from vesalius.data.datasets._rasters import binary_mask, convert_once, described, label_mask, pixels_of, save_picture
from vesalius.data.datasets._volumes import on_grid_of, volume, write_volume
from vesalius.data.readers import read
from vesalius.data.records import Image
from vesalius.errors import DataError

LIKE = Image(id="x", path="", modality="CT")
OBLIQUE = np.array([[0.0, -0.9, 0.3, 5], [0.8, 0.0, 0.0, -6], [0.0, 0.3, 2.0, 7], [0, 0, 0, 1]])


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([-0.7, -0.7, 2.5, 1]), OBLIQUE])
def test_a_header_says_what_the_reader_says(affine: np.ndarray, tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", np.arange(24, dtype=np.int16).reshape(4, 3, 2), affine=affine)
    found, image = read(path), volume(path, like=LIKE)
    assert found.geometry is not None
    assert image.shape == found.shape
    assert image.spacing_mm == pytest.approx(found.geometry.spacing_mm)
    assert image.orientation == pytest.approx(found.geometry.cosines)
    assert image.origin_mm == pytest.approx(found.geometry.origin_mm)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", np.arange(24, dtype=np.int16).reshape(4, 3, 2), affine=OBLIQUE @ np.eye(4))
    image, values = volume(path, like=LIKE), read(path).array
    write_volume(tmp_path / "b.nii", values, like=image)
    assert (read(tmp_path / "b.nii").array == values).all()
    assert on_grid_of(path, tmp_path / "b.nii") == ""


def test_a_header_without_a_place_has_a_spacing_alone(tmp_path: Path) -> None:
    import nibabel

    image = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.int16), None)
    image.header.set_zooms((0.5, 0.5, 3.0))
    nibabel.save(image, tmp_path / "a.nii")
    found = volume(tmp_path / "a.nii", like=LIKE)
    assert (found.spacing_mm, found.orientation, found.origin_mm) == ((3.0, 0.5, 0.5), (), ())


def test_a_volume_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such volume"):
        volume(tmp_path / "a.nii.gz", like=LIKE)
    (tmp_path / "a.nii.gz").write_bytes(b"\x1f\x8b nothing")
    with pytest.raises(DataError, match="broken or truncated"):
        volume(tmp_path / "a.nii.gz", like=LIKE)


def test_pictures_of_every_kind(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    for ending in ("png", "tif", "bmp"):
        save_picture(tmp_path / f"a.{ending}", values)
        assert (pixels_of(tmp_path / f"a.{ending}") == values).all()
    image = described(tmp_path / "a.png", like=LIKE)
    assert (image.shape, image.channels, image.units) == ((6, 8), 3, "rgb")
    save_picture(tmp_path / "grey.jpg", values[..., 0], size=(16, 12))
    image = described(tmp_path / "grey.jpg", like=LIKE)
    assert (image.shape, image.channels, image.units) == ((12, 16), 1, "display")
    (tmp_path / "b.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(DataError, match="no picture that opens"):
        described(tmp_path / "b.png", like=LIKE)


def test_masks_are_converted_once(tmp_path: Path) -> None:
    source = picture(tmp_path / "m" / "a.jpg", np.full((6, 8), 200))
    made = binary_mask(tmp_path, source)
    assert made == tmp_path / "unpacked" / "m" / "a.png"
    assert np.asarray(Pillow.open(made)).tolist() == [[255] * 8] * 6
    made.write_bytes(b"kept")
    assert binary_mask(tmp_path, source).read_bytes() == b"kept"


def test_colours_become_classes(tmp_path: Path) -> None:
    values = np.zeros((2, 2, 3), np.uint8)
    values[0] = (255, 55, 0)
    source = picture(tmp_path / "a.png", values)
    made = label_mask(tmp_path, source, {(0, 0, 0): 0, (255, 55, 0): 4})
    assert np.asarray(Pillow.open(made)).tolist() == [[4, 4], [0, 0]]
    # Red and blue changed places, as some libraries read colours.
    with pytest.raises(DataError, match=r"\(255, 55, 0\) stands for no class"):
        label_mask(tmp_path, source, {(0, 0, 0): 0, (0, 55, 255): 4}, name="other.png")


def test_names_that_leave_the_release(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="escapes"):
        below(tmp_path, "../x")
    with pytest.raises(DataError, match="escapes"):
        convert_once(tmp_path, "../../x", lambda: b"")
    assert first_of(tmp_path, "a", "b") == tmp_path / "a"
    (tmp_path / "b").touch()
    assert first_of(tmp_path, "a", "b") == tmp_path / "b"
