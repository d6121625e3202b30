"""Findings of the abdomen: drawn within their ranges, words read from geometry, masks where they should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import drawn

from vesalius.virtual.anatomy.abdomen import build_abdomen, extent
from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion, axial_axes, seat
from vesalius.virtual.anatomy.abdomen_measures import contact_angle
from vesalius.virtual.anatomy.caliper import axial_axes as measured_axes
from vesalius.virtual.anatomy.catalogue import structures
from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.marks import mask_of
from vesalius.virtual.anatomy.parts import Grid, Part, Sampled, sample
from vesalius.virtual.anatomy.solids import Block, Ellipsoid, Tube
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.findings.steatosis import Steatosis
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.preset import finding, load_preset
from vesalius.virtual.text.grammar import grammar
from vesalius.virtual.text.narrative import write_report

CONCEPTS = tuple(load_preset("abdomen-ct").prevalence)
PALETTE = {name: ((tissue.hu[2],), (tissue.hu_sd,)) for name, tissue in tissues().items()}
FOCAL = tuple(name for name in CONCEPTS if issubclass(finding(name), FocalLesion))


def case(concept: str, start: int = 0) -> Patient:
    """A patient with one finding whose sex can have it."""
    index = next(i for i in range(start, start + 50) if finding(concept).sex in ("", draw_patient(11, i).body.sex))
    return draw_patient(11, index).having(drawn(concept, index))


def looked_at(patient: Patient, spacing_mm: float, *, warp: bool = True, concept: str = "") -> Sampled:
    """The abdomen on a grid, or with a concept only the surroundings of its lesions."""
    anatomy = diseased(build_abdomen(patient), patient)
    if not warp:
        anatomy = replace(anatomy, warp=None)
    low, high = extent(anatomy)
    if concept:
        boxes = [part.solid.bounds.grown(12) for part in anatomy.parts if part.concept == concept]
        low = np.maximum(low, np.min([box.low for box in boxes], axis=0))
        high = np.minimum(high, np.max([box.high for box in boxes], axis=0))
    shape = np.ceil((high - low) / spacing_mm).astype(int)
    return sample(
        anatomy, Grid((int(shape[2]), int(shape[1]), int(shape[0])), (spacing_mm,) * 3, tuple(low)), PALETTE
    )


def test_there_are_twenty_six() -> None:
    assert len(CONCEPTS) == 26
    assert len(FOCAL) == 11


@pytest.mark.parametrize("concept", CONCEPTS)
def test_drawn_diseases_are_whole(concept: str) -> None:
    kind = finding(concept)
    assert kind.concept == concept
    assert kind.region == "abdomen"
    for number in range(12):
        for disease in drawn(concept, number):
            assert disease.anatomy in structures() or disease.anatomy == "peritoneal cavity"
            assert disease.severity
            assert all(value > 0 for value in disease.sizes_mm.values())
            assert disease.visibility > 0
            assert disease.scaled(1.0).sizes_mm == pytest.approx(disease.sizes_mm)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_growth_is_never_shrinking(concept: str) -> None:
    disease = drawn(concept, 4)[0]
    for factor in (0.7, 1.3):
        other = disease.scaled(factor)
        for name, value in disease.sizes_mm.items():
            assert (other.sizes_mm[name] - value) * (factor - 1) >= 0
        assert (other.visibility - disease.visibility) * (factor - 1) >= 0


@pytest.mark.parametrize("concept", CONCEPTS)
def test_every_disease_leaves_a_mask_in_its_place(concept: str) -> None:
    patient = case(concept)
    spacing = 2.0 if concept in ("kidney_stone", "gallstones", "adrenal_adenoma") else 4.0
    found = looked_at(patient, spacing, concept=concept)
    masks = [found.lesion(concept, index) for index in range(len(patient.diseases))]
    large = [mask.any() for mask, disease in zip(masks, patient.diseases, strict=True)
             if max(disease.sizes_mm.values(), default=99) >= 3 * spacing]  # fmt: skip
    assert all(large)
    assert (found.labels[np.logical_or.reduce(masks)] > 0).all()


@pytest.mark.parametrize("concept", CONCEPTS)
def test_words_have_no_empty_slot(concept: str) -> None:
    words = grammar("abdomen").findings[concept]
    known = {"severity", "side", "site", "size", "lobe", "count"}
    for disease in drawn(concept, 2):
        for phrase in (*words.phrases, *words.one, *words.both):
            slots = {part.split("}")[0] for part in phrase.split("{")[1:]}
            assert slots <= known | set(disease.attributes)
    assert len(words.phrases) >= 4
    assert len(words.names) >= 2
    assert len(words.absent) >= 1


@pytest.mark.parametrize("concept", ["liver_cyst", "renal_cyst", "liver_metastases", "hepatocellular_carcinoma"])
def test_words_follow_the_geometry(concept: str) -> None:
    kind = finding(concept)
    disease = replace(drawn(concept, 1)[0], ratios=(0.95, 0.9), lobing=0.0, softness=0.0)
    assert isinstance(disease, kind)
    assert isinstance(disease, FocalLesion)
    assert (disease.attributes["shape"], disease.attributes["margin"]) == ("round", "sharp")
    assert replace(disease, ratios=(0.9, 0.7)).attributes["shape"] == "oval"
    assert replace(disease, lobing=0.12).attributes["shape"] == "lobulated"
    assert replace(disease, lobing=0.2).attributes["shape"] == "irregular"
    assert replace(disease, softness=0.1).attributes["margin"] == "slightly blurred"
    assert replace(disease, softness=0.2).attributes["margin"] == "ill-defined"
    # In the portal phase all four are darker than what is round them.
    assert disease.attributes["density"] == "hypodense"


def test_axial_axes_of_an_ellipsoid() -> None:
    # Upright: the section through its centre is the ellipse of its first two axes.
    assert axial_axes(Ellipsoid((0, 0, 0), (20, 10, 5))) == pytest.approx((40, 20))
    # The long axis along z does not show on axial slices: second and third remain.
    assert axial_axes(Ellipsoid((0, 0, 0), (20, 10, 5), (0, 0, 1))) == pytest.approx((20, 10))
    # Tilted by 45° in the x-z plane: 1 / sqrt((cos² / 20² + sin² / 5²)) = 6.86.
    assert axial_axes(Ellipsoid((0, 0, 0), (20, 10, 5), (1, 0, 1))) == pytest.approx((20, 2 * 6.8599), rel=1e-4)


@pytest.mark.parametrize("number", range(4))
def test_long_axis_of_the_mask_is_that_of_the_solid(number: int) -> None:
    """A smooth cyst inside the liver at 1 mm, unwarped: within a voxel."""
    patient = draw_patient(11, number)
    cyst = replace(drawn("liver_cyst", number)[0], diameter_mm=24.0, first_mm=24.0, anatomy="segment VIII")
    patient = patient.having((cyst,))
    anatomy = replace(diseased(build_abdomen(patient), patient), warp=None)
    part = next(part for part in anatomy.parts if part.concept)
    low, high = part.solid.bounds.grown(4)
    shape = np.ceil(high - low).astype(int)
    grid = Grid((int(shape[2]), int(shape[1]), int(shape[0])), (1.0, 1.0, 1.0), tuple(low))
    mask = sample(anatomy, grid, PALETTE).lesion("liver_cyst", 0)
    axes = measured_axes(mask, grid.spacing_mm)
    assert axes is not None
    expected = tuple(cyst.sizes_mm.values())
    # What vessels and the surface take of it makes it smaller, never larger.
    assert axes.long_mm == pytest.approx(expected[0], abs=1.5)
    assert axes.short_mm == pytest.approx(expected[1], abs=1.5)


def test_lesions_keep_clear_of_each_other() -> None:
    patient = draw_patient(11, 2)
    anatomy = build_abdomen(patient)
    rng = np.random.default_rng(0)
    centres = []
    for number in range(6):
        centre = seat(anatomy, rng, "liver", depth_mm=8.0, reach_mm=10.0)
        ball = Ellipsoid(centre, (10.0, 10.0, 10.0))
        anatomy = anatomy.painted(
            (Part(structure="liver", solid=ball, tissue="simple_cyst", concept="liver_cyst", instance=number),)
        )
        centres.append(centre)
    gaps = [np.linalg.norm(np.subtract(a, b)) for i, a in enumerate(centres) for b in centres[:i]]
    assert min(gaps) >= 19.9


def test_places_are_spread_over_the_segment() -> None:
    anatomy = build_abdomen(draw_patient(11, 2))
    rng = np.random.default_rng(0)
    points = np.array([seat(anatomy, rng, "segment VII", depth_mm=4.0, reach_mm=4.0) for _ in range(60)])
    liver, segment = anatomy.solid("liver"), anatomy.solid("segment VII")
    lines = points.T.astype(np.float32)
    assert (liver.distance(*lines) < 0).all()
    assert (segment.distance(*lines) < 0).all()
    assert points.std(axis=0).min() > 6


def test_volumes_that_are_drawn_are_painted() -> None:
    """Fluid: the layer's thickness is solved for its volume on a grid of 6 mm; within 15 %."""
    for number in range(2):
        patient = case("ascites", number)
        wanted = patient.diseases[0]
        found = looked_at(patient, 4.0, warp=False)
        volume = found.lesion("ascites", 0).sum() * found.grid.voxel_ml
        assert volume == pytest.approx(getattr(wanted, "volume_ml"), rel=0.15)  # noqa: B009
    patient = case("prostate_enlargement")
    found = looked_at(patient, 2.0, warp=False, concept="prostate_enlargement")
    volume = mask_of(found, "prostate").sum() * found.grid.voxel_ml
    assert volume == pytest.approx(getattr(patient.diseases[0], "volume_ml"), rel=0.06)  # noqa: B009


