"""The reference man on film: attenuation of the table, chirality, twins, determinism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_patients import drawn, patient_with, reference_patient

from vesalius.errors import ConfigError
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.radiograph.camera import Array
from vesalius.virtual.radiograph.exposure import attenuation, masses
from vesalius.virtual.radiograph.film import Film, paint, render
from vesalius.virtual.radiograph.measurements import anatomy_masks
from vesalius.virtual.radiograph.views import camera_of

SIZE = 160


@pytest.fixture(scope="module")
def reference() -> Film:
    return render(reference_patient(), 256)


@pytest.fixture(scope="module")
def logarithm(reference: Film) -> Array:
    return attenuation(masses(reference.canvas), kev=65)


def around(film: Film, picture: Array, place: tuple[float, float, float], reach: int = 4) -> float:
    """Median in a window about a place of the trunk."""
    u, v = film.camera.project(np.array(place))
    row, column = int(film.camera.row(v)), int(film.camera.column(u))
    return float(np.median(picture[row - reach : row + reach + 1, column - reach : column + reach + 1]))


# Through lung and chest wall 1.2-1.5 between ribs, of which a window of 12 mm always holds some (+0.10-0.20 each, two
# may cross): up to 1.85. Heart 2.9-3.3, mediastinum with spine 4.5-5.2, abdomen 4.4-4.9.
@pytest.mark.parametrize(
    ("place", "low", "high"),
    [
        ((-80, 0, 150), 1.2, 1.85),
        ((85, 0, 160), 1.2, 1.85),
        ((40, -40, 110), 2.6, 3.5),
        ((0, 0, 180), 4.2, 5.2),
        ((0, 0, 130), 4.4, 5.3),
        ((-70, 0, 10), 4.2, 5.0),
    ],
)
def test_attenuation_of_the_reference_man(
    reference: Film, logarithm: Array, place: tuple[float, float, float], low: float, high: float
) -> None:
    assert low <= around(reference, logarithm, place) <= high


def test_lung_volumes_of_the_reference_man(reference: Film) -> None:
    # Free depth over area brought back to the patient's mid-plane: 2 900 ± 600 and 2 450 ± 550 ml, two SD allowed.
    camera = reference.camera
    pixel_ml = (camera.spacing_mm * camera.scale(0.0)) ** 2 / 1000
    right, left = (float(reference.canvas.spaces[side].sum()) * pixel_ml for side in ("right", "left"))
    assert 1700 <= right <= 4100
    assert 1350 <= left <= 3550
    assert right > left


def test_heart_lies_to_the_patients_left_and_right_dome_is_higher(reference: Film) -> None:
    masks = anatomy_masks(reference)
    columns = np.flatnonzero(masks.heart.any(axis=0))
    middle = reference.camera.column(0.0)
    assert columns[-1] - middle > 1.3 * (middle - columns[0])
    assert reference.chest.dome_top("right") > reference.chest.dome_top("left")
    assert (
        np.flatnonzero(masks.right_lung.any(axis=0)).mean()
        < middle
        < np.flatnonzero(masks.left_lung.any(axis=0)).mean()
    )


def test_lung_is_dark_and_heart_and_abdomen_are_light(reference: Film) -> None:
    lung = around(reference, reference.pixels, (-80, 0, 150))
    heart = around(reference, reference.pixels, (40, -40, 110))
    abdomen = around(reference, reference.pixels, (-70, 0, 10))
    assert 25 <= lung <= 105
    assert lung + 50 < heart < abdomen < 250


@pytest.mark.parametrize("size", [8, 5000])
def test_impossible_size(size: int) -> None:
    with pytest.raises(ConfigError, match="expected 32 to 4096"):
        camera_of(reference_patient(), size)


def test_same_patient_same_film() -> None:
    patient = draw_patient(2, 3)
    assert np.array_equal(render(patient, 96).pixels, render(draw_patient(2, 3), 96).pixels)
    assert not np.array_equal(render(patient, 96).pixels, render(draw_patient(2, 4), 96).pixels)


def test_another_size_shows_the_same_body() -> None:
    patient = reference_patient(*drawn("lung_mass", 2))
    small, large = render(patient, 128).pixels, render(patient, 256).pixels
    halved = large.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    # Noise and edges differ; the mean grey of 8 × 8 blocks does not.
    blocks = [np.asarray(picture, float).reshape(16, 8, 16, 8).mean(axis=(1, 3)) for picture in (small, halved)]
    assert np.abs(blocks[0] - blocks[1]).max() < 12
    assert np.abs(blocks[0] - blocks[1]).mean() < 1.5


# Where a finding may change the picture: its mask, widened by blur, weak scatter and displaced neighbours.
LOCAL = {"lung_nodule", "lung_mass", "consolidation", "rib_fracture"}


@pytest.mark.parametrize("concept", sorted(LOCAL))
@pytest.mark.parametrize("number", [0, 1])
def test_twin_without_the_finding_differs_only_there(concept: str, number: int) -> None:
    patient = patient_with(concept, number)
    sick, healthy = render(patient, SIZE), render(patient.without(concept), SIZE)
    changed = np.abs(sick.pixels.astype(int) - healthy.pixels.astype(int))
    mask = np.any([region.mask for region in sick.regions], axis=0)
    near = widened(mask, 8 if concept != "rib_fracture" else 28)
    assert changed[~near].mean() < 0.35
    assert np.percentile(changed[~near], 99.5) <= 4
    if mask.any():
        assert changed[mask].mean() > 4 * max(changed[~near].mean(), 0.02)


def widened(mask: np.ndarray, pixels: int) -> np.ndarray:
    for _ in range(pixels):
        mask = mask | np.roll(mask, 1, 0) | np.roll(mask, -1, 0) | np.roll(mask, 1, 1) | np.roll(mask, -1, 1)
    return mask


@pytest.mark.parametrize("concept", ["pleural_effusion", "pneumothorax"])
def test_disease_of_one_side_leaves_the_other_side(concept: str) -> None:
    patients = (patient_with(concept, number) for number in range(40))
    patient = next(p for p in patients if len(p.diseases) == 1 and p.diseases[0].severity in ("moderate", "large"))
    sick, healthy = render(patient, SIZE), render(patient.without(concept), SIZE)
    masks = anatomy_masks(healthy)
    side, other = (masks.right_lung, masks.left_lung)[:: 1 if patient.diseases[0].laterality == "right" else -1]
    changed = np.abs(sick.pixels.astype(int) - healthy.pixels.astype(int))
    assert changed[other].mean() < 1.0
    assert changed[side].mean() > 5 * changed[other].mean()


def test_lesion_carries_the_noise_of_its_surroundings() -> None:
    # The noise field is one stream over the whole picture; the masses are smooth, so the difference of two exposures
    # with other streams is noise alone. Inside a nodule and on its ring its SD is that of the local intensity.
    patient = patient_with("lung_nodule", 3)
    again = replace(patient, acquisition=patient.acquisition._replace(dose=patient.acquisition.dose * 1.0000001))
    first, second = render(patient, 256), render(again, 256)
    assert np.abs(first.pixels.astype(int) - second.pixels.astype(int)).max() <= 1
    other = render(replace(patient, diseases=(), id=patient.id), 256)
    mask = np.any([region.mask for region in first.regions], axis=0)
    ring = widened(mask, 6) & ~mask
    rough = [np.abs(np.diff(film.pixels.astype(float), 2, axis=1)) for film in (first, other)]
    inside = mask[:, 1:-1]
    assert rough[0][inside].mean() > 0.4 * rough[1][ring[:, 1:-1]].mean()


@given(st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_every_patient_can_be_rendered(index: int) -> None:
    film = render(draw_patient(1, index), 64)
    assert film.pixels.shape == (64, 64)
    assert film.pixels.std() > 20
    assert all(region.mask.shape == (64, 64) for region in film.regions)


def test_masses_are_never_negative() -> None:
    for concept in ("emphysema", "hiatal_hernia", "pneumothorax"):
        patient = patient_with(concept, 1)
        parts = masses(paint(patient, camera_of(patient, 96)))
        assert min(float(part.min()) for part in (parts.fat, parts.soft)) >= 0
        assert float(parts.bone.min()) > -0.2


def test_flip_of_the_body_flips_the_picture() -> None:
    # A right effusion of the reference body is on the left of the picture.
    effusion = replace(drawn("pleural_effusion", 0)[0], laterality="right")
    sick = render(reference_patient(effusion), SIZE)
    columns = np.nonzero(sick.regions[0].mask)[1]
    assert columns.mean() < SIZE / 2
    mirrored = render(reference_patient(replace(effusion, laterality="left")), SIZE)
    assert np.nonzero(mirrored.regions[0].mask)[1].mean() > SIZE / 2
