"""MR angiography: arteries stand out, projections are of the volume, aneurysms are bright and stenoses narrow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.head import build_head
from vesalius.virtual.anatomy.head_brain import ARTERIES, knots_of
from vesalius.virtual.exams import angiography
from vesalius.virtual.findings.intracranial_aneurysm import IntracranialAneurysm
from vesalius.virtual.findings.intracranial_stenosis import IntracranialStenosis
from vesalius.virtual.mr import TIME_OF_FLIGHT, apparent
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture

SIZE = 80


def patient_with(concept: str) -> Patient:
    return next(p for i in range(60) if p_has(p := draw_patient(2, i, preset="brain-angiography"), concept))


def p_has(patient: Patient, concept: str) -> bool:
    return patient.concepts == {concept}


@pytest.fixture(scope="module")
def pictures() -> dict[str, Picture]:
    patient = patient_with("intracranial_aneurysm")
    large = [replace(d, dome_mm=12.0, width_mm=11.0, neck_mm=5.0) for d in patient.diseases]
    return {picture.name: picture for picture in angiography.render(patient.having(large), SIZE)}


def test_flowing_blood_is_fresh() -> None:
    # 0.9 sin 20° e^(-4/200) = 0.9 · 0.34202 · 0.98020
    assert apparent(TIME_OF_FLIGHT, "artery") == pytest.approx(0.30172, abs=1e-4)
    for tissue in ("white_matter", "grey_matter", "csf", "vein", "fat", "muscle"):
        assert apparent(TIME_OF_FLIGHT, tissue) < 0.5 * apparent(TIME_OF_FLIGHT, "artery"), tissue


def test_pictures(pictures: dict[str, Picture]) -> None:
    assert tuple(pictures) == ("tof", "mip", "mip_front")
    assert pictures["tof"].shape == (48, SIZE, SIZE)
    assert pictures["mip"].shape == (SIZE, SIZE)
    assert pictures["mip_front"].shape == (48, SIZE)
    assert pictures["tof"].spacing_mm == pytest.approx((2.25, 2.25, 2.25))
    assert (pictures["mip"].pixels <= pictures["tof"].pixels.max(axis=0)).all()
    arteries = {mark.anatomy: mark.mask for mark in pictures["tof"].marks if not mark.concept}
    assert "left internal carotid artery" in arteries
    volume = pictures["tof"].pixels
    assert np.median(volume[arteries["left internal carotid artery"]]) > 1.8 * np.median(volume)


def test_aneurysm_is_bright_and_marked_on_all(pictures: dict[str, Picture]) -> None:
    for picture in pictures.values():
        mask = next(mark.mask for mark in picture.marks if mark.concept == "intracranial_aneurysm")
        assert np.median(picture.pixels[mask]) > 1.5 * np.median(picture.pixels[picture.pixels > 0])
    volume = next(mark.mask for mark in pictures["tof"].marks if mark.concept).sum() * 2.25**3
    # An ellipsoid of 12 × 11 × 11 mm with its neck, on voxels of 2.25 mm.
    assert volume == pytest.approx(np.pi / 6 * 12 * 11 * 11, rel=0.3)
    sizes = {value.name: value.value for value in pictures["tof"].measurements}
    assert sizes["intracranial_aneurysm_dome"] == 12.0


def test_stenosis_narrows_the_artery() -> None:
    patient = patient_with("intracranial_stenosis")
    disease = patient.diseases[0]
    assert isinstance(disease, IntracranialStenosis)
    healthy = build_head(patient)
    sick = diseased(healthy, patient)
    assert healthy.shape is not None
    line = np.array(knots_of(disease.structure, healthy.shape))
    before, after = (body.solid(disease.structure) for body in (healthy, sick))
    _, narrowest = disease._trunk(healthy.shape)
    place = [np.array([value], np.float32) for value in narrowest[:3]]
    # On the centre line the distance to the wall is the radius.
    radius = [-float(body.distance(*place)[0]) for body in (before, after)]
    assert radius[1] / radius[0] == pytest.approx(1 - disease.narrowing, abs=0.12)
    assert line[:, 3].min() > 0


def test_arteries_join_and_differ_between_people() -> None:
    shapes = [build_head(draw_patient(3, i)).shape for i in range(2)]
    for shape in shapes:
        assert shape is not None
        forks = [
            ("left middle cerebral artery", "left internal carotid artery"),
            ("basilar artery", "left vertebral artery"),
        ]
        for distal, proximal in forks:
            np.testing.assert_allclose(knots_of(distal, shape)[0][:3], knots_of(proximal, shape)[-1][:3], atol=1e-6)
    first, second = (knots_of("left middle cerebral artery", shape) for shape in shapes if shape is not None)
    assert first != second
    assert len(ARTERIES) == 6


def test_sizes_of_drawn_aneurysms() -> None:
    found = [d for i in range(80) for d in draw_patient(5, i, preset="brain-angiography").diseases]
    domes = [d.dome_mm for d in found if isinstance(d, IntracranialAneurysm)]
    assert len(domes) > 15
    assert 4.5 < np.median(domes) < 8
    assert all(d.neck_mm < d.dome_mm for d in found if isinstance(d, IntracranialAneurysm))


def test_impossible_size() -> None:
    with pytest.raises(ConfigError, match="image size 20: expected 64 to 256"):
        angiography.render(draw_patient(0), 20)