def test_fat_in_the_liver_lowers_it_below_its_vessels() -> None:
    patient = draw_patient(11, 3)
    fat = Steatosis(native_hu=10.0, anatomy="liver", severity="severe")
    found = looked_at(patient.having((fat,)), 5.0)
    liver = found.values[0][mask_of(found, "segment VI")].mean()
    assert liver < 75 < found.values[0][found.mask("portal vein branches")].max()


def test_consequences_follow_their_cause() -> None:
    """Spleens are enlarged in half of the cirrhotics; stones that obstruct put the hydronephrosis on their side."""
    cirrhotic = [
        p for p in (draw_patient(5, i, preset="abdomen-ct") for i in range(500)) if "cirrhosis" in p.concepts
    ]
    share = np.mean(["splenomegaly" in p.concepts for p in cirrhotic])
    # 50 ± 3 standard errors of about 55 patients.
    assert len(cirrhotic) > 30
    assert 0.3 < share < 0.75
    blocked = next(d for n in range(40) for d in drawn("kidney_stone", n) if d.attributes["obstructing"] == "yes")
    body = draw_patient(5, 0).body
    wide = finding("hydronephrosis").draw(np.random.default_rng(0), Case(body, (blocked,)))
    assert wide[0].laterality == blocked.laterality


def test_nobody_has_organs_of_the_other_sex() -> None:
    for index in range(150):
        patient = draw_patient(6, index, preset="abdomen-ct")
        wrong = "uterine_fibroid" if patient.body.sex == "M" else "prostate_enlargement"
        assert wrong not in patient.concepts
        assert wrong not in patient.asked
        assert wrong not in {fact.concept for fact in write_report(patient).facts}


