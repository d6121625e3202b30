"""Degradations: monotone, labelled by strength and loss, refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from degradation_pictures import pictures

from vesalius.errors import ConfigError, DataError
from vesalius.virtual.degradation import (
    BANDS,
    PSNR_BANDS,
    degradation_names,
    degrade,
    degrade_twice,
    describe,
    detectability,
    grade_of,
    psnr,
    severity_of_strength,
    ssim,
    window_of,
)
from vesalius.virtual.degradation.filters import gaussian, line_blur
from vesalius.virtual.degradation.tomography import VIEWS, back_projected, project
from vesalius.virtual.exams.base import exam, exam_names
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.seeds import stream

GRID = (0.15, 0.25, 0.35, 0.45, 0.6, 0.75, 0.9)
STEPWISE = {
    "quantisation": "whole numbers of grey levels",
    "block_coding": "quantised waves jump from step to step",
    "video_compression": "quantised waves jump from step to step",
    "downsampling": "cells and edges may meet",
    "sparse_views": "whole numbers of views",
    "motion_between_lines": "speckle is unlike itself once it has moved by a grain",
    "eye_jump": "layers may fall on one another again",
    "scan_tilt": "layers may fall on one another again",
    "stitching": "texture may fall on itself again",
    "stage_drift": "texture may fall on itself again",
    "interlace": "texture may fall on itself again",
    "tilt": "texture may fall on itself again",
    "decentred": "texture may fall on itself again",
    "head_motion": "waves of moved lines may come into phase again",
    "breathing_ghosts": "waves of moved lines may come into phase again",
    "crush": "a dark line over dark tissue",
}
"""Where loss is asked to grow from mild to severe only, and why; all others grow at every step of the grid."""
SINGLE = [key for key in pictures() if key not in ("CT volume", "clip")]
COMMON = [name for name in degradation_names() if describe(name).groups == ("common",)]


def _own(key: str) -> list[str]:
    """Degradations of a picture's own groups, and a turn of the common ones."""
    picture = pictures()[key]
    names = degradation_names(picture.modality, axes=picture.axes)
    turn = {name for number, name in enumerate(COMMON) if number % 5 == SINGLE.index(key) % 5}
    return [name for name in names if name not in COMMON or name in turn]


CASES = [(key, name) for key in SINGLE for name in _own(key)]


def test_there_are_many_and_each_is_described() -> None:
    names = degradation_names()
    assert len(names) >= 90
    assert len({name for _, name in CASES}) == len(names) - 1  # thick_slices needs a volume
    for name in names:
        kind = describe(name)
        assert kind.words
        assert kind.domain in (
            "object",
            "sinogram",
            "k-space",
            "detector",
            "reconstruction",
            "optics",
            "slide",
            "display",
        )
        assert kind.model.__doc__
        for values in kind.levels.values():
            steps = np.diff(values)
            assert (steps >= 0).all() or (steps <= 0).all()
            assert (steps != 0).all()


def test_bands_do_not_touch() -> None:
    edges = [edge for low, high in BANDS.values() for edge in (low, high)]
    assert edges == sorted(edges)
    assert all(low < high for (_, low), (high, _) in pairwise(BANDS.values()))
    assert [severity_of_strength(value) for value in (0.0, 0.2, 0.38, 0.5, 0.68, 0.9)] == [
        "none", "mild", "", "moderate", "", "severe",
    ]  # fmt: skip


@pytest.mark.parametrize(("key", "name"), CASES)
def test_loss_grows_with_strength(key: str, name: str) -> None:
    picture = pictures()[key]
    grid = (0.25, 0.525, 0.85) if name in STEPWISE else GRID
    loss = [degrade(picture, name, strength=strength, rng=stream(1, name)).psnr for strength in grid]
    if name in STEPWISE:
        assert loss[0] > loss[2]
    else:
        assert all(before > after for before, after in pairwise(loss)), loss


