"""Segmentations written by hand: every kind, any order of frames, overlap, gaps, and a grid that is oblique."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from object_files import OBLIQUE, STRAIGHT, geometry, write_segmentation_by_hand
from pydicom import dcmread

from vesalius.data.readers.objects import (
    Grid,
    kind_of,
    pack_segments,
    read_report,
    read_segmentation,
    segmentation_records,
)
from vesalius.errors import DataError

SHAPE = (6, 5, 7)  # 35 pixels a frame: frames begin within a byte


def planes(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (2, *SHAPE)).astype(np.uint8)


def all_frames(masks: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    return [(number + 1, z, masks[number, z]) for number in range(len(masks)) for z in range(masks.shape[1])]


@pytest.mark.parametrize("turn", [STRAIGHT, OBLIQUE], ids=["straight", "oblique"])
def test_frames_in_any_order_come_back_on_their_own_grid_and_on_that_of_the_source(
    tmp_path: Path, turn: np.ndarray
) -> None:
    masks, grid = planes(), geometry(turn)
    frames = all_frames(masks)
    np.random.default_rng(1).shuffle(frames)
    path = write_segmentation_by_hand(tmp_path / "seg.dcm", frames, grid)
    for onto in (None, Grid(SHAPE, grid)):
        found = read_segmentation(path, onto=onto)
        assert found.grid.shape == SHAPE
        assert np.allclose(found.grid.planes.affine, grid.affine, atol=1e-6)
        for number in (1, 2):
            assert (found.mask(number) == masks[number - 1].astype(bool)).all()


def test_overlapping_segments_stay_apart_and_one_map_refuses_them(tmp_path: Path) -> None:
    masks = planes()
    found = read_segmentation(write_segmentation_by_hand(tmp_path / "seg.dcm", all_frames(masks), geometry()))
    both = int((masks[0] & masks[1]).sum())
    with pytest.raises(DataError, match=f"1 .'part 1'. and 2 .'part 2'. overlap in {both} voxels"):
        found.labels()


def test_a_missing_frame_is_an_empty_slice(tmp_path: Path) -> None:
    mask = np.ones((1, *SHAPE), np.uint8)
    frames = [frame for frame in all_frames(mask) if frame[1] in (0, 1, 4)]
    path = write_segmentation_by_hand(tmp_path / "seg.dcm", frames, geometry())
    # Slices 0, 1 and 4 of 6: the own grid ends at 4, that of the source at 5.
    assert read_segmentation(path).mask(1).any(axis=(1, 2)).tolist() == [True, True, False, False, True]
    onto = read_segmentation(path, onto=Grid(SHAPE, geometry()))
    assert onto.mask(1).any(axis=(1, 2)).tolist() == [True, True, False, False, True, False]


def test_shares_of_a_fractional_segmentation(tmp_path: Path) -> None:
    plane = np.array([[0, 50, 99, 100, 200]], np.uint8)  # of 200: 0, 0.25, 0.495, 0.5, 1
    path = write_segmentation_by_hand(tmp_path / "seg.dcm", [(1, 0, plane)], geometry(), kind="FRACTIONAL")
    found = read_segmentation(path)
    assert np.allclose(found.share(1), [[[0, 0.25, 0.495, 0.5, 1]]])
    assert found.mask(1).tolist() == [[[False, False, False, True, True]]]
    assert found.fractional_type == "PROBABILITY"


def test_a_label_map(tmp_path: Path) -> None:
    labels = np.random.default_rng(2).integers(0, 4, SHAPE).astype(np.uint8)
    frames = [(0, z, labels[z]) for z in (3, 0, 5, 1, 4, 2)]
    found = read_segmentation(write_segmentation_by_hand(tmp_path / "s.dcm", frames, geometry(), kind="LABELMAP"))
    assert (found.labels() == labels).all()
    assert (found.mask(2) == (labels == 2)).all()


def test_a_smaller_plane_is_put_where_it_belongs(tmp_path: Path) -> None:
    # Rows 2 to 3 and columns 3 to 5 of slice 1: the plane begins at index (1, 2, 3) of the grid.
    whole = geometry(OBLIQUE)
    small = type(whole)(
        spacing_mm=whole.spacing_mm, directions=whole.directions, origin_mm=tuple(whole.to_patient([1, 2, 3]))
    )
    path = write_segmentation_by_hand(tmp_path / "s.dcm", [(1, 0, np.ones((2, 3), np.uint8))], small)
    mask = read_segmentation(path, onto=Grid(SHAPE, whole)).mask(1)
    assert mask.sum() == 6
    assert mask[1, 2:4, 3:6].all()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (geometry(OBLIQUE), "frame 0: its plane at .* turned, scaled or shifted"),
        (geometry(spacing=(2.5, 0.75, 0.6)), "turned, scaled or shifted"),
        (geometry(spacing=(2.0, 0.75, 0.5)), "frame 1: .* turned, scaled or shifted"),
    ],
    ids=["turned", "other spacing", "between slices"],
)
def test_another_grid_is_refused(tmp_path: Path, other: object, words: str) -> None:
    frames = [(1, z, np.ones(SHAPE[1:], np.uint8)) for z in range(2)]
    path = write_segmentation_by_hand(tmp_path / "s.dcm", frames, geometry())
    with pytest.raises(DataError, match=words):
        read_segmentation(path, onto=Grid(SHAPE, other))


def test_planes_beyond_the_grid_are_refused(tmp_path: Path) -> None:
    path = write_segmentation_by_hand(tmp_path / "s.dcm", [(1, 9, np.ones(SHAPE[1:], np.uint8))], geometry())
    with pytest.raises(DataError, match=r"beyond the grid \(6, 5, 7\)"):
        read_segmentation(path, onto=Grid(SHAPE, geometry()))


def test_uneven_gaps_want_the_grid_of_the_source(tmp_path: Path) -> None:
    grid = geometry()
    path = write_segmentation_by_hand(
        tmp_path / "s.dcm", [(1, z, np.ones(SHAPE[1:], np.uint8)) for z in (0, 1, 2)], grid
    )
    dataset = dcmread(path)
    place = dataset.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence[0]
    place.ImagePositionPatient[2] = float(place.ImagePositionPatient[2]) + 1.0  # 2.5 and 3.5 mm
    dataset.save_as(path)
    with pytest.raises(DataError, match=r"2.5 to 3.5 mm, are no whole numbers of slices"):
        read_segmentation(path)


def test_what_a_segment_says(tmp_path: Path) -> None:
    path = write_segmentation_by_hand(tmp_path / "s.dcm", [(1, 0, np.ones((2, 2), np.uint8))], geometry())
    segment = read_segmentation(path).segment(1)
    assert (segment.label, segment.algorithm) == ("part 1", "MANUAL")
    assert segment.type == ("10200004", "SCT", "Liver")
    with pytest.raises(DataError, match=r"no segment 4; it has {1: 'part 1'}"):
        read_segmentation(path).mask(4)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"NumberOfFrames": 3}, "3 frames .* but 2 items in PerFrameFunctionalGroupsSequence"),
        ({"NumberOfFrames": 10**8}, "GiB of pixels|items in PerFrame"),
        ({"SegmentationType": "OTHER"}, "SegmentationType .* 'OTHER'; expected one of BINARY"),
        ({"SegmentSequence": []}, r"refers to segments \[1\], but only \[\] are described"),
        ({"PixelData": b"\0\0"}, "2 bytes of pixel data, 9 expected for 2 frames"),
        ({"PerFrameFunctionalGroupsSequence": []}, "0 items in PerFrame"),
        ({"Rows": 0}, "0 rows"),
    ],
)
def test_contradictions_are_named(tmp_path: Path, tags: dict, words: str) -> None:
    frames = [(1, z, np.ones(SHAPE[1:], np.uint8)) for z in range(2)]
    path = write_segmentation_by_hand(tmp_path / "s.dcm", frames, geometry(), **tags)
    with pytest.raises(DataError, match=words) as caught:
        read_segmentation(path)
    assert "s.dcm" in str(caught.value)


def test_one_place_twice_is_refused(tmp_path: Path) -> None:
    frames = [(1, 0, np.ones((2, 2), np.uint8)), (1, 0, np.zeros((2, 2), np.uint8))]
    with pytest.raises(DataError, match=r"frames 0 and 1 show segment 1 at one place"):
        read_segmentation(write_segmentation_by_hand(tmp_path / "s.dcm", frames, geometry()))


def test_another_object_is_named_with_its_reader(tmp_path: Path) -> None:
    path = write_segmentation_by_hand(tmp_path / "s.dcm", [(1, 0, np.ones((2, 2), np.uint8))], geometry())
    assert kind_of(dcmread(path)) == "segmentation"
    with pytest.raises(
        DataError, match=r"found a segmentation; read it with read_segmentation; expected a structured"
    ):
        read_report(path)


def test_records_of_a_segmentation(tmp_path: Path) -> None:
    masks = np.zeros((3, *SHAPE), np.uint8)
    masks[0, 1:3, 1:3] = masks[1, 2:4, 2:4] = 1  # they overlap in slice 2, row 2; the third is empty
    found = read_segmentation(write_segmentation_by_hand(tmp_path / "s.dcm", all_frames(masks), geometry()))
    packed = pack_segments(found)
    assert len(packed.maps) == 2
    for number in (1, 2):
        place = packed.places[number]
        assert ((packed.maps[place.map] == place.value) == masks[number - 1].astype(bool)).all()
    records = segmentation_records(found, image="ct", paths=["a.nii.gz", "b.nii.gz"], places=packed.places)
    assert [(region.anatomy, region.concept, region.mask) for region in records.regions] == [
        ("liver", "", "a.nii.gz"), ("liver", "", "b.nii.gz"),
    ]  # fmt: skip
    assert records.left_out == ("segment 3 ('part 3') is empty",)


@pytest.mark.real
def test_real_segmentation_in_every_transfer_syntax(real_data: Path) -> None:
    folder = real_data / "dicom" / "files"
    plain = read_segmentation(folder / "liver.dcm")
    # dcmqi's sample: a liver in three slices of 512 x 512 at 0.810547 mm, one millimetre apart.
    assert plain.grid.shape == (3, 512, 512)
    assert plain.grid.planes.spacing_mm == pytest.approx((1.0, 0.810547, 0.810547))
    assert [(one.number, one.label) for one in plain.segments] == [(1, "Liver")]
    assert len(plain.instance_uids) == 3
    for name in ("liver_deflate", "liver_expb", "liver_j2k", "liver_rle"):
        assert (read_segmentation(folder / f"{name}.dcm").labels() == plain.labels()).all()
    with pytest.raises(DataError, match=r"1 frames .* but 3 items"):
        read_segmentation(folder / "liver_1frame.dcm")


@pytest.mark.real
def test_real_segmentation_agrees_with_pydicom(real_data: Path) -> None:
    path = real_data / "dicom" / "files" / "liver.dcm"
    frames = dcmread(path).pixel_array
    places = [
        float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        for group in dcmread(path).PerFrameFunctionalGroupsSequence
    ]
    mask = read_segmentation(path).mask(1)
    for rank, frame in enumerate(np.argsort(places)):
        assert (mask[rank] == frames[frame].astype(bool)).all()
