"""Dermatoscopy: sizes and asymmetry from geometry against masks, counted structures, sites."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vesalius.errors import ConfigError
from vesalius.virtual.exams.dermatoscopy import render
from vesalius.virtual.findings.base import Case
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import SITES
from vesalius.virtual.skin.scores import asymmetry_of

CONCEPTS = (
    "actinic_keratosis", "basal_cell_carcinoma", "dermatofibroma", "melanocytic_naevus", "melanoma",
    "seborrhoeic_keratosis", "skin_squamous_cell_carcinoma", "vascular_skin_lesion",
)  # fmt: skip


def healthy(number: int) -> Patient:
    return draw_patient(31, number, preset="dermatoscopy").having(())


def skin_with(concept: str, number: int) -> Patient:
    patient = healthy(number)
    return patient.having(finding(concept).draw(stream(7, concept, number), Case(patient.body, ())))


def lesion_mask(picture: Picture) -> NDArray[np.bool_]:
    (mark,) = [mark for mark in picture.marks if mark.anatomy == "skin lesion" and mark.mask is not None]
    assert mark.mask is not None
    return mark.mask


def measured(picture: Picture, name: str) -> float:
    (value,) = [part.value for part in picture.measurements if part.name == name]
    return value


@pytest.mark.parametrize("concept", CONCEPTS)
def test_sizes_read_off_the_mask(concept: str) -> None:
    for number in range(2):
        (picture,) = render(skin_with(concept, number), 512)
        mask, spacing = lesion_mask(picture), picture.spacing_mm[0]
        rows, columns = np.nonzero(mask)
        assert mask.sum() * spacing**2 == pytest.approx(measured(picture, "area"), rel=0.03)
        turn = np.linspace(0, np.pi, 90, endpoint=False)
        across = [np.ptp(columns * np.cos(angle) + rows * np.sin(angle)) + 1 for angle in turn]
        # Longest of 90 directions, a pixel at each end.
        assert max(across) * spacing == pytest.approx(measured(picture, "diameter"), abs=2 * spacing)
        (contour,) = [mark for mark in picture.marks if mark.contour]
        assert np.ptp([x for x, _ in contour.points]) == pytest.approx(np.ptp(columns) + 1, abs=3)


@pytest.mark.parametrize("number", range(4))
def test_asymmetry_read_off_the_mask(number: int) -> None:
    patient = skin_with("melanoma", number)
    lesion = patient.diseases[0]
    upright = replace(lesion, outline=replace(lesion.outline, turn=0.0))  # type: ignore[attr-defined,call-arg]
    (picture,) = render(patient.having([upright]), 512)
    read = np.mean(asymmetry_of(lesion_mask(picture)))
    # Half a pixel of shift on a lesion of 100 pixels or more, twice over its edge.
    assert read == pytest.approx(measured(picture, "asymmetry"), abs=0.02)


@pytest.mark.parametrize("size", [64, 256, 512])
def test_the_same_lesion_at_every_size(size: int) -> None:
    patient = skin_with("basal_cell_carcinoma", 1)
    (one,), (other,) = render(patient, size), render(patient, 256)
    assert one.pixels.shape == (size, size, 3)
    assert [part.value for part in one.measurements] == [part.value for part in other.measurements]
    assert lesion_mask(one).mean() == pytest.approx(lesion_mask(other).mean(), rel=0.06)


def test_healthy_skin_has_no_lesion() -> None:
    (picture,) = render(healthy(0), 128)
    assert picture.marks == ()
    assert picture.measurements == ()


@pytest.mark.parametrize("concept", CONCEPTS)
def test_lesion_changes_the_skin_inside_its_mask(concept: str) -> None:
    for number in range(3):
        patient = skin_with(concept, number)
        (sick,), (well,) = render(patient, 256), render(patient.having(()), 256)
        change = np.abs(sick.pixels.astype(float) - well.pixels.astype(float)).mean(axis=2)
        mask = lesion_mask(sick)
        assert change[mask].mean() > 6
        ring = np.zeros_like(mask)
        ring[[0, -1]], ring[:, [0, -1]] = True, True
        if not (mask & ring).any():
            # Hair, gel, ruler, corners and noise are drawn before anything is known of the lesion.
            assert change[ring].mean() < 0.2


def test_structures_are_counted_by_points() -> None:
    seen = 0
    for number in range(6):
        patient = skin_with("seborrhoeic_keratosis", number)
        parts = patient.diseases[0].structures  # type: ignore[attr-defined]
        (picture,) = render(patient, 256)
        for name, count in (("milia-like cysts", parts.milia), ("comedo-like openings", parts.openings)):
            marks: list[Mark] = [mark for mark in picture.marks if mark.anatomy == name and mark.points]
            assert sum(len(mark.points) for mark in marks) == count
            seen += bool(marks)
            inside = lesion_mask(picture)
            for mark in marks:
                assert np.mean([inside[int(y), int(x)] for x, y in mark.points]) > 0.97
    assert seen >= 6


def test_white_cysts_are_bright_and_openings_dark() -> None:
    patient = skin_with("seborrhoeic_keratosis", 0)
    lesion = patient.diseases[0]
    parts = replace(lesion.structures, milia=12, openings=12, vessels="")  # type: ignore[attr-defined]
    (picture,) = render(patient.having([replace(lesion, structures=parts)]), 512)  # type: ignore[call-arg]
    grey = picture.pixels.astype(float).mean(axis=2)
    inside = grey[lesion_mask(picture)].mean()
    masks = {mark.anatomy: mark.mask for mark in picture.marks if mark.mask is not None}
    assert grey[masks["milia-like cysts"]].mean() > inside + 25
    assert grey[masks["comedo-like openings"]].mean() < inside - 5


def test_same_bytes_again() -> None:
    patient = skin_with("melanoma", 2)
    digests = {hashlib.sha256(render(patient, 128)[0].pixels.tobytes()).hexdigest() for _ in range(2)}
    assert len(digests) == 1


def test_zoom_is_the_sites_and_not_the_lesions() -> None:
    patient = skin_with("melanoma", 0)
    sizes = {render(replace(patient, site=site), 64)[0].spacing_mm[0] for site in SITES}
    assert len(sizes) == len(SITES)
    assert render(patient, 64)[0].spacing_mm == render(patient.having(()), 64)[0].spacing_mm


def test_impossible_size() -> None:
    with pytest.raises(ConfigError, match="image size 3"):
        render(healthy(0), 3)