@pytest.mark.parametrize(("key", "name"), [(key, name) for key in SINGLE for name in _own(key)][::3])
def test_nothing_is_bit_identical(key: str, name: str) -> None:
    picture = pictures()[key]
    for made in (
        degrade(picture, name, strength=0.0, rng=stream(1, name)),
        degrade(picture, name, severity="none", rng=stream(2, name)),
    ):
        assert made.picture.pixels is picture.pixels
        assert made.psnr == float("inf")
        assert made.ssim == 1.0
        assert made.severity == "none"


FITTED = [(key, name) for key, name in CASES if describe(name).kind in PSNR_BANDS]


@pytest.mark.parametrize(("key", "name"), [case for case in FITTED if case[0] not in ("GM", "US")])
def test_severity_lands_in_its_band(key: str, name: str) -> None:
    kind = describe(name).kind
    for severity in ("mild", "moderate", "severe"):
        made = degrade(pictures()[key], name, severity=severity, rng=stream(3, name))
        low, high = PSNR_BANDS[kind][severity]
        # Fitted before the pixels are rounded to their type: 0.3 dB.
        assert low - 0.3 <= made.psnr <= high + 0.3
        assert severity_of_strength(made.strength) == made.severity == severity
        assert 0 < made.ssim < 1
        assert made.parameters == describe(name).parameters(made.applied)


@pytest.mark.parametrize("key", SINGLE)
def test_kinds_with_bands_of_their_own_keep_the_drawn_strength(key: str) -> None:
    names = [name for name in _own(key) if describe(name).kind not in PSNR_BANDS]
    for name in names[:4]:
        made = degrade(pictures()[key], name, severity="moderate", rng=stream(4, name))
        assert made.applied == made.strength
        assert 0.4 <= made.strength <= 0.65


def test_parameters_have_the_stated_values_at_the_middles() -> None:
    sigma = [describe("gaussian_noise").parameters(strength)["sigma"] for strength in (0.0, 0.25, 0.525, 0.85)]
    assert sigma == pytest.approx([0, 0.025, 0.05, 0.11])
    dose = [describe("low_dose").parameters(strength)["dose"] for strength in (0.0, 0.25, 0.525, 0.85, 1.0)]
    assert dose[:4] == pytest.approx([1, 0.4, 0.15, 0.04])
    # Beyond the last value it goes on by the same factor: 0.04 · (0.04/0.15)^(0.15/0.325).
    assert dose[4] == pytest.approx(0.04 * (0.04 / 0.15) ** (0.15 / 0.325))


def test_noise_has_the_stated_deviation() -> None:
    flat = Picture(
        name="flat", modality="MR", pixels=np.full((200, 200), 0.5, np.float32), axes="YX", units="display"
    )
    flat = replace(flat, pixels=np.where(np.arange(200)[:, None] < 2, 1.0, flat.pixels).astype(np.float32))
    made = degrade(flat, "gaussian_noise", strength=0.525, rng=stream(5))
    assert (made.picture.pixels - flat.pixels).std() == pytest.approx(0.05, rel=0.02)
    assert made.psnr == pytest.approx(-20 * np.log10(0.05), abs=0.15)


def test_volumes_and_clips_are_degraded_plane_by_plane() -> None:
    volume, clip = pictures()["CT volume"], pictures()["clip"]
    noisy = degrade(volume, "gaussian_noise", strength=0.5, rng=stream(6)).picture
    grain = (noisy.pixels - volume.pixels).astype(float)
    assert noisy.pixels.shape == volume.pixels.shape
    assert noisy.pixels.dtype == volume.pixels.dtype
    assert abs(np.corrcoef(grain[0].ravel(), grain[1].ravel())[0, 1]) < 0.03
    shaded = degrade(clip, "vignette", strength=0.5, rng=stream(7)).picture
    assert (shaded.pixels[0] == shaded.pixels[2]).all()
    thick = degrade(volume, "thick_slices", strength=0.9, rng=stream(8)).picture
    assert (
        np.abs(np.diff(thick.pixels.astype(float), axis=0)).mean()
        < np.abs(np.diff(volume.pixels.astype(float), axis=0)).mean()
    )
    assert degrade(volume, "gaussian_noise", severity="moderate", rng=stream(9)).severity == "moderate"


