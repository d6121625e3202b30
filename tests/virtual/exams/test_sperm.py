"""Clips of sperm: tracks, speeds and counts."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.cells.sperm import CLASSES, FRAMES, FRAMES_PER_SECOND, SEMEN_UM, Semen, draw_swarm, track_speeds
from vesalius.virtual.exams.sperm import render
from vesalius.virtual.findings.asthenozoospermia import Asthenozoospermia
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.findings.oligozoospermia import Oligozoospermia
from vesalius.virtual.findings.teratozoospermia import Teratozoospermia
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.seeds import stream


def _patient(number: int, *diseases: Disease) -> Patient:
    return draw_patient(41, number, preset="sperm").having(diseases)


def _value(picture: Picture, name: str) -> float:
    return next((part.value for part in picture.measurements if part.name == name), 0.0)


def _semen(per_ml: float, motion: dict[str, float], drift: tuple[float, float] = (0.0, 0.0)) -> Semen:
    return Semen(per_ml=per_ml, motion=motion, normal_forms=0.2, drift_um_per_s=drift)


def test_clip_has_its_axes_and_rate() -> None:
    picture = render(_patient(0), 128)[0]
    assert picture.pixels.shape == (FRAMES, 128, 128)
    assert picture.frames_per_second == FRAMES_PER_SECOND
    assert np.isnan(picture.spacing_mm[0])
    assert picture.spacing_mm[1] == pytest.approx(SEMEN_UM / 128 / 1000)
    assert picture.kind == "video"


def test_points_of_a_frame_are_its_heads() -> None:
    picture = render(_patient(1), 256)[0]
    points = [mark for mark in picture.marks if mark.points and mark.frame == 0]
    heads = {mark.instance: mark for mark in picture.marks if mark.mask is not None}
    assert len(points) == len(heads) == _value(picture, "sperm count")
    for mark in points:
        (x, y) = mark.points[0]
        rows, columns = np.nonzero(heads[mark.instance].mask)
        if len(rows) > 20 and min(x, y, 256 - x, 256 - y) > 12:
            # A head of 9 × 6 pixels; another may lie over a part of it.
            assert np.hypot(columns.mean() + 0.5 - x, rows.mean() + 0.5 - y) < 4


def test_heads_are_darker_or_brighter_than_the_ground() -> None:
    picture = render(_patient(2), 256)[0]
    frame = picture.pixels[0].astype(float)
    heads = np.any([mark.mask for mark in picture.marks if mark.mask is not None], axis=0)
    assert abs(frame[heads].mean() - np.median(frame)) > 12


def test_concentration_sets_the_expected_count() -> None:
    motion = {CLASSES[3]: 1.0}
    counts = []
    for number in range(60):
        swarm = draw_swarm(_semen(60e6, motion), stream(1, "count", number))
        counts.append(int(((swarm.track[0] >= 0) & (swarm.track[0] < SEMEN_UM)).all(axis=1).sum()))
    # 60e6 / ml × 128² × 20 µm³ = 19.7; the mean of 60 draws has a standard error of 0.57.
    assert np.mean(counts) == pytest.approx(19.66, abs=2.3)


def test_drift_is_taken_away() -> None:
    still = _semen(120e6, {CLASSES[3]: 1.0}, drift=(9.0, -4.0))
    speeds = track_speeds(draw_swarm(still, stream(2, "drift")).track)
    assert speeds.straight.max() < 0.1
    mixed = _semen(150e6, {CLASSES[0]: 0.5, CLASSES[3]: 0.5}, drift=(8.0, 5.0))
    swarm = draw_swarm(mixed, stream(3, "drift"))
    speeds = track_speeds(swarm.track)
    assert speeds.straight[swarm.motion == CLASSES[3]].max() < 2
    assert np.median(speeds.straight[swarm.motion == CLASSES[0]]) > 25


def test_speeds_lie_in_their_classes() -> None:
    motion = dict.fromkeys(CLASSES, 0.25)
    swarm = draw_swarm(_semen(200e6, motion), stream(4, "classes"))
    speeds = track_speeds(swarm.track)
    medians = [float(np.median(speeds.straight[swarm.motion == name])) for name in CLASSES]
    assert medians == sorted(medians, reverse=True)
    assert medians[0] > 25 > medians[1] > 5 > medians[2]
    rapid = swarm.motion == CLASSES[0]
    assert 55 < speeds.curvilinear[rapid].mean() < 110
    assert (speeds.curvilinear[rapid] >= speeds.straight[rapid]).all()


def test_findings_change_what_they_name() -> None:
    few = Oligozoospermia(anatomy="semen", per_ml=3e6, severity="severe")
    slow = Asthenozoospermia(anatomy="semen", motile=0.1, progressive=0.5, severity="severe")
    odd = Teratozoospermia(anatomy="semen", normal_forms=0.0, severity="severe")
    healthy = [render(_patient(number), 128)[0] for number in range(6)]
    assert np.mean(
        [_value(render(_patient(number, few), 128)[0], "sperm count") for number in range(6)]
    ) < 0.4 * np.mean([_value(picture, "sperm count") for picture in healthy])
    assert np.mean([_value(render(_patient(number, slow), 128)[0], "total motility") for number in range(6)]) < 30
    assert np.mean([_value(picture, "total motility") for picture in healthy]) > 42
    assert all(_value(render(_patient(number, odd), 128)[0], "normal forms") == 0 for number in range(3))


def test_same_patient_same_bytes() -> None:
    assert render(_patient(3), 128)[0].pixels.tobytes() == render(_patient(3), 128)[0].pixels.tobytes()


def test_impossible_size_is_an_error() -> None:
    with pytest.raises(ConfigError, match="expected 128 to 512"):
        render(_patient(0), 1024)
