"""Colonoscopy and gastroscopy as studies: files, records, sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
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


def look(picture: np.ndarray) -> list[float]:
    """Mean, red to green, green to blue, mean gradient and slope of the power spectrum of a frame (H, H, 3)."""
    colour = picture.astype(float) / 255
    grey = colour.mean(axis=2)
    inside = grey > 0.06
    red, green, blue = (colour[..., number][inside].mean() for number in range(3))
    gradient = np.hypot(*np.gradient(grey))[inside].mean()
    power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    step = np.fft.fftfreq(len(grey)) * len(grey)
    radius = np.hypot(*np.meshgrid(step, step))
    rings = np.arange(4, len(grey) // 3, 2)
    level = [power[(radius >= ring) & (radius < ring + 2)].mean() for ring in rings]
    return [
        grey[inside].mean(),
        red / green,
        green / blue,
        gradient,
        np.polyfit(np.log(rings + 1), np.log(level), 1)[0],
    ]


@pytest.mark.real
@pytest.mark.slow
def test_frames_look_like_frames_of_colonoscopies(real_data: Path) -> None:
    files = sorted((real_data / "endoscopy-polyps" / "images").iterdir())[::3]
    if not files:
        pytest.skip("no colonoscopy frames: endoscopy-polyps/images is empty")
    real = []
    for file in files:
        with Image.open(file) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.convert("RGB").crop((left, top, left + side, top + side))
            real.append(look(np.asarray(square.resize((128, 128), Image.Resampling.LANCZOS))))
    ours = []
    for number in range(10):
        patient = draw_patient(34, number).having(drawn("colon_polyp", number))
        ours.append(look(colonoscopy.render(patient, 128)[0].pixels[20]))
    low, high = np.quantile(real, [0.05, 0.95], axis=0)
    # The median virtual frame lies where nine of ten real frames do, in each of the five.
    middle = np.median(ours, axis=0)
    assert (low < middle).all()
    assert (middle < high).all()
