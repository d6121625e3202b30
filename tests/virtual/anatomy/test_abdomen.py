"""The abdomen: volumes of the mean body, ranges over people, neighbours that touch, names that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import REFERENCE

from vesalius.virtual.anatomy.abdomen import assemble, build_abdomen, extent
from vesalius.virtual.anatomy.abdomen_frame import draw_frame, mean_frame
from vesalius.virtual.anatomy.abdomen_measures import base_ellipsoid, seen_axes, seen_axial_axes
from vesalius.virtual.anatomy.abdomen_organs import SEGMENTS
from vesalius.virtual.anatomy.abdomen_wall import Trunk
from vesalius.virtual.anatomy.catalogue import ancestors, structure, structures
from vesalius.virtual.anatomy.marks import mask_of
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Sampled, sample
from vesalius.virtual.anatomy.solids import Ellipsoid
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.patient import Patient, draw_patient

PALETTE = dict.fromkeys(tissues(), ((0.0,), (0.0,)))


def sampled(anatomy: Anatomy, spacing_mm: float) -> Sampled:
    low, high = extent(anatomy)
    shape = np.ceil((high - low) / spacing_mm).astype(int)
    grid = Grid((int(shape[2]), int(shape[1]), int(shape[0])), (spacing_mm,) * 3, tuple(low + spacing_mm / 2))
    return sample(anatomy, grid, PALETTE)


@pytest.fixture(scope="module")
def mean_body() -> Sampled:
    """The reference adult in full inspiration at 3 mm."""
    body = replace(REFERENCE, inspiration=1.0)
    return sampled(assemble(mean_frame(body), np.random.default_rng(0)), 3.0)


@pytest.mark.parametrize(
    ("organ", "expected_ml", "share"),
    [
        # Volumes of the reference adult. Where organs touch, what is painted later carves: kidneys, bowel and a layer
        # of fat take room of liver, spleen and pancreas.
        ("liver", 1575, 0.05), ("spleen", 185, 0.08), ("left kidney", 157, 0.04), ("right kidney", 155, 0.04),
        ("pancreas", 62.5, 0.10), ("gallbladder", 31, 0.10), ("urinary bladder", 190, 0.05), ("prostate", 20, 0.08),
    ],
)  # fmt: skip
def test_volumes_of_the_mean_body(mean_body: Sampled, organ: str, expected_ml: float, share: float) -> None:
    assert mask_of(mean_body, organ).sum() * mean_body.grid.voxel_ml == pytest.approx(expected_ml, rel=share)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("liver", "right kidney"), ("liver", "gallbladder"), ("liver", "diaphragm"), ("liver", "inferior vena cava"),
        ("spleen", "diaphragm"), ("spleen", "stomach"), ("pancreas head", "duodenum"), ("abdominal aorta", "spine"),
        ("prostate", "urinary bladder"), ("left psoas muscle", "spine"), ("rectum", "sacrum"),
        ("pancreas", "splenic vein"), ("stomach", "pancreas"), ("left kidney", "left psoas muscle"),
    ],
)  # fmt: skip
def test_neighbours_touch(mean_body: Sampled, first: str, second: str) -> None:
    """A mask grown by one voxel of 3 mm, also across its corners, meets the other."""
    mask, other = mask_of(mean_body, first), mask_of(mean_body, second)
    near = mask.copy()
    for axis in range(3):
        near = near | np.roll(near, 1, axis) | np.roll(near, -1, axis)
    assert mask.any()
    assert other.any()
    assert (near & other).any()


def test_structures_do_not_overlap_and_are_all_there(mean_body: Sampled) -> None:
    """One label a voxel; every structure but those fully renamed or too thin for 3 mm has some."""
    missing = [name for name in mean_body.structures if not mean_body.mask(name).any()]
    assert set(missing) <= {"liver", "rectum gas", "pancreatic duct", "abdominal lymph nodes"}
    assert len(mean_body.structures) > 130


def test_segments_fill_the_liver(mean_body: Sampled) -> None:
    liver = mask_of(mean_body, "liver").sum()
    shares = [mean_body.mask(f"segment {name}").sum() / liver for name in SEGMENTS]
    assert sum(shares) == pytest.approx(1, abs=0.03)
    # None of the larger ones is below 4 % or above 30 %.
    assert min(shares[1:]) > 0.04
    assert max(shares) < 0.30


def test_every_name_is_in_the_catalogue() -> None:
    seen = set()
    for index in range(6):
        anatomy = build_abdomen(draw_patient(3, index))
        seen |= set(anatomy.structures)
        for name in anatomy.structures:
            structure(name)
            ancestors(name)
        assert {part.tissue for part in anatomy.parts} <= set(tissues())
    assert {"prostate", "uterus"} <= seen
    assert len(structures("abdomen")) >= 120


def test_anatomy_is_the_same_again_and_differs_between_people() -> None:
    one, again, other = (draw_frame(draw_patient(3, index)) for index in (0, 0, 1))
    assert one == again
    assert one.volumes != other.volumes


def test_disease_never_changes_the_healthy_body() -> None:
    patient = next(
        patient for patient in (draw_patient(4, i, preset="abdomen-ct") for i in range(20)) if patient.diseases
    )
    assert draw_frame(patient) == draw_frame(patient.having(()))


_RANGES = {
    # Mean ± 2.5 deviations: liver 1500 ± 280 (women 1300 ± 250), spleen 190 ± 70, kidneys 155 ± 30.
    "liver": ((800, 2200), (675, 1925)), "spleen": ((15, 365), (15, 365)), "left kidney": ((80, 230), (70, 220)),
    "right kidney": ((80, 230), (70, 220)), "pancreas": ((25, 125), (25, 125)),
    "urinary bladder": ((50, 400), (50, 400)),
}  # fmt: skip


def people(count: int) -> list[Patient]:
    return [draw_patient(8, index) for index in range(count)]


def test_volumes_of_people_lie_in_the_healthy_ranges() -> None:
    """95 % of draws, at 6 mm: a voxel is 0.2 ml, so that the bladder's 50 ml are 230 voxels."""
    inside, total = 0, 0
    for patient in people(12):
        found = sampled(replace(build_abdomen(patient), warp=None), 6.0)
        for organ, ranges in _RANGES.items():
            low, high = ranges[patient.body.sex == "F"]
            inside += low <= mask_of(found, organ).sum() * found.grid.voxel_ml <= high
            total += 1
    assert total == 72
    assert inside >= 0.95 * total


