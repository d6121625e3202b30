"""Tissue sections: truth against the masks, determinism, bad input."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.cells.organs import ORGANS
from vesalius.virtual.cells.section import FIELD_UM, Compartment
from vesalius.virtual.cells.stain import draw_stain
from vesalius.virtual.cells.tissue import look, organ_of
from vesalius.virtual.exams.histology import render
from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.findings.breast_carcinoma import BreastCarcinoma
from vesalius.virtual.findings.chronic_inflammation import ChronicInflammation
from vesalius.virtual.findings.colorectal_adenocarcinoma import ColorectalAdenocarcinoma
from vesalius.virtual.findings.steatosis_of_liver_tissue import SteatosisOfLiverTissue
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import SITES

FINDINGS = (
    "breast_carcinoma", "chronic_inflammation", "colonic_adenoma", "colorectal_adenocarcinoma", "lymphoma",
    "prostate_carcinoma", "squamous_cell_carcinoma", "steatosis_of_liver_tissue",
)  # fmt: skip


def _somebody(sex: str, number: int) -> Patient:
    """Patient `number` of those of a sex, of all where none is named."""
    everybody = (draw_patient(21, index, preset="pathology") for index in range(400))
    return next(islice((one for one in everybody if sex in ("", one.body.sex)), number, None))


def _patient(number: int, *diseases: Disease) -> Patient:
    sex = next((disease.sex for disease in diseases if disease.sex), "")
    return _somebody(sex, number).having(diseases)


def _sick(concept: str, number: int) -> Patient:
    patient = _somebody(finding(concept).sex, number)
    return patient.having(finding(concept).draw(stream(6, concept, number), Case(patient.body, ())))


def _value(picture: Picture, name: str) -> float:
    return next(part.value for part in picture.measurements if part.name == name)


def _carcinoma(gland_share: float) -> ColorectalAdenocarcinoma:
    return ColorectalAdenocarcinoma(anatomy="colon", severity="", gland_share=gland_share, tumour_share=0.5,
                                    necrosis=0.4, mitoses_per_mm2=100.0)  # fmt: skip


@pytest.mark.parametrize("concept", FINDINGS)
def test_every_finding_has_a_picture_with_its_region(concept: str) -> None:
    patient = _sick(concept, 3)
    picture = render(patient, 128)[0]
    assert picture.pixels.shape == (128, 128, 3)
    assert picture.pixels.dtype == np.uint8
    marks = [mark for mark in picture.marks if mark.concept == concept]
    assert len(marks) == 1
    assert marks[0].mask is not None
    assert marks[0].mask.mean() > 0.01
    assert picture.body_part == organ_of(patient).upper()


def test_six_organs_look_unlike() -> None:
    assert set(ORGANS) == {"colon", "prostate", "breast", "liver", "lymph node", "oesophagus"}
    seen = {organ_of(_patient(number)) for number in range(60)}
    assert seen == set(ORGANS)


def test_same_patient_same_bytes() -> None:
    patient = _sick("breast_carcinoma", 1)
    first, second = render(patient, 128)[0], render(patient, 128)[0]
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert first.measurements == second.measurements


def test_more_pixels_show_the_same_tissue() -> None:
    patient = _patient(5, _carcinoma(0.7))
    small, large = render(patient, 128)[0], render(patient, 256)[0]
    halved = large.pixels.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    # Noise differs, and a nucleus at the edge of a compartment may fall on its other side; the layout does not.
    assert np.corrcoef(halved.ravel(), small.pixels.ravel().astype(float))[0, 1] > 0.8
    assert small.spacing_mm[0] == pytest.approx(FIELD_UM / 128 / 1000)


@pytest.mark.parametrize("share", [0.2, 0.45, 0.7, 0.9])
def test_gland_share_of_the_masks_is_the_drawn_one(share: float) -> None:
    fields = [look(_patient(number, _carcinoma(share)), 256) for number in range(4)]
    found = [field.gland_share for field in fields]
    # Nests take their share of the pixels of the glands; without room for all of them the glands have more.
    assert np.median(found) == pytest.approx(share, abs=0.02)
    assert min(found) > share - 0.02


def test_gland_masks_are_walls_and_lumina() -> None:
    field = look(_patient(2, _carcinoma(1.0)), 256)
    for gland in field.glands:
        inside = field.compartment[gland]
        assert np.isin(inside, (Compartment.EPITHELIUM, Compartment.LUMEN, Compartment.NECROSIS)).mean() > 0.98
    assert field.gland_share == pytest.approx(1.0)


def test_nuclear_area_of_the_masks_is_that_of_the_outlines() -> None:
    field = look(_patient(4), 512)
    counted = (
        np.bincount(field.nuclei.labels.ravel(), minlength=len(field.nuclei.kinds) + 1)[1:] * field.um_per_pixel**2
    )
    inside = ((field.nuclei.places > 40) & (field.nuclei.places < 472)).all(axis=1)
    ratio = counted[inside] / field.nuclei.areas_um2[inside]
    # Some are covered by others, none is larger than it should be but for its pixels.
    assert np.median(ratio) == pytest.approx(1.0, abs=0.06)
    assert (ratio < 1.25).all()


def test_counts_agree_with_the_labels() -> None:
    picture = render(_sick("lymphoma", 2), 256)[0]
    points = next(mark.points for mark in picture.marks if mark.anatomy == "tumour cell" and mark.points)
    on_field = sum(0 <= x < 256 and 0 <= y < 256 for x, y in points)
    assert _value(picture, "tumour cell count") == on_field
    mitoses = [mark for mark in picture.marks if mark.anatomy == "mitosis" and mark.instance is not None]
    assert _value(picture, "mitosis count") <= len(mitoses)


def test_carcinoma_has_larger_and_more_unequal_nuclei_with_its_grade() -> None:
    areas, spreads = [], []
    for grade in (1, 2, 3):
        disease = BreastCarcinoma(anatomy="breast", severity="", histology="ductal", tubules=0.0, nuclear_grade=grade,
                                  mitoses=5.0, tumour_share=0.55)  # fmt: skip
        pictures = [render(_patient(number, disease), 256)[0] for number in range(3)]
        areas.append(np.mean([_value(picture, "nuclear area") for picture in pictures]))
        spreads.append(np.mean([_value(picture, "nuclear area CV") for picture in pictures]))
    assert areas == sorted(areas)
    assert spreads == sorted(spreads)
    # 45, 65 and 110 µm² by the kind; overlaps take a part of the lower ones.
    assert areas[0] == pytest.approx(45, rel=0.15)
    assert areas[2] == pytest.approx(110, rel=0.25)


def test_more_fat_takes_more_of_the_liver() -> None:
    shares = []
    for share in (0.15, 0.5, 0.85):
        disease = SteatosisOfLiverTissue(anatomy="liver", severity="", share=share, drop_um=13.0)
        shares.append(look(_patient(7, disease), 128).share(Compartment.FAT))
    assert shares == sorted(shares)
    assert shares[2] > 2.5 * shares[0]


def test_inflammation_adds_cells_to_the_same_organ() -> None:
    few, many = (
        ChronicInflammation(anatomy="prostate", severity="", cells_per_mm2=density, plasma=0.4)
        for density in (2600.0, 10000.0)
    )
    counts = [_value(render(_patient(9, disease), 256)[0], "lymphocyte count") for disease in (few, many)]
    assert counts[1] > 1.6 * counts[0]


def test_stain_is_of_the_site() -> None:
    houses = []
    for site in SITES:
        stains = [draw_stain(site, stream(8, "stain", number)) for number in range(20)]
        strengths = np.array([(stain.haematoxylin, stain.eosin) for stain in stains])
        # A day differs by 7 % either way.
        assert (strengths.max(axis=0) / strengths.min(axis=0) < 1.15).all()
        houses.append(strengths.mean(axis=0))
    assert np.ptp(houses, axis=0).max() > 0.1


@pytest.mark.parametrize("size", [16, 63, 1025])
def test_impossible_size_is_an_error(size: int) -> None:
    with pytest.raises(ConfigError, match="expected 64 to 1024"):
        render(_patient(0), size)


def test_another_visit_is_another_field_of_the_same_organ() -> None:
    patient = _patient(6)
    later = replace(patient, visit=1, day=90.0)
    assert organ_of(patient) == organ_of(later)
    assert render(patient, 64)[0].pixels.tobytes() != render(later, 64)[0].pixels.tobytes()


def test_women_have_no_prostate_and_men_no_lobules() -> None:
    for number in range(80):
        patient = _patient(number)
        assert organ_of(patient) != ("prostate" if patient.body.sex == "F" else "breast")
