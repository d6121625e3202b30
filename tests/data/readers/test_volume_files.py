"""NRRD and MetaImage: axes, geometry in LPS, packings, and what is refused; SimpleITK as an independent reader."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from vesalius.data import readers
from vesalius.errors import DataError

VALUES = np.arange(2 * 3 * 4, dtype="<i2").reshape(2, 3, 4)  # slices, rows, columns
NRRD = """NRRD0004
# a comment: not a field
type: short
dimension: 3
space: {space}
sizes: 4 3 2
space directions: (0.5,0,0) (0,0.25,0) (0,0,3)
kinds: domain domain domain
endian: little
encoding: {encoding}
space origin: (10,20,30)
"""
MHA = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = {packed}
TransformMatrix = 0 1 0 1 0 0 0 0 -1
Offset = 10 20 30
ElementSpacing = 0.5 0.25 3
DimSize = 4 3 2
ElementType = MET_SHORT
ElementDataFile = {file}
"""


def nrrd(path: Path, *, space: str = "left-posterior-superior", encoding: str = "raw", extra: str = "") -> Path:
    pack = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}.get(encoding, bytes)
    header = NRRD.format(space=space, encoding=encoding) + extra
    path.write_bytes(header.encode() + b"\n" + pack(VALUES.tobytes()))
    return path


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_nrrd_by_hand(tmp_path: Path, encoding: str) -> None:
    volume = readers.read(nrrd(tmp_path / "a.nrrd", encoding=encoding))
    assert (volume.axes, volume.units, volume.array.dtype) == ("ZYX", "stored", np.int16)
    assert (volume.array == VALUES).all()
    # columns step 0.5 mm along x, rows 0.25 along y, slices 3 along z
    assert volume.require_geometry().affine.tolist() == [
        [0, 0, 0.5, 10], [0, 0.25, 0, 20], [3, 0, 0, 30], [0, 0, 0, 1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("space", "signs"), [("RAS", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1)), ("LPS", (1, 1, 1))]
)
def test_nrrd_spaces_become_lps(tmp_path: Path, space: str, signs: tuple) -> None:
    geometry = readers.read(nrrd(tmp_path / "a.nrrd", space=space)).require_geometry(position=True)
    assert geometry.origin_mm == tuple(sign * value for sign, value in zip(signs, (10, 20, 30), strict=True))
    assert geometry.directions == ((0, 0, signs[2]), (0, signs[1], 0), (signs[0], 0, 0))


def test_nrrd_geometry_is_never_invented(tmp_path: Path) -> None:
    scanner = readers.read(nrrd(tmp_path / "a.nrrd", space="scanner-xyz"))
    assert scanner.require_geometry().spacing_mm == (3, 0.25, 0.5)
    assert "does not name the patient's axes" in scanner.info["position_missing"]
    header = "NRRD0001\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n"
    (tmp_path / "b.nrrd").write_bytes(header.encode() + b"\n" + bytes(8))
    bare = readers.read(tmp_path / "b.nrrd")
    assert bare.geometry is None
    with pytest.raises(DataError, match="neither `space directions` nor `spacings` are stated"):
        bare.require_geometry()
    (tmp_path / "c.nrrd").write_bytes(header.encode() + b"spacings: 1 2 3\n\n" + bytes(8))
    assert readers.read(tmp_path / "c.nrrd").require_geometry().spacing_mm == (3, 2, 1)


def test_nrrd_with_its_samples_beside_it(tmp_path: Path) -> None:
    nrrd(tmp_path / "whole.nrrd", encoding="gzip")
    head, _, data = (tmp_path / "whole.nrrd").read_bytes().partition(b"\n\n")
    (tmp_path / "a.raw.gz").write_bytes(data)
    (tmp_path / "a.nhdr").write_bytes(head + b"\ndata file: a.raw.gz\n\n")
    assert (readers.read(tmp_path / "a.nhdr").array == VALUES).all()
    (tmp_path / "b.nhdr").write_bytes(head + b"\ndata file: ../secret.raw\n")
    with pytest.raises(DataError, match="outside its own folder"):
        readers.read(tmp_path / "b.nhdr")
    (tmp_path / "c.nhdr").write_bytes(head + b"\ndata file: lost.raw\n")
    with pytest.raises(DataError, match=r"'lost\.raw' is not there"):
        readers.read(tmp_path / "c.nhdr")


