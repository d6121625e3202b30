"""CT of the head: HU of tissues and blood, marks, the same bytes for the same patient."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.exams import brain_ct
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture

SIZE = 64


def first_with(concept: str) -> Patient:
    return next(p for i in range(90) if concept in (p := draw_patient(2, i, preset="brain-ct")).concepts)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return brain_ct.render(first_with("subdural_haematoma"), SIZE)[0]


def test_volume(picture: Picture) -> None:
    assert (picture.modality, picture.units, picture.pixels.dtype) == ("CT", "HU", np.int16)
    assert picture.shape == (SIZE // 2, SIZE, SIZE)
    masks = {mark.anatomy: mark.mask for mark in picture.marks}

    def level(structure: str) -> float:
        return float(np.median(picture.pixels[masks[structure]]))

    assert 24 < level("cerebral white matter") < 34
    assert level("left putamen") > level("cerebral white matter") + 2
    assert -5 < level("left lateral ventricle") < 22
    assert level("skull") > 300


def test_fresh_blood_is_dense() -> None:
    seen = 0
    for number in range(120):
        patient = draw_patient(2, number, preset="brain-ct")
        fresh = [
            i
            for i, d in enumerate(patient.diseases)
            if d.attributes.get("stage") == "acute" and "haemat" in d.concept
        ]
        if not fresh:
            continue
        found = brain_ct.render(patient, SIZE)[0]
        mask = next(mark.mask for mark in found.marks if mark.concept and mark.instance == fresh[0])
        if mask.sum() > 60:
            assert 48 < np.median(found.pixels[mask]) < 90
            seen += 1
        if seen == 2:
            break
    assert seen == 2


def test_same_bytes_again(picture: Picture) -> None:
    np.testing.assert_array_equal(brain_ct.render(first_with("subdural_haematoma"), SIZE)[0].pixels, picture.pixels)


def test_measurements(picture: Picture) -> None:
    values = {value.name: value for value in picture.measurements}
    assert {"subdural_haematoma_thickness", "subdural_haematoma_volume", "midline_shift", "evans_index"} <= set(
        values
    )
    assert {value.image for value in values.values()} == {"head_ct"}


def test_impossible_size() -> None:
    with pytest.raises(ConfigError, match="image size 8"):
        brain_ct.render(draw_patient(0), 8)
