"""Filmed operations: instruments stand at their targets, events and masks say what is on the frames."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.scope.canvas import Canvas, Grain, View
from vesalius.virtual.scope.fields.base import Field, Moment
from vesalius.virtual.scope.fields.cataract_surgery import CataractSurgeryField
from vesalius.virtual.scope.fields.cholecystectomy import CholecystectomyField
from vesalius.virtual.scope.fields.pituitary_surgery import PituitarySurgeryField
from vesalius.virtual.scope.instruments import INSTRUMENTS, Held, paint_instrument
from vesalius.virtual.scope.theatre import Window, events_of, held_at, marks_of, shoot_operation
from vesalius.virtual.scope.workflow import Operation, draw_operation, procedure, procedure_names
from vesalius.virtual.seeds import stream

FIELDS = {"cholecystectomy": CholecystectomyField, "pituitary_surgery": PituitarySurgeryField,
          "cataract_surgery": CataractSurgeryField}  # fmt: skip


def scene(name: str, number: int = 0) -> tuple[Operation, Field]:
    return draw_operation(stream(2, name, number), name), FIELDS[name](stream(3, name, number))


def test_every_instrument_of_every_procedure_can_be_drawn() -> None:
    named = {tool for name in procedure_names() for tool in procedure(name).deeds} - {"specimen bag"}
    assert named == set(INSTRUMENTS)
    # 6 of the abdomen, 19 of the nose, 10 of the eye.
    assert len(named) == 35


@pytest.mark.parametrize("tool", sorted(INSTRUMENTS))
def test_an_instrument_reaches_from_its_tip_to_the_edge(tool: str) -> None:
    half = 9.0 if INSTRUMENTS[tool].shaft_mm < 1.8 else 30.0
    view = View(160, (0.0, 0.0), half)
    canvas = Canvas(view, Grain(np.random.default_rng(0)), (150, 70, 60))
    mask = paint_instrument(canvas, Held(tool, (0.0, 0.0), (3 * half, 0.0)))
    columns = np.flatnonzero(mask.any(axis=0))
    assert columns[-1] == 159
    # Jaws stand open about the tip and a ring curette's loop begins there: nothing reaches far before the tip.
    assert columns[0] * view.pixel_mm - half == pytest.approx(0, abs=2.5)
    # Width of the shaft near the edge: its diameter and up to 35 % more towards the port.
    width = mask[:, 155].sum() * view.pixel_mm
    assert INSTRUMENTS[tool].shaft_mm * 0.9 - view.pixel_mm <= width
    assert width <= INSTRUMENTS[tool].shaft_mm * 1.4 + 2 * view.pixel_mm


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_target_has_a_place_and_the_tip_is_near_it(name: str) -> None:
    operation, field = scene(name)
    targets = {deed.target for number in range(20) for deed in scene(name, number)[0].deeds}
    checked = 0
    for time in np.linspace(5, operation.length_s - 5, 80):
        moment = Moment(operation, float(time), View(64, (0.0, 0.0), field.half_mm[1]))
        places = field.places(moment)
        assert targets <= set(places)
        for deed, held in held_at(field, moment):
            if deed.verb != "none":
                # 20 mm in the abdomen; held_at keeps 4 mm there and less where the field is smaller.
                assert np.hypot(*np.subtract(held.tip, places[deed.target])) <= 6.0 * field.half_mm[1] / 55
                checked += 1
    assert checked > 20


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_marks_and_events_agree_with_the_operation(name: str) -> None:
    operation, field = scene(name, 1)
    window = Window.whole(operation, 14)
    shots = shoot_operation(field, operation, window, stream(4, name), 96)
    marks, events = marks_of(shots), events_of(operation, window, "clip")
    for number, (shot, time) in enumerate(zip(shots, window.times_s.tolist(), strict=True)):
        held = {deed.instrument for deed in operation.deeds_at(time) if deed.instrument in INSTRUMENTS}
        seen = {mark.anatomy for mark in marks if mark.frame == number and mark.mask is not None} & set(INSTRUMENTS)
        assert seen <= held
        # A shaft enters from the edge, so that it is seen unless another lies over it.
        assert len(held - seen) <= 1
        middle = (number + 0.5) / window.frames_per_second
        labels = {event.label for event in events if event.kind == "action" and event.start_s <= middle < event.end_s}
        assert labels == {deed.label for deed in operation.deeds_at(time) if deed.instrument in INSTRUMENTS}
        level = procedure(name).level
        names = [event.label for event in events if event.kind == level and event.start_s <= middle < event.end_s]
        assert names == [operation.visit_at(time).phase]
        assert shot.pixels.shape == (96, 96, 3)
        for _, mask in shot.structures:
            assert not any((mask & other).any() for _, _, other in shot.held)


def test_steps_of_the_pituitary_operation_make_phases() -> None:
    operation, _ = scene("pituitary_surgery")
    events = events_of(operation, Window.whole(operation, 60), "clip")
    phases = [event.label for event in events if event.kind == "phase"]
    assert phases[0] == "nasal phase"
    assert set(phases) <= {"nasal phase", "sellar phase", "closure phase"}
    assert [event for event in events if event.kind == "step"]


def test_the_gallbladder_is_there_until_it_is_bagged() -> None:
    operation, field = scene("cholecystectomy", 3)
    sizes = {}
    for visit in operation.visits:
        time = (visit.start_s + visit.end_s) / 2
        canvas = field.paint(Moment(operation, time, View(96, (0.0, 0.0), 55.0)))
        sizes.setdefault(visit.phase, canvas.mask("gallbladder").sum())
        assert canvas.mask("liver").any()
    assert sizes["calot triangle dissection"] > 300
    assert sizes.get("packaging", 0) == 0
    assert sizes.get("extraction", 0) == 0


def test_the_lens_goes_and_the_implant_comes() -> None:
    operation, field = scene("cataract_surgery", 2)

    def seen(phase: str, part: float) -> Canvas:
        visit = [visit for visit in operation.visits if visit.phase == phase][-1]
        time = visit.start_s + part * (visit.end_s - visit.start_s)
        return field.paint(Moment(operation, time, View(96, (0.0, 0.0), 9.0)))

    whole = seen("incision", 0.5).mask("nucleus").sum()
    half = seen("phacoemulsification", 0.6).mask("nucleus").sum()
    assert whole >= half
    assert seen("irrigation and aspiration", 0.9).mask("nucleus").sum() == 0
    early, late = (seen("lens implantation", part).mask("pupil").sum() for part in (0.02, 0.9))
    assert early > 0
    assert late > 0


def test_window_times_and_bad_windows() -> None:
    window = Window(start_s=10.0, frames=4, frames_per_second=2.0)
    assert window.times_s.tolist() == [10.0, 10.5, 11.0, 11.5]
    assert window.length_s == 2.0
    for bad in ({"start_s": -1.0}, {"frames": 0}, {"frames_per_second": 0.0}):
        with pytest.raises(ConfigError, match="window of"):
            Window(**{"start_s": 0.0, "frames": 4, "frames_per_second": 1.0, **bad})


def test_drawn_windows_lie_within_the_operation() -> None:
    operation, _ = scene("cholecystectomy")
    starts = []
    for number in range(200):
        window = Window.drawn(stream(5, number), operation, 32)
        assert window.start_s + window.length_s <= operation.length_s + 1e-6
        starts.append(window.start_s / operation.length_s)
    # Start of a window of a uniform share s of 0.2 to 1 is uniform on 0 to 1 − s: mean 0.2, SD 0.19 / √200.
    assert np.mean(starts) == pytest.approx(0.2, abs=0.05)