def test_same_stream_same_pixels() -> None:
    picture = pictures()["CT"]
    first, second = (degrade(picture, "low_dose", severity="severe", rng=stream(10)) for _ in range(2))
    assert first.picture.pixels.tobytes() == second.picture.pixels.tobytes()
    assert first.reference == second.reference
    assert len(first.reference) == 64


def test_truth_stays_with_the_picture() -> None:
    picture = pictures()["SM"]
    made = degrade(picture, "defocus", strength=0.5, rng=stream(11)).picture
    assert made.marks is picture.marks
    assert made.measurements is picture.measurements


@pytest.mark.parametrize(
    ("key", "name", "words"),
    [
        ("CT", "head_motion", "does not fit modality CT .* sparse_views"),
        ("MR", "fog", "does not fit modality MR .* undersampling"),
        ("GM", "stain_cast", "does not fit modality GM"),
        ("CT", "thick_slices", "axes YX"),
        ("CT", "low_doze", "did you mean 'low_dose'"),
    ],
)
def test_wrong_modality_is_an_error_that_names_the_right_ones(key: str, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        degrade(pictures()[key], name, strength=0.5, rng=stream(0))


def test_bad_input_is_an_error() -> None:
    picture = pictures()["CT"]
    with pytest.raises(ConfigError, match="expected 0 to 1"):
        degrade(picture, "defocus", strength=1.5, rng=stream(0))
    with pytest.raises(ConfigError, match=r"unknown severity 'sever'.*severe"):
        degrade(picture, "defocus", severity="sever", rng=stream(0))
    with pytest.raises(ConfigError, match="not both or neither"):
        degrade(picture, "defocus", rng=stream(0))
    with pytest.raises(ConfigError, match="map of depth"):
        degrade(replace(picture, units="mm"), "defocus", strength=0.5, rng=stream(0))
    with pytest.raises(ConfigError, match="no degradations for modality 'CTT'"):
        degradation_names("CTT")
    with pytest.raises(ConfigError, match="two degradations of one kind"):
        degrade_twice(picture, ("defocus", "defocus"), rng=stream(0), severities=("mild", "mild"))


def test_a_flat_picture_has_no_blur_and_says_so() -> None:
    flat = Picture(name="flat", modality="US", pixels=np.full((64, 64), 90, np.uint8), axes="YX", units="display")
    with pytest.raises(DataError, match="give a strength in place of a severity"):
        degrade(flat, "defocus", severity="severe", rng=stream(0))


def test_two_at_once_take_the_worse_severity_and_name_the_main_problem() -> None:
    picture = pictures()["DX"]
    made, main, other = degrade_twice(
        picture, ("gaussian_noise", "defocus"), rng=stream(12), severities=("severe", "mild")
    )
    assert made.severity == "severe"
    assert (main, other) == ("gaussian_noise", "defocus")
    assert made.name == "gaussian_noise + defocus"
    alone = degrade(picture, "defocus", severity="mild", rng=stream(12))
    assert made.psnr < alone.psnr


def test_blind_estimates_agree_with_the_label() -> None:
    """Noise by the median of the finest differences and blur by the energy of gradients, severe against none."""
    picture = pictures()["DX"]

    def noise(pixels: np.ndarray) -> float:
        values = pixels.astype(float)
        fine = values[::2, ::2] - values[1::2, ::2] - values[::2, 1::2] + values[1::2, 1::2]
        return float(np.median(np.abs(fine)))

    def sharp(pixels: np.ndarray) -> float:
        return float(np.mean(np.diff(pixels.astype(float), axis=1) ** 2))

    right = 0
    for number in range(10):
        right += noise(
            degrade(picture, "gaussian_noise", severity="severe", rng=stream(13, number)).picture.pixels
        ) > 3 * noise(picture.pixels)
        right += sharp(
            degrade(picture, "defocus", severity="severe", rng=stream(14, number)).picture.pixels
        ) < 0.5 * sharp(picture.pixels)
    assert right >= 18


def test_ssim_ranks_as_psnr_does() -> None:
    picture, agree, pairs = pictures()["DX"], 0, 0
    for name in ("gaussian_noise", "defocus", "motion_blur", "block_coding", "quantum_mottle"):
        made = [
            degrade(picture, name, severity=level, rng=stream(15, name)) for level in ("mild", "moderate", "severe")
        ]
        for better, worse in ((0, 1), (1, 2), (0, 2)):
            pairs += 1
            agree += made[better].ssim > made[worse].ssim
    assert agree / pairs >= 0.95


def test_psnr_and_ssim_by_hand() -> None:
    black, grey = np.zeros((20, 20)), np.full((20, 20), 0.1)
    assert psnr(black, black) == float("inf")
    # Mean square error 0.01: 20 dB.
    assert psnr(black, grey) == pytest.approx(20.0)
    assert ssim(grey, grey) == pytest.approx(1.0)
    # No variance: C2 cancels and (2·0·0.1 + 1e-4) / (0.01 + 1e-4) = 0.0099.
    assert ssim(black, grey) == pytest.approx(1e-4 / 0.0101)


def test_ssim_against_the_reference_implementation() -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="the peer is not installed")
    rng = np.random.default_rng(0)
    first = gaussian(rng.random((64, 64, 1)), 2.0)[..., 0].astype(float)
    second = np.clip(first + rng.normal(0, 0.05, first.shape), 0, 1)
    theirs, full = metrics.structural_similarity(first, second, data_range=1.0, gaussian_weights=True, sigma=1.5,
                                                 use_sample_covariance=False, full=True)  # fmt: skip
    del theirs
    assert ssim(first, second) == pytest.approx(float(full[5:-5, 5:-5].mean()), abs=1e-6)


