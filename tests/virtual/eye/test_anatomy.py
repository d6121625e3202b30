"""The healthy eye: sizes of the literature, Murray's law, chirality, independence of disease."""

from __future__ import annotations

import numpy as np
import pytest
from eye_patients import CONCEPTS, eye_with, healthy

from vesalius.virtual.eye.anatomy import draw_eye, examined_eye
from vesalius.virtual.eye.disease import build_retina
from vesalius.virtual.eye.fibres import fibre_angle, fibre_direction, fibre_thickness
from vesalius.virtual.eye.fundus_truth import cup_disc_ratio, vessel_calibre
from vesalius.virtual.eye.vessels import ARTERY, VEIN, Vessels, equivalent_width, grow, murray


def test_murrays_law() -> None:
    larger, smaller = murray(0.06, 0.7)
    assert larger**3 + smaller**3 == pytest.approx(0.06**3)
    assert smaller / larger == pytest.approx(0.7)


def test_equivalent_width_of_equal_vessels() -> None:
    # Six of 100: three of 0.88·141.4 = 124.4; of these 0.88·176.0 = 154.8 and 124.4;
    # 0.88·sqrt(154.8² + 124.4²) = 174.8.
    assert equivalent_width(np.full(6, 100.0), ARTERY) == pytest.approx(174.8, abs=0.1)
    assert equivalent_width(np.array([100.0, 50.0]), VEIN) == pytest.approx(0.95 * 111.80, abs=0.01)
    assert equivalent_width(np.array([]), ARTERY) == 0.0


def test_sizes_of_sixty_healthy_eyes() -> None:
    eyes = [draw_eye(healthy(number)) for number in range(60)]
    # Means of the table with three standard errors: SD / sqrt(60) · 3.
    assert np.mean([eye.disc.height for eye in eyes]) == pytest.approx(1.92, abs=0.08)
    assert np.mean([eye.disc.width for eye in eyes]) == pytest.approx(1.76, abs=0.08)
    assert np.mean([np.hypot(eye.disc.x, eye.disc.y) for eye in eyes]) == pytest.approx(4.53, abs=0.12)
    ratios = [cup_disc_ratio(eye.disc) for eye in eyes]
    assert np.mean(ratios) == pytest.approx(0.40, abs=0.07)
    assert max(ratios) < 0.68
    calibres = np.array([vessel_calibre(eye) for eye in eyes])
    # 0.67 to 0.85 in the table; single eyes scatter by 0.04.
    assert 0.62 < (calibres[:, 0] / calibres[:, 1]).mean() < 0.85
    assert len({eye.side for eye in eyes}) == 2


def test_vessels_leave_the_disc_and_spare_the_fovea() -> None:
    for number in range(5):
        eye = draw_eye(healthy(number))
        vessels = eye.vessels
        assert np.hypot(*vessels.end.T).min() > 0.25  # the avascular zone
        roots = [vessels.start[vessels.root == root][0] for root in np.unique(vessels.root)]
        assert all(np.hypot(x - eye.disc.x, y - eye.disc.y) < 0.75 for x, y in roots)
        assert vessels.radius.min() > 0.003
        assert {ARTERY, VEIN} == set(vessels.kind.tolist())


def test_winding_vessels_are_more_tortuous() -> None:
    plain, wound = (grow(np.random.default_rng(3), (4.5, 0.5), winding) for winding in (0.6, 1.8))
    assert wound.tortuosity(VEIN) > plain.tortuosity(VEIN)
    straight = plain.wound(np.ones(len(plain.radius), bool), 0.15)
    assert straight.tortuosity(VEIN) > plain.tortuosity(VEIN)


def test_fibres_bow_round_the_macula() -> None:
    disc = draw_eye(healthy(0)).disc
    above = fibre_angle(disc, np.array([1.0]), np.array([disc.y + 1.5]))
    below = fibre_angle(disc, np.array([1.0]), np.array([disc.y - 1.5]))
    assert above[0] == pytest.approx(-below[0])
    assert np.pi / 2 < above[0] < np.pi
    # Far beyond the fovea an arc runs level, towards the temple.
    assert fibre_direction(disc, np.array([-3.0]), np.array([disc.y + 2.5]))[0] == pytest.approx(np.pi, abs=0.15)


def test_nerve_fibre_layer_has_two_humps() -> None:
    eye = draw_eye(healthy(1))
    turn = np.deg2rad([0.0, 100.0, 180.0, 260.0])
    x, y = eye.disc.x + 1.73 * np.cos(turn), eye.disc.y + 1.73 * np.sin(turn)
    nasal, upper, temporal, lower = fibre_thickness(eye, x, y)
    assert min(upper, lower) > 1.3 * max(nasal, temporal)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_disease_leaves_the_side_and_the_frame(concept: str) -> None:
    for number in range(3):
        patient = eye_with(concept, number)
        assert patient.diseases
        assert build_retina(patient).eye.side == examined_eye(patient.body)
        assert all(disease.laterality == examined_eye(patient.body) for disease in patient.diseases)


def test_tortuosity_is_arc_over_chord() -> None:
    # Two pieces of 2 mm at a right angle: 4 / (2 · sqrt 2) - 1 = 0.414; a straight vessel of 3 mm: 0; mean 0.207.
    start, end = np.array([[0.0, 0], [2, 0], [5, 5]]), np.array([[2.0, 0], [2, 2], [8, 5]])
    path, kind = np.array([0, 0, 1]), np.full(3, VEIN)
    vessels = Vessels(start=start, end=end, radius=np.full(3, 0.05), kind=kind, path=path, root=path,
                      over=np.zeros(3, bool))  # fmt: skip
    assert vessels.tortuosity(VEIN) == pytest.approx(0.2071, abs=1e-4)
    assert vessels.tortuosity(ARTERY) == 0.0
    assert vessels.crossing((0.0, 0.0), 1.0, VEIN) == pytest.approx([0.1])
