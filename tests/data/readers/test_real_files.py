"""Real files of many modalities, transfer syntaxes and makers, against values that were measured independently."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from vesalius.data import readers
from vesalius.data.geometry import Geometry
from vesalius.data.readers import dicom
from vesalius.errors import DataError

pytestmark = pytest.mark.real

# The index was made without a decoder for these; they decode here and are compared with their lossless siblings.
DECODED_NOW = {
    "files/JPEG-lossy.dcm": "files/JPGExtended.dcm",
    "files/liver_deflate.dcm": "files/liver.dcm",
    "files/liver_rle.dcm": "files/liver.dcm",
}
_MR = ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"]
_EMRI = ["RLE", "big_endian", "jpeg_2k_lossless", "jpeg_ls_lossless"]
SAME_PICTURE = [
    ("MR_small.dcm", *(f"MR_small_{name}.dcm" for name in _MR)),
    ("emri_small.dcm", *(f"emri_small_{name}.dcm" for name in _EMRI)),
    ("693_UNCR.dcm", "693_J2KR.dcm"),
    ("US1_UNCR.dcm", "US1_J2KR.dcm"),
    ("SC_rgb.dcm", *(f"SC_rgb_{name}.dcm" for name in ("expb", "rle", "jpeg_gdcm", "gdcm2k_uncompressed"))),
    ("SC_rgb_16bit.dcm", "SC_rgb_expb_16bit.dcm", "SC_rgb_rle_16bit.dcm"),
    ("SC_rgb_32bit.dcm", "SC_rgb_expb_32bit.dcm", "SC_rgb_rle_32bit.dcm"),
    ("SC_rgb_2frame.dcm", "SC_rgb_expb_2frame.dcm", "SC_rgb_rle_2frame.dcm"),
    ("SC_rgb_16bit_2frame.dcm", "SC_rgb_expb_16bit_2frame.dcm", "SC_rgb_rle_16bit_2frame.dcm"),
    ("SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm"),
    ("liver.dcm", *(f"liver_{name}.dcm" for name in ("expb", "j2k", "rle", "deflate"))),
    ("rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"),
    ("rtdose_1frame.dcm", "rtdose_expb_1frame.dcm", "rtdose_rle_1frame.dcm"),
]


@pytest.fixture(scope="module")
def index(real_data: Path) -> list[dict[str, str]]:
    path = real_data / "dicom" / "index.csv"
    if not path.exists():
        pytest.skip(f"no set of DICOM files at {path.parent}")
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_file_of_the_index(real_data: Path, index: list[dict[str, str]]) -> None:
    seen = {"decoded": 0, "without pixels": 0, "broken": 0, "decoded now": 0}
    for row in index:
        path = real_data / "dicom" / row["file"]
        if row["decoded"] == "yes":
            array = dicom.stored(path)
            assert "x".join(map(str, array.shape)) == row["shape"], row["file"]
            assert (str(array.min()), str(array.max())) == (row["min"], row["max"]), row["file"]
            image = readers.read(path)
            assert image.shape == array.shape[: len(image.shape)], row["file"]
            shown = image.display()
            assert shown.shape == image.array.shape
            assert shown.min() >= 0
            assert shown.max() <= 1
            seen["decoded"] += 1
        elif row["file"] in DECODED_NOW:
            sibling = dicom.stored(real_data / "dicom" / DECODED_NOW[row["file"]])
            assert (dicom.stored(path) == sibling).all(), row["file"]
            seen["decoded now"] += 1
        else:
            with pytest.raises(DataError, match=path.name) as caught:
                readers.read(path)
            nothing = row["decoded"] == "no pixel data"
            assert ("without pixel data" in str(caught.value)) == nothing
            seen["without pixels" if nothing else "broken"] += 1
    # 161 files: 144 decoded when the index was made, 12 without pixels, 5 not decoded then
    assert seen == {"decoded": 144, "without pixels": 12, "broken": 2, "decoded now": 3}


@pytest.mark.parametrize("names", SAME_PICTURE, ids=lambda names: names[0])
def test_lossless_variants_are_equal(real_data: Path, names: tuple[str, ...]) -> None:
    first, *others = (readers.read(real_data / "dicom" / "files" / name) for name in names)
    for other in others:
        assert (other.array == first.array).all(), other.source
        assert other.array.dtype == first.array.dtype
        assert (other.units, other.axes, other.geometry) == (first.units, first.axes, first.geometry)


def test_frames_alone_equal_frames_of_all(real_data: Path, index: list[dict[str, str]]) -> None:
    seen = 0
    for row in index:
        if not row["frames"] or row["frames"] == "1" or row["decoded"] != "yes":
            continue
        path, last = real_data / "dicom" / row["file"], int(row["frames"]) - 1
        whole, one = readers.read(path), readers.read(path, frame=last)
        assert (one.array == whole.array[last]).all(), row["file"]
        if whole.axes == "ZYX":
            np.testing.assert_allclose(
                one.require_geometry().to_patient([0, 0]),
                whole.require_geometry().to_patient([last, 0, 0]),
                atol=1e-6,
            )
        seen += 1
    assert seen == 20


def test_hounsfield_and_spacing_by_hand(real_data: Path) -> None:
    image = readers.read(real_data / "dicom" / "files" / "CT_small.dcm")
    # stored 128 to 2191, slope 1, intercept -1024
    assert (int(image.array.min()), int(image.array.max()), image.units) == (128 - 1024, 2191 - 1024, "HU")
    assert image.require_geometry(position=True).spacing_mm == (0.661468, 0.661468)


def test_mr_series_is_a_volume(real_data: Path) -> None:
    """24 slices of one series: even steps, and the voxel at the far corner where the last header puts it."""
    files = sorted((real_data / "dicom" / "series-mr-vs").glob("*.dcm"))
    slices = [readers.read(file) for file in files]
    geometries = [image.require_geometry(position=True) for image in slices]
    order = np.argsort([geometry.origin_mm[2] for geometry in geometries])
    volume = geometries[order[0]].stacked([geometries[number].origin_mm for number in order])
    assert isinstance(volume, Geometry)
    assert len(order) == 24
    np.testing.assert_allclose(
        volume.to_patient([23, 511, 511]), geometries[order[-1]].to_patient([511, 511]), atol=1e-3
    )


def test_volumes_against_their_description(real_data: Path) -> None:
    folder = real_data / "volumes"
    if not folder.is_dir():
        pytest.skip(f"no set of volumes at {folder}")
    described = [row for row in json.loads((folder / "volumes.json").read_text()) if row["image"].endswith(".nii.gz")]
    for row in described:
        image = readers.read(folder / row["image"])
        reference = nibabel.load(folder / row["image"])
        assert image.shape == tuple(reversed(row["shape"])), row["image"]
        geometry = image.require_geometry(position=True)
        # the description is rounded to four decimals
        np.testing.assert_allclose(geometry.spacing_mm, row["spacing_mm"][2::-1], atol=1e-4)
        np.testing.assert_allclose(geometry.nifti_affine, reference.affine, atol=1e-4)
        assert ("T" in image.axes) == (len(row["shape"]) == 4)
        for mask in row["masks"]:
            if mask.endswith(".nii.gz"):
                other = readers.read(folder / mask)
                assert other.shape == image.shape
                np.testing.assert_allclose(other.require_geometry().affine, geometry.affine, atol=1e-3)
    assert len(described) == 13


def test_voxels_by_hand(real_data: Path) -> None:
    """The corner of a real volume, from its header: 3 mm, axes to Right, Anterior, Superior."""
    path = real_data / "volumes" / "ct-body" / "example_ct_sm.nii.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    image = readers.read(path)
    affine = nibabel.load(path).affine
    geometry = image.require_geometry()
    right, anterior, up = (affine[axis, 3] + 3 * number for axis, number in ((0, 121), (1, 100), (2, 29)))
    np.testing.assert_allclose(geometry.to_patient([29, 100, 121]), [-right, -anterior, up], atol=1e-3)
    assert image.array[29, 100, 121] == nibabel.load(path).get_fdata()[121, 100, 29]


def test_no_header_value_of_a_patient_is_shown(real_data: Path, index: list[dict[str, str]]) -> None:
    from pydicom import dcmread

    checked = 0
    for row in index:
        path = real_data / "dicom" / row["file"]
        if not row["patient_id"] or len(row["patient_id"]) < 5:
            continue
        name = str(dcmread(path, force=True).get("PatientName", ""))
        try:
            shown = repr(readers.read(path).info)
        except DataError as error:
            shown = str(error).replace(str(path), "")
        assert row["patient_id"] not in shown
        assert not name or name not in shown
        checked += 1
    assert checked > 50
