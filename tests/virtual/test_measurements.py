"""What is measured from the shapes agrees with what is read off the masks, within a pixel."""

from __future__ import annotations

import numpy as np
import pytest
from virtual_patients import patient_with, reference_patient

from vesalius.data.records import Box
from vesalius.virtual.body import SIDES
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.picture import box_of
from vesalius.virtual.radiograph.chest import heart_shadow, thorax_shadow
from vesalius.virtual.radiograph.film import render
from vesalius.virtual.radiograph.measurements import (
    anatomy_masks,
    cardiothoracic_ratio,
    dome_row,
    measure,
    ratio_from_masks,
)


@pytest.mark.parametrize("number", range(6))
def test_ratio_read_off_the_masks(number: int) -> None:
    film = render(draw_patient(21, number).having(()), 256)
    heart, inner = heart_shadow(film.chest, film.camera), thorax_shadow(film.chest, film.camera)
    width = (inner[1] - inner[0]) / film.camera.spacing_mm
    # Each width is a pixel off at most: the ratio by (1 + ratio) / width.
    tolerance = 1.5 / width
    read = ratio_from_masks(anatomy_masks(film), dome_row(film))
    assert read == pytest.approx(cardiothoracic_ratio(film), abs=tolerance)
    columns = np.flatnonzero(anatomy_masks(film).heart.any(axis=0))
    assert film.camera.column(heart[0]) == pytest.approx(columns[0], abs=1.0)
    assert film.camera.column(heart[1]) == pytest.approx(columns[-1], abs=1.0)


def test_normal_hearts_stay_below_half() -> None:
    ratios = [draw_patient(4, i).body.cardiothoracic_ratio for i in range(500)]
    assert max(ratios) < 0.5
    # 0.42 ± 0.04 on the film, a little more with age (mean age 57).
    assert np.mean(ratios) == pytest.approx(0.425, abs=0.01)


def test_height_of_an_effusion_is_its_boxs() -> None:
    patient = patient_with("pleural_effusion", 0)
    film = render(patient, 256)
    found = [m for m in measure(film, patient.diseases, "pa") if m.name == "pleural_effusion_height"]
    boxes = [box_of(region.mask) for region in film.regions]
    assert [m.value for m in found] == pytest.approx(
        [(box.y_max - box.y_min) * film.camera.spacing_mm for box in boxes if box], abs=1e-3
    )


def test_diameter_of_a_mass_is_its_outlines() -> None:
    patient = patient_with("lung_mass", 1)
    film = render(patient, 512)
    box = box_of(film.regions[0].mask)
    assert box is not None
    disease = patient.diseases[0]
    across = (box.x_max - box.x_min + box.y_max - box.y_min) / 2 * film.camera.spacing_mm
    magnified = disease.sizes_mm["diameter"] / film.camera.scale(0.0)
    # The outline wobbles about the diameter by its margin, 30 % at most, about 10 % in the mean of two directions.
    assert across == pytest.approx(magnified, rel=0.2)


def test_dome_difference_follows_the_rule_of_breathing() -> None:
    film = render(reference_patient(), 64)
    right, left = (film.chest.dome_top(side) for side in SIDES)
    # Tops 110 - 46 f and 94 - 43 f at f = 0.85: 70.9 and 57.45.
    assert (right, left) == pytest.approx((70.9, 57.45))
    found = {m.name: m.value for m in measure(film, (), "pa")}
    assert found["dome_height_difference"] == pytest.approx(13.45)


def test_box_is_tight_and_empty_masks_have_none() -> None:
    mask = np.zeros((6, 8), bool)
    assert box_of(mask) is None
    mask[2:4, 3:7] = True
    assert box_of(mask) == Box(3, 2, 7, 4)