def test_windows_are_of_the_unit() -> None:
    assert window_of(pictures()["CT"]) == (-160.0, 240.0)
    assert window_of(pictures()["PT"]) == (0.0, 10.0)
    assert window_of(pictures()["SM"]) == (0.0, 255.0)
    lungs = replace(pictures()["CT"], pixels=np.full((64, 64), -820, np.int16))
    assert window_of(lungs) == (-1150.0, 350.0)


def test_projection_there_and_back() -> None:
    rows, columns = np.mgrid[:96, :96] - 47.5
    disc = gaussian((np.hypot(rows - 8, columns + 14) < 20).astype(np.float32)[..., None], 1.0)[..., 0].astype(
        np.float64
    )
    rays = project(disc)
    assert rays.shape == (VIEWS, 96)
    # The longest chord is the diameter; every view sums to the same mass.
    assert rays.max() == pytest.approx(40, rel=0.03)
    assert rays.sum(axis=1) == pytest.approx(np.full(VIEWS, disc.sum()), rel=0.01)
    back = back_projected(rays)
    assert np.corrcoef(back.ravel(), disc.ravel())[0, 1] > 0.985
    assert back[disc > 0.99].mean() == pytest.approx(1.0, abs=0.04)
    # The place is kept, not mirrored.
    assert rows[back > 0.5].mean() == pytest.approx(8, abs=0.6)
    assert columns[back > 0.5].mean() == pytest.approx(-14, abs=0.6)


def test_filters_by_hand() -> None:
    point = np.zeros((65, 65, 1), np.float32)
    point[32, 32] = 1
    spread = gaussian(point, 3.0)[..., 0]
    rows = np.arange(65) - 32
    assert spread.sum() == pytest.approx(1, abs=1e-4)
    assert np.sqrt((spread.sum(axis=1) * rows**2).sum()) == pytest.approx(3.0, rel=0.01)
    line = line_blur(point, 9.0, 0.0)[..., 0]
    # A line of length 9 along the columns has a variance of 9² / 12.
    assert (line.sum(axis=0) * rows**2).sum() == pytest.approx(81 / 12, rel=0.05)
    assert (line.sum(axis=1) * rows**2).sum() == pytest.approx(0, abs=0.05)


