"""MR: signals by hand, the order of tissues in each sequence, and what noise, shading and k-space do."""

from __future__ import annotations

import numpy as np
import pytest
from virtual_patients import REFERENCE

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Part
from vesalius.virtual.anatomy.solids import Ellipsoid
from vesalius.virtual.anatomy.tissues import Magnetic, tissues
from vesalius.virtual.mr import (
    PROTOCOLS,
    Sequence,
    adc_map,
    apparent,
    at_field,
    bias_field,
    enhanced,
    ernst_angle_deg,
    measured,
    null_time_ms,
    scan,
    sequence,
    signal,
)

WHITE = Magnetic(640, 78, 62, 0.77, 0.72)
FLUID = Magnetic(4000, 2000, 1000, 1.0, 3.0)


@pytest.mark.parametrize(
    ("name", "tissue", "expected"),
    [
        # 0.77 (1 - 2 e^(-544/640) + e^(-550/640)) e^(-12/78) = 0.77 · 0.56863 · 0.85740
        ("t1", WHITE, 0.37541),
        # 1 · (1 - 2 e^(-4450/4000) + e^(-4500/4000)) e^(-100/2000) = 0.66726 · 0.95123
        ("t2", FLUID, 0.63472),
        # 0.77 (1 - 2 e^(-2372/640) + e^(-9000/640)) e^(-110/78) = 0.77 · 0.95086 · 0.24409
        ("flair", WHITE, 0.17871),
        # 0.77 (1 - 2 e^(-4957.5/640) + e^(-5000/640)) e^(-85/78) e^(-0.72) = 0.77 · 0.99954 · 0.33631 · 0.48675
        ("dwi", WHITE, 0.12599),
        # 0.77 sin 20° (1 - E) / (1 - cos 20° E) e^(-20/62), E = e^(-700/640) = 0.33497:
        # 0.77 · 0.34202 · 0.66503 / 0.68523 · 0.72428
        ("swi", WHITE, 0.18512),
    ],
)
def test_signals_by_hand(name: str, tissue: Magnetic, expected: float) -> None:
    assert signal(sequence(name), tissue) == pytest.approx(expected, abs=2e-4)


def test_order_of_tissues() -> None:
    def of(name: str) -> tuple[float, float, float]:
        return tuple(abs(apparent(sequence(name), tissue)) for tissue in ("white_matter", "grey_matter", "csf"))

    white, grey, fluid = of("t1")
    assert white > grey > fluid
    white, grey, fluid = of("t2")
    assert fluid > grey > white
    white, grey, fluid = of("flair")
    assert grey > white > fluid
    assert fluid < 0.02 * white
    white, grey, fluid = of("dwi")
    assert fluid < 0.5 * white


def test_lesions_read_as_they_should() -> None:
    def contrast(name: str, tissue: str, against: str = "white_matter") -> float:
        return apparent(sequence(name), tissue) / apparent(sequence(name), against)

    for tissue in ("brain_oedema", "gliosis", "ms_plaque", "low_grade_glioma", "infarct_acute"):
        assert contrast("t2", tissue) > 1.2, tissue
        assert contrast("flair", tissue) > 1.15, tissue
    assert contrast("dwi", "infarct_acute") > 1.5
    assert contrast("dwi", "infarct_chronic") < 1
    assert contrast("swi", "blood_acute") < 0.5
    assert contrast("swi", "haemosiderin") < 0.3
    assert contrast("t1", "blood_late_subacute") > 1.1
    for tissue in ("high_grade_glioma", "meningioma", "brain_metastasis", "ms_active"):
        assert contrast("t1c", tissue) > 1.25 > contrast("t1", tissue), tissue
    assert contrast("t1c", "low_grade_glioma") < 1


def test_null_time_nulls() -> None:
    found = null_time_ms(4000, 9000)
    # 4000 (ln 2 - ln(1 + e^-2.25)) = 4000 (0.693147 - 0.100192)
    assert found == pytest.approx(2371.8, abs=0.5)
    assert abs(signal(Sequence(name="x", kind="inversion_recovery", tr_ms=9000, te_ms=10, ti_ms=found), FLUID)) < 1e-6


