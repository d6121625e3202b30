"""Captures and presentation states: what is drawn, where, and that the files are valid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_files import write_dicom
from object_files import complaints, make_source
from pydicom import dcmread

from vesalius.data import readers
from vesalius.data.records import Box
from vesalius.data.writers import Drawn, Source, burned, read_source, write_capture, write_presentation
from vesalius.errors import DataError

SHAPE = (3, 64, 80)
MARKS = [Drawn(label="mass", box=Box(10, 20, 30, 40)), Drawn(label="tip", points=((50.0, 12.0),))]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return make_source(tmp_path / "ct", SHAPE)


def test_a_box_is_drawn_on_its_rim_and_nowhere_else() -> None:
    picture = np.full((600, 600), 0.5, np.float32)
    array, factor = burned(picture, [Drawn(label="", box=Box(100, 200, 300, 400))])
    assert (array.shape, factor) == ((600, 600, 3), 1)
    grey = (array == 128).all(axis=2)
    outside = np.ones((600, 600), bool)
    outside[200:400, 100:300] = False
    assert grey[outside].all()
    assert grey[201:399, 101:299].all()
    # The rim is the outermost pixels inside the box, whose maximum is exclusive.
    assert not grey[200, 100:300].any()
    assert not grey[399, 100:300].any()
    assert not grey[200:400, 299].any()


def test_a_small_picture_is_enlarged_by_a_whole_number() -> None:
    picture = np.linspace(0, 1, 64 * 80, dtype=np.float32).reshape(64, 80)
    array, factor = burned(picture, [])
    assert factor == 6  # 512 // 80
    assert array.shape == (384, 480, 3)
    assert (array[::6, ::6, 0] == np.rint(picture * 255)).all()


def test_a_mask_tints_its_pixels() -> None:
    mask = np.zeros((600, 600), bool)
    mask[100:200, 100:200] = True
    array, _ = burned(np.zeros((600, 600), np.float32), [Drawn(label="", mask=mask)])
    assert (array[~mask] == 0).all()
    assert (array[mask].max(axis=1) > 0).all()
    assert tuple(array[100, 100]) == (230, 159, 0)  # the rim in full colour


def test_a_capture_refers_to_its_image_and_keeps_its_scale(tmp_path: Path, source: Source) -> None:
    picture = readers.read(source.paths[1]).display()
    path = write_capture(picture, MARKS, source, tmp_path / "c.dcm", slice_number=1)
    dataset = dcmread(path)
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == source.datasets[1].SOPInstanceUID
    assert dataset.BurnedInAnnotation == "YES"
    # Pixels of 0.75 by 0.5 mm, enlarged 6 times.
    assert [float(step) for step in dataset.PixelSpacing] == pytest.approx([0.125, 1 / 12])
    shown = readers.read(path)
    assert (shown.array == burned(picture, MARKS)[0]).all()
    assert write_capture(picture, MARKS, source, tmp_path / "d.dcm", slice_number=1).read_bytes() == path.read_bytes()
    assert complaints_or_none(path) == []


def complaints_or_none(path: Path) -> list[str]:
    try:
        return complaints(path)
    except pytest.skip.Exception:
        return []


def test_a_virtual_picture_says_so_in_its_pixels(tmp_path: Path, source: Source) -> None:
    black = np.zeros(SHAPE[1:], np.float32)
    plain = readers.read(write_capture(black, [], source, tmp_path / "a.dcm")).array
    marked = readers.read(write_capture(black, [], replace(source, virtual=True), tmp_path / "b.dcm")).array
    assert plain.max() == 0
    assert (marked[:30] == 255).any()
    assert dcmread(tmp_path / "b.dcm").SeriesDescription.startswith("VIRTUAL")


def test_a_presentation_state_holds_boxes_points_outlines_and_words(tmp_path: Path, source: Source) -> None:
    outline = Drawn(label="rim", points=((1.0, 1.0), (9.0, 1.0), (9.0, 7.0)), closed=True)
    path = write_presentation({1: MARKS, 2: [outline]}, source, tmp_path / "p.dcm")
    dataset = dcmread(path)
    first, second = dataset.GraphicAnnotationSequence
    assert first.ReferencedImageSequence[0].ReferencedSOPInstanceUID == source.datasets[1].SOPInstanceUID
    kinds = [(item.GraphicType, list(item.GraphicData)) for item in first.GraphicObjectSequence]
    assert kinds == [("POLYLINE", [10, 20, 30, 20, 30, 40, 10, 40, 10, 20]), ("POINT", [50, 12])]
    assert [item.UnformattedTextValue for item in first.TextObjectSequence] == ["mass", "tip"]
    assert list(second.GraphicObjectSequence[0].GraphicData) == [1, 1, 9, 1, 9, 7, 1, 1]
    assert write_presentation({1: MARKS, 2: [outline]}, source, tmp_path / "q.dcm").read_bytes() == path.read_bytes()


def test_nothing_to_draw_is_an_error(tmp_path: Path, source: Source) -> None:
    mask = Drawn(label="", mask=np.ones(SHAPE[1:], bool))
    with pytest.raises(DataError, match="nothing to draw"):
        write_presentation({0: [mask]}, source, tmp_path / "p.dcm")


def test_a_colour_source_gets_a_colour_state(tmp_path: Path) -> None:
    tags = {"StudyInstanceUID": "2.25.1", "SeriesInstanceUID": "2.25.2", "Modality": "XC", "SeriesNumber": 1}
    array = np.zeros((30, 40, 3), np.uint8)
    uid = "1.2.840.10008.5.1.4.1.1.7"
    source = read_source([write_dicom(tmp_path / "x.dcm", array, SOPClassUID=uid, InstanceNumber=1, **tags)])
    path = write_presentation({0: [Drawn(label="", box=Box(1, 2, 3, 4))]}, source, tmp_path / "p.dcm")
    assert dcmread(path).SOPClassUID.name == "Color Softcopy Presentation State Storage"
    assert write_presentation({0: [Drawn(label="", box=Box(1, 2, 3, 4))]}, source, path).read_bytes()
    assert complaints_or_none(path) == []


def test_the_validator_finds_no_error(tmp_path: Path, source: Source) -> None:
    path = write_presentation({0: MARKS}, source, tmp_path / "p.dcm")
    assert complaints(path) == []


@pytest.mark.real
def test_real_images_of_every_kind_are_captured_or_refused_by_name(tmp_path: Path, real_data: Path) -> None:
    written, refused = 0, []
    for path in sorted((real_data / "dicom" / "files").glob("*.dcm")):
        try:
            source = read_source([path])
            number = source.grid.shape[0] // 2
            picture = readers.read(path, frame=number if source.multi_frame else None).display()
            capture = write_capture(picture, [], source, tmp_path / "c.dcm", slice_number=number)
        except DataError as error:
            refused.append((path.name, str(error)))
            continue
        written += 1
        assert readers.read(capture).array.dtype == np.uint8
    # What is refused holds no picture, is broken on purpose, or names no instance to refer to: 11 of 99 files.
    assert (written, len(refused)) == (88, 11)
    assert [name for name, message in refused if name not in message] == []
