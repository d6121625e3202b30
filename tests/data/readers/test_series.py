"""DICOM series to volumes: order, geometry, gaps, copies, frames; truths worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from series_files import COLUMNS, ROWS, heights, picture, write_series, write_slice

from vesalius.data import readers
from vesalius.data.readers import series
from vesalius.errors import DataError


def values(pixels: readers.Pixels) -> list:
    """First sample of every slice; a slice written with value v has v - 1024 HU there."""
    return (pixels.array[..., 0, 0] + 1024).tolist()


def test_slices_are_sorted_by_position(tmp_path: Path) -> None:
    write_series(tmp_path, heights(5, 7.5, 10))
    volume = readers.read(tmp_path)
    assert (volume.axes, volume.array.shape, volume.units, volume.modality) == ("ZYX", (3, ROWS, COLUMNS), "HU", "CT")
    assert values(volume) == [0, 100, 200]
    assert (volume.array[1] == picture(100) - 1024).all()
    geometry = volume.require_geometry(position=True)
    # x grows with the column by 0.25, y with the row by 0.5, z with the slice by 2.5, from (-10, -20, 5)
    assert geometry.affine.tolist() == [[0, 0, 0.25, -10], [0, 0.5, 0, -20], [2.5, 0, 0, 5], [0, 0, 0, 1]]
    assert volume.info["slices"] == "3"
    assert "gantry_tilt_degrees" not in volume.info


def test_oblique_planes(tmp_path: Path) -> None:
    # columns along x; rows at 30 degrees to y: (0, cos 30, sin 30); normal x × rows = (0, -sin 30, cos 30)
    cos, sin = math.cos(math.pi / 6), 0.5
    normal = np.array([0.0, -sin, cos])
    places = [tuple(np.array([1.0, 2.0, 3.0]) + 2.0 * k * normal) for k in range(4)]
    write_series(tmp_path, places, ImageOrientationPatient=[1, 0, 0, 0, cos, sin])
    volume = readers.read(tmp_path)
    assert values(volume) == [0, 100, 200, 300]
    geometry = volume.require_geometry(position=True)
    # slice 2, row 3, column 4: 4 mm along the normal, 1.5 mm along the rows, 1 mm along x
    expected = np.array([1.0, 2.0, 3.0]) + 4.0 * normal + 1.5 * np.array([0, cos, sin]) + np.array([1.0, 0, 0])
    np.testing.assert_allclose(geometry.to_patient([2, 3, 4]), expected, atol=1e-9)
    assert "gantry_tilt_degrees" not in volume.info


def test_sagittal_slices_run_against_x(tmp_path: Path) -> None:
    # columns along y, rows along -z: the normal is y × (-z) = -x, so that the largest x comes first
    write_series(tmp_path, [(x, 0, 0) for x in (8, 4, 0)], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    volume = readers.read(tmp_path)
    assert values(volume) == [0, 100, 200]
    geometry = volume.require_geometry(position=True)
    assert geometry.directions == ((-1, 0, 0), (0, 0, -1), (0, 1, 0))
    assert (geometry.origin_mm, geometry.orientation) == ((8, 0, 0), "sagittal")


def tilted(folder: Path, *, depth: int = 5, degrees: float = 20.0, field=None) -> None:
    """A gantry tilted about x: planes lean by the angle, the table moves along z by 5 mm a slice."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    orientation = [1, 0, 0, 0, cos, -sin]
    for place in range(depth):
        origin = np.array([0.0, 0.0, 5.0 * place])
        rows, columns = np.mgrid[:ROWS, :COLUMNS]
        at = (
            origin
            + 0.5 * rows[..., None] * np.array([0, cos, -sin])
            + 0.25 * columns[..., None] * np.array([1, 0, 0])
        )
        array = (np.rint(field(at)) if field else np.full((ROWS, COLUMNS), place)).astype(np.int16)
        write_slice(folder / f"{place}.dcm", origin, 0, array=array, ImageOrientationPatient=orientation)


