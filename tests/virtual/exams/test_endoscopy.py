"""Colonoscopy and gastroscopy as studies: files, records, sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import drawn, reference_patient

from vesalius.errors import ConfigError
from vesalius.virtual.exams import colonoscopy, gastroscopy
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.study import make_study


def test_colonoscopy_gives_a_clip_and_its_depth() -> None:
    clip, depth = colonoscopy.render(reference_patient(*drawn("colon_polyp", 1)), 64)
    assert (clip.name, depth.name) == ("colon", "colon-depth")
    assert clip.pixels.shape == (32, 64, 64, 3)
    assert depth.pixels.shape == (32, 64, 64)
    # Auto-gain: mean of the picture between 0.40 and 0.50; the black corners are a quarter of nothing in it.
    inside = clip.pixels[:, 16:48, 16:48].mean() / 255
    assert 0.25 < inside < 0.6


def test_gastroscopy_gives_two_clips() -> None:
    names = [picture.name for picture in gastroscopy.render(reference_patient(), 64)]
    assert names == ["oesophagus", "oesophagus-depth", "stomach", "stomach-depth"]


@pytest.mark.parametrize("preset", ["endoscopy", "gastroscopy"])
def test_studies_hold_what_was_drawn(preset: str) -> None:
    patient = draw_patient(31, 0, preset=preset)
    made = make_study(patient, 64)
    study = made.study
    present = {part.concept for part in study.findings if part.status == "present"} - {"no_finding"}
    assert present == patient.concepts
    assert {region.concept for region in study.regions} <= patient.concepts
    assert {region.mask for region in study.regions if region.mask} <= set(made.media)
    assert {image.path for image in study.images} <= set(made.media)
    assert study.text("findings")


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="size 10"):
        colonoscopy.render(reference_patient(), 10)
    with pytest.raises(ConfigError, match="size 5000"):
        gastroscopy.render(reference_patient(), 5000)


def test_patients_differ() -> None:
    one, two = (replace(reference_patient(), id=name) for name in ("one", "two"))
    first = colonoscopy.render(one, 64)[0].pixels
    assert np.abs(first.astype(float) - colonoscopy.render(two, 64)[0].pixels).mean() > 10


@pytest.mark.slow
def test_where_healthy_and_sick_are_filmed_tells_little() -> None:
    # Flight, light and stretch come from streams without disease: the first and last tenth of the grey histogram of
    # healthy and polyp clips overlap, so that their means differ by less than half a standard deviation.
    means: dict[bool, list[float]] = {True: [], False: []}
    for number in range(40):
        patient = draw_patient(33, number)
        for sick in (True, False):
            shown = patient.having(drawn("colon_polyp", number) if sick else ())
            means[sick].append(float(colonoscopy.render(shown, 64)[0].pixels.mean()))
    spread = np.std(means[False])
    assert abs(np.mean(means[True]) - np.mean(means[False])) < 0.5 * spread
