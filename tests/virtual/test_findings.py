"""Every finding: drawn within its ranges, on its side, seen on the film, with a region that agrees with its words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import drawn, patient_with, reference_patient

from vesalius.virtual.findings.base import LOBES, choose, severity_of
from vesalius.virtual.findings.pleural_effusion import PleuralEffusion
from vesalius.virtual.findings.pneumothorax import Pneumothorax
from vesalius.virtual.preset import finding, finding_names
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.film import paint, render
from vesalius.virtual.radiograph.views import camera_of
from vesalius.virtual.seeds import stream

SIZE = 128
CONCEPTS = (
    "aortic_aneurysm", "atelectasis", "bronchiectasis", "cardiomegaly", "central_venous_catheter", "chest_drain",
    "clavicle_fracture", "consolidation", "edema", "emphysema", "endotracheal_tube", "feeding_tube", "fibrosis",
    "free_gas", "granuloma", "ground_glass", "hiatal_hernia", "lung_cavity", "lung_mass", "lung_metastases",
    "lung_nodule", "lymphadenopathy", "pacemaker", "pericardial_effusion", "pleural_effusion", "pneumomediastinum",
    "pneumothorax", "rib_fracture", "scoliosis", "vertebral_fracture",
)  # fmt: skip
DEVICES = ("central_venous_catheter", "chest_drain", "endotracheal_tube", "feeding_tube", "pacemaker")


def test_findings_of_a_chest_radiograph() -> None:
    shown = tuple(name for name in finding_names() if issubclass(finding(name), ChestDisease))
    assert shown == CONCEPTS
    assert all(finding(name).concept == name for name in CONCEPTS)
    assert all(finding(name).region == "chest" for name in CONCEPTS)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_drawn_diseases_have_a_place_and_a_grade(concept: str) -> None:
    for number in range(30):
        for disease in drawn(concept, number):
            assert disease.laterality in ("left", "right", "bilateral", "midline")
            assert disease.anatomy
            assert bool(disease.severity) == (concept not in DEVICES)
            if "lobe" in disease.anatomy:
                assert disease.anatomy in LOBES
                assert disease.anatomy.startswith(disease.laterality)
            assert disease.visibility > 0
            assert all(isinstance(value, str) for value in disease.attributes.values())


@pytest.mark.parametrize("concept", CONCEPTS)
def test_finding_changes_the_film_inside_its_region(concept: str) -> None:
    changed_inside, regions = [], 0
    for number in range(4):
        patient = patient_with(concept, number)
        sick, healthy = render(patient, SIZE), render(patient.without(concept), SIZE)
        change = np.abs(sick.pixels.astype(float) - healthy.pixels.astype(float))
        for region in sick.regions:
            assert region.concept == concept
            regions += bool(region.mask.any())
        mask = np.any([region.mask for region in sick.regions], axis=0)
        # Differences against the rest of the picture, where only scatter and neighbours change.
        changed_inside.append(change[mask].mean() > 1.3 * change[~mask].mean())
    assert regions >= 4
    assert sum(changed_inside) >= 3


ONE_SIDED = (
    "bronchiectasis", "clavicle_fracture", "consolidation", "granuloma", "lung_cavity", "lung_mass", "lung_nodule",
    "pleural_effusion", "pneumothorax",
)  # fmt: skip


@pytest.mark.parametrize("concept", ONE_SIDED)
def test_region_lies_on_the_side_that_is_named(concept: str) -> None:
    seen = 0
    for number in range(6):
        patient = patient_with(concept, number)
        film = render(patient, SIZE)
        for region in film.regions:
            columns = np.nonzero(region.mask)[1]
            if len(columns):
                side = patient.diseases[region.instance].laterality
                middle = film.camera.column(0.0)
                assert (columns.mean() > middle) == (side == "left")
                seen += 1
    assert seen >= 6


@pytest.mark.parametrize("volume", [200.0, 600.0, 1500.0])
@pytest.mark.parametrize("side", ["left", "right"])
def test_effusion_holds_its_volume(volume: float, side: str) -> None:
    disease = PleuralEffusion(laterality=side, anatomy="pleural space", severity="", volume_ml=volume)
    camera = camera_of(reference_patient(), 256)
    canvas = paint(reference_patient(disease), camera)
    fluid = canvas.spaces[side] - canvas.aerated[side]
    # Depth × area brought back to the depth of the cavity's middle. The level is found on cells of 5 × 7 × 6 mm that
    # do not know spine, aorta and mediastinal fat: 15 % of the volume, and the 60 ml round those.
    found = float(fluid.sum()) * (camera.spacing_mm * camera.scale(0.0)) ** 2 / 1000
    assert found == pytest.approx(volume, rel=0.15, abs=60)


def test_more_fluid_stands_higher() -> None:
    camera = camera_of(reference_patient(), 128)
    tops = []
    for volume in (150.0, 400.0, 900.0, 1600.0):
        disease = PleuralEffusion(laterality="left", anatomy="pleural space", severity="", volume_ml=volume)
        mask = paint(reference_patient(disease), camera).regions[0].mask
        tops.append(int(np.flatnonzero(mask.any(axis=1))[0]))
    assert tops == sorted(tops, reverse=True)
    assert len(set(tops)) == 4


def test_pneumothorax_is_darker_than_lung_and_has_a_line() -> None:
    disease = Pneumothorax(laterality="right", anatomy="pleural space", severity="large", gap_mm=40.0)
    sick, healthy = render(reference_patient(disease), 256), render(reference_patient(), 256)
    mask = sick.regions[0].mask
    assert sick.pixels[mask].mean() < healthy.pixels[mask].mean() - 4
    brighter = (sick.pixels.astype(int) - healthy.pixels.astype(int)) > 8
    assert brighter.sum() > 30


def test_cardiomegaly_reaches_the_ratio_that_was_drawn() -> None:
    from vesalius.virtual.radiograph.measurements import cardiothoracic_ratio

    for number in range(5):
        patient = patient_with("cardiomegaly", number)
        film = render(patient, 96)
        assert cardiothoracic_ratio(film) == pytest.approx(patient.diseases[0].ratio, abs=2e-4)  # type: ignore[attr-defined]
        assert cardiothoracic_ratio(film) > 0.5
        assert cardiothoracic_ratio(render(patient.without("cardiomegaly"), 96)) < 0.5


def test_nodule_adds_the_attenuation_of_its_size() -> None:
    # 20 mm of solid nodule: (1.04 - 0.14) g/cm³ · 2 cm = 1.8 g/cm² in the middle (radius wobbles by a few percent).
    disease = replace(drawn("lung_nodule", 0)[0], diameter_mm=20.0, margin="smooth", consistency="solid",
                      anatomy="right lower lobe", laterality="right", place=(0.6, 0.2, 0.3))  # fmt: skip
    camera = camera_of(reference_patient(), 256)
    added = paint(reference_patient(disease), camera).soft - paint(reference_patient(), camera).soft
    assert float(added.max()) == pytest.approx(1.8, rel=0.03)


def test_severity_and_choice() -> None:
    assert [severity_of(value, (10, 20)) for value in (9.9, 10, 25)] == ["mild", "moderate", "severe"]
    counts = [choose(stream(0, "choose", i), {"a": 0.25, "b": 0.75}) for i in range(400)]
    # 300 expected, SD sqrt(400 · 0.25 · 0.75) = 8.7.
    assert abs(counts.count("b") - 300) < 35


def test_lobes_cut_the_lung() -> None:
    from vesalius.virtual.radiograph.lobes import lobe_interval
    from vesalius.virtual.radiograph.shapes import length

    patient = reference_patient()
    camera: Camera = camera_of(patient, 128)
    canvas = paint(patient, camera)
    for side in ("right", "left"):
        whole = length(canvas.lungs[side])
        parts = sum(
            length(part) * rows
            for lobe in LOBES if lobe.startswith(side)
            for part, rows in [lobe_interval(canvas, lobe, side)]
        )  # fmt: skip
        assert np.allclose(parts, whole, atol=1e-3)


def test_minor_fissure_is_neither_straight_nor_sharp() -> None:
    # A level plane, seen along all rays at once, had cut consolidations of the middle lobe along one row of pixels.
    from vesalius.virtual.radiograph.lobes import lobe_interval

    patient = reference_patient()
    camera = camera_of(patient, 256)
    _, weight = lobe_interval(paint(patient, camera), "right middle lobe", "right")
    columns = range(40, 110, 10)
    edges = [int(np.argmax(weight[:, column] > 0.5)) for column in columns]
    assert max(edges) - min(edges) >= 5
    soft = [int(((weight[:, column] > 0.05) & (weight[:, column] < 0.95)).sum()) for column in columns]
    # 9 mm at a pixel of 1.3 mm on the patient.
    assert min(soft) >= 5