def test_nrrd_series_and_colours(tmp_path: Path) -> None:
    values = np.arange(2 * 2 * 3 * 4, dtype=">u2").reshape(2, 2, 3, 4)
    header = "NRRD0004\ntype: ushort\ndimension: 4\nspace: LPS\nsizes: 4 3 2 2\nendian: big\nencoding: raw\n"
    header += "space directions: (1,0,0) (0,1,0) (0,0,1) none\nkinds: domain domain domain time\n"
    header += "space origin: (0,0,0)\n\n"
    (tmp_path / "a.nrrd").write_bytes(header.encode() + values.tobytes())
    series = readers.read(tmp_path / "a.nrrd")
    assert (series.axes, series.info["frames"]) == ("TZYX", "2")
    assert (series.array == values).all()
    second = readers.read(tmp_path / "a.nrrd", frame=1)
    assert (second.axes, second.array.tolist()) == ("ZYX", values[1].tolist())
    with pytest.raises(DataError, match="frame 2 asked for"):
        readers.read(tmp_path / "a.nrrd", frame=2)
    colour = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 3 4 2\nkinds: RGB-color domain domain\nencoding: raw\n\n"
    (tmp_path / "c.nrrd").write_bytes(colour.encode() + bytes(range(24)))
    picture = readers.read(tmp_path / "c.nrrd")
    assert (picture.axes, picture.array.shape, picture.units) == ("YXC", (2, 4, 3), "rgb")
    assert picture.array[1, 0].tolist() == [12, 13, 14]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("encoding: raw", "encoding: hex"), "expected raw, gzip or bzip2"),
        (("type: short", "type: block"), "expected whole or real numbers"),
        (("endian: little\n", ""), "without `endian`"),
        (("sizes: 4 3 2", "sizes: 4 3"), "expected two to five positive sizes"),
        (("sizes: 4 3 2", "sizes: 4 3 -2"), "expected two to five positive sizes"),
        (("sizes: 4 3 2", "sizes: 400000 300000 20000"), "GiB of pixels"),
        (("sizes: 4 3 2", "sizes: 4 3 3"), "the samples end after 48 bytes"),
        (("kinds: domain domain domain", "kinds: list domain domain"), "expected space first"),
        (("(0.5,0,0)", "(0.5,0)"), "expected three numbers"),
        (("(0.5,0,0)", "(0.5,x,0)"), "expected a number"),
        (("space origin: (10,20,30)", "line skip: 2"), "line skip"),
    ],
)
def test_nrrd_that_is_refused(tmp_path: Path, change: tuple, reason: str) -> None:
    path = nrrd(tmp_path / "a.nrrd")
    path.write_bytes(path.read_bytes().replace(change[0].encode(), change[1].encode()))
    with pytest.raises(DataError, match=rf"a\.nrrd: .*{reason}"):
        readers.read(path)


def test_nrrd_directions_without_length_leave_no_geometry(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "a.nrrd")
    path.write_bytes(path.read_bytes().replace(b"(0,0,3)", b"(0,0,0)"))
    assert "a direction has the length 0" in readers.read(path).info["geometry_missing"]


