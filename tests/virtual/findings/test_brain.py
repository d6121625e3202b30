"""Every finding of the brain: drawn within its ranges, on its side, seen on MR or CT, in time and in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.head import LOBES, Head, build_head
from vesalius.virtual.anatomy.head_marks import head_marks
from vesalius.virtual.anatomy.head_measures import evans_index, lesion_axes, lesion_mask, measure_lesions
from vesalius.virtual.anatomy.parts import Grid, Sampled, sample
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.brain import Lump
from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.findings.brain_metastases import BrainMetastasis
from vesalius.virtual.findings.epidural_haematoma import EpiduralHaematoma
from vesalius.virtual.findings.high_grade_glioma import HighGradeGlioma
from vesalius.virtual.findings.intracerebral_haemorrhage import IntracerebralHaemorrhage, blood_stage
from vesalius.virtual.findings.ischaemic_infarct import IschaemicInfarct
from vesalius.virtual.findings.subdural_haematoma import SubduralHaematoma
from vesalius.virtual.mr import apparent, palette, sequence
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream

CONCEPTS = (
    "brain_atrophy", "brain_metastases", "epidural_haematoma", "high_grade_glioma", "hydrocephalus",
    "intracerebral_haemorrhage", "intracranial_aneurysm", "intracranial_stenosis", "ischaemic_infarct",
    "low_grade_glioma", "meningioma", "multiple_sclerosis",
    "pituitary_adenoma", "subarachnoid_haemorrhage", "subdural_haematoma", "white_matter_disease",
)  # fmt: skip
GRID = Grid((52, 64, 52), (3.3, 3.3, 3.3), (-84, -97, -78))
EMPTY = dict.fromkeys(tissues(), ((0.0,), (0.0,)))


def drawn(concept: str, number: int) -> tuple[Disease, ...]:
    body = draw_patient(11, number).body
    return finding(concept).draw(stream(5, concept, number), Case(body, ()))


def patient_with(*diseases: Disease, number: int = 0) -> Patient:
    return draw_patient(11, number).having(diseases)


def changed(patient: Patient) -> Head:
    found = diseased(build_head(patient), patient)
    assert isinstance(found, Head)
    return found


def sampled(patient: Patient) -> tuple[Head, Sampled]:
    found = changed(patient)
    return found, sample(found, GRID, EMPTY)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_drawn_diseases_have_a_place_a_grade_and_words(concept: str) -> None:
    severities = set()
    for number in range(30):
        for disease in drawn(concept, number):
            assert disease.region == "brain"
            assert disease.laterality in ("left", "right", "bilateral", "midline")
            assert disease.anatomy
            assert disease.severity
            if disease.anatomy in LOBES:
                # A mass near the mid-line may reach over it.
                assert disease.anatomy.startswith(disease.laterality) or disease.laterality == "midline"
            assert disease.visibility > 0
            assert all(isinstance(value, str) and value for value in disease.attributes.values())
            assert all(value > 0 for value in disease.sizes_mm.values())
            severities.add(disease.severity)
    assert len(severities) >= 2


@pytest.mark.parametrize("concept", CONCEPTS)
def test_every_case_is_marked_where_it_is_said_to_be(concept: str) -> None:
    seen = 0
    for number in range(2):
        diseases = drawn(concept, number)
        _, found = sampled(patient_with(*diseases, number=number))
        marks = [mark for mark in head_marks(found, diseases) if mark.concept]
        for mark in marks:
            assert mark.concept == concept
            disease = diseases[mark.instance]
            assert mark.anatomy == disease.anatomy
            if disease.laterality in ("left", "right") and mark.mask.sum() > 3:
                x = found.places[0][mark.mask].mean()
                assert (x > 0) == (disease.laterality == "left")
            seen += 1
    assert seen >= 2


@pytest.mark.parametrize("concept", [name for name in CONCEPTS if name not in ("brain_atrophy", "hydrocephalus")])
def test_lesions_stay_in_the_head_and_do_not_move_the_skull(concept: str) -> None:
    diseases = drawn(concept, 1)
    _, found = sampled(patient_with(*diseases, number=1))
    _, healthy = sampled(patient_with(number=1))
    for index in range(len(diseases)):
        mask = lesion_mask(found, concept, index)
        assert not (mask & (healthy.labels == 0)).any()
        assert not (mask & healthy.mask("scalp")).any()
    np.testing.assert_array_equal(healthy.mask("scalp"), found.mask("scalp"))


@pytest.mark.parametrize("number", range(3))
def test_size_of_a_mass_is_that_of_its_mask(number: int) -> None:
    """In three dimensions: volume of the ellipsoid; waves and the voxels of 3.3 mm leave 15 %."""
    drawn_one = drawn("high_grade_glioma", number)[0]
    assert isinstance(drawn_one, HighGradeGlioma)
    disease = replace(drawn_one, centre=(34.0, 30.0, 36.0), diameter_mm=36.0, uneven=0.06)
    _, found = sampled(patient_with(disease))
    volume = lesion_mask(found, disease.concept, 0).sum() * GRID.voxel_ml
    assert volume == pytest.approx(disease.ellipsoid_ml, rel=0.15)
    axes = lesion_axes(lesion_mask(found, disease.concept, 0), GRID)
    assert disease.diameter_mm * disease.ratio - 4 < axes.long_mm < disease.diameter_mm * 1.12 + 3.3


def test_components_of_a_glioma_lie_in_each_other() -> None:
    disease = next(d for n in range(20) for d in drawn("high_grade_glioma", n) if d.diameter_mm > 40)
    _, found = sampled(patient_with(disease))
    parts = {
        mark.anatomy.split(" of ")[0]: mark.mask
        for mark in head_marks(found, (disease,))
        if " of high" in mark.anatomy
    }
    assert set(parts) == {"oedema", "rim", "core"}
    assert not (parts["rim"] & parts["core"]).any()
    assert not (parts["rim"] & parts["oedema"]).any()
    whole = parts["rim"] | parts["core"]
    np.testing.assert_array_equal(whole, lesion_mask(found, disease.concept, 0))


@pytest.mark.parametrize(
    ("concept", "name", "brighter"),
    [
        ("high_grade_glioma", "t1c", True), ("low_grade_glioma", "flair", True), ("meningioma", "t1c", True),
        ("brain_metastases", "t1c", True), ("white_matter_disease", "flair", True),
        ("multiple_sclerosis", "t2", True), ("intracerebral_haemorrhage", "swi", False),
        ("pituitary_adenoma", "t1c", True),
    ],
)  # fmt: skip
def test_lesions_are_seen_in_their_sequence(concept: str, name: str, brighter: bool) -> None:
    chosen = (sequence(name),)
    white = abs(apparent(chosen[0], "white_matter"))
    hits = 0
    for number in range(3):
        diseases = drawn(concept, number)
        patient = patient_with(*diseases, number=number)
        found = sample(diseased(build_head(patient), patient), GRID, palette(chosen))
        mask = np.any([lesion_mask(found, concept, index) for index in range(len(diseases))], axis=0)
        level = np.percentile(np.abs(found.values[0][mask]), 80 if brighter else 20) if mask.sum() > 4 else white
        hits += bool(level > 1.12 * white if brighter else level < 0.8 * white)
    assert hits >= 2


def test_mass_effect_grows_with_the_mass() -> None:
    base = drawn("intracerebral_haemorrhage", 0)[0]
    assert isinstance(base, IntracerebralHaemorrhage)
    shifts = []
    for diameter in (20.0, 40.0, 60.0):
        disease = replace(base, centre=(30.0, -4.0, 12.0), laterality="left", anatomy="left basal ganglia",
                          diameter_mm=diameter, ventricular=False, oedema_mm=3.0)  # fmt: skip
        shifts.append(changed(patient_with(disease)).midline_shift_mm)
    assert 0 >= shifts[0] > shifts[1] > shifts[2]
    assert 2 < -shifts[2] < 16


@pytest.mark.parametrize("kind", [SubduralHaematoma, EpiduralHaematoma])
def test_thickness_of_blood_under_the_skull(kind: type[SubduralHaematoma]) -> None:
    disease = drawn(kind.concept, 2)[0]
    assert isinstance(disease, (SubduralHaematoma, EpiduralHaematoma))
    out = (1.0, 0.0, 0.05) if disease.laterality == "left" else (-1.0, 0.0, 0.05)
    disease = replace(disease, thickness_mm=15.0, outwards=out)
    patient = patient_with(disease)
    head, found = sampled(patient)
    mask = lesion_mask(found, disease.concept, 0)
    # The layer's depth along x where it is thickest, on voxels of 3.3 mm.
    assert mask.sum(axis=2).max() * 3.3 == pytest.approx(15.0, abs=1.2 * 3.3)
    assert 1.0 < abs(head.midline_shift_mm) < 12
    assert (head.midline_shift_mm > 0) == (disease.laterality == "right")


def test_hydrocephalus_and_atrophy_widen_the_ventricles() -> None:
    healthy = changed(patient_with(number=3))
    for concept in ("hydrocephalus", "brain_atrophy"):
        disease = drawn(concept, 4)[0]
        sick = changed(patient_with(disease, number=3))
        assert evans_index(sick) > evans_index(healthy)
        assert sick.shape.third_mm > healthy.shape.third_mm
    wide = [changed(patient_with(drawn("hydrocephalus", n)[0], number=n)) for n in range(6)]
    assert np.mean([evans_index(head) for head in wide]) > 0.30


def test_hippocampi_shrink_by_what_is_said() -> None:
    disease = next(d for n in range(20) for d in drawn("brain_atrophy", n) if "temporal" in d.anatomy)
    head, healthy = (build_head(patient_with(number=3)) for _ in range(2))
    sick = diseased(head, patient_with(disease, number=3))
    assert isinstance(sick, Head)
    shrunk = np.asarray(sick.shape.hippocampus) ** 3 / np.asarray(healthy.shape.hippocampus) ** 3
    np.testing.assert_allclose(1 - shrunk, disease.hippocampal, atol=1e-6)


def test_aspects_counts_regions() -> None:
    scores = []
    for angle in (12.0, 30.0, 60.0):
        disease = IschaemicInfarct(
            laterality="left", anatomy="middle cerebral artery territory", place=(24, 2, 2),
            outwards=(0.95, 0.0, 0.3), half_angle_deg=angle, diameter_mm=0.0, age_days=1.0, seed=1,
        )  # fmt: skip
        scores.append(disease.aspects or 0)
    assert scores[0] >= scores[1] >= scores[2]
    assert scores[0] >= 7
    assert scores[2] <= 5


def test_other_territories_have_no_aspects() -> None:
    other = next(d for n in range(30) for d in drawn("ischaemic_infarct", n) if "middle" not in d.anatomy)
    assert isinstance(other, IschaemicInfarct)
    assert other.aspects is None


def test_pituitary_height_is_that_of_the_adenoma() -> None:
    disease = next(d for n in range(30) for d in drawn("pituitary_adenoma", n) if d.sizes_mm["height"] > 15)
    head, found = sampled(patient_with(disease))
    values = {value.name: value.value for value in measure_lesions(head, (disease,), found, "flair")}
    assert values["pituitary_height"] == pytest.approx(disease.sizes_mm["height"], abs=1e-3)
    z = found.grid.axes[2][np.nonzero(lesion_mask(found, disease.concept, 0).any(axis=(1, 2)))[0]]
    # On slices of 3.3 mm, in a head that may be tilted by 8°.
    assert np.ptp(z) + 3.3 == pytest.approx(values["pituitary_height"], abs=4.5)


def test_stages_of_infarct_and_blood() -> None:
    infarct = drawn("ischaemic_infarct", 0)[0]
    assert isinstance(infarct, IschaemicInfarct)
    stages = [replace(infarct, age_days=days).stage for days in (0.1, 1, 10, 100)]
    assert stages == ["hyperacute", "acute", "subacute", "chronic"]
    assert [blood_stage(days) for days in (0.5, 4, 10, 60)] == ["acute", "early subacute", "late subacute", "chronic"]
    later = replace(infarct, age_days=1.0).at(60, 0.5)
    assert later is not None
    assert later.stage == "chronic"


@pytest.mark.parametrize("concept", CONCEPTS)
def test_time_changes_nothing_at_once_and_is_plausible_later(concept: str) -> None:
    for number in range(5):
        disease = drawn(concept, number)[0]
        same = disease.at(0, 0.4)
        assert same is not None
        assert same.sizes_mm == pytest.approx(disease.sizes_mm)
        later = disease.at(60, 0.9)
        if (
            later is not None
            and isinstance(disease, Lump)
            and disease.course.doubling_days
            and not disease.course.response
        ):
            assert later.diameter_mm > disease.diameter_mm


def test_masses_do_not_outgrow_the_head() -> None:
    for concept in ("high_grade_glioma", "meningioma", "brain_metastases"):
        disease = drawn(concept, 0)[0]
        assert isinstance(disease, Lump)
        assert disease.scaled(50).diameter_mm == 90
        assert disease.scaled(1.2).diameter_mm == pytest.approx(1.2 * disease.diameter_mm)


def test_metastases_are_counted() -> None:
    several = next(d for n in range(30) if len(d := drawn("brain_metastases", n)) >= 3)
    assert all(isinstance(part, BrainMetastasis) and part.count == len(several) for part in several)
    _, found = sampled(patient_with(*several))
    seen = sum(lesion_mask(found, "brain_metastases", index).any() for index in range(len(several)))
    assert seen >= len(several) - 1
