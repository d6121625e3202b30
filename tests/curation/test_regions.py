"""Masks, ellipses, boxes in both conventions, and questions about regions, by worked examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from curation_studies import Folder, mask_region, present, run, study, texture

from vesalius.curation.masks import box_of, components, ellipse, position, read_mask
from vesalius.curation.recipe import step_kind
from vesalius.curation.steps.region_questions import (
    from_lower_left,
    from_thousand,
    lower_left,
    parse_boxes,
    pixel_size_mm,
    thousand,
    written,
)
from vesalius.data.records import Box, Image, Region, Study
from vesalius.errors import DataError


def block(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[rows, columns] = True
    return mask


def test_components_by_hand() -> None:
    mask = block((20, 20), slice(2, 5), slice(2, 6)) | block((20, 20), slice(10, 18), slice(12, 14))
    mask[5, 6] = True
    # 3 × 4 and the pixel at its corner: 13; 8 × 2: 16, the largest first
    found = components(mask)
    assert [part.area for part in found] == [16, 13]
    assert found[0].box == Box(12, 10, 14, 18)
    assert found[1].box == Box(2, 2, 7, 6)
    assert components(np.zeros((5, 5), bool)) == []
    assert box_of(np.zeros((5, 5), bool)) is None


def test_components_as_scipy_finds_them() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(0)
    for density in (0.2, 0.4, 0.6):
        mask = rng.random((60, 50)) < density
        labels, number = ndimage.label(mask, structure=np.ones((3, 3)))
        found = components(mask)
        assert len(found) == number
        assert sorted(part.area for part in found) == sorted(np.bincount(labels.ravel())[1:].tolist())
        assert (sum(part.mask.astype(int) for part in found) == mask).all()


@pytest.mark.parametrize("angle", [0, 30, 75])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.5, 1.25)])
def test_ellipse_of_40_by_25_mm_within_half_a_pixel(angle: float, spacing: tuple[float, float]) -> None:
    rows, columns = np.mgrid[:140, :120]
    y, x = (rows - 69.5) * spacing[0], (columns - 59.5) * spacing[1]
    turn = math.radians(angle)
    along, across = x * math.cos(turn) + y * math.sin(turn), -x * math.sin(turn) + y * math.cos(turn)
    found = ellipse((along / 20) ** 2 + (across / 12.5) ** 2 <= 1, spacing)
    assert found.major == pytest.approx(40, abs=max(spacing) / 2)
    assert found.minor == pytest.approx(25, abs=max(spacing) / 2)


def test_positions() -> None:
    # middle of rows 40 to 60 and columns 70 to 80 of 100 × 100 is (50, 75): right third, middle third
    assert position(Box(70, 40, 80, 60), (100, 100)) == "right-centre"
    assert position(Box(0, 0, 10, 10), (100, 100)) == "left-upper"
    assert position(Box(40, 40, 60, 60), (100, 100)) == "centre"
    assert position(Box(0, 0, 100, 100), (100, 100)) == "centre"


def test_both_conventions_go_back() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        rows, columns = rng.integers(50, 2000, 2)
        x, y = np.sort(rng.random(2)) * columns, np.sort(rng.random(2)) * rows
        box = Box(x[0], y[0], x[1], y[1])
        np.testing.assert_allclose(from_lower_left(lower_left(box, (rows, columns)), (rows, columns)), box, atol=1e-9)
        again = from_thousand(thousand(box, (rows, columns)), (rows, columns))
        assert np.abs(np.subtract(again, box)).max() <= max(rows, columns) / 999 / 2 + 1e-9


def test_lower_left_flips_the_rows() -> None:
    # rows 0 to 25 of 100 lie at the top: y from 0.75 to 1
    assert lower_left(Box(10, 0, 20, 25), (100, 200)) == (0.05, 0.75, 0.1, 1.0)


def test_boxes_are_read_back() -> None:
    first, second = written("right lung", [(102, 106, 481, 910)]), written("left lung", [(1, 2, 3, 4), (5, 6, 7, 8)])
    text = f"{first}, {second}: clear"
    assert text.startswith("<ref>right lung</ref><box>[[102, 106, 481, 910]]</box>")
    assert [(one.name, len(one.boxes)) for one in parse_boxes(text)] == [("right lung", 1), ("left lung", 2)]
    assert parse_boxes("<ref>x</ref><box>[[9, 0, 1, 5], [0, 0, 1000, 5]]</box>")[0].boxes == ()
    assert parse_boxes("none here") == []


def test_pixel_size_after_a_resize() -> None:
    assert pixel_size_mm(0.8, original=512, shown=896) == pytest.approx(0.457, abs=5e-4)
    assert pixel_size_mm(0.8, original=512, shown=896) * 896 == pytest.approx(0.8 * 512)


def with_mask(folder: Folder) -> Study:
    mask = np.zeros((96, 96), np.uint8)
    mask[30:50, 60:70] = 1
    mask[80:81, 3:6] = 1
    folder.put("p.png", texture(0))
    folder.put("m.png", mask)
    image = Image(id="i", path="p.png", modality="CT", shape=(96, 96), spacing_mm=(0.5, 2.0))
    return Study(
        id="a",
        patient="a",
        images=(image,),
        regions=(mask_region("m.png"),),
        findings=(present("lung_nodule", "left"),),
    )


def test_masks_become_boxes_and_measurements(folder: Folder) -> None:
    kept, _ = run(step_kind("mask_regions")(), [with_mask(folder)], folder)
    boxes = [region.box for region in kept[0].regions if region.kind == "box"]
    assert boxes == [Box(60, 30, 70, 50)], "three pixels are a speck"
    values = {part.name.removeprefix("lung_nodule "): (part.value, part.unit) for part in kept[0].measurements}
    # 203 pixels of 0.5 × 2 mm; a rectangle of side a has a standard deviation of a / √12, its axis is 4 of these
    assert values["area"] == (203.0, "mm2")
    assert values["area share"] == (pytest.approx(100 * 203 / 96**2, abs=1e-3), "%")
    assert values["major axis"] == (pytest.approx(4 * 20 / math.sqrt(12), abs=1e-3), "mm")
    assert values["minor axis"] == (pytest.approx(4 * 10 / math.sqrt(12), abs=1e-3), "mm")
    assert run(step_kind("mask_regions")(), kept, folder)[0] == kept, "what is there is not made twice"


def test_a_mask_of_another_grid_is_refused(folder: Folder) -> None:
    made = with_mask(folder)
    folder.put("m.png", np.ones((40, 40), np.uint8))
    with pytest.raises(DataError, match=r"mask m\.png has"):
        read_mask(made, made.regions[0], folder)


def test_questions_about_regions(folder: Folder) -> None:
    measured, _ = run(step_kind("mask_regions")(), [with_mask(folder)], folder)
    kept, _ = run(step_kind("region_questions")(), measured, folder)
    by_type = {dialogue.answer_type: dialogue for dialogue in kept[0].dialogues}
    box = thousand(Box(60, 30, 70, 50), (96, 96))
    assert parse_boxes(by_type["box"].answer)[0].boxes == (box,)
    assert str(list(box)) in by_type["open"].turns[0].text
    assert "2.000 mm wide and 0.500 mm high" in by_type["number"].turns[0].text
    assert by_type["number"].answer == "23.1, 11.5"
    assert all(kept[0].regions[place].kind == "box" for one in kept[0].dialogues for place in one.evidence)
    lower, _ = run(step_kind("region_questions")(boxes="lower_left", kinds=("text_to_region",)), measured, folder)
    assert lower[0].dialogues[0].answer == "0.625, 0.479, 0.729, 0.688"


def test_a_picture_without_spacing_is_not_measured(folder: Folder) -> None:
    made = with_mask(folder)
    bare = study("b", path="p.png", shape=(96, 96), regions=made.regions)
    kept, _ = run(step_kind("mask_regions")(), [bare], folder)
    assert [part.unit for part in kept[0].measurements] == ["%"]
    asked, _ = run(step_kind("region_questions")(kinds=("size",)), kept, folder)
    assert asked[0].dialogues == ()


def test_instructions_have_many_wordings_and_even_answers() -> None:
    from curation_studies import absent

    studies = [
        study(f"s{n}", path="p.png", shape=(9, 9), findings=(present("edema"), absent("pneumothorax")))
        for n in range(60)
    ] + [study("t", path="p.png", findings=(present("pneumothorax"), absent("edema")))]
    kept, _ = run(step_kind("instructions")(tasks=("present", "choose")), studies)
    asked = [one for made in kept for one in made.dialogues if one.answer_type == "closed"]
    assert sum(one.answer == "yes" for one in asked) == len(asked) / 2
    assert len({one.turns[0].text for one in asked}) > 10
    for one in (one for made in kept for one in made.dialogues if one.options):
        assert one.options.count(one.answer) == 1


def test_points_alone_make_no_box() -> None:
    image = Image(id="i", path="x.png", modality="DX", shape=(9, 9))
    region = Region(image="i", kind="points", points=((1.0, 2.0),), concept="edema")
    made = Study(id="a", patient="a", images=(image,), regions=(region,))
    assert run(step_kind("region_questions")(), [made])[0] == [made]
