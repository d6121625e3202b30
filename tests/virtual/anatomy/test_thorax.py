"""The thorax: volumes of the reference adult and of many, what touches what, one chest for film and volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import draw_patient, drawn, reference_patient

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.catalogue import structures
from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.marks import lesion_marks, mask_of, structure_marks
from vesalius.virtual.anatomy.parts import Anatomy, Sampled, sample
from vesalius.virtual.anatomy.scores import tissue_scores
from vesalius.virtual.anatomy.thorax import Thorax, build_thorax, thorax_grid
from vesalius.virtual.anatomy.thorax_lesions import as_thorax
from vesalius.virtual.body import draw_body
from vesalius.virtual.chest_measures import carina_angle, heart_width_mm, inner_width_mm
from vesalius.virtual.ct import palette
from vesalius.virtual.findings.base import LOBES
from vesalius.virtual.radiograph.chest import thorax_shadow
from vesalius.virtual.radiograph.film import anatomy_of

REFERENCE = reference_patient()
ANATOMY = build_thorax(REFERENCE)


def sampled(anatomy: Thorax, size: int = 96) -> Sampled:
    patient = replace(REFERENCE, body=anatomy.body)
    return sample(anatomy, thorax_grid(patient, size), palette("native"))


@pytest.fixture(scope="module")
def reference() -> Sampled:
    return sampled(ANATOMY)


def ml(found: Sampled, name: str) -> float:
    return float(mask_of(found, name).sum() * found.grid.voxel_ml)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        # Ranges of the mean man of 40: lungs 2900 ± 600 and 2450 ± 550 ml; heart with blood 670 with pericardial fat,
        # less at the film's ratio of 0.42 (0.44 in the table's body): 0.42³/0.44³ · 670 = 583, ± 20 %.
        ("right lung", 2300, 3500), ("left lung", 1900, 3000), ("heart", 466, 700),
        # Diastole 145 ± 28 ml and systole 40 % of it: a scan without trigger lies between. Atrium 50 ± 14.
        ("left ventricle", 58, 145), ("left atrium", 36, 64),
        # Shares of the lobes, 9, 20, 24, 24, 23 % of 5200 ml, ± a third.
        ("right middle lobe", 310, 640), ("right upper lobe", 640, 1390), ("right lower lobe", 830, 1660),
        ("left upper lobe", 830, 1660), ("left lower lobe", 800, 1600),
    ],
)  # fmt: skip
def test_volumes_of_the_reference_adult(reference: Sampled, name: str, low: float, high: float) -> None:
    assert low <= ml(reference, name) <= high


def test_every_structure_is_named_and_has_room(reference: Sampled) -> None:
    assert set(ANATOMY.structures) <= set(structures())
    assert len(ANATOMY.structures) >= 100
    outside = {"vertebra T12", "vertebra L1"}
    small = {name for name in ANATOMY.structures if not reference.mask(name).any()}
    # Lymph nodes of 5 mm and below may vanish between voxels of 3.5 mm; the lowest vertebrae lie below the field.
    assert {name for name in small if "lymph" not in name} <= outside


def gap_mm(found: Sampled, one: str, other: str) -> float:
    """Smallest distance of two structures' voxels, less one voxel."""
    step = np.array(found.grid.spacing_mm)
    first, second = (np.argwhere(mask_of(found, name)) * step for name in (one, other))
    low, high = first.min(axis=0) - 12, first.max(axis=0) + 12
    near = second[((second >= low) & (second <= high)).all(axis=1)]
    assert len(near), f"{other} lies more than 12 mm from {one}"
    few = first[:: max(1, len(first) // 400)]
    return min(float(np.linalg.norm(near - point, axis=1).min()) for point in few) - float(step.max())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("right middle lobe", "heart"), ("left upper lobe", "heart"), ("heart", "diaphragm"), ("liver", "diaphragm"),
        ("left lower lobe", "descending thoracic aorta"), ("right lower lobe", "diaphragm"),
        ("left lower lobe", "diaphragm"), ("oesophagus", "trachea"), ("oesophagus", "heart"),
        ("aortic arch", "ascending aorta"),
        ("right atrium", "superior vena cava"), ("right main bronchus", "trachea"), ("left main bronchus", "trachea"),
        ("left rib 5", "left costal cartilage 5"), ("spinal cord", "spinal canal"), ("stomach", "diaphragm"),
    ],
)  # fmt: skip
def test_what_touches(reference: Sampled, one: str, other: str) -> None:
    # Surfaces 2 mm of fat or wall apart are touching: below 3 mm.
    assert gap_mm(reference, one, other) < 3


def test_lungs_of_many_adults_lie_in_the_range() -> None:
    volumes = []
    for number in range(20):
        patient = draw_patient(11, number).having(())
        found = sample(build_thorax(patient), thorax_grid(patient, 32), palette("native"))
        # 2900 + 2450 ml at full inspiration; women × 0.75; by height to the power of 2.2; 0.45 in expiration.
        body = patient.body
        full, height = (4010, 162) if body.sex == "F" else (5350, 175)
        expected = full * (body.height_cm / height) ** 2.2 * (0.45 + 0.55 * (0.35 + 0.65 * body.inspiration))
        volumes.append(ml(found, "lungs") / expected)
    inside = np.mean([0.65 < share < 1.35 for share in volumes])
    assert inside >= 0.95, np.sort(volumes)


