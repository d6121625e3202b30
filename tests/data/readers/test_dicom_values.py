"""Modality transform, units and presentation, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.data import readers
from vesalius.data.readers import Window
from vesalius.errors import DataError

STORED = np.array([[0, 1000, 2000]], dtype=np.int16)


@pytest.mark.parametrize(
    ("tags", "values", "kind", "units"),
    [
        (
            {"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "-1024"},
            [-1024, -24, 976],
            "int16",
            "HU",
        ),
        ({"Modality": "CT", "RescaleSlope": "2", "RescaleIntercept": "0"}, [0, 2000, 4000], "int16", "HU"),
        # 2000 × 20 = 40,000 does not fit int16
        ({"Modality": "CT", "RescaleSlope": "20", "RescaleIntercept": "0"}, [0, 20000, 40000], "int32", "HU"),
        (
            {"Modality": "CT", "RescaleSlope": "0.5", "RescaleIntercept": "-.25"},
            [-0.25, 499.75, 999.75],
            "float32",
            "HU",
        ),
        ({"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "0"}, [0, 1000, 2000], "int16", "HU"),
        ({"Modality": "CT"}, [0, 1000, 2000], "int16", "stored"),
        (
            {"Modality": "MR", "RescaleSlope": "2", "RescaleIntercept": "1"},
            [1, 2001, 4001],
            "int16",
            "stored",
        ),
        ({"Modality": "MR"}, [0, 1000, 2000], "int16", "stored"),
        (
            {"Modality": "CR", "RescaleSlope": "2", "RescaleIntercept": "0", "RescaleType": "OD"},
            [0, 2000, 4000],
            "int16",
            "stored",
        ),
        (
            {"Modality": "OT", "RescaleSlope": "1", "RescaleIntercept": "-1024", "RescaleType": "HU"},
            [-1024, -24, 976],
            "int16",
            "HU",
        ),
        (
            {"Modality": "PT", "RescaleSlope": "2", "RescaleIntercept": "0", "Units": "GML"},
            [0, 2000, 4000],
            "int16",
            "SUV",
        ),
    ],
)
def test_rescale(make_dicom, tags: dict, values: list, kind: str, units: str) -> None:
    image = readers.read(make_dicom(STORED, **tags))
    assert image.array.tolist() == [values]
    assert image.array.dtype == kind
    assert image.units == units
    assert ("units_reason" in image.info) == (units == "stored")


def test_why_units_are_stored(make_dicom) -> None:
    assert "CT without RescaleSlope" in readers.read(make_dicom(STORED, Modality="CT")).info["units_reason"]
    dose = readers.read(make_dicom(STORED, Modality="RTDOSE", DoseGridScaling="0.001", DoseUnits="GY"))
    assert dose.info["units_reason"] == "multiply by 0.001 for the dose in GY"
    pet = {"Modality": "PT", "Units": "CNTS", "RescaleSlope": "1", "RescaleIntercept": "0"}
    assert "PET in units 'CNTS'" in readers.read(make_dicom(STORED, **pet)).info["units_reason"]


def test_modality_table(make_dicom) -> None:
    from pydicom import Dataset

    item = Dataset()
    item.LUTDescriptor = [3, 1000, 16]
    item.add_new("LUTData", "US", [5, 6, 7])
    item.ModalityLUTType = "HU"
    image = readers.read(make_dicom(STORED.astype(np.uint16), ModalityLUTSequence=[item]))
    # 0 is below the table: first entry; 1000 is the first; 2000 is beyond the third
    assert image.array.tolist() == [[5, 5, 7]]
    assert image.units == "HU"


def pet(**changes) -> dict:
    from pydicom import Dataset

    dose = Dataset()
    dose.RadionuclideTotalDose = "350000000"
    dose.RadionuclideHalfLife = "6600"
    dose.RadiopharmaceuticalStartTime = "100000"
    tags = {
        "Modality": "PT",
        "Units": "BQML",
        "RescaleSlope": "5",
        "RescaleIntercept": "0",
        "DecayCorrection": "START",
        "PatientWeight": "70",
        "SeriesDate": "20240131",
        "SeriesTime": "115000.0",
        "RadiopharmaceuticalInformationSequence": [dose],
    }
    tags.update(changes)
    return {keyword: value for keyword, value in tags.items() if value is not None}


def test_suv_by_hand(make_dicom) -> None:
    # 1 h 50 min = 6600 s is one half-life: 175 MBq are left. 1000 × 5 Bq/mL × 70,000 g / 175,000,000 Bq = 2
    image = readers.read(make_dicom(STORED, **pet()))
    assert image.units == "SUV"
    np.testing.assert_allclose(image.array, [[0, 2.0, 4.0]], rtol=1e-6)
    # corrected to the injection: all 350 MBq count
    admin = readers.read(make_dicom(STORED, "b.dcm", **pet(DecayCorrection="ADMIN")))
    np.testing.assert_allclose(admin.array, [[0, 1.0, 2.0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PatientWeight": None}, "PatientWeight"),
        ({"DecayCorrection": "NONE"}, "DecayCorrection"),
        ({"SeriesTime": None}, "series time is missing"),
        ({"SeriesTime": "090000"}, "starts before the injection"),
        ({"RadiopharmaceuticalInformationSequence": None}, "RadionuclideTotalDose"),
    ],
)
def test_no_suv_without_all_of_it(make_dicom, changes: dict, reason: str) -> None:
    image = readers.read(make_dicom(STORED, **pet(**changes)))
    assert image.units == "stored"
    assert reason in image.info["units_reason"]
    assert image.array.tolist() == [[0, 5000, 10000]]


def test_windows_in_order(make_dicom) -> None:
    tags = {
        "WindowCenter": [40, 50],
        "WindowWidth": [400, 1500],
        "Modality": "CT",
        "VOILUTFunction": "SIGMOID",
    }
    shown = readers.read(make_dicom(STORED, **tags)).presentation
    assert shown.windows == (Window(40, 400, "SIGMOID"), Window(50, 1500, "SIGMOID"))


def test_window_applies_after_the_rescale(make_dicom) -> None:
    tags = {"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "-1000"}
    window = {"WindowCenter": "0", "WindowWidth": "2000", "VOILUTFunction": "LINEAR_EXACT"}
    # HU -1000, 0, 1000 in a window of -1000 to 1000
    assert readers.read(make_dicom(STORED, **tags, **window)).display().tolist() == [[0.0, 0.5, 1.0]]


def test_a_wrong_window_is_named(make_dicom) -> None:
    image = readers.read(make_dicom(STORED, WindowCenter="40", WindowWidth="0", Modality="MR"))
    assert image.presentation.windows == ()
    assert "width" in image.info["window_ignored"]


@pytest.mark.parametrize("as_bytes", [False, True])
def test_voi_table(make_dicom, as_bytes: bool) -> None:
    from pydicom import Dataset

    item = Dataset()
    item.LUTDescriptor = [3, 999, 10]
    item.add_new("LUTData", "US", [0, 341, 1023])
    if as_bytes:
        item.add_new("LUTData", "OW", np.array([0, 341, 1023], "<u2").tobytes())
    tags = {"VOILUTSequence": [item], "WindowCenter": "1", "WindowWidth": "2", "Modality": "DX"}
    shown = readers.read(make_dicom(STORED.astype(np.uint16), **tags)).display()
    # 0 → first entry; 1000 → second, 341 / 1023 = 1/3; 2000 → last
    np.testing.assert_allclose(shown, [[0, 1 / 3, 1]], rtol=1e-6)


def test_voi_table_of_negative_inputs(make_dicom) -> None:
    from pydicom import Dataset

    item = Dataset()
    # first mapped value -1000, written as unsigned
    item.LUTDescriptor = [2, 65536 - 1000, 8]
    item.add_new("LUTData", "US", [0, 255])
    tags = {"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "-1000", "VOILUTSequence": [item]}
    shown = readers.read(make_dicom(STORED.astype(np.uint16), **tags)).display()
    assert shown.tolist() == [[0.0, 1.0, 1.0]]


def test_a_short_table_is_an_error(make_dicom) -> None:
    from pydicom import Dataset

    item = Dataset()
    item.LUTDescriptor = [300, 0, 16]
    item.add_new("LUTData", "US", [5, 6, 7])
    path = make_dicom(STORED, "table.dcm", VOILUTSequence=[item])
    with pytest.raises(DataError, match=r"table\.dcm: LUTData .* has 3 entries"):
        readers.read(path)


def test_rendered_pictures_are_display(make_dicom) -> None:
    capture = "1.2.840.10008.5.1.4.1.1.7"
    image = readers.read(make_dicom(np.array([[0, 51]], np.uint8), SOPClassUID=capture, Modality="OT"))
    assert image.units == "display"
    assert image.display().tolist() == [[0.0, pytest.approx(0.2)]]


def test_rescale_of_single_frames(make_dicom) -> None:
    from pydicom import Dataset

    groups = []
    for slope in (1, 2):
        item, group = Dataset(), Dataset()
        item.RescaleSlope, item.RescaleIntercept, item.RescaleType = slope, -10, "HU"
        group.PixelValueTransformationSequence = [item]
        groups.append(group)
    array = np.array([[[100]], [[100]]], dtype=np.int16)
    path = make_dicom(array, frames=2, Modality="CT", PerFrameFunctionalGroupsSequence=groups)
    # 100 × 1 - 10, 100 × 2 - 10
    assert readers.read(path).array.ravel().tolist() == [90, 190]
    assert readers.read(path, frame=1).array.tolist() == [[190]]
    assert readers.read(path).units == "HU"
