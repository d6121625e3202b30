"""An operation filmed: frames of a window of it with phases, steps, actions, instruments and structures.

A clip is a window of the whole operation, sampled at a rate that may be far below one frame a second; events are in
seconds of the operation from the first frame. T frames, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Event
from vesalius.errors import ConfigError
from vesalius.virtual.picture import Mark
from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.canvas import Canvas, View
from vesalius.virtual.scope.fields.base import Field, Moment, Place, draped
from vesalius.virtual.scope.instruments import INSTRUMENTS, Held, paint_instrument
from vesalius.virtual.scope.light import develop
from vesalius.virtual.scope.workflow import Deed, Operation, procedure

__all__ = ["Shot", "Window", "events_of", "held_at", "marks_of", "shoot_operation"]

_SMOKY = {("hook", "dissect"), ("bipolar", "coagulate"), ("bipolar forceps", "coagulate")}
_JITTER_MM = 4.0
"""How far a tip stands from the middle of its target, at the scale of the abdomen."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which part of an operation a clip shows."""

    start_s: float
    frames: int
    frames_per_second: float

    def __post_init__(self) -> None:
        if self.frames < 1 or self.frames_per_second <= 0 or self.start_s < 0:
            raise ConfigError(
                f"window of {self.frames} frames at {self.frames_per_second} a second from {self.start_s} s: "
                "expected at least one frame, a positive rate and a start that is not negative"
            )

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Times of the frames in the operation, (T,)."""
        return self.start_s + np.arange(self.frames) / self.frames_per_second

    @property
    def length_s(self) -> float:
        """Length of the clip in the time of the operation."""
        return self.frames / self.frames_per_second

    @classmethod
    def whole(cls, operation: Operation, frames: int) -> Window:
        """Return the window that shows all of an operation."""
        return cls(start_s=0.0, frames=frames, frames_per_second=frames / operation.length_s)

    @classmethod
    def drawn(cls, rng: np.random.Generator, operation: Operation, frames: int) -> Window:
        """Draw a window of a fifth to all of an operation, anywhere in it: the number of a frame tells no phase."""
        length = operation.length_s * float(rng.uniform(0.2, 1.0))
        start = float(rng.uniform(0, operation.length_s - length))
        return cls(start_s=start, frames=frames, frames_per_second=frames / length)


class Shot(NamedTuple):
    """One frame with its truth."""

    pixels: NDArray[np.uint8]
    """sRGB, (H, W, 3)."""
    view: View
    held: tuple[tuple[Deed, Held, NDArray[np.bool_]], ...]
    """What each hand does, with which instrument, and its mask (H, W)."""
    structures: tuple[tuple[str, NDArray[np.bool_]], ...]
    """Structures that are seen, (H, W) each."""


def shoot_operation(
    field: Field, operation: Operation, window: Window, rng: np.random.Generator, size: int
) -> tuple[Shot, ...]:
    """Film a window of an operation."""
    camera = _Camera(field, rng)
    target, sd = float(rng.uniform(*field.brightness)), float(rng.uniform(1.2, 2.6))
    return tuple(
        _shoot(field, operation, float(time), camera.view(float(time), size),
               partial(develop, target=target, sd=sd, rng=rng))
        for time in window.times_s
    )  # fmt: skip


class _Camera:
    """Drift, zoom, pulse and breathing of the picture."""

    def __init__(self, field: Field, rng: np.random.Generator) -> None:
        low, high = field.half_mm
        self._half = float(rng.uniform(low, high))
        self._zoom = float(rng.uniform(0.04, 0.12))
        self._drift = 0.10 * self._half
        self._pulse_mm = 0.02 * self._half * float(rng.uniform(0.3, 1.0))
        self._hertz = float(rng.uniform(1.0, 1.5)), float(rng.uniform(0.2, 0.3))
        self._phase = rng.uniform(0, 2 * np.pi, 6)
        self._roll = float(rng.normal(0, 0.1))

    def view(self, time_s: float, size: int) -> View:
        def wave(period_s: float, number: int) -> float:
            return float(np.sin(2 * np.pi * time_s / period_s + self._phase[number]))

        pulse = self._pulse_mm * wave(1 / self._hertz[0], 4)
        breath = 2.5 * self._pulse_mm * wave(1 / self._hertz[1], 5)
        centre = (self._drift * wave(83, 0) + 0.3 * pulse, self._drift * wave(61, 1) + breath + pulse)
        return View(size, centre, self._half * (1 + self._zoom * wave(127, 2)), self._roll + 0.05 * wave(71, 3))


def _shoot(
    field: Field, operation: Operation, time_s: float, view: View,
    finish: Callable[[Array], tuple[NDArray[np.uint8], float]],
) -> Shot:  # fmt: skip
    moment = Moment(operation, time_s, view)
    canvas = field.paint(moment)
    if operation.is_outside(time_s):
        draped(canvas)
        return Shot(finish(canvas.lit(field.distance_mm, 0.0))[0], view, (), ())
    held: list[tuple[Deed, Held, NDArray[np.bool_]]] = []
    for deed, tool in held_at(field, moment):
        mask = paint_instrument(canvas, tool, field.scale)
        held = [(other, one, seen & ~mask) for other, one, seen in held]
        held.append((deed, tool, mask))
        canvas.label[mask] = 0
    light = canvas.lit(field.distance_mm, field.wetness)
    light = _smoke(canvas, light, moment)
    structures = tuple((name, canvas.mask(name)) for name in canvas.names[1:] if canvas.mask(name).any())
    return Shot(finish(light)[0], view, tuple(held), structures)


def held_at(field: Field, moment: Moment) -> Iterator[tuple[Deed, Held]]:
    """Yield what each hand does and where its instrument is; what has no shaft is left out.

    A tip stays within `_JITTER_MM` of its target in the abdomen, and in smaller fields in proportion.
    """
    places = field.places(moment)
    reach = _JITTER_MM * moment.view.half_mm / 55.0
    for deed in moment.operation.deeds_at(moment.time_s):
        if deed.instrument not in INSTRUMENTS:
            continue
        x, y = places[deed.target]
        turn = 2.399963 * (deed.start_s + deed.hand)
        wave = 2 * np.pi * 0.7 * moment.time_s
        off: Place = (reach * float(0.7 * np.cos(turn) + 0.3 * np.sin(wave)),
                      reach * float(0.7 * np.sin(turn) + 0.3 * np.cos(1.3 * wave)))  # fmt: skip
        port = field.ports[min(deed.hand, len(field.ports) - 1)]
        yield deed, Held(deed.instrument, (x + off[0], y + off[1]), port)


def _smoke(canvas: Canvas, light: Array, moment: Moment) -> Array:
    """Veil the picture where current has cut within the last seconds."""
    burnt = 0.0
    for deed in moment.operation.deeds:
        if (deed.instrument, deed.verb) in _SMOKY and deed.start_s <= moment.time_s < deed.end_s + 4:
            burnt = max(burnt, float(np.clip((moment.time_s - deed.start_s) / 6, 0.1, 1)))
    if not burnt:
        return light
    half = canvas.view.half_mm
    cloud = 0.35 + 0.2 * canvas.grain.at(
        canvas.x, canvas.y - np.float32(0.15 * half * moment.time_s), 0.8 * half, 6.0
    )
    veil = np.clip(0.28 * burnt * cloud, 0, 0.4)[..., None].astype(np.float32)
    veiled: Array = (light * (1 - veil) + veil * 1.3 * light.mean()).astype(np.float32)
    return veiled


def marks_of(shots: Sequence[Shot]) -> tuple[Mark, ...]:
    """Return masks of instruments (instance: the hand) and structures, and the tips of instruments in view."""
    marks = []
    for number, shot in enumerate(shots):
        for deed, tool, mask in shot.held:
            if not mask.any():
                continue
            marks.append(Mark(anatomy=tool.name, mask=mask, frame=number, instance=deed.hand))
            x, y = shot.view.pixel(*tool.tip)
            if 0 <= x < shot.view.size and 0 <= y < shot.view.size:
                marks.append(Mark(anatomy=f"{tool.name} tip", points=((x, y),), frame=number, instance=deed.hand))
        marks += [Mark(anatomy=name, mask=mask, frame=number) for name, mask in shot.structures]
    return tuple(marks)


def events_of(operation: Operation, window: Window, image: str) -> tuple[Event, ...]:
    """Return phases, steps, actions and times out of the body as they are on the frames.

    A phase goes on while the camera is out of the body; a user who wants no label there takes those times out.
    """
    kind = procedure(operation.name)
    times = [float(time) for time in window.times_s]
    names = [operation.visit_at(time).phase for time in times]
    rows: list[Event] = []
    if kind.level == "step":
        rows += _runs([[name] for name in names], "step", window, image)
        names = list(_carried(kind.group_of(name) for name in names))
    rows += _runs([[name] if name else [] for name in names], "phase", window, image)
    done = [operation.deeds_at(time) for time in times]
    labels = [sorted({deed.label for deed in deeds if deed.instrument in INSTRUMENTS}) for deeds in done]
    rows += _runs(labels, "action", window, image)
    tools = [sorted({deed.instrument for deed in deeds}) for deeds in done]
    rows += _runs(tools, "instrument", window, image)
    rows += _runs([["out of body"] * operation.is_outside(time) for time in times], "outside", window, image)
    return tuple(rows)


def _carried(names: Iterable[str]) -> Iterator[str]:
    """Fill what has no name with the name before it."""
    last = ""
    for name in names:
        last = name or last
        yield last


def _runs(labels: Sequence[Sequence[str]], kind: str, window: Window, image: str) -> Iterator[Event]:
    """Join frames that follow each other with the same label."""
    step = 1 / window.frames_per_second
    open_: dict[str, int] = {}
    for number, row in enumerate([*labels, []]):
        for name in [name for name in open_ if name not in row]:
            start = open_.pop(name)
            yield Event(
                image=image, kind=kind, label=name, start_s=start * step, end_s=number * step, source="virtual"
            )
        for name in row:
            open_.setdefault(name, number)
