"""Series and volumes with odd geometries, each with the truth: every sample's place in the patient, and its value."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data"))

ROWS, COLUMNS = 6, 7
STEPS = (0.5, 0.25)


@dataclass(frozen=True)
class Case:
    """A file or folder; `places` (n, 3) in LPS mm and `values` (n,) of its samples, empty where no grid has them."""

    name: str
    path: Path
    places: NDArray[np.float64]
    values: NDArray[np.float64]
    no_grid: bool = False
    """The samples lie on no one regular grid: the only right answer is to say so."""


def cases(folder: Path) -> list[Case]:
    """Write all cases below a folder."""
    return [write(folder / write.__name__) for write in _CASES]


def _series(
    folder: Path,
    positions: Sequence[Sequence[float]],
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    *,
    first: int = 0,
    **tags: Any,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write a slice a position; names and instance numbers run against the positions."""
    from series_files import write_slice

    places, values = [], []
    along, down = np.array(orientation[:3]), np.array(orientation[3:])
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    for number, position in enumerate(positions):
        array = (1000 + 50 * number + 5 * rows + columns).astype(np.int16)
        write_slice(
            folder / f"{first + len(positions) - number:03d}.dcm", position, 0, array=array,
            ImageOrientationPatient=[round(float(x), 12) for x in orientation], PixelSpacing=list(STEPS),
            InstanceNumber=first + len(positions) - number, **tags,
        )  # fmt: skip
        at = np.asarray(position) + STEPS[0] * rows[..., None] * down + STEPS[1] * columns[..., None] * along
        places.append(at.reshape(-1, 3))
        values.append(array.reshape(-1) - 1024.0)
    return np.concatenate(places), np.concatenate(values)


def _case(path: Path, truth: tuple[NDArray[np.float64], NDArray[np.float64]], *, no_grid: bool = False) -> Case:
    return Case(path.name, path, *truth, no_grid=no_grid)


def _heights(*values: float) -> list[tuple[float, float, float]]:
    return [(-10.0, -20.0, value) for value in values]


def axial(folder: Path) -> Case:
    """Even axial slices."""
    return _case(folder, _series(folder, _heights(0, 2, 4, 6)))


def feet_first(folder: Path) -> Case:
    """Rows and columns run against the axes, as in a prone patient."""
    return _case(folder, _series(folder, _heights(0, 2, 4, 6), (-1, 0, 0, 0, -1, 0)))


def sagittal(folder: Path) -> Case:
    """Sagittal planes."""
    return _case(folder, _series(folder, [(x, 0, 0) for x in (9, 6, 3, 0)], (0, 1, 0, 0, 0, -1)))


def oblique(folder: Path) -> Case:
    """Planes turned by 30 degrees, slices along their normal."""
    cos, sin = math.cos(math.pi / 6), 0.5
    places = [(1, 2 - 2 * sin * k, 3 + 2 * cos * k) for k in range(4)]
    return _case(folder, _series(folder, places, (1, 0, 0, 0, cos, sin)))


def gantry_tilt(folder: Path) -> Case:
    """Planes lean by 20 degrees, the table moves along z: a sheared grid."""
    cos, sin = math.cos(math.radians(20)), math.sin(math.radians(20))
    return _case(folder, _series(folder, _heights(0, 5, 10, 15), (1, 0, 0, 0, cos, -sin)))


def missing_slice(folder: Path) -> Case:
    """The fourth of eight slices is not there."""
    return _case(folder, _series(folder, _heights(0, 2, 4, 8, 10, 12, 14)), no_grid=True)


def variable_spacing(folder: Path) -> Case:
    """Thin slices, then thick ones."""
    return _case(folder, _series(folder, _heights(0, 1, 2, 3, 6, 9, 12)), no_grid=True)


def one_position_twice(folder: Path) -> Case:
    """Two different images at one position."""
    _series(folder, _heights(0, 2, 4, 6))
    _series(folder, _heights(2), first=20)
    empty = np.empty((0, 3)), np.empty(0)
    return _case(folder, empty, no_grid=True)


