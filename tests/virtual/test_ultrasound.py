"""Ultrasound: speckle, attenuation, shadow and enhancement by their laws, geometry of the fan, masks of findings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import REFERENCE, drawn

from vesalius.errors import ConfigError
from vesalius.virtual.anatomy.abdomen import build_abdomen
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Block, Ellipsoid
from vesalius.virtual.exams.abdomen_ultrasound import VIEWS, probe_of, render
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.ultrasound import Echo, Fan, Probe, convert, fan_grid, insonate, sector_size_mm

PROBE = Probe(centre=(0, 0, 0), inwards=(0, 1, 0), across=(1, 0, 0), compensation=0.5, focus_mm=75)
ALL = Part(structure="liver", solid=Block((0, 100, 0), (300, 300, 100)), tissue="liver")


def echo(*parts: Part, probe: Probe = PROBE) -> Echo:
    return insonate(Anatomy("test", REFERENCE, (ALL, *parts)), probe, np.random.default_rng(0))


def ball(tissue: str, depth: float = 60, radius: float = 12) -> Part:
    return Part(structure="thing", solid=Ellipsoid((0, depth, 0), (radius,) * 3), tissue=tissue)


def decibels(values: np.ndarray) -> float:
    return float(10 * np.log10((values.astype(float) ** 2).mean()))


def rows(depth_mm: float) -> slice:
    start = round(depth_mm / 0.3)
    return slice(start, start + 30)


def test_speckle_is_fully_developed() -> None:
    """Mean over deviation of a Rayleigh envelope is sqrt(π / (4 - π)) = 1.913; of 4000 independent cells ± 0.05."""
    values = echo().envelope[150:350, 20:170]
    assert values.mean() / values.std() == pytest.approx(1.913, abs=0.08)


def test_liver_keeps_its_level_where_the_gain_undoes_its_loss() -> None:
    values = echo().envelope
    levels = [decibels(values[rows(depth), 20:170]) for depth in (30, 70, 110)]
    # 450 samples of speckle with a correlation of 3 by 3: a standard error of 0.4 dB.
    assert levels == pytest.approx([0, 0, 0], abs=1.3)


def test_loss_of_another_compensation() -> None:
    """0.5 dB/cm/MHz of liver against 0.4 undone: 2 · 3.5 MHz · 0.1 dB · 8 cm = 5.6 dB less at 110 than at 30 mm."""
    values = echo(probe=replace(PROBE, compensation=0.4)).envelope
    fall = decibels(values[rows(30), 20:170]) - decibels(values[rows(110), 20:170])
    assert fall == pytest.approx(5.6, abs=1.5)


def test_fluid_is_black_and_what_lies_behind_is_brighter() -> None:
    found = echo(ball("simple_cyst")).envelope
    assert decibels(found[rows(56), 92:100]) < -25
    # 24 mm of water at 0.02 dB/cm/MHz: 2 · 3.5 · 2.4 · 0.48 = 8 dB.
    gain = decibels(found[rows(85), 90:102]) - decibels(found[rows(85), 20:60])
    assert gain == pytest.approx(8, abs=2.5)


def test_stone_casts_a_clean_shadow_and_gas_a_dirty_one() -> None:
    stone, gas = (echo(ball(tissue, radius=5)).envelope for tissue in ("gallstone", "gas"))
    assert decibels(stone[rows(80), 93:99]) < -25
    assert decibels(stone[rows(54), 90:102]) > 3
    assert decibels(gas[rows(62), 93:99]) > decibels(stone[rows(62), 93:99]) + 6
    assert decibels(stone[rows(80), 20:60]) > -2


def test_surface_across_the_beam_shines_more_than_one_along_it() -> None:
    across = Part(structure="thing", solid=Block((0, 120, 0), (100, 40, 50)), tissue="cortical_bone")
    sloped = Part(structure="thing", solid=Block((0, 140, 0), (100, 40, 50), (1.0, 1.2, 0.0)), tissue="cortical_bone")
    flat, steep = (echo(part).envelope[:, 80:112].mean(axis=1) for part in (across, sloped))
    # Both interfaces lie beyond 70 mm; means of 32 lines keep the mirror and lose the speckle.
    assert flat.max() > 2 * steep.max()


def test_fan_finds_its_places() -> None:
    probe = replace(PROBE, centre=(10.0, -5.0, 3.0))
    fan = Fan(0, "", 0.0, (120.0, 400.0), probe)
    one = np.zeros(1, np.float32)
    # On the middle line 60 mm below the face; and 30° to the side at 100 mm from the apex.
    x, y, z = fan.coordinates(one, one + 110, one)
    assert (x.item(), y.item(), z.item()) == pytest.approx((10, 55, 3), abs=1e-3)
    x, y, _ = fan.coordinates(one + 120 * np.pi / 6, one + 100, one)
    assert (x.item(), y.item()) == pytest.approx((10 + 50, -55 + 86.6025), abs=1e-3)


def test_boxes_of_the_fan_hold_what_is_seen() -> None:
    fan = Fan(0, "", 0.0, (120.0, 400.0), PROBE)
    grid = fan_grid(PROBE)
    x, y, z = fan.coordinates(*grid.axes)
    solid = Ellipsoid((25, 70, 0), (14, 9, 6))
    seen = fan.seen(solid.bounds)
    inside = solid.distance(x, y, z)[0] < 0
    line, depth = np.meshgrid(grid.axes[0], grid.axes[1])
    assert inside.any()
    assert line[inside].min() >= seen.low[0]
    assert line[inside].max() <= seen.high[0]
    assert depth[inside].min() >= seen.low[1]
    assert depth[inside].max() <= seen.high[1]


def test_scan_conversion_keeps_areas() -> None:
    """A ball of 24 mm across covers π · 12² mm² of the picture: within 2 %, the edge's pixels."""
    found = echo(ball("simple_cyst"))
    labels = found.sampled.mask("thing")[0]
    size = 400
    spacing = max(sector_size_mm(PROBE)) / size
    shown = convert(labels, PROBE, size)
    assert shown.sum() * spacing**2 == pytest.approx(np.pi * 144, rel=0.02)
    columns = np.flatnonzero(shown.any(axis=0))
    assert (columns[0] + columns[-1]) / 2 == pytest.approx((size - 1) / 2, abs=1)


