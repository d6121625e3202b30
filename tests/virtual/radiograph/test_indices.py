"""Indices of films: by hand, against masks, by their landmarks, and over healthy bodies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from virtual_patients import drawn, patient_with, reference_patient

from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.radiograph.film import Film, render
from vesalius.virtual.radiograph.indices import Index
from vesalius.virtual.radiograph.measurements import indices, landmarks, measure
from vesalius.virtual.radiograph.outlines import shape_row, upright_row, widest_row
from vesalius.virtual.radiograph.shapes import Ellipsoid, length
from vesalius.virtual.radiograph.views import camera_of

WIDTHS = ("cardiac_width", "thoracic_width", "mediastinal_width", "aortic_knob_width", "ascending_aorta_width",
          "descending_aorta_width")  # fmt: skip


@pytest.fixture(scope="module")
def films() -> list[Film]:
    return [render(draw_patient(21, number).having(()), 256) for number in range(4)]


def named(film: Film, name: str, diseases: tuple[Disease, ...] = ()) -> Index:
    return next(index for index in indices(film, diseases) if index.name == name)


def test_row_of_a_sphere_by_hand() -> None:
    # A ball of radius 30 in the central ray: its shadow is a circle of radius R with R / D = 30 / sqrt(d² - 30²).
    camera = camera_of(reference_patient(), 64)
    ball = Ellipsoid(np.array([0.0, 0.0, camera.centre_z_mm]), np.full(3, 30.0), np.eye(3))
    depth, distance = camera.source_y_mm, camera.distance_mm
    radius = 30 / np.sqrt(depth**2 - 900) * distance
    assert shape_row(camera, ball, 0.0) == pytest.approx((-radius, radius))
    half = np.sqrt(radius**2 - 20.0**2)
    assert shape_row(camera, ball, 20.0) == pytest.approx((-half, half))
    assert shape_row(camera, ball, radius + 0.01) is None
    assert widest_row(camera, ball, radius) == pytest.approx(0.0, abs=1e-6)


def test_row_of_an_upright_body_by_hand() -> None:
    camera = camera_of(reference_patient(), 64)
    table = np.array([[0.0, 10.0, 40.0, 5.0, 5.0], [300.0, 40.0, 40.0, 20.0, 5.0]])
    # Half way up: x 25, half width 12.5, magnified by D / (s - 40).
    v = (150 - camera.centre_z_mm) / camera.scale(40.0)
    expected = [(25 - 12.5) / camera.scale(40.0), (25 + 12.5) / camera.scale(40.0)]
    assert upright_row(camera, table, v) == pytest.approx(expected)
    assert upright_row(camera, table, 1e4) is None


def at_row(film: Film, mask: NDArray[np.bool_], v_mm: float) -> NDArray[np.int64]:
    return np.flatnonzero(mask[round(float(film.camera.row(v_mm)))])


def test_widths_are_those_of_the_masks(films: list[Film]) -> None:
    for film in films:
        mediastinum = length(film.canvas.bodies[0]) > 0
        aorta = length(film.canvas.bodies[2]) > 0
        for name, mask in (("mediastinal_width", mediastinum | aorta), ("descending_aorta_width", aorta)):
            index = named(film, name)
            columns = at_row(film, mask, float(index.points[0, 1]))
            edges = film.camera.column(index.points[:, 0])
            # The borders pass within the pixel beside the mask; the row of the mask is half a pixel off.
            assert edges[0] == pytest.approx(columns[0], abs=1.5), name
            assert edges[1] == pytest.approx(columns[-1], abs=1.5), name


def test_numbers_follow_from_their_landmarks(films: list[Film]) -> None:
    for film in films:
        found = {index.name: index for index in indices(film, ())}
        for name in WIDTHS:
            across = found[name].points[:, 0]
            assert found[name].value == pytest.approx(abs(float(across[1] - across[0]))), name
        heart, inner = np.split(found["cardiothoracic_ratio"].points[:, 0], 2)
        ratio = (heart[1] - heart[0]) / (inner[1] - inner[0])
        assert found["cardiothoracic_ratio"].value == pytest.approx(ratio)
        right, fork, left = found["carina_angle"].points
        angles = [np.degrees(np.arctan2(*(end - fork))) for end in (right, left)]
        opened = abs(angles[0] - angles[1])
        assert found["carina_angle"].value == pytest.approx(min(opened, 360 - opened))
        ends, middle = found["rotation_ratio"].points[[0, 2], 0], found["rotation_ratio"].points[1, 0]
        parts = abs(middle - ends[0]), abs(ends[1] - middle)
        assert found["rotation_ratio"].value == pytest.approx(abs(parts[0] - parts[1]) / sum(parts))


def test_numbers_do_not_depend_on_the_size_of_the_picture() -> None:
    patient = draw_patient(21, 1).having(())
    small, large = (indices(render(patient, size), ()) for size in (128, 384))
    assert [index.name for index in small] == [index.name for index in large]
    for one, other in zip(small, large, strict=True):
        # The overlap is counted in pixels of the lung's mask: the outline of a blade 200 pixels round at 128².
        assert one.value == pytest.approx(other.value, abs=0.03 if one.name == "scapula_overlap" else 1e-6), one.name


def test_reference_man_is_straight_and_well_exposed() -> None:
    film = render(reference_patient(), 256)
    found = {index.name: index.value for index in indices(film, ())}
    assert found["rotation_ratio"] == pytest.approx(0, abs=1e-6)
    assert found["cobb_angle"] == pytest.approx(0, abs=1e-6)
    assert found["field_inclusion"] == 1
    assert found["posterior_ribs_above_dome"] in (9, 10)
    # Trachea 3 mm right of the mid-line at z 200, none at z 262: 0.92 mm at z 243.
    assert found["tracheal_deviation"] == pytest.approx(-0.92 / film.camera.scale(-12.5), abs=0.2)


# Means of healthy adults and their deviation: the mean of 30 bodies on the film must lie within one deviation. The
# bodies are 17 years older than the reference: an aorta of 25 mm is 25 · (1 + 0.0035 · 17) · 1.075 = 28.5 on it.
NORMAL = {
    "cardiothoracic_ratio": (0.42, 0.04), "mediastinal_width": (65, 8), "aortic_knob_width": (28, 5),
    "descending_aorta_width": (28.5, 4), "carina_angle": (62, 13), "hilar_height_difference": (12, 6),
    "posterior_ribs_above_dome": (9.5, 1), "tracheal_deviation": (-1, 3), "cobb_angle": (3, 4),
    "lung_height": (240, 20), "scapula_overlap": (0.1, 0.1),
}  # fmt: skip


def test_healthy_bodies_are_normal() -> None:
    values: dict[str, list[float]] = {}
    for number in range(30):
        film = render(draw_patient(31, number).having(()), 48)
        for index in indices(film, ()):
            values.setdefault(index.name, []).append(index.value)
    for name, (mean, deviation) in NORMAL.items():
        assert np.mean(values[name]) == pytest.approx(mean, abs=deviation), name


def with_finding(concept: str, number: int, view: str = "PA", size: int = 96) -> tuple[Film, Patient]:
    patient = patient_with(concept, number)
    return render(patient, size, view), patient


@pytest.mark.parametrize("number", range(5))
def test_cobb_angle_of_a_scoliosis(number: int) -> None:
    film, patient = with_finding("scoliosis", number)
    # The bow is seen by T1 to T12 only and projected with a turn of the body: the reader's 3° and 3 %.
    angle = patient.diseases[0].cobb_deg  # type: ignore[attr-defined]
    assert named(film, "cobb_angle").value == pytest.approx(angle, abs=3, rel=0.03)


@pytest.mark.parametrize("number", range(4))
def test_height_of_a_wedged_vertebra(number: int) -> None:
    film, patient = with_finding("vertebral_fracture", number, "LL")
    index = next((part for part in indices(film, patient.diseases) if part.name == "vertebral_height_ratio"), None)
    if index is None:
        return
    loss = patient.diseases[0].loss  # type: ignore[attr-defined]
    # At 0.9 of the depth front and back have lost 0.95 and 0.05 of the greatest loss.
    assert index.value == pytest.approx((1 - 0.95 * loss) / (1 - 0.05 * loss), abs=0.01)
    assert index.anatomy == patient.diseases[0].anatomy


def test_an_aneurysm_widens_its_part() -> None:
    names = {"ascending aorta": "ascending_aorta_width", "aortic arch": "aortic_knob_width",
             "descending aorta": "descending_aorta_width"}  # fmt: skip
    seen = set()
    for number in range(12):
        film, patient = with_finding("aortic_aneurysm", number)
        part = patient.diseases[0].anatomy
        healthy = render(patient.having(()), 96)
        assert named(film, names[part]).value > named(healthy, names[part]).value + 1.5
        seen.add(part)
    assert len(seen) >= 2


def test_large_effusion_pushes_and_hides() -> None:
    patient = next(p for p in (patient_with("pleural_effusion", i) for i in range(60))
                   if len(p.diseases) == 1 and p.diseases[0].severity == "large")  # fmt: skip
    film, healthy = render(patient, 96), render(patient.having(()), 96)
    side = patient.diseases[0].laterality
    shift = named(film, "tracheal_deviation").value - named(healthy, "tracheal_deviation").value
    assert (shift > 0) == (side == "right")
    corners = {index.laterality for index in indices(film, patient.diseases) if index.name == "costophrenic_angle"}
    assert side not in corners


def test_deep_breath_shows_more_ribs() -> None:
    counts = []
    for breath in (0.3, 1.0):
        patient = reference_patient()
        film = render(replace(patient, body=replace(patient.body, inspiration=breath)), 64)
        counts.append(named(film, "posterior_ribs_above_dome").value)
    assert counts[0] < counts[1]


def test_every_index_is_measured_and_pointed_at(films: list[Film]) -> None:
    film = films[0]
    found = indices(film, ())
    marks = landmarks(film, found)
    assert {mark.anatomy for mark in marks} == {index.name for index in found if len(index.points)}
    for mark in marks:
        assert all(-0.5 <= place <= 255.5 for point in mark.points for place in point) or mark.anatomy in (
            "cardiothoracic_ratio", "cardiac_width", "thoracic_width",
        )  # fmt: skip
    measured = {measurement.name for measurement in measure(film, (), "pa")}
    assert {index.name for index in found} < measured
    assert len(measured) >= 18


def test_lateral_indices() -> None:
    film = render(reference_patient(), 256, "LL")
    found = {index.name: index for index in indices(film, ())}
    assert set(found) == {"cardiac_depth", "retrosternal_space", "kyphosis_angle"}
    columns = np.flatnonzero((length(film.canvas.heart) > 0).any(axis=0))
    pixels = found["cardiac_depth"].value / film.camera.spacing_mm
    assert pixels == pytest.approx(columns[-1] - columns[0] + 1, abs=2)
    # Normal: 15 to 25 mm, and a kyphosis of 20 to 45 degrees.
    assert 15 <= found["retrosternal_space"].value <= 25
    assert 20 <= found["kyphosis_angle"].value <= 45


def test_findings_of_other_regions_are_not_measured_on_a_chest_film() -> None:
    film = render(reference_patient(*drawn("lung_mass", 0)), 48)
    names = {part.name for part in measure(film, drawn("lung_mass", 0), "pa")}
    assert "lung_mass_diameter" in names