def test_gantry_tilt_is_stated_as_a_sheared_grid(tmp_path: Path) -> None:
    tilted(tmp_path)
    volume = readers.read(tmp_path)
    assert volume.info["gantry_tilt_degrees"] == "20, the grid is sheared"
    geometry = volume.require_geometry(position=True)
    assert geometry.directions[0] == (0, 0, 1)
    assert geometry.spacing_mm == (5, 0.5, 0.25)
    np.testing.assert_allclose(geometry.to_patient([3, 0, 0]), [0, 0, 15])


def test_upright_resampling_of_a_tilted_volume(tmp_path: Path) -> None:
    # A field that is linear in space stays what it is under linear interpolation; ×1000 makes rounding small.
    def field(at: np.ndarray) -> np.ndarray:
        return 300 * at[..., 1] + 100 * at[..., 2] + 200 * at[..., 0]

    tilted(tmp_path, field=field)
    stood = series.read(tmp_path, upright=True)
    geometry = stood.require_geometry(position=True)
    cos, sin = math.cos(math.radians(20)), math.sin(math.radians(20))
    np.testing.assert_allclose(geometry.spacing_mm, (5 * cos, 0.5, 0.25))
    np.testing.assert_allclose(geometry.directions[0], (0, sin, cos), atol=1e-12)
    np.testing.assert_allclose(np.array(geometry.directions) @ np.array(geometry.directions).T, np.eye(3), atol=1e-9)
    # z moves 5 sin 20 = 1.71 mm a slice against the rows: 3.42 rows; over 4 slices 13.68, so 14 rows are added
    assert stood.array.shape == (5, ROWS + 14, COLUMNS)
    places = geometry.to_patient(np.moveaxis(np.indices(stood.array.shape), 0, -1))
    sheared = readers.read(tmp_path)
    rows = sheared.require_geometry().to_index(places)[..., 1]
    inside = (rows >= 0) & (rows <= ROWS - 1)
    assert inside.sum() == pytest.approx(5 * (ROWS - 1) * COLUMNS, abs=5 * COLUMNS)
    # the samples were rounded to whole numbers, by 0.5 at most
    assert np.abs(stood.array - (field(places) - 1024))[inside].max() <= 0.501
    outside = (rows < -1) | (rows > ROWS)
    assert (stood.array[outside] == sheared.array.min()).all()
    assert "resampled" in stood.info


def test_upright_leaves_a_straight_volume_alone(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 1, 2))
    straight = series.read(tmp_path, upright=True)
    assert straight.array.dtype == np.int16
    assert "resampled" not in straight.info


def test_missing_slices_are_named(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2, 4, 6, 10, 12, 14, 16))
    with pytest.raises(DataError, match=r"1 slice is missing, at 8 mm along the normal.*missing='split'"):
        readers.read(tmp_path)
    found = series.find_volumes(tmp_path, missing="split")
    assert [stack.shape[0] for stack in found.stacks] == [4, 4]
    assert [stack.geometry.origin_mm[2] for stack in found.stacks] == [0, 10]
    assert len({stack.name for stack in found.stacks}) == 2
    pixels, _ = series.load(found.stacks[1])
    assert values(pixels) == [400, 500, 600, 700]


def test_variable_spacing_is_named(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2.5, 5, 7.5, 10, 15.2, 20.4, 25.6))
    with pytest.raises(
        DataError, match=r"the spacing varies: 2\.5 mm \(4 times\), 5\.2 mm \(3 times\), changing at 10 mm"
    ):
        readers.read(tmp_path)
    found = series.find_volumes(tmp_path, missing="split")
    assert [stack.geometry.spacing_mm[0] for stack in found.stacks] == pytest.approx([2.5, 5.2])
    assert [stack.shape[0] for stack in found.stacks] == [5, 3]
    assert found.rest == ()


def test_slices_shifted_aside_are_no_volume(tmp_path: Path) -> None:
    write_series(tmp_path, [(0, 0, 0), (0, 0, 2), (3, 0, 4), (0, 0, 6)])
    with pytest.raises(DataError, match="not on one line"):
        readers.read(tmp_path)