def test_ernst_angle_gives_most() -> None:
    best = ernst_angle_deg(640, 100)
    # cos α = e^(-100/640) = 0.85534
    assert best == pytest.approx(31.2, abs=0.1)
    signals = [
        signal(Sequence(name="x", kind="gradient_echo", tr_ms=100, te_ms=5, flip_deg=angle), WHITE)
        for angle in (best - 3, best, best + 3)
    ]
    assert signals[1] == max(signals)


def test_contrast_and_field() -> None:
    # 1/T1' = 1/1000 + 4.5 · 0.5 / 1000: T1' = 307.7 ms.
    assert enhanced(Magnetic(1000, 100, 50, 1, 1), 0.5).t1_ms == pytest.approx(307.7, abs=0.1)
    grey = at_field(tissues()["grey_matter"].magnetic, 3.0)
    assert grey.t1_ms == pytest.approx(1400, rel=0.03)
    assert grey.t2_ms == pytest.approx(92, rel=0.03)
    assert at_field(FLUID, 3.0).t1_ms == pytest.approx(4300, rel=0.02)
    with pytest.raises(ConfigError, match=r"expected 1\.5 or 3"):
        at_field(WHITE, 2.0)


def test_noise_is_rician() -> None:
    found = measured(np.zeros((6, 64, 64), np.float32), np.random.default_rng(0), kept=1.0, noise=2.0)
    # Of magnitude noise: mean 1.2533 σ, deviation 0.6551 σ; 24 576 voxels.
    assert found.mean() == pytest.approx(2.5066, rel=0.01)
    assert found.std() == pytest.approx(1.3102, rel=0.02)
    cropped = measured(np.zeros((6, 64, 64), np.float32), np.random.default_rng(0), kept=0.7, noise=2.0)
    assert cropped.mean() == pytest.approx(2.5066, rel=0.03)


def test_missing_border_of_k_space_rings() -> None:
    step = np.zeros((1, 64, 64), np.float32)
    step[:, :, 16:48] = 1
    found = measured(step, np.random.default_rng(0), kept=0.5, noise=0.0)[0, 32]
    # Gibbs: the first overshoot is 9 % of the step.
    assert found.max() == pytest.approx(1.09, abs=0.03)
    whole = measured(step, np.random.default_rng(0), kept=1.0, noise=0.0)
    np.testing.assert_allclose(whole, step, atol=0.02)


def test_shading_is_smooth_and_near_one() -> None:
    for seed in range(20):
        field = bias_field((20, 30, 30), np.random.default_rng(seed))
        assert 0.6 < field.min() < field.max() < 1.6
        assert np.abs(np.diff(field, axis=2)).max() < 0.05


def test_adc_is_recovered() -> None:
    low = np.array([0.5, 0.5, 0.001], np.float32)
    high = low * np.exp(-1000 * np.array([0.72e-3, 3.0e-3, 1e-3], np.float32))
    np.testing.assert_allclose(adc_map(low, high, b=1000, floor=0.01), [720, 3000, 0], atol=1)


def test_scan_of_a_ball() -> None:
    body = Anatomy("test", REFERENCE, (
        Part(structure="head", solid=Ellipsoid((0, 0, 0), (30, 30, 30)), tissue="white_matter"),
        Part(structure="core", solid=Ellipsoid((0, 0, 0), (12, 12, 12)), tissue="csf"),
    ))  # fmt: skip
    grid = Grid((20, 40, 40), (4, 2, 2), (-39, -39, -38))
    found = scan(body, grid, PROTOCOLS, np.random.default_rng(1), shading=0.0)
    again = scan(body, grid, PROTOCOLS, np.random.default_rng(1), shading=0.0)
    assert set(found.images) == {"t1", "t2", "flair", "b0", "dwi", "t1c", "swi", "adc"}
    core = found.sampled.mask("core")
    for name, image in found.images.items():
        assert image.dtype == np.uint16
        np.testing.assert_array_equal(image, again.images[name])
    assert np.median(found.images["adc"][core]) == pytest.approx(3000, rel=0.08)
    shell = found.sampled.mask("head")
    assert np.median(found.images["adc"][shell]) == pytest.approx(720, rel=0.05)
    assert np.median(found.images["t1"][shell]) == pytest.approx(4000 * signal(sequence("t1"), WHITE), rel=0.03)
    assert np.median(found.images["flair"][core]) < 0.2 * np.median(found.images["flair"][shell])


def test_unknown_sequence() -> None:
    with pytest.raises(ConfigError, match="did you mean 'flair'"):
        sequence("flare")