def test_sector_is_dark_outside() -> None:
    picture = convert(np.ones((500, 192), np.float32), PROBE, 200)
    assert picture[0, 0] == 0
    assert picture[-1, 0] == 0
    # Area of an annular sector: angle / 2 · (R² - r²).
    spacing = max(sector_size_mm(PROBE)) / 200
    assert picture.sum() * spacing**2 == pytest.approx(PROBE.half_angle * (200**2 - 50**2), rel=0.02)


def patient_with(concept: str, index: int) -> Patient:
    return draw_patient(11, index).having(drawn(concept, index))


def test_views_show_their_organs() -> None:
    wanted = {
        "liver": "liver",
        "gallbladder": "gallbladder",
        "right-kidney": "right kidney",
        "left-kidney": "left kidney",
    }
    missed = 0
    for index in range(2):
        for picture in render(draw_patient(11, index).having(()), 128):
            seen = {mark.anatomy for mark in picture.marks if mark.mask is not None and mark.mask.sum() > 40}
            missed += wanted[picture.name] not in seen
            assert picture.pixels.shape == (128, 128)
            assert picture.pixels.dtype == np.uint8
    assert missed == 0


def test_views_do_not_know_of_disease() -> None:
    patient = patient_with("splenomegaly", 3)
    for name in VIEWS:
        assert probe_of(patient, build_abdomen(patient), name) == probe_of(
            patient.having(()), build_abdomen(patient.having(())), name
        )


@pytest.mark.parametrize("concept", ["cirrhosis", "splenomegaly", "hydronephrosis"])
def test_large_findings_are_seen_on_some_view(concept: str) -> None:
    pictures = render(patient_with(concept, 1), 96)
    assert any(mark.concept == concept for picture in pictures for mark in picture.marks)


def test_fatty_liver_is_bright_and_fades_with_depth() -> None:
    fatty = echo(replace(ALL, tissue="fatty_liver")).envelope
    # +8 dB, less 2 · 3.5 MHz · 0.1 · (0.8 - 0.5) = 0.21 dB a mm: 4.9 dB at 15 mm and -13 dB at 100 mm.
    levels = [decibels(fatty[rows(depth - 4.5), 20:170]) for depth in (15, 100)]
    assert levels == pytest.approx([4.9, -13.0], abs=1.5)


def test_fatty_liver_is_brighter_than_healthy_liver_near_the_probe() -> None:
    def brightness(patient: Patient) -> float:
        picture = render(patient, 192)[2]
        liver = next(mark.mask for mark in picture.marks if mark.anatomy == "liver" and not mark.concept)
        assert liver is not None
        rows = np.nonzero(liver)[0]
        return float(picture.pixels[liver & (np.arange(192) < np.quantile(rows, 0.1))[:, None]].mean())

    # Above the loss on the way 3 dB of 60 remain: 13 of 255 grey values; half of them are asked.
    assert brightness(patient_with("steatosis", 1)) > brightness(draw_patient(11, 1).having(())) + 6


def test_same_patient_gives_the_same_pictures() -> None:
    one, again = (render(patient_with("gallstones", 1), 96) for _ in range(2))
    assert all((a.pixels == b.pixels).all() for a, b in zip(one, again, strict=True))


def test_impossible_probes_are_refused() -> None:
    with pytest.raises(ConfigError, match="depth of 900 mm: expected 20 to 300"):
        replace(PROBE, depth_mm=900)
    with pytest.raises(ConfigError, match=r"frequency of 0\.1 MHz"):
        replace(PROBE, frequency_mhz=0.1)
    with pytest.raises(ConfigError, match="sector of 170 degrees"):
        replace(PROBE, sector_deg=170)
    with pytest.raises(ConfigError, match="image size 9: expected 64 to 768"):
        render(draw_patient(11, 0), 9)
