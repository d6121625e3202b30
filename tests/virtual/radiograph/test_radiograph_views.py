"""One patient from three sides: the same heart, the same lesions, and what lying on the back changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import drawn, patient_with, reference_patient

from vesalius.errors import ConfigError
from vesalius.virtual.body import SIDES
from vesalius.virtual.exams.base import exam
from vesalius.virtual.findings.pleural_effusion import PleuralEffusion
from vesalius.virtual.findings.pneumothorax import Pneumothorax
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import meet_outline
from vesalius.virtual.radiograph.film import Film, anatomy_of, paint, render
from vesalius.virtual.radiograph.measurements import anatomy_masks, cardiothoracic_ratio
from vesalius.virtual.radiograph.shapes import Ellipsoid, ellipsoid, length
from vesalius.virtual.radiograph.views import camera_of

AP = Camera(size=129, spacing_mm=2.0, source_y_mm=-950.0, detector_y_mm=150.0, centre_z_mm=100.0)
LATERAL = Camera(
    size=129, spacing_mm=2.0, source_y_mm=1650.0, detector_y_mm=-200.0, centre_z_mm=100.0, lateral=True
)  # fmt: skip


def test_magnification_of_ap_grows_towards_the_front() -> None:
    # Source 950 in front, detector 150 behind: at y = -50 a millimetre is 1100 / (950 - 50) = 1.2222 on the detector.
    u, v = AP.project(np.array([30.0, -50.0, 100.0]))
    assert float(u) == pytest.approx(30 * 1100 / 900)
    assert float(v) == pytest.approx(0)
    assert AP.project(np.array([30.0, 100.0, 100.0]))[0] == pytest.approx(30 * 1100 / 1050)


def test_lateral_shows_the_front_on_the_left_and_the_head_above() -> None:
    # A place 60 in front and 40 left of the mid-line: depth -40, u = -60 · 1850 / (1650 + 40).
    column, row = LATERAL.pixels(np.array([40.0, -60.0, 130.0]))
    assert column == pytest.approx(64 - 60 * 1850 / 1690 / 2)
    assert row == pytest.approx(64 - 30 * 1850 / 1690 / 2)


@pytest.mark.parametrize("camera", [AP, LATERAL])
def test_central_ray_crosses_the_diameter(camera: Camera) -> None:
    met = ellipsoid(camera, Ellipsoid(np.array([0.0, 0.0, 100.0]), np.array([30.0, 20.0, 10.0]), np.eye(3)))
    assert met is not None
    picture = np.zeros((129, 129), np.float32)
    picture[met[0]] = length(met[1])
    # Along y the second axis counts, 2 · 20; across the patient the first, 2 · 30.
    assert picture[64, 64] == pytest.approx(60.0 if camera.lateral else 40.0, abs=0.01)


@pytest.mark.parametrize("camera", [AP, LATERAL])
def test_shadow_is_the_outline_of_the_ray_traced_picture(camera: Camera) -> None:
    shape = Ellipsoid.of((18.0, -38.0, 110.0), (66.0, 50.0, 47.0), (0.7, -0.48, -0.53))
    met = ellipsoid(camera, shape)
    assert met is not None
    picture = np.zeros((129, 129), np.float32)
    picture[met[0]] = length(met[1])
    columns = np.flatnonzero(picture.any(axis=0))
    low, high = shape.shadow(camera)
    # The outline passes within the pixel outside the first one that is met; columns are 2 mm.
    assert camera.u[columns[0]] - 2.0 <= low <= camera.u[columns[0]]
    assert camera.u[columns[-1]] <= high <= camera.u[columns[-1]] + 2.0


def test_outline_from_the_side_keeps_the_volume() -> None:
    # The same lung from the front and from the side: depth × area, brought back to the depth of its own middle.
    patient = reference_patient()
    chest = anatomy_of(patient)
    volumes = []
    for view, middle in (("PA", 0.0), ("LL", -70.0)):
        camera = camera_of(patient, 256, view)
        inside = length(meet_outline(camera, chest.cavity, "left"))
        inside[camera.height(middle) < 20] = 0
        volumes.append(float(inside.sum()) * (camera.spacing_mm * camera.scale(middle)) ** 2 / 1000)
    # Magnification over the lung's own depth differs by ±5 %.
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)


def test_unknown_view_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'PA'"):
        camera_of(reference_patient(), 128, "PAA")


@pytest.fixture(scope="module")
def films() -> dict[str, Film]:
    patient = patient_with("lung_mass", 0)
    return {view: render(patient, 256, view) for view in ("PA", "LL")}


def middle_of(film: Film) -> tuple[float, float]:
    """Detector place of the first region's middle."""
    rows, columns = np.nonzero(film.regions[0].mask)
    return float(film.camera.u[0] + columns.mean() * film.camera.spacing_mm), float(film.camera.v[round(rows.mean())])


