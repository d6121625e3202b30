"""Courses of diseases: doubling, clearing, peak, end, and what follows in the findings of the chest."""

from __future__ import annotations

from dataclasses import replace

import pytest
from virtual_patients import drawn

from vesalius.virtual.course import RESOLVED, STABLE, Course
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.preset import finding, finding_names

CHEST = tuple(name for name in finding_names() if finding(name).region == "chest")
DEVICES = ("central_venous_catheter", "chest_drain", "endotracheal_tube", "feeding_tube", "pacemaker")
STILL = ("bronchiectasis", "granuloma", "hiatal_hernia", "pacemaker", "scoliosis", "vertebral_fracture")
"""Findings that stay as they are for years."""


def test_volume_doubles_in_its_time() -> None:
    # Td 100 days for every pace: after 100 days the volume is 2 and the diameter 2^(1/3) = 1.2599.
    course = Course(doubling_days=(100, 100))
    assert course.factor(100, 0.3) == pytest.approx(2 ** (1 / 3))
    assert course.factor(300, 0.9) == pytest.approx(2.0)


def test_clearing_falls_by_e_in_its_time_and_ends() -> None:
    course = Course(clearing_days=(10, 40))
    assert course.factor(10, 0.0) == pytest.approx(1 / 2.718281828)
    # At the other end of the range, and in its geometric middle sqrt(10 · 40) = 20.
    assert course.factor(40, 1.0) == pytest.approx(1 / 2.718281828)
    assert course.factor(20, 0.5) == pytest.approx(1 / 2.718281828)
    # e^(-t / 10) is 0.2 at 16.09 days.
    assert course.factor(16.0, 0.0) > RESOLVED
    assert course.factor(16.2, 0.0) == 0


def test_response_divides_those_who_grow_from_those_who_clear() -> None:
    course = Course(doubling_days=(50, 200), clearing_days=(20, 60), response=0.4)
    assert course.factor(30, 0.39) < 1 < course.factor(30, 0.41)


def test_peak_comes_before_clearing() -> None:
    course = Course(clearing_days=(10, 10), peak_days=(5, 5))
    sizes = [course.factor(day, 0.5) for day in (0, 2.5, 5, 15, 30)]
    assert sizes[0] == 1
    assert sizes[1] == pytest.approx(1.25)
    assert sizes[2] == pytest.approx(1.5)
    assert sizes[3] == pytest.approx(1.5 / 2.718281828)
    assert sizes[4] == 0


def test_what_is_taken_away_lasts_unchanged() -> None:
    course = Course(lasting_days=(4, 4))
    assert [course.factor(day, 0.2) for day in (0, 3.9, 4.1)] == [1, 1, 0]


def of(concept: str) -> list[Disease]:
    return [disease for number in range(8) for disease in drawn(concept, number)]


@pytest.mark.parametrize("concept", CHEST)
def test_day_zero_changes_nothing(concept: str) -> None:
    for disease in of(concept):
        for pace in (0.0, 0.5, 0.99):
            now = disease.at(0.0, pace)
            assert now is not None
            assert now.sizes_mm == pytest.approx(disease.sizes_mm)
            assert (now.severity, now.attributes) == (disease.severity, disease.attributes)


@pytest.mark.parametrize("concept", sorted(set(CHEST) - set(DEVICES)))
def test_sizes_follow_the_factor(concept: str) -> None:
    for disease in of(concept):
        small, large = disease.scaled(0.6), disease.scaled(1.3)
        for name, size in disease.sizes_mm.items():
            if name != "extent" or concept != "atelectasis":
                assert small.sizes_mm[name] <= size <= large.sizes_mm[name], name
        assert type(small) is type(disease)
        assert small.visibility <= disease.visibility + 1e-9 <= large.visibility + 2e-9
        assert small.anatomy == disease.anatomy
        assert small.laterality == disease.laterality


GRADES = (
    ("mild", "moderate", "severe"), ("small", "medium-sized", "large"), ("small", "moderate", "large"),
    ("undisplaced", "displaced"), ("small", "large", "tension"), ("linear", "subsegmental", "lobar"),
)  # fmt: skip


@pytest.mark.parametrize("concept", sorted(set(CHEST) - set(DEVICES)))
def test_grades_never_fall_with_size(concept: str) -> None:
    for disease in of(concept):
        words = [disease.scaled(factor).severity for factor in (0.3, 0.6, 1.0, 1.5, 2.5)]
        scale = next(names for names in GRADES if set(words) <= set(names))
        places = [scale.index(word) for word in words]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("concept", "days"), [("lung_mass", 120.0), ("lung_metastases", 60.0), ("lung_nodule", 90.0)]
)
def test_tumours_that_grow_keep_to_their_course(concept: str, days: float) -> None:
    kind = finding(concept)
    for disease in of(concept):
        if disease.attributes.get("consistency") == "calcified":
            continue
        name = next(iter(disease.sizes_mm))
        for pace in (0.5, 0.95):
            now = disease.at(days, pace)
            assert now is not None
            ratio = now.sizes_mm[name] / disease.sizes_mm[name]
            assert ratio == pytest.approx(kind.course.factor(days, pace))
            assert ratio > 1


@pytest.mark.parametrize(
    ("concept", "still", "gone"),
    [("pleural_effusion", 3, 40), ("edema", 0.5, 4), ("pneumothorax", 4, 40), ("atelectasis", 1, 12),
     ("consolidation", 10, 70), ("free_gas", 2, 12), ("pericardial_effusion", 4, 40), ("ground_glass", 4, 80)],
)  # fmt: skip
def test_what_heals_clears_within_the_known_time(concept: str, still: float, gone: float) -> None:
    for disease in of(concept):
        for pace in (0.0, 0.5, 1.0):
            assert disease.at(still, pace) is not None
            assert disease.at(gone, pace) is None


@pytest.mark.parametrize("concept", STILL)
def test_no_change_is_true_of_what_is_stable(concept: str) -> None:
    assert finding(concept).course == STABLE
    for disease in of(concept):
        assert disease.at(400.0, 0.7) == disease


@pytest.mark.parametrize("concept", sorted(set(DEVICES) - set(STILL)))
def test_devices_stay_where_they_are_until_they_are_taken_out(concept: str) -> None:
    for disease in of(concept):
        assert disease.at(1.5, 0.5) == disease
        assert disease.at(40.0, 0.5) is None


@pytest.mark.parametrize("concept", ["rib_fracture", "clavicle_fracture"])
def test_bones_heal_with_callus(concept: str) -> None:
    for disease in of(concept):
        fresh = replace(disease, callus=0.0)  # type: ignore[call-arg]
        stages = [fresh.at(day, 0.5) for day in (0.0, 30.0, 60.0, 400.0)]
        callus = [stage.callus for stage in stages]  # type: ignore[union-attr]
        assert callus == sorted(callus)
        assert callus[0] == 0
        assert callus[-1] == 1
        assert [stage.attributes["age"] for stage in stages if stage] == ["acute", "healing", "healing", "healing"]


def test_fluid_falls_by_the_cube() -> None:
    effusion = drawn("pleural_effusion", 0)[0]
    # Half of the linear size is an eighth of the volume.
    assert effusion.scaled(0.5).volume_ml == pytest.approx(effusion.volume_ml / 8)  # type: ignore[attr-defined]


def test_calcified_nodules_stay() -> None:
    nodules = [nodule for nodule in of("lung_nodule") if nodule.attributes["consistency"] == "calcified"]
    assert nodules
    assert all(nodule.at(700.0, 0.9) == nodule for nodule in nodules)