def test_healthy_sizes_stay_below_the_thresholds_of_disease() -> None:
    for patient in people(60):
        anatomy = build_abdomen(patient)
        aorta, vein = anatomy.solid("abdominal aorta"), anatomy.solid("portal vein")
        spleen = base_ellipsoid(anatomy.solid("spleen"))
        assert spleen is not None
        assert 2 * spleen.axes[0] < 128
        assert 2 * max(aorta.radii[2:]) < 30
        assert 2 * max(vein.radii) <= 13


def test_body_does_not_fold_and_organs_lie_in_it() -> None:
    for patient in people(4):
        found = sampled(build_abdomen(patient), 8.0)
        body = found.labels > 0
        inner = mask_of(found, "liver") | mask_of(found, "spleen") | mask_of(found, "left kidney")
        assert (inner & body).sum() == inner.sum()
        border = np.zeros_like(body)
        border[:, 0] = border[:, -1] = border[:, :, 0] = border[:, :, -1] = True
        assert not (inner & border).any()


def test_trunk_surface_is_where_its_table_says() -> None:
    trunk = Trunk(((-100.0, 150.0, -100.0, 90.0), (100.0, 150.0, -100.0, 90.0)))
    one = np.ones(1, np.float32)
    assert trunk.distance(150 * one, -5 * one, 0 * one)[0] == pytest.approx(0, abs=0.2)
    assert trunk.distance(0 * one, -100 * one, 0 * one)[0] == pytest.approx(0, abs=0.2)
    assert trunk.distance(0 * one, 100 * one, 0 * one)[0] == pytest.approx(10, rel=0.1)
    assert trunk.distance(0 * one, 0 * one, 130 * one)[0] == pytest.approx(30, abs=0.6)


def test_axes_seen_through_the_warp_are_those_of_the_mask() -> None:
    """A ball of 60 mm in warped bodies, at 1 mm: within 1.5 mm of the mask's extent in space along its axes."""
    for index in range(3):
        anatomy = build_abdomen(draw_patient(8, index))
        ball = Ellipsoid((-60.0, 0.0, 10.0), (30.0, 24.0, 20.0), (0.6, 0.7, 0.2))
        alone = replace(anatomy, parts=(replace(anatomy.parts[0], solid=ball, tissue="liver"),))
        grid = Grid((80, 90, 90), (1.0, 1.0, 1.0), (-105.0, -45.0, -30.0))
        mask = sample(alone, grid, PALETTE).labels > 0
        points = np.argwhere(mask).astype(float)
        spread = np.linalg.eigvalsh(np.cov(points.T))[::-1]
        # Second moments of an ellipsoid are a² / 5.
        np.testing.assert_allclose(2 * np.sqrt(5 * spread), seen_axes(anatomy, ball), atol=1.0)
        long, short = seen_axial_axes(anatomy, ball)
        assert long >= short > 0