def test_contact_angle_of_a_tumour_round_half_a_vessel() -> None:
    anatomy = build_abdomen(draw_patient(11, 1))
    vessel = Tube(((0, 0, -40), (0, 0, 40)), (4, 4))
    anatomy = anatomy.changed("superior mesenteric artery", vessel)
    half = Block((20, 0, 0), (20, 30, 10), rounding_mm=0.5)
    tumour = Part(structure="pancreas head", solid=half, tissue="pancreatic_cancer", concept="pancreatic_cancer")
    # The block begins at the vessel's centre: half of the ring of 6 mm lies in it.
    assert contact_angle(anatomy, tumour, "superior mesenteric artery") == pytest.approx(180, abs=10)
    away = replace(tumour, solid=Block((40, 0, 0), (20, 30, 10)))
    assert contact_angle(anatomy, away, "superior mesenteric artery") == 0


def test_a_disease_may_vanish_and_come_with_time() -> None:
    abscess: Disease = drawn("liver_abscess", 0)[0]
    assert abscess.at(0, 0.5) is not None
    assert abscess.at(400, 0.5) is None
    cancer = drawn("hepatocellular_carcinoma", 0)[0]
    later = cancer.at(180, 0.5)
    assert later is not None
    # Doubling time at half pace: 90 · 2^0.5 = 127 days; 2^(180 / 3 / 127.3) = 1.387.
    assert later.sizes_mm["long axis"] == pytest.approx(1.387 * cancer.sizes_mm["long axis"], rel=0.01)