def test_several_images_at_one_position(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2, 4))
    write_slice(tmp_path / "again.dcm", (-10, -20, 2), 900)
    with pytest.raises(DataError, match=r"2 images lie at 1 positions, 2 mm along the normal.*duplicates='first'"):
        readers.read(tmp_path)
    # by path "002.dcm" comes before "again.dcm"
    assert values(series.read(tmp_path, duplicates="first")) == [0, 100, 200]


def test_a_second_copy_of_an_instance_is_left_out(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "a", heights(0, 2, 4))
    (tmp_path / "copy.dcm").write_bytes(paths[1].read_bytes())
    volume = readers.read(tmp_path)
    assert values(volume) == [0, 100, 200]
    assert volume.info["left_out"] == "1 x a second copy"


def test_scouts_and_other_orientations_are_kept_apart(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2, 4))
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
    write_slice(tmp_path / "scout", (0, 0, 50), 7, **scout)
    assert readers.read(tmp_path).info["left_out"] == "1 x a localiser"
    other = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
    write_series(tmp_path / "coronal", [(0, y, 50) for y in (0, 3, 6, 9)], **other)
    with pytest.raises(DataError, match="2 volumes, expected one") as caught:
        readers.read(tmp_path)
    found = series.find_volumes(tmp_path)
    for stack in found.stacks:
        assert stack.text() in str(caught.value)
    assert {(stack.geometry.orientation, stack.shape[0]) for stack in found.stacks} == {("axial", 3), ("coronal", 4)}
    chosen = next(stack for stack in found.stacks if stack.geometry.orientation == "coronal")
    assert series.read(tmp_path, volume=chosen.name).array.shape == (4, ROWS, COLUMNS)
    with pytest.raises(DataError, match="no volume 'x'"):
        series.read(tmp_path, volume="x")


def test_another_matrix_is_another_volume(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2, 4))
    write_series(tmp_path, heights(1, 3, 5), first=10, array=np.zeros((8, 8), np.int16))
    shapes = sorted(stack.shape for stack in series.find_volumes(tmp_path).stacks)
    assert shapes == [(3, ROWS, COLUMNS), (3, 8, 8)]


def test_acquisitions_at_other_positions_are_volumes_of_their_own(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2, 4), AcquisitionNumber=1)
    write_series(tmp_path, heights(100.7, 103.7, 106.7), first=10, AcquisitionNumber=2)
    found = series.find_volumes(tmp_path)
    assert [stack.geometry.spacing_mm[0] for stack in found.stacks] == pytest.approx([2, 3])


@pytest.mark.parametrize(
    ("keyword", "stated", "by"),
    [
        ("TemporalPositionIdentifier", (2, 1, 10), "time point"),
        ("EchoTime", (20, 5, 80.5), "echo time"),
        ("DiffusionBValue", (500, 0, 1000), "b-value"),
        ("TriggerTime", (40, 0, 700), "trigger time"),
        ("NominalPercentageOfRespiratoryPhase", (50, 0, 90), "breathing phase"),
        ("AcquisitionTime", ("101010.5", "101009", "111010"), "acquisition time"),
    ],
)
def test_frames_are_split_by_what_tells_them_apart(tmp_path: Path, keyword: str, stated: tuple, by: str) -> None:
    for number, value in enumerate(stated):
        write_series(tmp_path / str(number), heights(0, 2, 4, 6), **{keyword: value}, RescaleIntercept=1000 * number)
    volume = readers.read(tmp_path)
    assert (volume.axes, volume.array.shape) == ("TZYX", (3, 4, ROWS, COLUMNS))
    # sorted by the value: the second written is the smallest, then the first, then the third
    assert volume.array[:, :, 0, 0].tolist() == [
        [1000, 1100, 1200, 1300],
        [0, 100, 200, 300],
        [2000, 2100, 2200, 2300],
    ]
    assert volume.info["frames_by"].startswith(by)
    assert volume.info["frames"] == "3"
    geometry = volume.require_geometry(position=True)
    assert geometry.spacing_mm == (2, 0.5, 0.25)
    one = readers.read(tmp_path, frame=2)
    assert (one.axes, one.geometry) == ("ZYX", geometry)
    assert (one.array == volume.array[2]).all()


