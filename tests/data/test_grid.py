"""Volumes on a grid: numbers of MONAI, padding and cutting about the centre, orientation, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.grid import on_grid
from vesalius.data.readers import Pixels
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import ConfigError, DataError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "merlin.json").read_text(encoding="utf-8"))["grid"]
MERLIN: dict[str, Any] = {"spacing_mm": (3.0, 1.5, 1.5), "orientation": "SRA", "window": (-1000.0, 1000.0)}


def nifti(values: NDArray[np.float32], steps: tuple[float, float, float]) -> Pixels:
    """A volume (i, j, k) of a NIfTI file as the reader gives it: slices, rows, columns."""
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = (5, -7, 3)
    return Pixels(
        array=values.transpose(2, 1, 0),
        axes="ZYX",
        units="HU",
        geometry=Geometry.from_nifti(affine),
        source="made.nii",
    )


def wave() -> Pixels:
    values = 900 * np.sin(0.37 * np.arange(11 * 9 * 7) + 0.2)
    return nifti(values.reshape(11, 9, 7).astype(np.float32), (-2.0, 2.3, 4.1))


@pytest.mark.evidence("merlin", "L2", "volumes are turned, resampled, padded and cut as by the authors' transforms")
@pytest.mark.parametrize("case", GOLDEN, ids=["cut and padded", "the other way"])
def test_numbers_of_monai(case: dict[str, Any]) -> None:
    found = ImageProcessor(size=tuple(case["size"]), **MERLIN)(wave())
    assert found.shape == (1, *case["size"])
    chosen = found[0, ::2, ::3, ::3].flatten()
    # float32 in another order of the axes: 1.2e-7 was the largest difference.
    np.testing.assert_allclose(chosen, case["values"], rtol=0, atol=5e-7)
    assert found.sum(dtype=np.float64) == pytest.approx(case["sum"], rel=1e-6)


@pytest.mark.evidence(
    "merlin", "L2", "a scan smaller than the crop is padded with air, a larger one is cut centrally"
)
def test_padding_and_cutting() -> None:
    values = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    pixels = nifti(values.transpose(2, 1, 0), (1.0, 1.0, 1.0))
    same = on_grid(pixels, spacing_mm=(1, 1, 1), size=(3, 4, 5), outside=-1000)
    np.testing.assert_array_equal(same, values)
    padded = on_grid(pixels, spacing_mm=(1, 1, 1), size=(6, 4, 5), outside=-1000)
    np.testing.assert_array_equal(padded[1:4], values)
    assert (padded[[0, 4, 5]] == -1000).all()
    cut = on_grid(pixels, spacing_mm=(1, 1, 1), size=(1, 2, 3), outside=-1000)
    np.testing.assert_array_equal(cut, values[1:2, 1:3, 1:4])
    shown = ImageProcessor(size=(6, 4, 5), spacing_mm=(1, 1, 1), window=(-1000, 1000), channels=3)(pixels)
    assert shown.shape == (3, 6, 4, 5)
    assert (shown[:, 0] == 0).all()
    assert shown[0, 1, 0, 0] == 0.5


def test_half_steps_are_linear_and_the_end_stays() -> None:
    pixels = nifti(np.array([0.0, 10.0, 30.0], np.float32)[None, None, :], (1.0, 1.0, 2.0))
    # Places 0, 0.5, 1, 1.5, 2; with steps of 1.5 mm 3.67 rows become 4: 0, 0.75, 1.5 and 2.25, which is past the end.
    assert on_grid(pixels, spacing_mm=(1, 1, 1), size=(5, 1, 1), outside=0).ravel().tolist() == [0, 5, 10, 20, 30]
    found = on_grid(pixels, spacing_mm=(1.5, 1, 1), size=(4, 1, 1), outside=0).ravel().tolist()
    assert found == [0, 7.5, 20, 30]


@pytest.mark.parametrize("steps", [(1.0, 1.0, 1.0), (-1.0, 1.0, 1.0), (1.0, -1.0, -1.0)])
def test_orientation_does_not_hang_on_the_file(steps: tuple[float, float, float]) -> None:
    """The brightest voxel is the leftmost, hindmost and lowest whatever way the file runs."""
    values = np.zeros((4, 5, 6), np.float32)
    place = [0 if (step > 0) == low else -1 for step, low in zip(steps, (True, True, True), strict=True)]
    values[tuple(place)] = 1000
    found = on_grid(nifti(values, steps), spacing_mm=(1, 1, 1), size=(6, 4, 5), orientation="SRA", outside=0)
    # RAS grows to the right, front and top: the smallest place on each axis is left, back and low.
    assert found[0, 0, 0] == 1000


def test_a_tiny_spacing_makes_no_more_than_the_grid() -> None:
    pixels = nifti(np.ones((3, 3, 3), np.float32), (5.0, 5.0, 5.0))
    found = on_grid(pixels, spacing_mm=(1e-7, 1e-7, 1e-7), size=(2, 2, 2), outside=0)
    assert found.tolist() == np.ones((2, 2, 2)).tolist()


def test_what_has_no_grid_is_refused() -> None:
    picture = Pixels(array=np.zeros((4, 4), np.float32), axes="YX", units="HU", source="a.png")
    with pytest.raises(DataError, match=r"a\.png: axes YX are no grey volume"):
        on_grid(picture, spacing_mm=(1, 1, 1), size=(2, 2, 2), outside=0)
    unplaced = replace(wave(), geometry=Geometry(spacing_mm=(1.0, 1.0, 1.0)))
    with pytest.raises(DataError, match="no position in the patient"):
        on_grid(unplaced, spacing_mm=(1, 1, 1), size=(2, 2, 2), orientation="SRA", outside=0)
    with pytest.raises(DataError, match=r"geometry|spacing"):
        on_grid(replace(wave(), geometry=None), spacing_mm=(1, 1, 1), size=(2, 2, 2), outside=0)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"orientation": "SRA"}, "have no effect without spacing_mm"),
        ({"size": 32, **MERLIN}, "spacing_mm is for volumes"),
        ({**MERLIN, "window": None}, "needs a window of two rising values, found None"),
        ({**MERLIN, "window": (5.0, 5.0)}, "needs a window of two rising values"),
        ({**MERLIN, "spacing_mm": (1.0, 0.0, 1.0)}, "must be above 0"),
        ({**MERLIN, "orientation": "SRL"}, "expected one letter of each of LR, PA and SI"),
        ({**MERLIN, "orientation": "SR"}, "expected one letter of each"),
    ],
)
def test_bad_settings(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        ImageProcessor(**{"size": (4, 4, 4), **values})
