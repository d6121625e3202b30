"""Boxes of volumes on the disk: equal to the box of the whole, and read without the rest."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image
from series_files import heights, write_enhanced, write_series, write_slice

from vesalius.data import readers
from vesalius.data.readers import series
from vesalius.data.readers.volume import BlockVolume, SeriesVolume, open_volume
from vesalius.errors import DataError

BOX = (slice(6, 9), slice(10, 30), slice(5, 25))
SHAPE = (40, 64, 48)
AFFINE = np.array([[0, 0.9, 0, 12], [-1.2, 0, 0, 30], [0, 0, 2.5, -7], [0, 0, 0, 1]])


def array(dtype: type = np.int16) -> np.ndarray:
    return np.random.default_rng(0).integers(-500, 900, SHAPE).astype(dtype)


def nifti(path: Path, *, slope: float | None = None, dtype: type = np.int16) -> Path:
    image = nibabel.Nifti1Image(array(dtype).T, AFFINE)
    if slope:
        image.header.set_slope_inter(slope, 0.3)
    image.set_sform(AFFINE, code=1)
    nibabel.save(image, path)
    return path


def itk(path: Path, *, packed: bool) -> Path:
    image = SimpleITK.GetImageFromArray(array())
    image.SetSpacing((0.5, 0.7, 2.0))
    image.SetOrigin((1, 2, 3))
    SimpleITK.WriteImage(image, str(path), packed)
    return path


def same_as_the_whole(path: Path, box: tuple[slice, ...] = BOX) -> BlockVolume | SeriesVolume:
    volume, whole = open_volume(path), readers.read(path)
    assert (volume.shape, volume.axes, volume.units) == (whole.shape, whole.axes, whole.units)
    assert volume.geometry == whole.geometry
    fresh = open_volume(path)
    part = fresh.read(box)
    assert part.array.dtype == whole.array.dtype
    assert (part.array == whole.array[box]).all()
    start = [side.indices(length)[0] for side, length in zip(box, whole.shape, strict=True)][-3:]
    # the first sample of the box lies where it lay in the whole
    np.testing.assert_allclose(
        part.require_geometry().to_patient([0, 0, 0]), whole.require_geometry().to_patient(start), atol=1e-9
    )
    assert part.require_geometry().spacing_mm == whole.require_geometry().spacing_mm
    assert (volume.read().array == whole.array).all()
    return fresh


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("slope", [None, 0.37])
def test_nifti(tmp_path: Path, name: str, slope: float | None) -> None:
    same_as_the_whole(nifti(tmp_path / name, slope=slope))
    same_as_the_whole(nifti(tmp_path / name, dtype=np.float32))


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd"])
@pytest.mark.parametrize("packed", [False, True])
def test_nrrd_and_metaimage(tmp_path: Path, name: str, packed: bool) -> None:
    same_as_the_whole(itk(tmp_path / name, packed=packed))


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha"])
def test_of_plain_files_only_the_rows_of_the_box_are_read(tmp_path: Path, name: str) -> None:
    path = nifti(tmp_path / name) if name == "a.nii" else itk(tmp_path / name, packed=False)
    volume = open_volume(path)
    assert isinstance(volume, BlockVolume)
    assert volume.num_bytes_read == 0
    volume.read(BOX)
    # 3 slices of 20 rows of 48 samples of 2 bytes
    assert volume.num_bytes_read == 3 * 20 * 48 * 2
    # and not one byte behind the box is needed: its last row ends in slice 8
    data = path.read_bytes()
    start = len(data) - np.prod(SHAPE) * 2
    path.write_bytes(data[: start + (8 * 64 + 30) * 48 * 2])
    assert (volume.read(BOX).array == array()[BOX]).all()
    with pytest.raises(DataError, match="broken or truncated samples"):
        volume.read((slice(6, 10), slice(10, 30), slice(5, 25)))


def test_packed_files_are_read_up_to_the_box(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 2**16, (200, 96, 96), dtype=np.uint16).view(np.int16)
    nibabel.save(nibabel.Nifti1Image(noise.T, np.eye(4)), tmp_path / "a.nii.gz")
    size = (tmp_path / "a.nii.gz").stat().st_size
    volume = open_volume(tmp_path / "a.nii.gz")
    assert isinstance(volume, BlockVolume)
    part = volume.read((slice(10, 20), slice(0, 5), slice(0, 5)))
    assert (part.array == noise[10:20, :5, :5]).all()
    # 20 of 200 slices, and what the unpacker reads ahead
    assert volume.num_bytes_read < 0.1 * size + 2**18
    # a file without its second half is no hindrance
    (tmp_path / "a.nii.gz").write_bytes((tmp_path / "a.nii.gz").read_bytes()[: size // 2])
    assert (volume.read((slice(10, 20), slice(0, 5), slice(0, 5))).array == part.array).all()
    with pytest.raises(DataError, match="broken or truncated samples"):
        volume.read()


def test_series_decodes_the_slices_of_the_box_alone(tmp_path: Path) -> None:
    paths = write_series(tmp_path, heights(*np.arange(12) * 2.0))
    box = (slice(3, 6), slice(1, 3), slice(0, 4))
    volume = same_as_the_whole(tmp_path, box)
    assert isinstance(volume, SeriesVolume)
    assert volume.num_slices_read == 3
    opened = open_volume(tmp_path)
    for place, path in enumerate(paths):
        if place not in (3, 4, 5):
            path.unlink()
    assert opened.read(box).array.shape == (3, 2, 4)
    with pytest.raises(DataError, match=r"(?i)no such file"):
        opened.read()


@pytest.mark.parametrize("places", [(4, 0, 6, 2), (6, 4, 2, 0), (0, 2, 4, 6)])
def test_frames_of_a_multi_frame_file(tmp_path: Path, places: tuple[int, ...]) -> None:
    frames = [{"position": (0, 0, z)} for z in places]
    path = write_enhanced(tmp_path / "e.dcm", frames, list(places))
    volume = same_as_the_whole(path, (slice(1, 3), slice(0, 2), slice(1, 5)))
    assert isinstance(volume, SeriesVolume)
    assert volume.num_slices_read == 2
    assert volume.info["slices"] == "4"


def test_series_of_several_times(tmp_path: Path) -> None:
    for time in range(3):
        write_series(tmp_path / str(time), heights(0, 2, 4, 6), EchoTime=10 * time, RescaleIntercept=1000 * time)
    volume = same_as_the_whole(tmp_path, (slice(1, 3), slice(1, 4), slice(None), slice(1, 3)))
    assert isinstance(volume, SeriesVolume)
    assert volume.num_slices_read == 6


def test_nifti_series_and_colours(tmp_path: Path) -> None:
    values = np.arange(5 * 4 * 3 * 2, dtype=np.int16).reshape(5, 4, 3, 2)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "a.nii")
    same_as_the_whole(tmp_path / "a.nii", (slice(1, 2), slice(1, 3), slice(0, 4), slice(2, 5)))
    colour = np.zeros((4, 3, 2), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    colour["G"] = np.arange(24).reshape(4, 3, 2)
    nibabel.save(nibabel.Nifti1Image(colour, AFFINE), tmp_path / "c.nii")
    same_as_the_whole(tmp_path / "c.nii", (slice(1, 2), slice(1, 3), slice(0, 4)))


def test_many_random_boxes(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    opened = [open_volume(nifti(tmp_path / name)) for name in ("a.nii", "a.nii.gz")]
    values = array()
    for _ in range(20):
        ends = [sorted(rng.choice(length + 1, 2, replace=False).tolist()) for length in SHAPE]
        box = tuple(slice(first, last) for first, last in ends)
        for volume in opened:
            assert (volume.read(box).array == values[box]).all()


@pytest.mark.parametrize(
    "box",
    [
        (slice(0, 3), slice(0, 3)),
        (slice(0, 41), slice(None), slice(None)),
        (slice(5, 5), slice(None), slice(None)),
        (slice(9, 5), slice(None), slice(None)),
        (slice(0, 10, 2), slice(None), slice(None)),
        (slice(-50, None), slice(None), slice(None)),
    ],
)
def test_boxes_that_do_not_lie_in_the_volume(tmp_path: Path, box: tuple[slice, ...]) -> None:
    volume = open_volume(nifti(tmp_path / "a.nii"))
    with pytest.raises(DataError, match=r"a\.nii: (a box of 2 slices|side .* of the box on axis 0)"):
        volume.read(box)


def test_negative_ends_count_from_the_end(tmp_path: Path) -> None:
    volume = open_volume(nifti(tmp_path / "a.nii"))
    assert (volume.read((slice(-3, -1), slice(None), slice(0, 1))).array == array()[-3:-1, :, :1]).all()


def test_a_claim_beyond_the_packed_bytes_is_refused_and_a_box_is_not(tmp_path: Path) -> None:
    # the header claims 512 MiB, the file holds 4, packed to some 20 kB, which hold 20 MiB at most
    header = nibabel.Nifti1Image(np.zeros((1, 1, 1), np.uint8), np.eye(4)).header
    header.set_data_shape((1024, 1024, 512))
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    path = tmp_path / "bomb.nii.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.binaryblock + b"\0" * 4)
        for _ in range(4):
            file.write(bytes(2**20))
    volume = open_volume(path)
    assert not volume.read((slice(0, 2), slice(0, 9), slice(0, 9))).array.any()
    with pytest.raises(DataError, match="cannot unpack to the 536870912 of its header"):
        volume.read()


def test_a_mask_that_packs_to_a_thousandth_is_read(tmp_path: Path) -> None:
    mask = np.zeros((64, 512, 512), np.uint8)
    mask[5, 5, 5] = 1
    nibabel.save(nibabel.Nifti1Image(mask.T, np.eye(4)), tmp_path / "a.nii.gz")
    assert open_volume(tmp_path / "a.nii.gz").read().array.sum() == 1
    assert readers.read(tmp_path / "a.nii.gz").array.sum() == 1


def test_a_series_takes_the_memory_of_one_volume(tmp_path: Path) -> None:
    for place in range(40):
        write_slice(tmp_path / f"{place}.dcm", (0, 0, place), 0, array=np.full((256, 256), place, np.int16))
    found = series.find_volumes(tmp_path)
    series.load(found.stacks[0])
    tracemalloc.start()
    pixels, _ = series.load(found.stacks[0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the volume, and for one slice its file, its samples and what decoding makes of them
    assert peak < pixels.array.nbytes + 8 * 256 * 256 * 2


def test_a_picture_is_no_volume(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="a PNG picture is no volume"):
        open_volume(tmp_path / "a.png")


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["volumes/head/CT_AVM.nii.gz", "volumes/mr-tumour/brain1_image.nrrd", "dicom/series-mr-vs"]
)
def test_real_volumes(real_data: Path, name: str) -> None:
    path = real_data / name
    if not path.exists():
        pytest.skip(f"no {path}")
    same_as_the_whole(path, (slice(3, 9), slice(100, 140), slice(20, 90)))