def test_b_values_with_several_directions(tmp_path: Path) -> None:
    write_series(tmp_path / "0", heights(0, 2), DiffusionBValue=0.0)
    for number, direction in enumerate(([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0])):
        tags = {"DiffusionBValue": 1000.0, "DiffusionGradientOrientation": direction}
        write_series(tmp_path / f"1{number}", heights(0, 2), **tags)
        write_series(tmp_path / f"2{number}", heights(0, 2), **{**tags, "DiffusionBValue": 2000.0})
    volume = readers.read(tmp_path)
    assert volume.array.shape == (7, 2, ROWS, COLUMNS)
    assert volume.info["frames_by"] == "b-value (0018,9087), gradient direction (0018,9089)"
    assert volume.info["frame_values"].startswith("0 / -; 1000 / (0 0 1); 1000 / (0 1 0)")


def test_slices_with_times_of_their_own_are_ranked_by_time(tmp_path: Path) -> None:
    # two repetitions of three slices, each slice acquired at its own second
    for repeat in range(2):
        for place in range(3):
            write_slice(
                tmp_path / f"{9 - repeat}{place}",
                (0, 0, 2 * place),
                100 * repeat + place,
                AcquisitionTime=f"1000{10 + 3 * repeat + place}",
            )
    volume = readers.read(tmp_path)
    assert values(volume) == [[0, 1, 2], [100, 101, 102]]
    assert volume.info["frames_by"] == "acquisition time (0008,0032)"


def test_magnitude_and_phase_are_two_volumes(tmp_path: Path) -> None:
    for part in ("M", "P"):
        for echo in (5, 10):
            tags = {"ImageType": ["ORIGINAL", "PRIMARY", part], "EchoTime": echo}
            write_series(tmp_path / f"{part}{echo}", heights(0, 2, 4), **tags)
    found = series.find_volumes(tmp_path)
    assert [stack.shape for stack in found.stacks] == [(2, 3, ROWS, COLUMNS)] * 2
    assert {one.values[1] for one in found.stacks[0].slices} == {"ORIGINAL\\PRIMARY\\M"}


def test_incomplete_frames_are_named(tmp_path: Path) -> None:
    for time in range(4):
        count = 2 if time == 3 else 4
        write_series(tmp_path / str(time), heights(*range(count)), TemporalPositionIdentifier=time + 1)
    with pytest.raises(DataError, match=r"1 of 4 frames by time point \(0020,0100\) have 2 of 4 slices"):
        readers.read(tmp_path)
    assert series.read(tmp_path, missing="split").array.shape == (3, 4, ROWS, COLUMNS)