def copied_file(folder: Path) -> Case:
    """One file lies there twice."""
    truth = _series(folder, _heights(0, 2, 4, 6))
    (folder / "copy.dcm").write_bytes((folder / "002.dcm").read_bytes())
    return _case(folder, truth)


def scout_in_the_series(folder: Path) -> Case:
    """A coronal localiser of the same series."""
    truth = _series(folder, _heights(0, 2, 4, 6))
    tags = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    _series(folder, [(0, 0, 50)], (1, 0, 0, 0, 0, -1), first=20, **tags)
    return _case(folder, truth)


def slopes_of_each_slice(folder: Path) -> Case:
    """Rescale slopes differ between slices, as in PET."""
    places, values = [], []
    for number in range(4):
        part = _series(folder, _heights(2.0 * number), first=10 * number, RescaleSlope=str(0.5 * (number + 1)))
        places.append(part[0])
        values.append((part[1] + 1024) * 0.5 * (number + 1) - 1024)
    return _case(folder, (np.concatenate(places), np.concatenate(values)))


def enhanced_frames_out_of_order(folder: Path) -> Case:
    """One multi-frame file whose frames do not lie by position."""
    from series_files import COLUMNS as WIDTH
    from series_files import ROWS as HEIGHT
    from series_files import picture, write_enhanced

    folder.mkdir()
    heights = (4, 0, 6, 2)
    path = folder / "enhanced.dcm"
    write_enhanced(path, [{"position": (0, 0, z)} for z in heights], [1000 + 50 * z for z in heights])
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    places = [np.stack([0.25 * columns, 0.5 * rows, np.full(rows.shape, z)], axis=-1).reshape(-1, 3) for z in heights]
    values = [picture(1000 + 50 * z).reshape(-1) - 1024.0 for z in heights]
    return Case(folder.name, path, np.concatenate(places).astype(float), np.concatenate(values))


def nifti_sheared(folder: Path) -> Case:
    """A NIfTI file with a sheared sform."""
    affine = np.array([[0.5, 0, 0.3, 4], [0, -0.7, 0.2, 5], [0, 0, 2, -6], [0, 0, 0, 1]])
    return _nifti(folder, affine, form="sform")


def nifti_qform(folder: Path) -> Case:
    """A NIfTI file with a qform alone, turned about z and with a flipped axis."""
    cos, sin = math.cos(0.4), math.sin(0.4)
    turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, -1]]) * np.array([0.5, 0.7, 2.0])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turned, (4, 5, -6)
    return _nifti(folder, affine, form="qform")


def _nifti(folder: Path, affine: NDArray[np.float64], *, form: str) -> Case:
    import nibabel

    folder.mkdir()
    array = np.arange(COLUMNS * ROWS * 4, dtype=np.int16).reshape(COLUMNS, ROWS, 4)
    image = nibabel.Nifti1Image(array, None)
    image.header.set_xyzt_units("mm")
    image.header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    image.set_sform(affine if form == "sform" else None, code=1 if form == "sform" else 0)
    image.set_qform(affine if form == "qform" else None, code=1 if form == "qform" else 0)
    path = folder / "volume.nii.gz"
    nibabel.save(image, path)
    index = np.moveaxis(np.indices(array.shape), 0, -1).reshape(-1, 3)
    places = (index @ affine[:3, :3].T + affine[:3, 3]) * np.array([-1, -1, 1])
    return Case(folder.name, path, places, array.reshape(-1).astype(float))


_CASES: tuple[Callable[[Path], Case], ...] = (
    axial, feet_first, sagittal, oblique, gantry_tilt, missing_slice, variable_spacing, one_position_twice,
    copied_file, scout_in_the_series, slopes_of_each_slice, enhanced_frames_out_of_order, nifti_sheared, nifti_qform,
)  # fmt: skip
