"""The retina in depth: thickness of the literature, and what each disease does to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from eye_patients import drawn, eye_with, healthy

from vesalius.virtual.eye.disease import build_retina
from vesalius.virtual.eye.layers import LAYERS, extent, rise, stack, thickness
from vesalius.virtual.eye.tomogram_truth import central_thickness, macular_volume
from vesalius.virtual.findings.macular_oedema import MacularOedema


def test_thickness_of_forty_healthy_eyes() -> None:
    retinas = [build_retina(healthy(number)) for number in range(40)]
    # 270 ± 20 µm and 8.5 ± 0.4 mm³ for the central millimetre and the inner 6 mm.
    assert np.mean([central_thickness(retina) for retina in retinas]) == pytest.approx(270, abs=15)
    assert np.mean([macular_volume(retina) for retina in retinas]) == pytest.approx(8.5, abs=0.4)


def test_pit_is_thinner_than_its_rim() -> None:
    retina = build_retina(healthy(2))
    centre, rim = thickness(stack(retina, np.array([0.0, -1.0]), np.zeros(2)))
    # 255 ± 20 in the pit, 340 beside it.
    assert centre == pytest.approx(250, abs=30)
    assert rim == pytest.approx(330, abs=35)


def test_swelling_adds_its_thickness() -> None:
    patient = healthy(3)
    disease = MacularOedema(swelling_um=200.0, offset_mm=0.0, cysts=3, fluid_um=0.0, exudates=0)
    x = np.zeros(1)
    before, after = (thickness(stack(build_retina(one), x, x))[0] for one in (patient, patient.having([disease])))
    assert after - before == pytest.approx(200.0)
    assert disease.scaled(0.5).swelling_um == 100.0


def test_fluid_and_drusen_reach_their_height() -> None:
    patient = healthy(4)
    disease = MacularOedema(swelling_um=100.0, offset_mm=0.0, cysts=3, fluid_um=150.0, exudates=0)
    retina = build_retina(patient.having([disease]))
    x = np.zeros(1)
    assert rise(retina, x, x, "subretinal fluid")[0] == pytest.approx(150.0)
    assert stack(retina, x, x)[LAYERS.index("subretinal space"), 0] == pytest.approx(150.0)


def test_atrophy_takes_the_pigment_epithelium() -> None:
    disease = replace(drawn("age_related_macular_degeneration", 0)[0], atrophy_mm=3.0, membrane_mm=0.0)  # type: ignore[call-arg]
    retina = build_retina(healthy(0).having([disease]))
    x = np.linspace(-3, 3, 400)
    lost = extent(retina, x, np.zeros_like(x), "geographic atrophy") == 1
    layers = stack(retina, x, np.zeros_like(x))
    assert lost.sum() > 40
    assert not layers[LAYERS.index("retinal pigment epithelium"), lost].any()
    assert not layers[LAYERS.index("ellipsoid zone"), lost].any()


def test_hole_goes_down_to_the_pigment_epithelium() -> None:
    retina = build_retina(eye_with("macular_hole", 1))
    x = np.zeros(1)
    layers = stack(retina, x, x)
    assert not layers[:9].any()
    assert layers[LAYERS.index("retinal pigment epithelium"), 0] > 0


def test_glaucoma_thins_the_inner_layers_only() -> None:
    patient = eye_with("glaucoma", 2)
    sick, well = build_retina(patient), build_retina(patient.without("glaucoma"))
    x = np.linspace(-3, 3, 61)
    ratio = stack(sick, x, np.zeros(61))[:9] / stack(well, x, np.zeros(61))[:9]
    assert (ratio[:2] < 1).any()
    assert ratio[1].mean() < 0.93
    assert ratio[2:] == pytest.approx(np.ones_like(ratio[2:]))


def test_lesions_stay_where_they_are_when_more_arise() -> None:
    patient = healthy(5)
    few = replace(drawn("diabetic_retinopathy", 1)[0], microaneurysms=6, blots=(3, 0, 0, 0), exudates=0)  # type: ignore[call-arg]
    many = replace(few, microaneurysms=12, cotton_wool=3)  # type: ignore[call-arg]
    before, after = (build_retina(patient.having([disease])) for disease in (few, many))
    for kind, count in (("microaneurysm", 6), ("blot haemorrhage", 3)):
        (old,), (new,) = before.groups(kind), after.groups(kind)
        assert np.array_equal(old.spots.x, new.spots.x[:count])
        assert np.array_equal(old.spots.long, new.spots.long[:count])
