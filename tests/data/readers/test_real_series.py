"""Real DICOM series, against values read from their headers by hand and against SimpleITK."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from series_files import write_series

from vesalius.data import readers
from vesalius.data.readers import series


def by_simpleitk(folder: Path) -> SimpleITK.Image:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def agrees(volume: readers.Pixels, image: SimpleITK.Image) -> None:
    """Equal values and places, whichever end each reader starts from."""
    array, geometry = SimpleITK.GetArrayFromImage(image), volume.require_geometry(position=True)
    assert array.shape == volume.array.shape
    last = array.shape[0] - 1
    ours = geometry.to_patient([[0, 0, 0], [last, 0, 0], [0, 3, 2]])
    theirs = np.array([image.TransformIndexToPhysicalPoint(index) for index in ((0, 0, 0), (0, 0, last), (2, 3, 0))])
    if np.linalg.norm(ours[0] - theirs[0]) > 1e-3:
        array, theirs = array[::-1], theirs + np.array([[0], [0], [1]]) * (theirs[1] - theirs[0])
        theirs[[0, 1]] = theirs[[1, 0]]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert (array == volume.array).all()


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), (0.6, 0.8, 0, 0, 0, -1)])
def test_written_series_agree_with_simpleitk(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    normal = np.cross(orientation[:3], orientation[3:])
    places = [tuple(np.array([5.0, -7.0, 11.0]) + 1.25 * k * normal) for k in range(5)]
    write_series(tmp_path, places, ImageOrientationPatient=list(orientation))
    agrees(readers.read(tmp_path), by_simpleitk(tmp_path))


@pytest.mark.real
def test_real_mr_series(real_data: Path) -> None:
    folder = real_data / "dicom" / "series-mr-vs"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    volume = readers.read(folder)
    assert (volume.axes, volume.array.shape, volume.units, volume.modality) == ("ZYX", (24, 512, 512), "stored", "MR")
    # Headers: (0020,0032) of 1-048 is -106.32680907019\\-123.07443807356\\-21.500669002533, each next 1.5 mm higher;
    # (0028,0030) is 0.41015625 both; (0020,0037) is 1\\-2.051034e-10\\0\\2.051034e-10\\1\\0.
    affine = [
        [0, 0, 0.41015625, -106.32680907019],
        [0, 0.41015625, 0, -123.07443807356],
        [1.5, 0, 0, -21.500669002533],
    ]
    np.testing.assert_allclose(volume.require_geometry().affine[:3], affine, atol=1e-8)
    for place, name in ((0, "1-048.dcm"), (11, "1-059.dcm"), (23, "1-071.dcm")):
        assert (volume.array[place] == pydicom.dcmread(folder / name).pixel_array).all()
    agrees(volume, by_simpleitk(folder))


@pytest.mark.real
def test_real_ct_series_of_a_medium(real_data: Path) -> None:
    folder = real_data / "dicom" / "dicomdir" / "98892001" / "CT5N"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    volume = readers.read(folder)
    # five slices at z = -1.2375, 1.2625, 3.7625, 6.2625 and 8.7625
    assert (volume.units, volume.array.shape) == ("HU", (5, 16, 16))
    geometry = volume.require_geometry(position=True)
    np.testing.assert_allclose(geometry.origin_mm[2:], [-1.2375], atol=1e-4)
    assert geometry.spacing_mm[0] == pytest.approx(2.5)
    datasets = sorted(
        (pydicom.dcmread(path) for path in folder.iterdir()), key=lambda one: one.ImagePositionPatient[2]
    )
    for plane, dataset in zip(volume.array, datasets, strict=True):
        expected = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        assert (plane == expected).all()
    agrees(volume, by_simpleitk(folder))


@pytest.mark.real
def test_real_tree_of_many_kinds(real_data: Path) -> None:
    folder = real_data / "dicom"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    found = series.find_volumes(folder)
    # an RT dose of 15 planes, the MR series, the CT series, and an enhanced CT of two frames
    assert sorted(stack.shape for stack in found.stacks) == [(2, 512, 512), (5, 16, 16), (15, 10, 10), (24, 512, 512)]
    kinds = Counter(rest.kind for rest in found.rest)
    assert kinds["a localiser"] == 2
    # four CT slices of a chest of 165; one picture in two syntaxes with one SOP instance each
    assert (kinds["slices are missing"], kinds["several images at one position"]) == (1, 1)
    assert len(found.broken) == 19
    assert all(reason.startswith("not an image") for _, reason in found.broken)
