"""DICOM: samples, transfer syntaxes that can be written here, frames, and what is refused."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from dicom_files import rename_syntax

from vesalius.data import readers
from vesalius.data.readers import dicom, limits
from vesalius.data.readers.dicom_codecs import SUPPORTED
from vesalius.errors import DataError

GREY = np.arange(12, dtype=np.int16).reshape(3, 4) * 100 - 300
NATIVE = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "big endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
}
LOSSLESS = {
    "RLE": ("1.2.840.10008.1.2.5", "pydicom"),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", "pyjpegls"),
    "JPEG 2000": ("1.2.840.10008.1.2.4.90", "pylibjpeg"),
}


def compressed(path: Path, syntax: str, plugin: str) -> Path:
    from pydicom import dcmread

    dataset = dcmread(path)
    dataset.compress(syntax, encoding_plugin=plugin)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("syntax", NATIVE.values(), ids=NATIVE.keys())
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.uint32])
def test_native_syntaxes(make_dicom, syntax: str, kind: type) -> None:
    array = (np.arange(12).reshape(3, 4) * 7 - (100 if kind is np.int16 else 0)).astype(kind)
    image = readers.read(make_dicom(array, syntax=syntax))
    assert image.array.dtype == np.dtype(kind)
    assert image.array.dtype.isnative
    assert (image.array == array).all()
    assert (image.axes, image.info["transfer_syntax"]) == ("YX", syntax)


@pytest.mark.parametrize(("syntax", "plugin"), LOSSLESS.values(), ids=LOSSLESS.keys())
@pytest.mark.parametrize("colour", [False, True])
def test_lossless_compression(make_dicom, syntax: str, plugin: str, colour: bool) -> None:
    rng = np.random.default_rng(0)
    array = (
        rng.integers(0, 255, (64, 64, 3)).astype(np.uint8) if colour else rng.integers(0, 4000, (64, 64), np.uint16)
    )
    image = readers.read(compressed(make_dicom(array), syntax, plugin))
    assert (image.array == array).all()
    assert image.units == ("rgb" if colour else "stored")


def test_every_supported_syntax_has_a_decoder() -> None:
    from pydicom.pixels import get_decoder

    ours = {"1.2.840.10008.1.2.8.1"}
    for uid, codec in SUPPORTED.items():
        if uid not in ours and codec.plugin:
            assert codec.plugin in get_decoder(uid).available_plugins, uid
    assert len(SUPPORTED) == 17


def test_the_gpl_decoder_is_never_taken() -> None:
    jpeg = [
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
    ]
    assert {SUPPORTED[uid].plugin for uid in jpeg} == {"gdcm"}


@pytest.mark.parametrize("frames", [1, 3])
def test_deflated_frames(make_dicom, frames: int) -> None:
    from pydicom import dcmread
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    array = np.arange(frames * 6, dtype=np.uint16).reshape(frames, 2, 3) * 100
    path = make_dicom(array, frames=frames)
    dataset = dcmread(path)
    packers = [zlib.compressobj(wbits=-15) for _ in range(frames)]
    packed = [p.compress(frame.tobytes()) + p.flush() for p, frame in zip(packers, array, strict=True)]
    dataset.PixelData = encapsulate([data + b"\0" * (len(data) % 2) for data in packed])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.5")
    dataset.save_as(path)
    rename_syntax(path, "1.2.840.10008.1.2.8.1")
    image = readers.read(path)
    assert (image.array == (array if frames > 1 else array[0])).all()
    assert (readers.read(path, frame=frames - 1).array == array[-1]).all()


def test_frames_are_read_alone(make_dicom, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(5 * 200 * 200, dtype=np.uint16).reshape(5, 200, 200)
    path = make_dicom(array, frames=5)
    assert (readers.read(path, frame=3).array == array[3]).all()
    with pytest.raises(DataError, match=r"frame 5 asked for, the file has 5 \(0028,0008\)"):
        readers.read(path, frame=5)
    # One frame is 80,000 bytes, five are beyond this bound.
    monkeypatch.setattr(limits, "MAX_DECODED_BYTES", 100_000)
    assert (readers.read(path, frame=4).array == array[4]).all()
    with pytest.raises(DataError, match="read single frames with frame="):
        readers.read(path)


@pytest.mark.parametrize("name", LOSSLESS)
def test_compressed_frames_are_read_alone(make_dicom, name: str) -> None:
    array = np.random.default_rng(1).integers(0, 4000, (4, 64, 64), np.uint16)
    path = compressed(make_dicom(array, frames=4), *LOSSLESS[name])
    assert (readers.read(path).array == array).all()
    assert (readers.read(path, frame=2).array == array[2]).all()


def test_colour(make_dicom) -> None:
    array = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10
    image = readers.read(make_dicom(array))
    assert (image.axes, image.units) == ("YXC", "rgb")
    assert (image.array == array).all()
    assert image.display()[1, 2, 2] == pytest.approx(170 / 255)


def test_ybr_by_hand(make_dicom) -> None:
    # PS3.3 C.7.6.3.1.2: (Y, Cb, Cr) = (76, 85, 255) is pure red, (150, 44, 21) pure green, within rounding
    ybr = np.array([[[76, 85, 255], [150, 44, 21]]], dtype=np.uint8)
    image = readers.read(make_dicom(ybr, PhotometricInterpretation="YBR_FULL"))
    expected = np.array([[[254, 0, 0], [0, 255, 1]]])
    # whole numbers of YBR leave an error of up to one level
    assert np.abs(image.array.astype(int) - expected).max() <= 1


def test_palette(make_dicom) -> None:
    index = np.array([[0, 1], [2, 9]], dtype=np.uint8)
    tables = {}
    for colour, values in {"Red": [0, 100, 200], "Green": [1, 101, 201], "Blue": [2, 102, 202]}.items():
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [3, 0, 16]
        tables[f"{colour}PaletteColorLookupTableData"] = np.array(values, dtype="<u2").tobytes()
    image = readers.read(make_dicom(index, PhotometricInterpretation="PALETTE COLOR", **tables))
    assert image.axes == "YXC"
    assert image.units == "rgb"
    # 9 is beyond the table and takes its last entry
    expected = [[[0, 1, 2], [100, 101, 102]], [[200, 201, 202], [200, 201, 202]]]
    assert image.array.tolist() == expected
    assert image.display()[1, 0, 0] == pytest.approx(200 / 65535)


def test_monochrome1_keeps_its_values(make_dicom) -> None:
    array = np.array([[0, 4095]], dtype=np.uint16)
    tags = {
        "Modality": "CR",
        "WindowCenter": 2048,
        "WindowWidth": 4096,
        "PhotometricInterpretation": "MONOCHROME1",
    }
    image = readers.read(make_dicom(array, **tags))
    assert image.array.tolist() == [[0, 4095]]
    assert image.display().tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"Rows": None}, r"Rows \(0028,0010\) is missing or 0"),
        ({"Columns": 0}, r"Columns \(0028,0011\) is missing or 0"),
        ({"BitsAllocated": None}, r"BitsAllocated \(0028,0100\) is missing or 0"),
        ({"PixelData": None}, r"DICOM of class 'CT Image Storage' without pixel data \(7FE0,0010\)"),
        ({"Rows": 30}, "number of bytes of pixel data is less than expected"),
        ({"Rows": 65535, "Columns": 65535}, "more than the limit of 4 GiB"),
        ({"RescaleSlope": "0", "RescaleIntercept": "1"}, r"RescaleSlope \(0028,1053\) is 0"),
    ],
)
def test_what_is_refused(make_dicom, tags: dict, message: str) -> None:
    path = make_dicom(GREY, "scan.dcm", **tags)
    with pytest.raises(DataError, match=rf"scan\.dcm: .*{message}"):
        readers.read(path)


@pytest.mark.parametrize(
    ("syntax", "shown"),
    [
        ("1.2.840.10008.1.2.4.100", r"1\.2\.840\.10008\.1\.2\.4\.100 \(MPEG2 .*\)"),
        ("1.2.3.4", r"'1\.2\.3\.4'"),
    ],
)
def test_unknown_transfer_syntax(make_dicom, syntax: str, shown: str) -> None:
    path = rename_syntax(make_dicom(GREY), syntax)
    with pytest.raises(DataError, match=rf"image\.dcm: transfer syntax {shown} cannot be decoded; .*gdcmconv"):
        readers.read(path)


def test_truncated(make_dicom) -> None:
    path = make_dicom(GREY)
    whole = path.read_bytes()
    for length in (len(whole) - 4, len(whole) // 2, 140):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"image\.dcm: "):
            readers.read(path)


def test_an_element_of_a_wrong_length(make_dicom) -> None:
    # The class becomes a 64-bit number with a length that is no multiple of 8.
    path = make_dicom(GREY, PixelData=None)
    data = path.read_bytes()
    place = data.index(b"\x08\x00\x16\x00UI")
    path.write_bytes(data[: place + 4] + b"UV\0\0\x09\0\0\0" + b"123456789")
    with pytest.raises(DataError, match=r"image\.dcm: broken or truncated"):
        readers.read(path)


def test_no_message_holds_the_patient(make_dicom) -> None:
    tags = {"PatientName": "Doe^Jane", "PatientID": "SECRET-77", "PatientBirthDate": "19700101"}
    whole = make_dicom(GREY, **tags)
    shown = [repr(readers.read(whole).info)]
    data = whole.read_bytes()
    for length in range(140, len(data) - 1, 17):
        whole.write_bytes(data[:length])
        with pytest.raises(DataError) as caught:
            readers.read(whole)
        shown.append(str(caught.value))
    for text in shown:
        assert "Doe" not in text
        assert "SECRET" not in text
        assert "19700101" not in text


def test_a_deflated_bomb_is_refused(make_dicom, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_dicom(np.zeros((2000, 2000), np.uint16), syntax=NATIVE["deflated"])
    assert path.stat().st_size < 20_000
    for module in (limits, dicom):
        monkeypatch.setattr(module, "MAX_DECODED_BYTES", 1_000_000)
    with pytest.raises(DataError, match="more than the limit"):
        readers.read(path)


def test_frame_rate(make_dicom) -> None:
    array = np.zeros((2, 2, 2), np.uint8)
    assert readers.read(make_dicom(array, "a", frames=2, CineRate=25)).info["frames_per_second"] == "25"
    # 40 ms a frame
    assert readers.read(make_dicom(array, "b", frames=2, FrameTime=40)).info["frames_per_second"] == "25"
    assert "frames_per_second" not in readers.read(make_dicom(array, "c", frames=2)).info


def test_warnings_stay_inside(make_dicom) -> None:
    # An odd UID makes pydicom warn, with the value in the warning; warnings are errors here.
    path = make_dicom(GREY, StudyInstanceUID="1.2.3")
    path.write_bytes(path.read_bytes().replace(b"1.2.3\0", b"x.y.z\0"))
    assert (readers.read(path).array == GREY).all()


def test_log_lines_of_decoders_stay_inside(make_dicom, caplog: pytest.LogCaptureFixture) -> None:
    path = compressed(make_dicom(np.zeros((64, 64), np.uint16)), *LOSSLESS["JPEG 2000"])
    data = bytearray(path.read_bytes())
    start = data.index(b"\xff\x4f\xff\x51")
    data[start + 6 : start + 12] = b"\xff" * 6
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="broken or truncated"):
        readers.read(path)
    assert caplog.records == []


def test_open_dataset_without_pixels(make_dicom) -> None:
    dataset = dicom.open_dataset(make_dicom(GREY, Modality="CT"), pixels=False)
    assert dataset.Modality == "CT"
    assert "PixelData" not in dataset


def test_stored_is_before_the_modality_transform(make_dicom) -> None:
    path = make_dicom(GREY, Modality="CT", RescaleSlope="2", RescaleIntercept="-1024")
    assert (dicom.stored(path) == GREY).all()
    assert (readers.read(path).array == GREY.astype(int) * 2 - 1024).all()
