"""Tomograms: thicknesses against masks, fluid where it is, the same eye as the photograph's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.exams.fundus import render as photograph
from vesalius.virtual.exams.oct import render
from vesalius.virtual.eye.layers import LAYERS
from vesalius.virtual.findings.base import Case
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import SITES

SHOWN = ("age_related_macular_degeneration", "epiretinal_membrane", "macular_hole", "macular_oedema")


def healthy(number: int) -> Patient:
    return draw_patient(31, number, preset="oct").having(())


def eye_with(concept: str, number: int) -> Patient:
    patient = healthy(number)
    return patient.having(finding(concept).draw(stream(7, concept, number), Case(patient.body, ())))


def measured(picture: Picture, name: str, anatomy: str = "") -> float:
    (value,) = [m.value for m in picture.measurements if m.name == name and anatomy in ("", m.anatomy)]
    return value


@pytest.mark.parametrize("size", [64, 256, 512])
def test_thickness_read_off_the_masks(size: int) -> None:
    for number in range(3):
        for picture in render(healthy(number), size):
            assert picture.pixels.shape == (size, size)
            row_um = 1000 * picture.spacing_mm[0]
            (retina,) = [mark.mask for mark in picture.marks if mark.anatomy == "retina"]
            assert retina is not None
            read = retina.sum(axis=0) * row_um
            if picture.name == "oct-macula":
                # Each column is a row off at most; their mean far less.
                assert read.mean() == pytest.approx(measured(picture, "mean_retinal_thickness"), abs=row_um)
                assert read[size // 2] == pytest.approx(measured(picture, "foveal_thickness"), abs=1.5 * row_um)
            else:
                (fibres,) = [mark.mask for mark in picture.marks if mark.anatomy == "nerve fibre layer"]
                assert fibres is not None
                mean = measured(picture, "nerve_fibre_layer_thickness", "optic disc")
                assert fibres.sum(axis=0).mean() * row_um == pytest.approx(mean, abs=row_um)


def test_layers_lie_below_each_other_without_a_gap() -> None:
    picture = render(healthy(1), 512)[0]
    masks = [mark.mask for mark in picture.marks if mark.anatomy in LAYERS and mark.mask is not None]
    assert len(masks) == len(LAYERS) - 2
    assert np.sum(masks, axis=0).max() == 1
    whole = np.any(masks, axis=0)
    assert (np.abs(np.diff(whole.astype(int), axis=0)).sum(axis=0) <= 2).all()


def test_brightness_of_the_layers() -> None:
    picture = render(healthy(2), 512)[0]
    mean = {mark.anatomy: float(picture.pixels[mark.mask].mean()) for mark in picture.marks if mark.mask is not None}
    order = ("retinal pigment epithelium", "nerve fibre layer", "ganglion cell and inner plexiform layer",
             "inner nuclear layer", "outer nuclear layer")  # fmt: skip
    values = [mean[name] for name in order]
    assert values == sorted(values, reverse=True)


def test_heights_of_fluid_read_off_the_masks() -> None:
    seen = 0
    for number in range(14):
        picture = render(eye_with("macular_oedema", number), 256)[0]
        for mark in picture.marks:
            if mark.anatomy == "subretinal fluid" and mark.mask is not None:
                seen += 1
                row_um = 1000 * picture.spacing_mm[0]
                height = mark.mask.sum(axis=0).max() * row_um
                assert height == pytest.approx(measured(picture, "subretinal_fluid_height"), abs=row_um)
    assert seen >= 2


def test_width_of_a_hole_is_the_lesions() -> None:
    for number in range(4):
        patient = eye_with("macular_hole", number)
        picture = render(patient, 512)[0]
        disease = patient.diseases[0]
        # Counted in columns of 12 µm; the outline waves by 3 %.
        assert measured(picture, "macular_hole_width") == pytest.approx(disease.diameter_mm, rel=0.05, abs=0.024)  # type: ignore[attr-defined]
        (gap,) = [mark.mask for mark in picture.marks if mark.anatomy == "macular hole"]
        assert gap is not None
        columns = np.flatnonzero(gap.any(axis=0))
        assert (columns.mean() + 0.5) / 512 == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("concept", SHOWN)
def test_lesions_are_marked_and_change_the_scan(concept: str) -> None:
    marked = 0
    for number in range(5):
        patient = eye_with(concept, number)
        sick, well = render(patient, 256)[0], render(patient.having(()), 256)[0]
        masks = [mark.mask for mark in sick.marks if mark.concept == concept and mark.mask is not None]
        marked += bool(masks)
        if masks:
            change = np.abs(sick.pixels.astype(float) - well.pixels.astype(float))
            assert change[np.any(masks, axis=0)].mean() > 8
    assert marked >= 4


def test_photograph_and_scan_show_the_same_eye() -> None:
    patient = eye_with("age_related_macular_degeneration", 3)
    scan, shot = render(patient, 256)[0], photograph(patient, 256)[0]
    assert scan.laterality == shot.laterality
    kinds = {mark.anatomy for mark in scan.marks if mark.concept}
    assert kinds <= {mark.anatomy for mark in shot.marks if mark.concept}


def test_glaucoma_thins_the_circle_scan() -> None:
    for number in range(4):
        patient = eye_with("glaucoma", number)
        sick, well = (measured(render(one, 128)[1], "nerve_fibre_layer_thickness", "optic disc")
                      for one in (patient, patient.having(())))  # fmt: skip
        assert sick < 0.9 * well


def test_fewer_frames_are_grainier() -> None:
    grain = {}
    for site in SITES[:2]:
        picture = render(replace(healthy(4), site=site), 256)[0]
        (layer,) = [mark.mask for mark in picture.marks if mark.anatomy == "outer nuclear layer"]
        assert layer is not None
        flat = picture.pixels.astype(float)[:, :120][layer[:, :120]]
        grain[site.name] = flat.std()
    # north averages 12 frames, harbour 4.
    assert grain["harbour"] > 1.2 * grain["north"]


def test_impossible_size() -> None:
    with pytest.raises(ConfigError, match="image size 9999"):
        render(healthy(0), 9999)
