"""DICOM datasets and files: every action, any depth, references over a series, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from vesalius.data import readers
from vesalius.data.deidentify import Options, Secret
from vesalius.data.deidentify.codestreams import without_notes
from vesalius.data.deidentify.dataset import Treatment
from vesalius.data.deidentify.dicom_file import treat_dicom
from vesalius.errors import ConfigError, DataError

SECRET = Secret(b"k" * 32)
GREY = (np.add.outer(np.arange(64), np.arange(64)) * 8).astype(np.uint16)


def patient() -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Doesworth^Jane", "HOSP-778899", "19310514"
    dataset.PatientSex, dataset.PatientAge, dataset.PatientWeight = "F", "093Y", 61
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20200228", "103522", "ACC778899"
    dataset.StudyDescription, dataset.StationName = "CT of Mrs Doesworth", "SCANNER7"
    dataset.InstitutionName, dataset.Manufacturer = "Thornbury General", "Acme"
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = "1.2.3", "1.2.3.9"
    dataset.Modality = "CT"
    return dataset


def treated(dataset: Dataset, **options: object) -> Dataset:
    chosen = Options(**options)  # type: ignore[arg-type]
    Treatment.of(dataset, options=chosen, secret=SECRET).treat(dataset)
    return dataset


def test_the_basic_profile() -> None:
    new = treated(patient())
    assert new.PatientID == new.PatientName == SECRET.pseudonym("patient", "id hosp-778899", prefix="P")
    assert new.AccessionNumber == SECRET.pseudonym("accession", "ACC778899", prefix="A")
    assert not new.PatientBirthDate
    assert not new.PatientSex
    assert not new.StudyDate
    assert "PatientAge" not in new
    assert "PatientWeight" not in new
    assert "StudyDescription" not in new
    assert new.InstitutionName == new.StationName == "REMOVED"
    assert (new.SOPInstanceUID, new.StudyInstanceUID) == (SECRET.uid("1.2.3.4"), SECRET.uid("1.2.3"))
    assert (new.SOPClassUID, new.Modality, new.Manufacturer) == ("1.2.840.10008.5.1.4.1.1.2", "CT", "Acme")


def test_the_options() -> None:
    new = treated(
        patient(), modified_dates=True, patient_characteristics=True, device=True, institution=True, uids=True,
        descriptors=True,
    )  # fmt: skip
    days = SECRET.shift_days("id hosp-778899")
    assert days == (
        np.datetime64(f"{new.StudyDate[:4]}-{new.StudyDate[4:6]}-{new.StudyDate[6:]}") - np.datetime64("2020-02-28")
    ).astype(int)
    assert (new.StudyTime, new.PatientSex, new.PatientAge, new.PatientWeight) == ("103522", "F", "090Y", 61)
    assert (new.StationName, new.InstitutionName, new.SOPInstanceUID) == ("SCANNER7", "Thornbury General", "1.2.3.4")
    assert new.StudyDescription == "CT of Mrs [NAME]"
    assert not new.PatientBirthDate


def test_full_dates_are_kept() -> None:
    assert treated(patient(), full_dates=True).StudyDate == "20200228"


def test_any_depth() -> None:
    dataset, item = patient(), Dataset()
    for _depth in range(8):
        item.PatientName, item.ReferencedSOPInstanceUID, item.PatientID = "Doesworth^Jane", "1.2.3.4", "HOSP-778899"
        outer = Dataset()
        outer.ReferencedSeriesSequence = Sequence([item])
        item = outer
    dataset.ReferencedSeriesSequence = Sequence([item])
    new = treated(dataset)
    assert "Doesworth" not in str(new)
    assert "778899" not in str(new)
    for _ in range(9):
        new = new.ReferencedSeriesSequence[0]
    assert new.ReferencedSOPInstanceUID == SECRET.uid("1.2.3.4")


def test_endless_nesting_is_refused() -> None:
    item = Dataset()
    for _ in range(40):
        outer = Dataset()
        outer.ReferencedSeriesSequence = Sequence([item])
        item = outer
    with pytest.raises(DataError, match="deeper than 32"):
        treated(item)


def test_what_the_table_does_not_name() -> None:
    dataset = patient()
    dataset.SoftwareVersions, dataset.ConvolutionKernel = "4.2 for Doesworth", "B30f"
    dataset.BodyPartExamined, dataset.ScanOptions = "CHEST", "DOESWORTH"
    dataset.EvaluatorName, dataset.RetrieveURL = "Miller^A", "https://pacs/1"
    dataset.add_new(0x00080001, "UL", 5)
    dataset.add_new(0x0008FFF0, "LO", "unknown text of 1951")
    dataset.add_new(0xFFFCFFFC, "OB", b"Doesworth")
    new = treated(dataset)
    assert (new.ConvolutionKernel, new.BodyPartExamined) == ("B30f", "CHEST")
    for keyword in ("SoftwareVersions", "ScanOptions", "EvaluatorName", "RetrieveURL"):
        assert keyword not in new
    assert 0xFFFCFFFC not in new


def test_private_elements_go_unless_they_are_safe() -> None:
    def made() -> Dataset:
        dataset = patient()
        safe = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
        safe.add_new(0x39, "IS", "800")
        safe.add_new(0x40, "LO", "seen by Doesworth")
        dataset.private_block(0x0045, "OTHER", create=True).add_new(0x01, "LO", "Doesworth")
        return dataset

    assert not [element for element in treated(made()) if element.tag.is_private]
    kept = treated(made(), safe_private=("GEMS_PARM_01",))
    assert kept[0x0043, 0x1039].value == 800
    assert "Doesworth" not in str(kept)
    assert (0x0045, 0x1001) not in kept
    one = treated(made(), safe_private=("GEMS_PARM_01:0043xx39",))
    assert (0x0043, 0x1039) in one
    assert (0x0043, 0x1040) not in one


def test_a_wrong_safe_private_is_told() -> None:
    from vesalius.data.deidentify.private import check_safe_private

    with pytest.raises(ConfigError, match="CREATOR:ggggxxee"):
        check_safe_private(("GEMS:12",))


def test_structured_reports() -> None:
    def made() -> Dataset:
        dataset, item = patient(), Dataset()
        item.ValueType, item.TextValue = "TEXT", "Mrs. Doesworth has a nodule of 8 mm, seen 03/15/2021."
        dataset.ContentSequence = Sequence([item])
        return dataset

    assert treated(made()).ContentSequence[0].TextValue == "REMOVED"
    clean = treated(made(), structured_content=True).ContentSequence[0].TextValue
    assert clean == "Mrs. [NAME] has a nodule of 8 mm, seen [DATE]."


def write(data: bytes, path: Path) -> Path:
    path.write_bytes(data)
    return path


def test_a_series_with_references_stays_a_series(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    new = []
    for number in range(3):
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = (
            "1.2.840.10008.5.1.4.1.1.2",
            f"1.9.{(number + 1) % 3}",
        )
        path = make_dicom(
            GREY, f"{number}.dcm", SOPInstanceUID=f"1.9.{number}", StudyInstanceUID="1.9",
            SeriesInstanceUID="1.9.9", PatientID="X-12345",
            SourceImageSequence=Sequence([reference]),
        )  # fmt: skip
        new.append(
            dcmread(write(treat_dicom(path, options=Options(), secret=SECRET)[1], tmp_path / f"new{number}.dcm"))
        )
    uids = [dataset.SOPInstanceUID for dataset in new]
    assert len(set(uids)) == 3
    assert [dataset.SourceImageSequence[0].ReferencedSOPInstanceUID for dataset in new] == [uids[1], uids[2], uids[0]]
    assert (
        len({dataset.StudyInstanceUID for dataset in new}) == len({dataset.SeriesInstanceUID for dataset in new}) == 1
    )
    assert all(dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID for dataset in new)


def test_preamble_file_meta_and_trailing_bytes_hold_nothing(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    path = make_dicom(GREY, PatientName="Doesworth^Jane", PatientID="X-12345")
    dataset = dcmread(path)
    dataset.file_meta.SourceApplicationEntityTitle = "DOESWORTHPC"
    dataset.preamble = b"Doesworth".ljust(128, b" ")
    dataset.save_as(path)
    path.write_bytes(path.read_bytes() + b"\0\0Doesworth"[:0])
    dataset.PixelData += b"Doesworth Jane  "
    dataset.save_as(path)
    data = treat_dicom(path, options=Options(), secret=SECRET)[1]
    assert b"doesworth" not in data.lower()
    assert data[:128] == b"\0" * 128
    new = dcmread(write(data, tmp_path / "new.dcm"))
    assert (new.pixel_array == GREY).all()
    assert (new.PatientIdentityRemoved, "BurnedInAnnotation" in new) == ("YES", False)
    assert [item.CodeValue for item in new.DeidentificationMethodCodeSequence] == ["113100"]
    assert new.LongitudinalTemporalInformationModified == "REMOVED"


def test_directories_and_documents_are_refused(make_dicom: Callable[..., Path]) -> None:
    for number, (kind, word) in enumerate(
        (("1.2.840.10008.1.3.10", "DICOMDIR"), ("1.2.840.10008.5.1.4.1.1.104.1", "document"))
    ):
        path = make_dicom(GREY, f"{number}.dcm", SOPClassUID=kind)
        with pytest.raises(DataError, match=word):
            treat_dicom(path, options=Options(), secret=SECRET)


def test_notes_inside_compressed_frames_go() -> None:
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.fromarray((GREY // 8).astype(np.uint8)).save(
        buffer, "JPEG", comment=b"Doesworth", exif=b"Exif\0\0Doesworth"
    )
    frame = buffer.getvalue() + b"Doesworth"
    assert frame.count(b"Doesworth") == 3
    new = without_notes(frame)
    assert b"Doesworth" not in new
    assert (np.asarray(Image.open(BytesIO(new))) == np.asarray(Image.open(BytesIO(frame)))).all()


def test_bits_above_the_stored_ones_are_cleared(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    path = make_dicom(GREY | 0x8000, BitsStored=12, HighBit=11)
    data = treat_dicom(path, options=Options(), secret=SECRET)[1]
    new = dcmread(write(data, tmp_path / "new.dcm"))
    assert (np.frombuffer(new.PixelData, "<u2") == GREY.ravel()).all()


@pytest.mark.real
@pytest.mark.parametrize(
    "name",
    ["CT_small", "MR_small", "MR_small_RLE", "MR_small_jpeg_ls_lossless", "MR_small_bigendian", "MR_small_implicit",
     "693_J2KR", "image_dfl", "rtplan", "rtdose", "emri_small_jpeg_2k_lossless", "explicit_VR-UN",
     "parametric_map_float", "test-SR", "liver_1frame"],
)  # fmt: skip
def test_real_files_stay_readable_with_equal_pixels(real_data: Path, tmp_path: Path, name: str) -> None:
    path = real_data / "dicom" / "files" / f"{name}.dcm"
    looked_at = name in ("CT_small", "693_J2KR", "liver_1frame")
    done, data = treat_dicom(path, options=Options(pixels="mask" if looked_at else "keep"), secret=SECRET)
    new = write(data, tmp_path / "new.dcm")
    dataset = dcmread(new)
    assert (dataset.PatientIdentityRemoved, done.masked) == ("YES", 0)
    if "Rows" in dataset:
        assert np.array_equal(readers.read(new).array, readers.read(path).array, equal_nan=name.endswith("float"))
