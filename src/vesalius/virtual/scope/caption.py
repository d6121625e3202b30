"""Captions of a window of an operation: what is done in a stretch, what a phase is for, what the operation was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vesalius.data.records import Event
from vesalius.virtual.scope.instruments import INSTRUMENTS
from vesalius.virtual.scope.narration import narration_words
from vesalius.virtual.scope.theatre import Window
from vesalius.virtual.scope.workflow import Operation, procedure

__all__ = ["LEVELS", "caption_events"]

LEVELS = ("clip", "phase", "video")
"""Sources of the events of kind "caption"."""


def caption_events(
    rng: np.random.Generator, operation: Operation, window: Window, image: str, *, stretch: int = 4
) -> tuple[Event, ...]:
    """Return captions with their times: one a stretch of frames, one a visited phase, one for the operation.

    Args:
        rng: stream of the wording.
        operation: what is filmed.
        window: what of it the clip shows.
        image: name of the clip.
        stretch: frames of one caption of the lowest level.
    """
    made = [Event(image=image, kind="caption", label=_video(rng, operation), start_s=0.0, end_s=window.length_s,
                  source="video")]  # fmt: skip
    made += list(_phases(rng, operation, window, image))
    step = 1 / window.frames_per_second
    for first in range(0, window.frames, stretch):
        last = min(first + stretch, window.frames)
        label = _clip(rng, operation, window.times_s[first:last].tolist())
        made.append(Event(image=image, kind="caption", label=label, start_s=first * step, end_s=last * step,
                          source="clip"))  # fmt: skip
    return tuple(made)


def _video(rng: np.random.Generator, operation: Operation) -> str:
    kind = procedure(operation.name)
    stages = [visit.phase for visit in operation.visits]
    frame = _pick(rng, narration_words().captions.video)
    joined = ", then " if frame.endswith(". {steps}.") else ", "
    steps = joined.join(stages)
    minutes = max(1, round(operation.length_s / 60))
    return frame.format(title=kind.title, minutes=minutes, count=len(stages),
                        steps=_capital(steps) if joined == ", then " else steps)  # fmt: skip


def _phases(rng: np.random.Generator, operation: Operation, window: Window, image: str) -> Iterator[Event]:
    """One caption for every visit that the window touches."""
    kind = procedure(operation.name)
    for visit in operation.visits:
        start, end = max(visit.start_s - window.start_s, 0.0), min(visit.end_s - window.start_s, window.length_s)
        if end > start:
            phase = kind.phases[visit.phase]
            label = _pick(rng, narration_words().captions.phase).format(
                phase=visit.phase, Phase=_capital(visit.phase), goal=phase.goal, Remark=_capital(phase.remark)
            )
            yield Event(image=image, kind="caption", label=label, start_s=start, end_s=end, source="phase")


def _clip(rng: np.random.Generator, operation: Operation, times: list[float]) -> str:
    """Say what is done on some frames, each action once."""
    words = narration_words()
    if all(operation.is_outside(time) for time in times):
        return _pick(rng, words.captions.outside)
    done = {deed.label: deed for time in times for deed in operation.deeds_at(time)
            if deed.verb != "none" and deed.instrument in INSTRUMENTS}  # fmt: skip
    if not done:
        return _pick(rng, words.captions.idle)
    sentences = []
    for label in sorted(done):
        deed = done[label]
        _, past, third = words.verbs[deed.verb]
        frame = _pick(rng, words.captions.clip)
        sentences.append(frame.format(instrument=deed.instrument, target=deed.target, past=past, third=third))
    return " ".join(sentences)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pick(rng: np.random.Generator, options: list[str]) -> str:
    return options[int(rng.integers(len(options)))]
