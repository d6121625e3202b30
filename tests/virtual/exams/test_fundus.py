"""Fundus photographs: the same eye at every size, truths from geometry against masks, every lesion where it shows."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vesalius.errors import ConfigError
from vesalius.virtual.exams.fundus import render
from vesalius.virtual.eye.camera import frame_of
from vesalius.virtual.findings.base import Case
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import SITES

MARKED = (
    "age_related_macular_degeneration", "diabetic_retinopathy", "epiretinal_membrane", "macular_hole",
    "macular_oedema", "retinal_vein_occlusion",
)  # fmt: skip


def healthy(number: int) -> Patient:
    return draw_patient(31, number, preset="fundus").having(())


def eye_with(concept: str, number: int) -> Patient:
    patient = healthy(number)
    return patient.having(finding(concept).draw(stream(7, concept, number), Case(patient.body, ())))


def mask_of(picture: Picture, anatomy: str) -> NDArray[np.bool_]:
    (mark,) = [mark for mark in picture.marks if mark.anatomy == anatomy and mark.mask is not None]
    assert mark.mask is not None
    return mark.mask


def measured(picture: Picture, name: str) -> float:
    (value,) = [part.value for part in picture.measurements if part.name == name]
    return value


@pytest.mark.parametrize("size", [64, 256, 512])
def test_the_same_eye_at_every_size(size: int) -> None:
    patient = eye_with("diabetic_retinopathy", 1)
    (small,), (large,) = render(patient, size), render(patient, 256)
    assert small.pixels.shape == (size, size, 3)
    assert small.pixels.dtype == np.uint8
    for name in ("vertical_cup_disc_ratio", "disc_fovea_distance", "microaneurysm_count", "artery_vein_ratio"):
        assert measured(small, name) == measured(large, name)
    centre = np.argwhere(mask_of(small, "optic disc")).mean(axis=0) / size
    # Within a pixel of the coarser picture.
    assert centre == pytest.approx(
        np.argwhere(mask_of(large, "optic disc")).mean(axis=0) / 256, abs=1 / min(size, 256)
    )
    means = [
        np.asarray(Image.fromarray(one.pixels).resize((16, 16), Image.Resampling.BOX), float)
        for one in (small, large)
    ]
    assert (
        np.abs(means[0] - means[1]).mean() < 3.0
    )  # grey values; the noise of 2 to 3.5 is averaged over 16 pixels or more


@pytest.mark.parametrize("number", range(4))
def test_measured_lengths_agree_with_the_masks(number: int) -> None:
    patient = eye_with("glaucoma", number)
    (picture,) = render(patient, 512)
    spacing = picture.spacing_mm[0]
    assert abs(frame_of(patient, "right", 512).turn) <= 0.12
    disc, cup = (np.argwhere(mask_of(picture, name)) for name in ("optic disc", "optic cup"))
    height = (np.ptp(disc[:, 0]) + 1) * spacing
    # A pixel at each end; a tilt of up to 0.12 changes the height of the oval by less than 1 %.
    assert height == pytest.approx(measured(picture, "disc_height"), abs=2 * spacing + 0.01 * height)
    ratio = (np.ptp(cup[:, 0]) + 1) / (np.ptp(disc[:, 0]) + 1)
    # Each length is two pixels off at most: (1 + ratio) · 2 spacing / height; tilt moves the notch by 2 %.
    slack = 4 * spacing / height + 0.02
    assert ratio == pytest.approx(measured(picture, "vertical_cup_disc_ratio"), abs=slack)
    (fovea,) = [mark.points[0] for mark in picture.marks if mark.anatomy == "fovea"]
    row, column = disc.mean(axis=0) + 0.5
    distance = np.hypot(column - fovea[0], row - fovea[1]) * spacing
    assert distance == pytest.approx(measured(picture, "disc_fovea_distance"), abs=2 * spacing)


def test_nose_lies_on_the_side_of_the_eye() -> None:
    seen = set()
    for number in range(8):
        (picture,) = render(healthy(number), 64)
        (fovea,) = [mark.points[0] for mark in picture.marks if mark.anatomy == "fovea"]
        disc = np.argwhere(mask_of(picture, "optic disc")).mean(axis=0)
        assert (disc[1] > fovea[0]) == (picture.laterality == "right")
        seen.add(picture.laterality)
    assert seen == {"left", "right"}


def test_vessel_density_is_that_of_the_masks() -> None:
    (picture,) = render(healthy(0), 512)
    mask = mask_of(picture, "retinal artery") | mask_of(picture, "retinal vein")
    field = np.pi * (0.5 * 12.5 / 12.9) ** 2 * 512**2
    # The masks leave out capillaries thinner than half a pixel.
    assert 0.55 < mask.sum() / field / measured(picture, "vessel_density") <= 1.05
    assert 0.06 < measured(picture, "vessel_density") < 0.16


@pytest.mark.parametrize("concept", MARKED)
def test_lesions_change_the_picture_where_they_are_marked(concept: str) -> None:
    ratios = []
    for number in range(5):
        patient = eye_with(concept, number)
        (sick,), (well,) = render(patient, 256), render(patient.having(()), 256)
        change = np.abs(sick.pixels.astype(float) - well.pixels.astype(float)).mean(axis=2)
        masks = [mark.mask for mark in sick.marks if mark.concept == concept and mark.mask is not None]
        assert masks
        inside = np.any(masks, axis=0)
        ratios.append(change[inside].mean() / change[~inside].mean())
    # The change outside is that of swollen veins and of lesions' soft edges.
    assert np.median(ratios) > 2.5


@pytest.mark.parametrize("concept", ["diabetic_retinopathy", "retinal_vein_occlusion"])
def test_counts_are_those_of_the_instances(concept: str) -> None:
    for number in range(4):
        (picture,) = render(eye_with(concept, number), 256)
        red = ("blot haemorrhage", "flame haemorrhage", "preretinal haemorrhage", "splinter haemorrhage")
        masks = [mark for mark in picture.marks if mark.anatomy in red and mark.mask is not None]
        counted = sum(part.value for part in picture.measurements if part.name == "haemorrhage_count")
        if all(mark.instance is not None for mark in masks):
            assert len(masks) == counted
        points = [mark for mark in picture.marks if mark.anatomy in red and mark.points]
        assert sum(len(mark.points) for mark in points) == counted


def test_exudate_area_is_that_of_the_masks() -> None:
    seen = 0
    for number in range(5):
        (picture,) = render(eye_with("diabetic_retinopathy", number), 512)
        masks = [mark.mask for mark in picture.marks if mark.anatomy == "hard exudate" and mark.mask is not None]
        if masks:
            seen += 1
            area = float(np.any(masks, axis=0).sum()) * picture.spacing_mm[0] ** 2
            # Spots of 2 to 12 pixels across, each cut at half coverage.
            assert area == pytest.approx(measured(picture, "exudate_area"), rel=0.25)
    assert seen >= 2


def test_same_bytes_again_and_nothing_of_the_disease_in_the_frame() -> None:
    patient = eye_with("age_related_macular_degeneration", 2)
    digests = {hashlib.sha256(render(patient, 128)[0].pixels.tobytes()).hexdigest() for _ in range(2)}
    assert len(digests) == 1
    (sick,), (well,) = render(patient, 128), render(patient.having(()), 128)
    assert sick.spacing_mm == well.spacing_mm
    rim = np.hypot(*(np.indices((128, 128)) - 63.5)) > 64 * 0.99
    assert np.array_equal(sick.pixels[rim], well.pixels[rim])


def test_sites_differ_in_colour() -> None:
    means = []
    for site in SITES:
        pixels = np.stack([render(replace(healthy(number), site=site), 64)[0].pixels for number in range(4)])
        means.append(pixels[pixels.sum(axis=-1) > 60].mean(axis=0))
    apart = [np.abs(one - other).max() for i, one in enumerate(means) for other in means[:i]]
    assert min(apart) > 4


def test_impossible_size() -> None:
    with pytest.raises(ConfigError, match="image size 8"):
        render(healthy(0), 8)


@pytest.mark.real
def test_colours_lie_among_those_of_real_photographs(real_data: Path) -> None:
    files = sorted((real_data / "fundus-hrf" / "images").glob("*.jpg"))
    if not files:
        pytest.skip("no fundus-hrf")
    real = np.array([_colours(np.asarray(Image.open(file).resize((256, 170)))) for file in files])
    made = np.array(
        [_colours(render(draw_patient(8, number, preset="fundus"), 256)[0].pixels) for number in range(24)]
    )
    # Red above green above blue, as in every real one; their spread is wider than ours, so medians are compared.
    assert (made[:, 0] > made[:, 1]).all()
    assert (made[:, 1] > made[:, 2]).all()
    assert np.median(made, axis=0) == pytest.approx(np.median(real, axis=0), abs=45)


def _colours(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Median red, green and blue of the field."""
    inside = pixels.astype(float).sum(axis=2) > 90
    return np.asarray(np.median(pixels[inside], axis=0), float)