@pytest.mark.parametrize("number", [0, 2, 3, 5])
def test_place_of_a_mass_from_two_films_is_its_place_in_the_patient(number: int) -> None:
    patient = patient_with("lung_mass", number)
    disease = replace(patient.diseases[0], margin="smooth")  # type: ignore[call-arg]
    patient = patient.having([disease])
    pa, side = (render(patient, 256, view) for view in ("PA", "LL"))
    (u, v), (w, _) = middle_of(pa), middle_of(side)
    # x + r·y = u·(s - y) / D and, depth -x, y - r·x = w·(s' + x) / D': two linear equations.
    one, two = pa.camera, side.camera
    matrix = np.array([[1.0, one.rotation + u / one.distance_mm],
                       [-two.rotation - w / two.distance_mm, 1.0]])  # fmt: skip
    right = np.array([u * one.source_y_mm / one.distance_mm, w * two.source_y_mm / two.distance_mm])
    x, y = np.linalg.solve(matrix, right)
    z = one.centre_z_mm + v * one.scale(float(y))
    centre = disease.landmarks(pa.chest)["centre"]  # type: ignore[attr-defined]
    # A smooth outline wobbles by 4 % of the radius, and its middle with it; a pixel is 1.4 mm.
    assert np.array([x, y, z]) == pytest.approx(centre, abs=1.5 + 0.04 * disease.sizes_mm["diameter"])


def test_heart_is_one_from_both_sides(films: dict[str, Film]) -> None:
    for one, other in zip(films["PA"].chest.heart, films["LL"].chest.heart, strict=True):
        assert np.array_equal(one.centre, other.centre)
        assert np.array_equal(one.axes, other.axes)
    for film in films.values():
        mask = anatomy_masks(film).heart
        columns = np.flatnonzero(mask.any(axis=0))
        spans = [part.shadow(film.camera) for part in film.chest.heart]
        low, high = min(span[0] for span in spans), max(span[1] for span in spans)
        assert film.camera.column(low) == pytest.approx(columns[0], abs=1.0)
        assert film.camera.column(high) == pytest.approx(columns[-1], abs=1.0)


def test_ap_film_inflates_the_heart() -> None:
    for number in range(5):
        patient = draw_patient(8, number).having(())
        upright, supine = (cardiothoracic_ratio(render(patient, 64, view)) for view in ("PA", "AP"))
        # 10 to 15 % by magnification, posture and breath in the mean; the smallest and largest of many bodies.
        assert 1.04 < supine / upright < 1.25


@pytest.mark.parametrize("volume", [300.0, 900.0])
def test_effusion_of_a_patient_on_his_back_holds_its_volume_as_a_veil(volume: float) -> None:
    disease = PleuralEffusion(laterality="right", anatomy="pleural space", severity="", volume_ml=volume)
    patient = reference_patient(disease)
    camera = camera_of(patient, 256, "AP")
    canvas = paint(patient, camera, "AP")
    fluid = canvas.spaces["right"] - canvas.aerated["right"]
    # Fluid lies at about y = 50; cells do not know spine and mediastinal fat: 15 %, and 60 ml round those.
    found = float(fluid.sum()) * (camera.spacing_mm * camera.scale(50.0)) ** 2 / 1000
    assert found == pytest.approx(volume, rel=0.15, abs=60)
    rows = np.flatnonzero((canvas.spaces["right"] > 30).any(axis=1))
    upper = slice(rows[0] + len(rows) // 4, rows[0] + len(rows) // 2)
    standing = paint(patient, camera_of(patient, 256))
    level = standing.spaces["right"] - standing.aerated["right"]
    # Half way up a standing patient has next to none, one who lies has a sheet.
    assert fluid[upper].mean() > level[upper].mean() + (3 if volume > 500 else 0)


def test_air_of_a_patient_on_his_back_lies_low() -> None:
    disease = Pneumothorax(laterality="left", anatomy="pleural space", severity="large", gap_mm=40.0)
    places = {}
    for view in ("PA", "AP"):
        film = render(reference_patient(disease), 128, view)
        air = film.canvas.spaces["left"] - film.canvas.aerated["left"]
        places[view] = float(np.average(np.arange(128), weights=air.sum(axis=1)))
    assert places["AP"] > places["PA"] + 15


@pytest.mark.parametrize("view", ["AP", "LL"])
def test_films_are_the_same_for_the_same_patient_and_differ_in_noise(view: str) -> None:
    patient = draw_patient(2, 3)
    assert np.array_equal(render(patient, 96, view).pixels, render(draw_patient(2, 3), 96, view).pixels)
    assert 20 < float(render(patient, 96, view).pixels.std()) < 100


@pytest.mark.parametrize(
    ("name", "view", "picture"),
    [("chest_radiograph", "PA", "pa"), ("chest_bedside", "AP", "ap"), ("chest_lateral", "LL", "lateral")],
)
def test_examinations(name: str, view: str, picture: str) -> None:
    (made,) = exam(name).render(draw_patient(3, 1), 64)
    assert (made.name, made.view, made.modality, made.shape) == (picture, view, "DX", (64, 64))
    assert {"right lung", "left lung", "heart"} <= {mark.anatomy for mark in made.marks}


def test_lungs_have_their_sides_on_an_ap_film() -> None:
    film = render(reference_patient(), 128, "AP")
    middle = film.camera.column(0.0)
    for side, mask in zip(SIDES, anatomy_masks(film), strict=False):
        assert (np.nonzero(mask)[1].mean() > middle) == (side == "left")


@pytest.mark.parametrize("concept", ["consolidation", "pleural_effusion", "lung_nodule", "pacemaker", "fibrosis"])
def test_findings_show_from_the_side(concept: str) -> None:
    shown = 0
    for number in range(3):
        patient = reference_patient(*drawn(concept, number))
        sick, healthy = render(patient, 96, "LL"), render(patient.without(concept), 96, "LL")
        change = np.abs(sick.pixels.astype(float) - healthy.pixels.astype(float))
        mask = np.any([region.mask for region in sick.regions], axis=0)
        shown += bool(mask.any()) and change[mask].mean() > 1.3 * change[~mask].mean()
    assert shown >= 2