def test_one_slice_or_none_is_no_volume(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no DICOM volume: 0 localisers or copies and 0 files that are no DICOM"):
        readers.read(tmp_path)
    (tmp_path / "note.txt").write_text("a note")
    write_series(tmp_path, heights(0))
    with pytest.raises(DataError, match="no other image of its size and orientation"):
        readers.read(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        series.read(tmp_path / "nothing")
    with pytest.raises(DataError, match="empty list"):
        series.read([])


def test_slices_without_a_position(tmp_path: Path) -> None:
    for place in range(3):
        write_slice(tmp_path / str(place), (0, 0, place), 0, ImagePositionPatient=None)
    with pytest.raises(DataError, match=r"ImagePositionPatient \(0020,0032\) is not stated"):
        readers.read(tmp_path)


def test_a_broken_file_makes_the_volume_doubtful(tmp_path: Path) -> None:
    paths = write_series(tmp_path, heights(0, 2, 4))
    paths[2].write_bytes(paths[2].read_bytes()[:200])
    with pytest.raises(DataError, match=r"001\.dcm"):
        readers.read(tmp_path)


def test_a_truncated_slice_is_named(tmp_path: Path) -> None:
    paths = write_series(tmp_path, heights(0, 2, 4))
    paths[1].write_bytes(paths[1].read_bytes()[:-20])
    with pytest.raises(DataError, match=r"002\.dcm: broken or truncated DICOM"):
        readers.read(tmp_path)


def test_slices_of_different_units(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2))
    write_slice(tmp_path / "other", (-10, -20, 4), 0, RescaleSlope=None, RescaleIntercept=None)
    with pytest.raises(DataError, match="values are 'stored', those of other slices 'HU': CT without RescaleSlope"):
        readers.read(tmp_path)


def test_slopes_that_differ_between_slices(tmp_path: Path) -> None:
    # 100 × 0.5 + 0 = 50 in a slice of fractions: the whole volume becomes real numbers
    for place, slope in enumerate(("1", "0.5")):
        tags = {"RescaleSlope": slope, "RescaleIntercept": "0", "Modality": "MR"}
        write_slice(tmp_path / str(place), (0, 0, place), 100, **tags)
    volume = readers.read(tmp_path)
    assert volume.array[:, 0, 0].tolist() == [100, 50]
    assert volume.array.dtype == np.float32


def test_no_message_names_the_patient(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2, 4, 10, 11))
    with pytest.raises(DataError) as caught:
        readers.read(tmp_path)
    shown = str(caught.value) + repr(series.find_volumes(tmp_path, missing="split").stacks[0].text())
    for secret in ("SECRET", "Doe", "1.2.3"):
        assert secret not in shown


def test_single_slices_by_number(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2, 4))
    second = readers.read(tmp_path, frame=1)
    assert (second.axes, second.array.tolist()) == ("YX", (picture(100) - 1024).tolist())
    assert second.require_geometry().origin_mm == (-10, -20, 2)
    with pytest.raises(DataError, match="frame 3 asked for, the volume has 3 slices"):
        readers.read(tmp_path, frame=3)


def test_any_order_and_any_names_give_the_same_volume(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for number in range(5):
        axis, turn = rng.normal(size=3), rng.uniform(0, 2 * np.pi)
        turned = rotation(axis / np.linalg.norm(axis), turn)
        orientation = [round(float(x), 12) for x in turned[:, :2].T.ravel()]
        start = rng.normal(size=3) * 100
        places = [tuple(start + 1.7 * k * turned[:, 2]) for k in range(6)]
        folder = tmp_path / str(number)
        paths = write_series(folder, places, ImageOrientationPatient=orientation)
        for path, name in zip(paths, rng.permutation(100)[:6], strict=True):
            path.rename(folder / f"x{name:02d}")
        volume = readers.read(folder)
        assert values(volume) == [0, 100, 200, 300, 400, 500]
        # positions are written to 1e-9 mm
        np.testing.assert_allclose(volume.require_geometry().affine[:3, 3], start, atol=1e-9)
        np.testing.assert_allclose(volume.require_geometry().affine[:3, 0], 1.7 * turned[:, 2], atol=1e-9)


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rodrigues' formula."""
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def test_segmentations_and_documents_are_no_slices(tmp_path: Path) -> None:
    write_series(tmp_path, heights(0, 2, 4))
    write_slice(tmp_path / "seg", (-10, -20, 6), 0, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG")
    found = series.find_volumes(tmp_path)
    assert [reason for _, reason in found.broken] == [
        "not an image: a segmentation; vesalius.data.readers.objects.read_segmentation opens it"
    ]
    assert values(readers.read(tmp_path)) == [0, 100, 200]


def test_colour_slices(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = rng.integers(0, 255, (3, 4, 6, 3), dtype=np.uint8)
    for place, array in enumerate(arrays):
        tags = {"RescaleSlope": None, "RescaleIntercept": None, "Modality": "XC"}
        write_slice(tmp_path / str(place), (0, 0, place), 0, array=array, **tags)
    volume = readers.read(tmp_path)
    assert (volume.axes, volume.units) == ("ZYXC", "rgb")
    assert (volume.array == arrays).all()