def mha(path: Path, *, packed: bool = False, text: str = MHA) -> Path:
    data = zlib.compress(VALUES.tobytes()) if packed else VALUES.tobytes()
    path.write_bytes(text.format(packed=packed, file="LOCAL").encode() + data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_metaimage_by_hand(tmp_path: Path, packed: bool) -> None:
    volume = readers.read(mha(tmp_path / "a.mha", packed=packed))
    assert (volume.axes, volume.array.tolist()) == ("ZYX", VALUES.tolist())
    geometry = volume.require_geometry(position=True)
    # one row of the matrix an axis: columns along y, rows along x, slices along -z
    assert geometry.directions == ((0, 0, -1), (1, 0, 0), (0, 1, 0))
    assert (geometry.spacing_mm, geometry.origin_mm) == ((3, 0.25, 0.5), (10, 20, 30))


def test_metaimage_with_its_samples_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(VALUES.tobytes())
    (tmp_path / "a.mhd").write_text(MHA.format(packed=False, file="a.raw"))
    assert (readers.read(tmp_path / "a.mhd").array == VALUES).all()
    for name, reason in (("../x.raw", "outside its own folder"), ("LIST", "several files"), ("s%02d.raw", "several")):
        (tmp_path / "b.mhd").write_text(MHA.format(packed=False, file=name))
        with pytest.raises(DataError, match=reason):
            readers.read(tmp_path / "b.mhd")


def test_metaimage_geometry_is_never_invented(tmp_path: Path) -> None:
    def without(*names: str) -> readers.Pixels:
        lines = [line for line in MHA.splitlines(keepends=True) if not line.startswith(names)]
        return readers.read(mha(tmp_path / "a.mha", text="".join(lines)))

    assert without("ElementSpacing").geometry is None
    assert without("Offset").info["position_missing"] == "Offset not stated"
    assert without("Offset", "TransformMatrix").require_geometry().spacing_mm == (3, 0.25, 0.5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("DimSize = 4 3 2", "DimSize = 4"), "expected grey or RGB, 2 to 4 axes"),
        (("DimSize = 4 3 2", "DimSize = 4 3 x"), "expected whole numbers"),
        (("DimSize = 4 3 2", "DimSize = 900000 900000 90000"), "GiB of pixels"),
        (("MET_SHORT", "MET_ARRAY"), "expected whole or real numbers"),
        (("BinaryData = True", "BinaryData = False"), "samples as text"),
        (("DimSize = 4 3 2", "DimSize = 4 3 9"), "the samples end after 48 bytes"),
    ],
)
def test_metaimage_that_is_refused(tmp_path: Path, change: tuple, reason: str) -> None:
    path = mha(tmp_path / "a.mha")
    path.write_bytes(path.read_bytes().replace(change[0].encode(), change[1].encode()))
    with pytest.raises(DataError, match=rf"a\.mha: .*{reason}"):
        readers.read(path)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd", "a.nhdr"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("packed", [False, True])
def test_what_simpleitk_writes(tmp_path: Path, name: str, dtype: type, packed: bool) -> None:
    rng = np.random.default_rng(1)
    array = (rng.normal(size=(3, 4, 5)) * 40).astype(dtype)
    image = SimpleITK.GetImageFromArray(array)
    cos, sin = np.cos(0.3), np.sin(0.3)
    image.SetSpacing((0.5, 0.7, 2.0))
    image.SetOrigin((-3.0, 4.0, 5.5))
    image.SetDirection((cos, -sin, 0, sin, cos, 0, 0, 0, 1))
    SimpleITK.WriteImage(image, str(tmp_path / name), packed)
    volume = readers.read(tmp_path / name)
    assert (volume.array == array).all()
    # text of 6 to 17 digits is what the writer leaves
    for index in ((0, 0, 0), (2, 1, 3)):
        place = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(volume.require_geometry().to_patient(index), place, atol=1e-6)


@pytest.mark.real
@pytest.mark.parametrize("name", ["brain1_image", "brain1_label", "breast1_image", "breast1_label"])
def test_real_nrrd_and_nifti_of_one_scan_agree(real_data: Path, name: str) -> None:
    folder = real_data / "volumes" / "mr-tumour"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    first, second = readers.read(folder / f"{name}.nrrd"), readers.read(folder / f"{name}.nii.gz")
    assert (first.array == second.array).all()
    # NIfTI holds its affine in float32
    np.testing.assert_allclose(first.require_geometry().affine, second.require_geometry().affine, atol=1e-4)


@pytest.mark.real
def test_real_nrrd_by_hand(real_data: Path) -> None:
    path = real_data / "volumes" / "mr-tumour" / "brain1_image.nrrd"
    if not path.exists():
        pytest.skip(f"no {path}")
    volume = readers.read(path)
    # from its header: sizes 256 256 25, directions (0.78125,0,0) (0,-0.78125,0) (0,0,6.5), LPS
    assert volume.array.shape == (25, 256, 256)
    np.testing.assert_allclose(
        volume.require_geometry().affine,
        [[0, 0, 0.78125, -99.609375], [0, -0.78125, 0, 99.609375], [6.5, 0, 0, -78], [0, 0, 0, 1]],
        atol=1e-9,
    )
