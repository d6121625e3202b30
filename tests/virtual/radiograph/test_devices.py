"""Devices: where their tips lie, in words, in millimetres and on the film; and how often they come alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import drawn, reference_patient

from vesalius.virtual.findings.base import Disease
from vesalius.virtual.findings.endotracheal_tube import EndotrachealTube
from vesalius.virtual.findings.feeding_tube import FeedingTube
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.preset import load_preset
from vesalius.virtual.radiograph.devices import cut, length_to
from vesalius.virtual.radiograph.film import Film, render
from vesalius.virtual.radiograph.measurements import indices

DEVICES = ("central_venous_catheter", "chest_drain", "endotracheal_tube", "feeding_tube", "pacemaker")


def test_a_curve_is_cut_at_its_length() -> None:
    straight = np.array([[0.0, 0.0, 100.0], [0.0, 0.0, 50.0], [0.0, 0.0, 0.0]])
    assert cut(straight, 30.0)[-1] == pytest.approx([0, 0, 70], abs=0.1)
    assert length_to(straight, 40.0) == pytest.approx(60, abs=1.0)
    # Longer than the curve: its end.
    assert cut(straight, 500.0)[-1] == pytest.approx([0, 0, 0], abs=0.1)


@pytest.mark.parametrize(("tip", "position"), [(50.0, "correct"), (31.0, "correct"), (12.0, "malposed"),
                                               (-20.0, "malposed"), (90.0, "malposed")])  # fmt: skip
def test_place_of_an_endotracheal_tube(tip: float, position: str) -> None:
    tube = EndotrachealTube(laterality="midline", anatomy="trachea", tip_mm=tip)
    film = render(reference_patient(tube), 256, "AP")
    assert tube.attributes["position"] == position
    index = next(part for part in indices(film, (tube,)) if part.name == "endotracheal_tube_tip_to_carina")
    assert index.value == tip
    rows = np.flatnonzero(film.regions[0].mask.any(axis=1))
    end, fork = film.camera.row(index.points[:, 1])
    # The region ends a tube's radius of 5 mm beyond the middle of its tip, about four pixels.
    assert rows[-1] == pytest.approx(end, abs=5)
    if tip > 0:
        # The trachea leans forwards by a quarter: its length is 3 % more than its height.
        height = (fork - end) * film.camera.spacing_mm * film.camera.scale(-10.0)
        assert height == pytest.approx(tip, rel=0.06, abs=1.5)
    else:
        assert end > fork
        columns = np.flatnonzero(film.regions[0].mask[rows[-1]])
        assert columns.mean() < film.camera.column(0.0)


def test_a_feeding_tube_passes_the_hiatus_and_a_bronchial_one_does_not() -> None:
    long = FeedingTube(laterality="midline", anatomy="stomach", tip_mm=110.0, bronchial=False)
    wrong = FeedingTube(laterality="right", anatomy="right main bronchus", tip_mm=40.0, bronchial=True)
    films = [render(reference_patient(tube), 128, "AP") for tube in (long, wrong)]
    lowest = [int(np.flatnonzero(film.regions[0].mask.any(axis=1))[-1]) for film in films]
    assert lowest[0] > lowest[1] + 40
    assert [tube.attributes["position"] for tube in (long, wrong)] == ["correct", "malposed"]


@pytest.mark.parametrize("concept", DEVICES)
def test_devices_are_bright_and_continuous(concept: str) -> None:
    for number in range(3):
        device = drawn(concept, number)[0]
        sick = render(reference_patient(device), 192, "AP")
        healthy = render(reference_patient(), 192, "AP")
        mask = sick.regions[0].mask
        change = sick.pixels.astype(int) - healthy.pixels.astype(int)
        assert change[mask].mean() > 2
        assert np.abs(change[~mask]).mean() < 0.5


@pytest.mark.parametrize("concept", DEVICES)
def test_about_one_in_eight_lies_wrong(concept: str) -> None:
    words = [drawn(concept, number)[0].attributes["position"] for number in range(300)]
    # 0.10 to 0.15 of 300: 30 to 45, SD 6.
    assert 15 <= words.count("malposed") <= 65


def test_drain_goes_to_the_side_of_the_air() -> None:
    preset = load_preset("chest-wide")
    preset = replace(preset, prevalence={**preset.prevalence, "pneumothorax": 0.6, "chest_drain": 0.6})
    seen = 0
    for number in range(100):
        patient = draw_patient(9, number, preset=preset)
        air = {part.laterality for part in patient.diseases if part.concept == "pneumothorax"}
        drains = {part.laterality for part in patient.diseases if part.concept == "chest_drain"}
        if air and drains:
            assert drains <= air
            seen += 1
    assert seen > 10


@pytest.fixture(scope="module")
def wide() -> list[Patient]:
    return [draw_patient(41, number, preset="chest-wide") for number in range(1600)]


CAUSES = {
    "chest_drain": {"pneumothorax", "pleural_effusion"}, "endotracheal_tube": {"edema", "consolidation"},
    "central_venous_catheter": {"edema", "endotracheal_tube"},
    "feeding_tube": {"endotracheal_tube"}, "pacemaker": {"cardiomegaly"},
}  # fmt: skip


@pytest.mark.parametrize("concept", DEVICES)
def test_devices_come_without_their_cause_and_causes_without_their_device(wide: list[Patient], concept: str) -> None:
    holders = [patient for patient in wide if concept in patient.concepts]
    assert len(holders) > 60
    alone = np.mean([not patient.concepts & CAUSES[concept] for patient in holders])
    assert alone >= 0.30
    for cause in CAUSES[concept]:
        caused = [patient for patient in wide if cause in patient.concepts]
        assert np.mean([concept not in patient.concepts for patient in caused]) >= 0.30


def test_prevalence_of_the_wide_preset(wide: list[Patient]) -> None:
    for concept, wanted in load_preset("chest-wide").prevalence.items():
        share = np.mean([concept in patient.concepts for patient in wide])
        # SD of 0.1 of 1600 is 0.0075, two of them; age, exclusions and causes move the shares by up to 0.02.
        assert share == pytest.approx(wanted, abs=0.035), concept
    assert 0.12 <= np.mean([not patient.diseases for patient in wide]) <= 0.40


def test_bedside_patients_have_devices_but_not_all() -> None:
    patients = [draw_patient(42, number, preset="bedside") for number in range(400)]
    assert patients[0].exams == ("chest_bedside",)
    without = np.mean([not patient.concepts & set(DEVICES) for patient in patients])
    assert 0.15 <= without <= 0.40
    assert np.mean(["pleural_effusion" in patient.concepts for patient in patients]) > 0.28


def test_tip_is_measured_only_where_it_is_on_the_picture() -> None:
    deep = FeedingTube(laterality="midline", anatomy="stomach", tip_mm=185.0, bronchial=False)
    patient = reference_patient(deep)
    high = replace(patient, acquisition=patient.acquisition._replace(shift_z_mm=60.0))
    names: list[set[str]] = [_names(render(one, 96, "AP"), (deep,)) for one in (patient, high)]
    assert "feeding_tube_tip_below_hiatus" not in names[1]


def _names(film: Film, diseases: tuple[Disease, ...]) -> set[str]:
    return {index.name for index in indices(film, diseases)}
