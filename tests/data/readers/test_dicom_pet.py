"""SUV of PET slices and series, each worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from series_files import heights, write_enhanced, write_series, write_slice

from vesalius.data import readers
from vesalius.errors import DataError

HALF_LIFE_S = 6600
MBQ = 350


def dose(**changes: Any):
    from pydicom import Dataset

    item = Dataset()
    item.RadionuclideTotalDose = str(MBQ * 10**6)
    item.RadionuclideHalfLife = str(HALF_LIFE_S)
    item.RadiopharmaceuticalStartTime = "100000"
    for keyword, value in changes.items():
        setattr(item, keyword, value)
    return item


def pet(**changes: Any) -> dict[str, Any]:
    tags = {
        "Modality": "PT", "Units": "BQML", "DecayCorrection": "START", "PatientWeight": "70",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128", "CorrectedImage": ["ATTN", "DECY", "SCAT"],
        "SeriesDate": "20240131", "SeriesTime": "115000", "AcquisitionDate": "20240131", "AcquisitionTime": "115000",
        "RescaleSlope": "5", "RescaleIntercept": "0", "RadiopharmaceuticalInformationSequence": [dose()],
    }  # fmt: skip
    return {**tags, **changes}


def first(folder: Path, **changes: Any) -> readers.Pixels:
    return readers.read(write_slice(folder / "a.dcm", (0, 0, 0), 1000, **pet(**changes)))


def test_corrected_to_the_start_of_the_scan(tmp_path: Path) -> None:
    # 11:50 is 6600 s = one half-life after 10:00, so 175 MBq are left: 1000 × 5 Bq/mL × 70,000 g / 175e6 Bq = 2
    image = first(tmp_path)
    assert image.units == "SUV"
    assert image.array[0, 0] == pytest.approx(2.0, rel=1e-6)


def test_corrected_to_the_injection(tmp_path: Path) -> None:
    assert first(tmp_path, DecayCorrection="ADMIN").array[0, 0] == pytest.approx(1.0, rel=1e-6)


def test_not_corrected(tmp_path: Path) -> None:
    # One half-life after the injection, over 3300 s = half a half-life: the mean of 2^-t over t in 1..1.5 is
    # (2^-1 - 2^-1.5) / (0.5 ln 2) = 0.146447 / 0.346574 = 0.422556. Values of 5000 Bq/mL were 5000 / 0.422556
    # at the injection: 11832.8 × 70,000 / 350e6 = 2.36655
    image = first(tmp_path, DecayCorrection="NONE", ActualFrameDuration="3300000", CorrectedImage=["ATTN"])
    assert image.array[0, 0] == pytest.approx(5000 / ((0.5 - 2**-1.5) / (0.5 * math.log(2))) * 70e3 / 350e6, rel=1e-6)
    assert image.array[0, 0] == pytest.approx(2.36655, abs=1e-4)


def test_values_that_are_suv_already(tmp_path: Path) -> None:
    image = first(tmp_path, Units="GML", RescaleSlope="0.01")
    assert (image.units, image.array[0, 0]) == ("SUV", pytest.approx(10.0))
    lean = first(tmp_path, Units="GML", SUVType="LBM")
    assert (lean.units, "type 'LBM'" in lean.info["units_reason"]) == ("stored", True)


def test_factor_of_philips(tmp_path: Path) -> None:
    from pydicom import dcmread

    path = write_slice(tmp_path / "a.dcm", (0, 0, 0), 1000, **pet(Units="CNTS"))
    assert "without Philips' SUV factor" in readers.read(path).info["units_reason"]
    dataset = dcmread(path)
    block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.0004")
    dataset.save_as(path)
    # 5000 counts × 0.0004
    image = readers.read(path)
    assert (image.units, image.array[0, 0]) == ("SUV", pytest.approx(2.0))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CorrectedImage": ["DECY"]}, "attenuation was not corrected"),
        ({"PatientWeight": None}, r"PatientWeight (0010,1030) is missing"),
        ({"DecayCorrection": "NONE"}, "ActualFrameDuration (0018,1242)"),
        ({"DecayCorrection": "OTHER"}, "'OTHER', expected START, ADMIN or NONE"),
        ({"SeriesTime": "120000"}, "is not the start of the scan"),
        ({"RadiopharmaceuticalInformationSequence": [dose(), dose()]}, "2 radiopharmaceuticals"),
        ({"RadiopharmaceuticalInformationSequence": None}, "RadionuclideTotalDose (0018,1074) is missing"),
        ({"RadiopharmaceuticalInformationSequence": [dose(RadionuclideHalfLife=None)]}, "RadionuclideHalfLife"),
        ({"Units": "PROPCNTS"}, "PET in units 'PROPCNTS'"),
    ],
)
def test_what_lacks_is_named_and_values_stay(tmp_path: Path, changes: dict, reason: str) -> None:
    image = first(tmp_path, **changes)
    assert image.units == "stored"
    assert reason in image.info["units_reason"]
    assert image.array[0, 0] == 5000


def test_a_series_of_beds_counts_from_its_first_acquisition(tmp_path: Path) -> None:
    # The series time is that of a later reconstruction; the first bed was acquired at 11:50, the next at 11:53.
    for place in range(4):
        tags = pet(SeriesTime="180000", AcquisitionTime="115000" if place < 2 else "115300")
        write_slice(tmp_path / str(place), (0, 0, 3 * place), 1000, **tags)
    volume = readers.read(tmp_path)
    assert volume.units == "SUV"
    np.testing.assert_allclose(volume.array[:, 0, 0], 2.0, rtol=1e-6)


def test_slopes_of_every_slice(tmp_path: Path) -> None:
    for place, slope in enumerate(("5", "10", "2.5")):
        write_slice(tmp_path / str(place), (0, 0, 3 * place), 1000, **pet(RescaleSlope=slope))
    np.testing.assert_allclose(readers.read(tmp_path).array[:, 0, 0], [2.0, 4.0, 1.0], rtol=1e-6)


def test_dynamic_frames(tmp_path: Path) -> None:
    for number in range(3):
        tags = pet(FrameReferenceTime=str(60000 * number), AcquisitionTime=f"1150{10 * number:02d}")
        write_series(tmp_path / str(2 - number), heights(0, 3), **tags)
    volume = readers.read(tmp_path)
    assert (volume.axes, volume.array.shape[:2], volume.units) == ("TZYX", (3, 2), "SUV")
    assert volume.info["frames_by"] == "frame time (0054,1300)"
    assert volume.info["frame_values"] == "0; 60000; 120000"


def test_no_moment_is_shown(tmp_path: Path) -> None:
    for number in range(2):
        write_series(tmp_path / str(number), heights(0, 3), **pet(AcquisitionTime=f"11500{number}"))
    volume = readers.read(tmp_path)
    assert volume.info["frame_values"] == "0 s; 1 s"
    assert "2024" not in repr(volume.info)


def test_enhanced_object(tmp_path: Path) -> None:
    from pydicom import Dataset

    code, mapping = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "Bq/ml", "UCUM"
    mapping.MeasurementUnitsCodeSequence = [code]
    left_out = ("Units", "DecayCorrection", "RescaleSlope", "RescaleIntercept", "AcquisitionTime", "AcquisitionDate")
    tags = {key: value for key, value in pet().items() if key not in left_out}
    tags.update(SOPClassUID="1.2.840.10008.5.1.4.1.1.130", DecayCorrectionDateTime="20240131115000")
    frames = [{"position": (0, 0, z)} for z in (2, 0)]
    path = write_enhanced(tmp_path / "e.dcm", frames, [2024, 3024], mapping=mapping, **tags)
    image = readers.read(path)
    # rescaled by 1 and -1024 to 1000 and 2000 Bq/mL; × 70,000 g / 175e6 Bq = 0.4 and 0.8
    assert (image.axes, image.units) == ("ZYX", "SUV")
    np.testing.assert_allclose(image.array[:, 0, 0], [0.4, 0.8], rtol=1e-6)


def test_no_moment_of_an_enhanced_object_is_shown(tmp_path: Path) -> None:
    tags = ("FrameAcquisitionDateTime", "FrameReferenceDateTime")
    frames = [
        {"position": (0, 0, z), "content": dict.fromkeys(tags, f"2024013112000{t}")} for t in (2, 1) for z in (0, 2)
    ]
    volume = readers.read(write_enhanced(tmp_path / "e.dcm", frames, [0, 1, 2, 3]))
    assert volume.axes == "TZYX"
    assert (volume.array[:, :, 0, 0] + 1024).tolist() == [[2, 3], [0, 1]]
    folder = readers.read(tmp_path)
    assert folder.info["frame_values"] == "0 s; 1 s"
    assert "2024" not in repr((volume.info, folder.info))


def test_units_that_differ_within_a_series(tmp_path: Path) -> None:
    write_slice(tmp_path / "0", (0, 0, 0), 1000, **pet())
    write_slice(tmp_path / "1", (0, 0, 3), 1000, **pet(PatientWeight=None))
    with pytest.raises(DataError, match=r"PatientWeight \(0010,1030\) is missing"):
        readers.read(tmp_path)
