"""Every examination, finding and population that is registered keeps the promises that all make."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.catalogue import ancestors, structures
from vesalius.virtual.exams.base import exam, exam_names
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.preset import finding, finding_names, load_preset, preset_names
from vesalius.virtual.study import make_study

SMALL = {"sperm": 128}
"""Smallest size, where it is not 96."""


def test_there_are_as_many_as_expected() -> None:
    # After adding one: raise its number here, and the page of contents follows with make docs.
    assert len(exam_names()) == 21
    assert len(finding_names()) >= 117
    assert len(preset_names()) >= 24
    assert len(structures()) >= 350


def presets_of(name: str) -> list[str]:
    return [preset for preset in preset_names() if name in load_preset(preset).exams]


@cache
def patient_for(name: str) -> Patient:
    """A patient of the examination with something to see."""
    preset = presets_of(name)[0]
    return next(
        patient
        for patient in (draw_patient(31, number, preset=preset) for number in range(40))
        if patient.diseases and patient.diseases[0].visibility > 5
    )


@cache
def rendered(name: str) -> tuple[Picture, ...]:
    return exam(name).render(patient_for(name), SMALL.get(name, 96))


@pytest.mark.parametrize("name", exam_names())
class TestExamination:
    def test_it_is_part_of_a_population(self, name: str) -> None:
        assert presets_of(name)

    def test_pictures_are_whole(self, name: str) -> None:
        pictures = rendered(name)
        names = [picture.name for picture in pictures]
        assert len(set(names)) == len(names) >= 1
        for picture in pictures:
            assert picture.modality.isupper()
            assert np.isfinite(picture.pixels.astype(np.float32)).all()
            assert picture.pixels.max() > picture.pixels.min()
            assert picture.kind != "video" or picture.frames_per_second

    def test_marks_lie_on_their_pictures(self, name: str) -> None:
        marked = 0
        for picture in rendered(name):
            for mark in picture.marks:
                marked += 1
                if mark.mask is not None:
                    assert mark.mask.dtype == np.bool_
                    expected = picture.shape[1:] if mark.frame is not None else picture.shape
                    assert mark.mask.shape == expected
                assert mark.frame is None or 0 <= mark.frame < picture.shape[0]
                for point in mark.points:
                    assert all(math.isfinite(value) for value in point)
        assert marked or name == "dermatoscopy"

    def test_measurements_have_units_and_values(self, name: str) -> None:
        for picture in rendered(name):
            for measured in picture.measurements:
                assert measured.image == picture.name
                assert math.isfinite(measured.value), measured
                assert measured.unit, measured

    def test_the_same_patient_gives_the_same_bytes(self, name: str) -> None:
        patient = patient_for(name)
        again = exam(name).render(patient, SMALL.get(name, 96))
        for before, after in zip(rendered(name), again, strict=True):
            np.testing.assert_array_equal(before.pixels, after.pixels)
            assert len(before.marks) == len(after.marks)

    def test_an_impossible_size_is_refused(self, name: str) -> None:
        for size in (1, 100_000):
            with pytest.raises(ConfigError, match=str(size)):
                exam(name).render(patient_for(name), size)


@pytest.mark.parametrize("name", preset_names())
def test_a_population_makes_whole_studies(name: str) -> None:
    preset = load_preset(name)
    patient = draw_patient(7, 2, preset=preset)
    assert set(patient.concepts) <= set(patient.asked)
    size = max([SMALL.get(part, 96) for part in patient.exams])
    study, media = make_study(patient, size)
    named = {image.path for image in study.images} | {region.mask for region in study.regions if region.mask}
    assert named == set(media)
    assert study.text() != ""
    assert study.provenance.virtual


@pytest.mark.parametrize("name", finding_names())
def test_a_finding_belongs_somewhere_and_says_what_it_is(name: str) -> None:
    kind = finding(name)
    assert issubclass(kind, Disease)
    assert kind.concept == name
    assert kind.region
    assert any(name in load_preset(preset).prevalence for preset in preset_names())
    assert not kind.code or kind.code.isdigit()


def test_structures_form_a_tree() -> None:
    for name in structures():
        assert name not in ancestors(name)


def test_the_unknown_is_named_with_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="did you mean 'brain_mr'"):
        exam("brain_mri")
    with pytest.raises(ConfigError, match="did you mean 'pneumothorax'"):
        finding("pneumotorax")
    with pytest.raises(ConfigError, match="did you mean 'abdomen-ct'"):
        load_preset("abdomen_ct")


def test_a_finding_in_an_absent_organ_is_refused() -> None:
    women = (draw_patient(1, number, preset="abdomen-ct") for number in range(20))
    woman = next(patient for patient in women if patient.body.sex == "F")
    man = next(
        patient
        for patient in (draw_patient(1, number, preset="abdomen-ct") for number in range(400))
        if "prostate_enlargement" in patient.concepts
    )
    with pytest.raises(ConfigError, match="a woman cannot have prostate_enlargement"):
        woman.having([part for part in man.diseases if part.concept == "prostate_enlargement"])