def test_film_and_volume_show_one_chest() -> None:
    for number in range(3):
        patient = draw_patient(11, number).having(drawn("cardiomegaly", number))
        anatomy, chest = diseased(build_thorax(patient), patient), anatomy_of(patient)
        assert isinstance(anatomy, Thorax)
        for one, other in zip(anatomy.chest.domes, chest.domes, strict=True):
            np.testing.assert_allclose(one.centre, other.centre)
        np.testing.assert_allclose(anatomy.chest.heart[0].axes, chest.heart[0].axes)
    right, left = thorax_shadow(ANATOMY.chest, ANATOMY.camera)
    # The film magnifies what lies 140 mm before a detector at 1850 mm by 1.08, less where the field is set smaller.
    assert 1.04 < (left - right) / inner_width_mm(ANATOMY) < 1.12


def test_widths_of_heart_and_thorax_agree_with_the_masks(reference: Sampled) -> None:
    heart = mask_of(reference, "heart").any(axis=(0, 1))
    step = reference.grid.spacing_mm[2]
    assert heart.sum() * step == pytest.approx(heart_width_mm(ANATOMY), abs=step)
    level = round(reference.grid.index((0, 0, ANATOMY.chest.dome_top("right")))[2])
    lungs = np.flatnonzero(mask_of(reference, "lungs")[level].any(axis=0))
    assert (lungs[-1] - lungs[0] + 1) * step == pytest.approx(inner_width_mm(ANATOMY), abs=1.5 * step)
    assert 0.36 < heart_width_mm(ANATOMY) / inner_width_mm(ANATOMY) < 0.50
    assert 40 < carina_angle(ANATOMY) < 80


def test_the_heart_lies_left_and_the_liver_right(reference: Sampled) -> None:
    x = reference.grid.axes[0]
    for name, sign in (("heart", 1), ("liver", -1), ("stomach", 1), ("spleen", 1), ("left lung", 1),
                       ("right lung", -1), ("superior vena cava", -1), ("descending thoracic aorta", 1)):  # fmt: skip
        columns = np.nonzero(mask_of(reference, name))[2]
        assert np.sign(x[columns].mean()) == sign, name


def test_points_of_lobes_lie_in_their_voxels(reference: Sampled) -> None:
    rng = np.random.default_rng(0)
    for lobe in LOBES:
        places = [reference.grid.index(ANATOMY.point_in(rng, lobe, margin_mm=6)) for _ in range(20)]
        hit = [reference.mask(lobe)[round(z), round(y), round(x)] for x, y, z in places]
        # Vessels of the lung have voxels of their own.
        assert np.mean(hit) > 0.8, lobe


def test_no_two_patients_are_alike_and_each_is_the_same_again() -> None:
    patients = [draw_patient(3, number).having(()) for number in range(4)]
    labels = [sample(build_thorax(p), thorax_grid(p, 32), palette("native")).labels for p in patients]
    again = sample(build_thorax(patients[0]), thorax_grid(patients[0], 32), palette("native")).labels
    assert np.array_equal(labels[0], again)
    assert all(not np.array_equal(labels[0], other) for other in labels[1:])


def test_reshaped_structures_survive_another_bend() -> None:
    arch = ANATOMY.solid("thymus")
    made = ANATOMY.changed("aortic arch", arch).bent(replace(ANATOMY.chest, shift_mm=8.0))
    assert made.solid("aortic arch") is arch
    assert made.solid("trachea") is not ANATOMY.solid("trachea")


def test_a_place_that_the_heart_takes_moves_into_the_lung() -> None:
    place = ANATOMY.lung_place("left", (0.1, -0.4, 0.05), 3.0)
    assert any(ANATOMY.lobes[lobe].contains(place) for lobe in LOBES if lobe.startswith("left"))


def test_scores_are_the_persons_own_and_bone_follows_age() -> None:
    one, other = draw_patient(1, 0), draw_patient(1, 1)
    assert tissue_scores(one) == tissue_scores(one) != tissue_scores(other)
    assert tissue_scores(one)["artery"] == tissue_scores(one)["vein"]
    old = replace(one, body=replace(one.body, age_years=85))
    young = replace(one, body=replace(one.body, age_years=25))
    assert tissue_scores(old)["spongy_bone"] < tissue_scores(young)["spongy_bone"] - 2


def test_diseases_of_other_regions_are_left_out() -> None:
    patient = REFERENCE.having(drawn("lung_nodule", 1))
    other = Anatomy("abdomen", draw_body(0, "x"), ())
    assert diseased(other, patient) is other
    with pytest.raises(ConfigError, match="cannot be put into the abdomen"):
        as_thorax(other)


def test_marks_are_of_what_lies_in_the_volume(reference: Sampled) -> None:
    marks = structure_marks(reference, ("heart", "left lung", "vertebra L5"))
    assert [mark.anatomy for mark in marks] == ["heart", "left lung"]
    assert lesion_marks(reference, ()) == ()
