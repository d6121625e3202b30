"""MR of the brain: series on one grid, marks and measurements on one of them, the same bytes for the same patient."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.head import LOBES
from vesalius.virtual.exams import brain_mr
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture

SIZE = 64


@pytest.fixture(scope="module")
def patient() -> Patient:
    return next(p for i in range(60) if "high_grade_glioma" in (p := draw_patient(2, i, preset="brain-mr")).concepts)


@pytest.fixture(scope="module")
def pictures(patient: Patient) -> dict[str, Picture]:
    return {picture.name: picture for picture in brain_mr.render(patient, SIZE)}


def test_series_share_a_grid(pictures: dict[str, Picture]) -> None:
    assert tuple(pictures) == ("t1", "t2", "flair", "dwi", "adc", "t1c", "swi")
    assert {picture.shape for picture in pictures.values()} == {(SIZE // 2, SIZE, SIZE)}
    assert len({(picture.spacing_mm, picture.origin_mm) for picture in pictures.values()}) == 1
    assert pictures["t1"].spacing_mm == pytest.approx((176 / 32, 224 / 64, 224 / 64))
    for picture in pictures.values():
        assert (picture.modality, picture.units, picture.pixels.dtype) == ("MR", "stored", np.uint16)
        assert picture.pixels.max() > 0


def test_truth_is_on_the_flair(pictures: dict[str, Picture], patient: Patient) -> None:
    assert not any(picture.marks for name, picture in pictures.items() if name != "flair")
    marks = pictures["flair"].marks
    assert {mark.concept for mark in marks} - {""} <= patient.concepts
    named = {mark.anatomy for mark in marks if not mark.concept}
    assert set(LOBES) <= named
    assert {"cerebral cortex", "left hippocampus", "cerebellum", "rim of high grade glioma"} <= named
    names = {value.name for value in pictures["flair"].measurements}
    assert {"evans_index", "midline_shift", "high_grade_glioma_long_axis", "high_grade_glioma_volume"} <= names
    assert {value.image for value in pictures["flair"].measurements} == {"flair"}


def test_tissues_in_the_series(pictures: dict[str, Picture]) -> None:
    masks = {mark.anatomy: mark.mask for mark in pictures["flair"].marks}

    def level(name: str, structure: str) -> float:
        return float(np.median(pictures[name].pixels[masks[structure]]))

    assert level("t1", "cerebral white matter") > level("t1", "cerebral cortex")
    assert level("t2", "left lateral ventricle") > 1.5 * level("t2", "cerebral white matter")
    assert level("flair", "left lateral ventricle") < 0.5 * level("flair", "cerebral white matter")
    assert level("adc", "cerebral white matter") == pytest.approx(720, rel=0.2)
    assert level("adc", "left lateral ventricle") > 1800


def test_same_bytes_again_and_noise_of_its_own(pictures: dict[str, Picture], patient: Patient) -> None:
    again = brain_mr.render(patient, SIZE)
    for picture in again:
        np.testing.assert_array_equal(picture.pixels, pictures[picture.name].pixels)
    healthy = {picture.name: picture for picture in brain_mr.render(patient.having(()), SIZE)}
    corner = np.s_[:4, :6, :6]
    np.testing.assert_array_equal(healthy["t1"].pixels[corner] > 0, pictures["t1"].pixels[corner] > 0)
    assert not any(mark.concept for mark in healthy["flair"].marks)


def test_outer_air_does_not_tell_of_disease(pictures: dict[str, Picture], patient: Patient) -> None:
    healthy = brain_mr.render(patient.having(()), SIZE)
    for picture in healthy:
        if picture.name != "adc":
            edge, other = (image.pixels[:, :4].astype(float) for image in (picture, pictures[picture.name]))
            assert edge.mean() == pytest.approx(other.mean(), rel=0.05)


@pytest.mark.parametrize("size", [16, 300])
def test_impossible_sizes(patient: Patient, size: int) -> None:
    with pytest.raises(ConfigError, match=f"image size {size}: expected 32 to 256"):
        brain_mr.render(patient, size)
