"""NIfTI: axes, scaling and geometry against numbers worked out by hand, and agreement with DICOM."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from vesalius.data import readers
from vesalius.data.readers import Window, limits
from vesalius.errors import DataError

# i columns, j rows, k slices
VOLUME = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)


def saved(
    path: Path, array: np.ndarray, affine: np.ndarray | None = None, *, kind=nibabel.Nifti1Image, **header
) -> Path:
    image = kind(array, np.eye(4) if affine is None else np.asarray(affine, dtype=float))
    image.header.set_xyzt_units("mm", "sec")
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_axes_and_geometry_by_hand(tmp_path: Path, name: str, kind: type) -> None:
    # RAS: i goes 2 mm to the Right, j 3 mm to the Anterior, k 4 mm up, from (10, 20, 30)
    affine = [[2, 0, 0, 10], [0, 3, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]]
    image = readers.read(saved(tmp_path / name, VOLUME, affine, kind=kind))
    assert image.axes == "ZYX"
    assert image.array.shape == (4, 3, 2)
    assert image.array[3, 2, 1] == VOLUME[1, 2, 3]
    assert image.array.dtype == np.int16
    geometry = image.require_geometry(position=True)
    assert geometry.spacing_mm == (4.0, 3.0, 2.0)
    # LPS: x and y change sign. Voxel (i, j, k) = (1, 2, 3) is RAS (12, 26, 42)
    assert geometry.to_patient([3, 2, 1]).tolist() == [-12.0, -26.0, 42.0]
    assert geometry.nifti_affine.tolist() == [[float(value) for value in row] for row in affine]
    assert image.units == "stored"


def test_scaling(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii", VOLUME)
    data = bytearray(path.read_bytes())
    # scl_slope and scl_inter are the floats at bytes 112 and 116 of NIfTI-1
    data[112:120] = np.array([0.5, -1.0], "<f4").tobytes()
    path.write_bytes(bytes(data))
    image = readers.read(path)
    assert image.array.dtype == np.float32
    # voxel (1, 2, 3) holds 1·12 + 2·4 + 3 = 23: 23 / 2 - 1 = 10.5
    assert image.array[3, 2, 1] == 10.5
    assert image.info["scaling"] == "scl_slope 0.5 and scl_inter -1 applied"


def test_sform_goes_before_qform_and_neither_is_said(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOLUME, np.eye(4))
    image.set_sform(np.diag([2.0, 2, 2, 1]), code=1)
    image.set_qform(np.diag([3.0, 3, 3, 1]), code=1)
    nibabel.save(image, tmp_path / "both.nii")
    assert readers.read(tmp_path / "both.nii").require_geometry().spacing_mm == (2.0, 2.0, 2.0)
    image.set_sform(None, code=0)
    nibabel.save(image, tmp_path / "q.nii")
    only_q = readers.read(tmp_path / "q.nii").require_geometry()
    assert (only_q.spacing_mm, only_q.source) == ((3.0, 3.0, 3.0), "qform")
    image.set_qform(None, code=0)
    nibabel.save(image, tmp_path / "none.nii")
    data = bytearray((tmp_path / "none.nii").read_bytes())
    # pixdim[1:4] are the floats from byte 80
    data[80:92] = np.array([1, 2, 3], "<f4").tobytes()
    (tmp_path / "none.nii").write_bytes(bytes(data))
    none = readers.read(tmp_path / "none.nii")
    assert none.require_geometry().spacing_mm == (3.0, 2.0, 1.0)
    with pytest.raises(DataError, match="neither sform_code nor qform_code is set"):
        none.require_geometry(position=True)


def test_wrong_affine_is_none_and_said(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii", VOLUME)
    data = bytearray(path.read_bytes())
    # srow_x, srow_y and srow_z at bytes 280 to 328, all zero
    data[280:328] = bytes(48)
    path.write_bytes(bytes(data))
    image = readers.read(path)
    assert image.geometry is None
    with pytest.raises(DataError, match=r"sform of the header is wrong: .* axis of length 0"):
        image.require_geometry()


@pytest.mark.parametrize(("unit", "spacing"), [("mm", 2.0), ("meter", 2000.0), ("micron", 0.002)])
def test_units_of_length(tmp_path: Path, unit: str, spacing: float) -> None:
    image = nibabel.Nifti1Image(VOLUME, np.diag([2.0, 2, 2, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    found = readers.read(tmp_path / "a.nii")
    assert found.require_geometry().spacing_mm == pytest.approx((spacing,) * 3)
    assert "spatial_units" not in found.info


def test_time_series(tmp_path: Path) -> None:
    series = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    path = saved(tmp_path / "a.nii.gz", series, pixdim=[1, 1, 1, 1, 2.5, 0, 0, 0])
    image = readers.read(path)
    assert image.axes == "TZYX"
    assert image.array.shape == (5, 4, 3, 2)
    assert image.array[4, 3, 2, 1] == series[1, 2, 3, 4]
    assert image.info["frames"] == "5"
    assert image.info["seconds_per_frame"] == "2.5"
    assert image.require_geometry().spacing_mm == (1.0, 1.0, 1.0)
    one = readers.read(path, frame=4)
    assert one.axes == "ZYX"
    assert (one.array == image.array[4]).all()
    with pytest.raises(DataError, match="frame 5 asked for, the file has 5 time points"):
        readers.read(path, frame=5)


def test_single_slice_and_trailing_axes(tmp_path: Path) -> None:
    flat = readers.read(saved(tmp_path / "a.nii", VOLUME[:, :, 0]))
    assert flat.axes == "YX"
    assert len(flat.require_geometry().spacing_mm) == 2
    assert readers.read(saved(tmp_path / "b.nii", VOLUME[..., None, None])).axes == "ZYX"
    with pytest.raises(DataError, match="expected two to four axes"):
        readers.read(saved(tmp_path / "c.nii", np.zeros((2, 2, 2, 2, 3), np.uint8)))


def test_colour(tmp_path: Path) -> None:
    array = np.zeros((2, 3, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    array["G"][1, 2, 3] = 255
    image = readers.read(saved(tmp_path / "a.nii", array))
    assert (image.axes, image.units) == ("ZYXC", "rgb")
    assert image.array[3, 2, 1].tolist() == [0, 255, 0]
    assert image.display()[3, 2, 1].tolist() == [0.0, 1.0, 0.0]


def test_shown_range(tmp_path: Path) -> None:
    image = readers.read(saved(tmp_path / "a.nii", VOLUME, cal_min=10, cal_max=20))
    assert image.presentation.windows == (Window(15.0, 10.0, "LINEAR_EXACT"),)


def test_complex_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="complex samples"):
        readers.read(saved(tmp_path / "a.nii", VOLUME.astype(np.complex64)))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_truncated(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, np.random.default_rng(0).integers(0, 999, (20, 20, 20), np.int16))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"{name}: broken or truncated NIfTI"):
        readers.read(path)


def test_a_flipped_bit_in_a_packed_file_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii.gz", VOLUME)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # inside the checksum at the end
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="broken or truncated NIfTI: CRC"):
        readers.read(path)


def test_pairs_and_other_gzip_are_named(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Pair(VOLUME, np.eye(4)), tmp_path / "a.img")
    with pytest.raises(DataError, match=r"a\.hdr: the header of a \.hdr/\.img pair"):
        readers.read(tmp_path / "a.hdr")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"x" * 1000))
    with pytest.raises(DataError, match="gzip data that holds no NIfTI volume"):
        readers.read(tmp_path / "b.gz")


def test_announced_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.nii.gz", VOLUME)
    monkeypatch.setattr(limits, "MAX_DECODED_BYTES", 10)
    with pytest.raises(DataError, match="more than the limit"):
        readers.read(path)


def test_dicom_and_nifti_of_one_scan_agree(tmp_path: Path, make_dicom) -> None:
    """The same oblique scan written as DICOM slices and as NIfTI lies at the same place with the same values."""
    along_columns, along_rows = np.array([0.8, 0.6, 0.0]), np.array([0.0, 0.0, -1.0])
    normal = np.cross(along_columns, along_rows)
    values = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
    start, spacing = np.array([-12.0, 34.0, 56.0]), (2.5, 0.5, 0.75)
    for number in range(3):
        make_dicom(
            values[number],
            f"{number}.dcm",
            PixelSpacing=list(spacing[1:]),
            ImageOrientationPatient=[*along_columns, *along_rows],
            ImagePositionPatient=(start + number * spacing[0] * normal).tolist(),
        )
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 2] = (
        along_columns * spacing[2],
        along_rows * spacing[1],
        normal * spacing[0],
    )
    lps[:3, 3] = start
    nifti = readers.read(saved(tmp_path / "a.nii.gz", values.T, np.diag([-1, -1, 1, 1]) @ lps))
    slices = [readers.read(tmp_path / f"{number}.dcm") for number in range(3)]
    origins = [tuple(image.require_geometry(position=True).origin_mm) for image in slices]
    dicom = slices[0].require_geometry().stacked(origins)
    assert (np.stack([image.array for image in slices]) == nifti.array).all()
    # float32 of the NIfTI header: 1e-7 of some 100 mm
    np.testing.assert_allclose(dicom.affine, nifti.require_geometry().affine, atol=1e-5)
