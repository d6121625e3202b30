"""Which field of spacing counts, and geometry of frames, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.data import readers
from vesalius.errors import DataError

PICTURE = np.zeros((4, 6), np.uint16)
AXIAL = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [-10, -20, 30]}


def test_slice_by_hand(make_dicom) -> None:
    image = readers.read(make_dicom(PICTURE, PixelSpacing=[0.5, 0.25], **AXIAL))
    geometry = image.require_geometry(position=True)
    # PixelSpacing is (between rows, between columns)
    assert geometry.spacing_mm == (0.5, 0.25)
    # row 2, column 3: x = -10 + 3 × .25, y = -20 + 2 × .5
    assert geometry.to_patient([2, 3]).tolist() == [-9.25, -19.0, 30.0]
    assert geometry.orientation == "axial"
    assert geometry.cosines == (1, 0, 0, 0, 1, 0)


def test_sagittal_by_hand(make_dicom) -> None:
    # columns grow to the back, rows to the feet
    tags = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1], "ImagePositionPatient": [5, 0, 100]}
    geometry = readers.read(make_dicom(PICTURE, PixelSpacing=[2, 1], **tags)).require_geometry()
    assert geometry.to_patient([3, 4]).tolist() == [5.0, 4.0, 94.0]
    assert geometry.orientation == "sagittal"


@pytest.mark.parametrize(
    ("tags", "spacing", "plane", "source"),
    [
        ({"PixelSpacing": [0.5, 0.25]}, (0.5, 0.25), "patient", "PixelSpacing"),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1), "detector", "ImagerPixelSpacing"),
        # equal to the imager's: nothing was calibrated, so it is still that of the detector
        (
            {"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]},
            (0.2, 0.2),
            "detector",
            "PixelSpacing",
        ),
        (
            {"PixelSpacing": [0.15, 0.15], "ImagerPixelSpacing": [0.2, 0.2]},
            (0.15, 0.15),
            "patient",
            "PixelSpacing",
        ),
        (
            {
                "PixelSpacing": [0.2, 0.2],
                "ImagerPixelSpacing": [0.2, 0.2],
                "PixelSpacingCalibrationType": "GEOMETRY",
            },
            (0.2, 0.2),
            "patient",
            "PixelSpacing",
        ),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, (0.1, 0.1), "film", "NominalScannedPixelSpacing"),
        # a magnification is not divided by
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": 2},
            (0.2, 0.2),
            "detector",
            "ImagerPixelSpacing",
        ),
    ],
)
def test_which_spacing_counts(make_dicom, tags: dict, spacing: tuple, plane: str, source: str) -> None:
    geometry = readers.read(make_dicom(PICTURE, Modality="DX", **tags)).require_geometry()
    assert geometry.spacing_mm == spacing
    assert geometry.plane == plane
    assert geometry.source.startswith(source)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({}, r"neither PixelSpacing \(0028,0030\) nor ImagerPixelSpacing \(0018,1164\) is stated"),
        ({"PixelSpacing": [0, 0]}, r"PixelSpacing \(0028,0030\) is 0 by 0 mm"),
        ({"PixelSpacing": [-1, 1]}, r"PixelSpacing \(0028,0030\) is -1 by 1 mm"),
        ({"PixelSpacing": [1, 1, 1]}, r"PixelSpacing \(0028,0030\) is nan"),
        # none of these is a spacing
        (
            {"PixelAspectRatio": [1, 1], "SliceThickness": 5, "SpacingBetweenSlices": 5},
            "neither PixelSpacing",
        ),
    ],
)
def test_missing_or_wrong_spacing(make_dicom, tags: dict, message: str) -> None:
    image = readers.read(make_dicom(PICTURE, "scan.dcm", **AXIAL, **tags))
    assert image.geometry is None
    with pytest.raises(DataError, match=rf"scan\.dcm: no geometry: {message}"):
        image.require_geometry()


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({}, r"ImageOrientationPatient \(0020,0037\) is not stated"),
        (
            {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
            r"ImagePositionPatient \(0020,0032\) is not stated",
        ),
        ({**AXIAL, "ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "not at right angles"),
        (
            {**AXIAL, "ImageOrientationPatient": [2, 0, 0, 0, 1, 0]},
            r"ImageOrientationPatient \(0020,0037\) is wrong",
        ),
        ({**AXIAL, "ImageOrientationPatient": [1, 0, 0]}, "3 direction cosines"),
    ],
)
def test_missing_or_wrong_place(make_dicom, tags: dict, message: str) -> None:
    image = readers.read(make_dicom(PICTURE, "scan.dcm", PixelSpacing=[1, 1], **tags))
    assert image.require_geometry().directions == ()
    with pytest.raises(DataError, match=rf"scan\.dcm: no position in the patient: .*{message}"):
        image.require_geometry(position=True)


def enhanced(make_dicom, positions: list, **changes):
    from pydicom import Dataset

    def group(**items):
        dataset = Dataset()
        for sequence, tags in items.items():
            item = Dataset()
            for keyword, value in tags.items():
                setattr(item, keyword, value)
            setattr(dataset, sequence, [item])
        return dataset

    shared = group(
        PixelMeasuresSequence={"PixelSpacing": [0.5, 0.25], "SliceThickness": 9, "SpacingBetweenSlices": 7},
        PlaneOrientationSequence={"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    )
    frames = [group(PlanePositionSequence={"ImagePositionPatient": position}) for position in positions]
    return make_dicom(
        np.zeros((len(positions), 2, 3), np.uint16),
        "scan.dcm",
        frames=len(positions),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
        **changes,
    )


def test_volume_from_positions(make_dicom) -> None:
    path = enhanced(make_dicom, [[0, 0, 10], [0, 0, 12.5], [0, 0, 15]])
    image = readers.read(path)
    assert image.axes == "ZYX"
    geometry = image.require_geometry(position=True)
    # 2.5 from the positions, not the thickness of 9 nor the stated 7
    assert geometry.spacing_mm == (2.5, 0.5, 0.25)
    assert geometry.to_patient([2, 1, 2]).tolist() == [0.5, 0.5, 15.0]
    one = readers.read(path, frame=1).require_geometry(position=True)
    assert one.to_patient([0, 0]).tolist() == [0.0, 0.0, 12.5]


def test_tilted_gantry(make_dicom) -> None:
    # slices move by (0, 1, 3): not along the normal, and said so by the affine
    image = readers.read(enhanced(make_dicom, [[0, 0, 0], [0, 1, 3]]))
    geometry = image.require_geometry()
    assert geometry.spacing_mm[0] == pytest.approx(10**0.5)
    np.testing.assert_allclose(geometry.affine[:3, 0], [0, 1, 3], atol=1e-12)


@pytest.mark.parametrize(
    "positions",
    [[[0, 0, 0], [0, 0, 1], [0, 0, 3]], [[0, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 1], [5, 0, 2]]],
    ids=["gap", "same place", "shifted"],
)
def test_frames_that_are_no_volume(make_dicom, positions: list) -> None:
    image = readers.read(enhanced(make_dicom, positions))
    assert image.axes == "TYX"
    assert image.require_geometry().spacing_mm == (0.5, 0.25)
    with pytest.raises(DataError, match="not one volume"):
        image.require_geometry(position=True)


def test_frames_of_different_orientation(make_dicom) -> None:
    path = enhanced(make_dicom, [[0, 0, 0], [0, 0, 1]])
    from pydicom import Dataset, dcmread

    dataset, turned = dcmread(path), Dataset()
    turned.ImageOrientationPatient = [0, 1, 0, 0, 0, 1]
    dataset.PerFrameFunctionalGroupsSequence[1].PlaneOrientationSequence = [turned]
    dataset.save_as(path)
    image = readers.read(path)
    assert image.axes == "TYX"
    assert "oriented differently" in image.info["position_missing"]


def test_frames_without_places(make_dicom) -> None:
    image = readers.read(make_dicom(np.zeros((2, 4, 6), np.uint8), frames=2, PixelSpacing=[1, 1], **AXIAL))
    assert image.axes == "TYX"
    assert "no position for every frame" in image.info["position_missing"]
    bare = readers.read(make_dicom(np.zeros((2, 4, 6), np.uint8), "b", frames=2))
    assert bare.geometry is None


@pytest.mark.parametrize("offsets", [[0, 3, 6], [30, 33, 36]], ids=["from zero", "with the position's z"])
def test_dose_grid(make_dicom, offsets: list) -> None:
    tags = {"GridFrameOffsetVector": offsets, "PixelSpacing": [2, 2], **AXIAL}
    path = make_dicom(np.zeros((3, 4, 6), np.uint32), frames=3, Modality="RTDOSE", **tags)
    geometry = readers.read(path).require_geometry(position=True)
    assert geometry.spacing_mm == (3.0, 2.0, 2.0)
    assert geometry.to_patient([2, 0, 0]).tolist() == [-10.0, -20.0, 36.0]
    one = readers.read(path, frame=2).require_geometry(position=True)
    assert one.to_patient([0, 0]).tolist() == [-10.0, -20.0, 36.0]