def test_noise_and_blur_hide_a_lesion() -> None:
    picture = pictures()["CT"]

    def d_prime(name: str, strength: float, contrast: float = 0.1) -> float:
        made = degrade(picture, name, strength=strength, rng=stream(16, name))
        return detectability(picture, made, place=(46.0, 58.0), diameter_px=5.0, contrast=contrast)

    clean = d_prime("gaussian_noise", 0.0)
    noisy = [d_prime("gaussian_noise", strength) for strength in (0.2, 0.5, 0.9)]
    assert clean > noisy[0] > noisy[1] > noisy[2]
    assert clean > d_prime("defocus", 0.9)
    assert d_prime("gaussian_noise", 0.5, contrast=0.2) == pytest.approx(2 * noisy[1], rel=0.01)
    assert (grade_of(clean), grade_of(1.5), grade_of(1.4)) == ("good", "usable", "reject")


def test_a_fault_elsewhere_leaves_the_lesion() -> None:
    picture = pictures()["CT"]
    made = degrade(picture, "overlay", strength=0.3, rng=stream(17))
    clean = degrade(picture, "overlay", strength=0.0, rng=stream(17))
    place = {"place": (46.0, 58.0), "diameter_px": 5.0, "contrast": 0.1}
    assert detectability(picture, made, **place) == pytest.approx(detectability(picture, clean, **place), rel=0.01)


def test_detectability_wants_an_image_and_room() -> None:
    volume, image = pictures()["CT volume"], pictures()["CT"]
    made = degrade(volume, "defocus", strength=0.5, rng=stream(18))
    with pytest.raises(ConfigError, match="is a volume"):
        detectability(volume, made, place=(46.0, 58.0), diameter_px=5.0, contrast=0.1)
    made = degrade(image, "defocus", strength=0.5, rng=stream(18))
    with pytest.raises(ConfigError, match="to every edge"):
        detectability(image, made, place=(2.0, 58.0), diameter_px=5.0, contrast=0.1)


def test_grades_and_words() -> None:
    picture = pictures()["ES"]
    grades = [
        degrade(picture, "fog", severity=level, rng=stream(19)).grade
        for level in ("none", "mild", "moderate", "severe")
    ]
    assert grades == ["good", "good", "usable", "reject"]
    assert "milky" in degrade(picture, "fog", strength=0.38, rng=stream(19)).words
    assert degrade(picture, "fog", strength=0.38, rng=stream(19)).grade == ""


UNREACHED = {("sperm", "uneven_focus", "severe"): "the sharp half of a sparse field keeps its loss small"}


@pytest.mark.slow
@pytest.mark.parametrize("name", exam_names())
def test_severities_are_reached_on_every_examination(name: str) -> None:
    volume = name in ("abdomen_ct", "angiography", "brain_ct", "brain_mr", "chest_ct", "pet_ct")
    pictures_of_exam = exam(name).render(draw_patient(3, 2), 96 if volume else exam(name).SIZE)
    seen = 0
    for picture in {(part.modality, part.axes): part for part in pictures_of_exam if part.units != "mm"}.values():
        middle = picture if picture.kind == "image" else _middle(picture)
        for kind in degradation_names(middle.modality, axes=middle.axes):
            for severity in ("mild", "moderate", "severe"):
                if describe(kind).kind in PSNR_BANDS and (name, kind, severity) not in UNREACHED:
                    made = degrade(middle, kind, severity=severity, rng=stream(20, kind))
                    seen += made.severity == severity
    assert seen >= 15


def _middle(picture: Picture) -> Picture:
    """The middle slice or frame as an image."""
    return replace(
        picture, pixels=picture.pixels[len(picture.pixels) // 2], axes=picture.axes[1:],
        spacing_mm=picture.spacing_mm[1:], marks=(), measurements=(), events=(), orientation=(), origin_mm=(),
    )  # fmt: skip