@pytest.mark.real
def test_contrast_and_spectrum_lie_near_those_of_real_photographs(real_data: Path) -> None:
    files = sorted((real_data / "fundus-hrf" / "images").glob("*.jpg"))
    if not files:
        pytest.skip("no fundus-hrf")
    real = [_texture(np.asarray(Image.open(file).resize((256, 170), Image.Resampling.BOX))) for file in files]
    patients = [draw_patient(8, number, preset="fundus").having(()) for number in range(15)]
    made = [_texture(render(patient, 256)[0].pixels) for patient in patients]
    slope, contrast = np.median(made, axis=0) - np.median(real, axis=0)
    # Real ones spread by 0.35 in slope and 3.6 in contrast from the first to the last tenth. Ours were 0.55 flatter:
    # their vessels have sharper edges, and they carry the noise of a camera of 256 pixels, which shrinking removes.
    assert abs(slope) < 0.65
    assert abs(contrast) < 3.6


def _texture(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Slope of green's power spectrum in the middle of the picture, and mean standard deviation in 8 × 8 pixels."""
    green = pixels[..., 1].astype(float)
    half, middle = 56, np.array(green.shape) // 2
    square = green[middle[0] - half : middle[0] + half, middle[1] - half : middle[1] + half]
    window = np.hanning(2 * half)
    power = np.abs(np.fft.fftshift(np.fft.fft2((square - square.mean()) * window * window[:, None]))) ** 2
    radius = np.hypot(*(np.indices(power.shape) - half)).astype(int).ravel()
    rings = np.bincount(radius, power.ravel()) / np.bincount(radius)
    steps = np.arange(4, half // 2)
    blocks = square.reshape(14, 8, 14, 8).std(axis=(1, 3))
    return float(np.polyfit(np.log(steps), np.log(rings[steps]), 1)[0]), float(blocks.mean())
