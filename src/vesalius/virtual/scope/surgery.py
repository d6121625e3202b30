"""A patient's operation as a picture with all truth: clip, masks, workflow, words, captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vesalius.data.records import Event, Measurement, Text
from vesalius.errors import ConfigError
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.scope.caption import caption_events
from vesalius.virtual.scope.fields.base import Field
from vesalius.virtual.scope.narration import Spoken, narrate
from vesalius.virtual.scope.theatre import Window, events_of, marks_of, shoot_operation
from vesalius.virtual.scope.transcript import RECOGNISERS, Heard, recognise
from vesalius.virtual.scope.workflow import Operation, draw_operation
from vesalius.virtual.seeds import stream

__all__ = ["Recording", "operation_of", "picture_of_operation"]

_SIZES = (64, 1024)
_SPANS = ("drawn", "whole")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """How an operation is recorded."""

    procedure: str
    field: Callable[[np.random.Generator], Field]
    """Makes the field from the patient's stream."""
    name: str
    """Name of the picture."""
    size: int = 256
    frames: int = 32
    span: str | Window = "drawn"
    """"whole": a time lapse of all of it; "drawn": of a fifth to all of it; or a window of one's own."""
    spoken: bool = True
    """False for a silent video."""
    modality: str = "ES"
    body_part: str = ""
    view: str = ""

    def __post_init__(self) -> None:
        sized(self.size, *_SIZES)
        if isinstance(self.span, str) and self.span not in _SPANS:
            raise ConfigError(f"span {self.span!r}: expected {' or '.join(_SPANS)}, or a Window")


def operation_of(patient: Patient, name: str) -> Operation:
    """Return the operation of a patient: its course is the same however it is filmed."""
    return draw_operation(stream(patient.seed, patient.occasion, "operation", name), name)


def picture_of_operation(patient: Patient, recording: Recording) -> Picture:
    """Film an operation.

    Times of events are seconds of the operation from the first frame; the frame rate is that of the sampling.
    """
    name = recording.procedure
    operation = operation_of(patient, name)
    window = _window(patient, recording, operation)
    scene = recording.field(stream(patient.seed, patient.occasion, "exam", name, "field"))
    camera = stream(patient.seed, patient.occasion, "exam", name, "camera")
    shots = shoot_operation(scene, operation, window, camera, recording.size)
    wording = stream(patient.seed, patient.occasion, "exam", name, "captions")
    captions = caption_events(wording, operation, window, recording.name)
    speech, texts = _words(patient, operation, window, recording)
    return Picture(
        name=recording.name, modality=recording.modality, pixels=np.stack([shot.pixels for shot in shots]),
        axes="TYXC", units="rgb", frames_per_second=window.frames_per_second, body_part=recording.body_part,
        view=recording.view, marks=marks_of(shots), measurements=_measurements(operation, window, recording.name),
        events=(*events_of(operation, window, recording.name), *speech, *captions),
        texts=(*texts, *(Text(text=text, role="caption", images=(recording.name,)) for text in _levels(captions))),
    )  # fmt: skip


def _window(patient: Patient, recording: Recording, operation: Operation) -> Window:
    if isinstance(recording.span, Window):
        if recording.span.start_s >= operation.length_s:
            raise ConfigError(
                f"window from {recording.span.start_s} s: the operation ends at {operation.length_s:.0f} s"
            )
        return recording.span
    if recording.span == "whole":
        return Window.whole(operation, recording.frames)
    rng = stream(patient.seed, patient.occasion, "exam", recording.procedure, "window")
    return Window.drawn(rng, operation, recording.frames)


def _words(
    patient: Patient, operation: Operation, window: Window, recording: Recording
) -> tuple[list[Event], list[Text]]:
    """Return what is said and heard within the window, as events and as one transcript a recogniser."""
    if not recording.spoken:
        return [], []
    said = narrate(stream(patient.seed, patient.occasion, "exam", operation.name, "narration"), operation)
    events = list(_speech(said, window, recording.name, "narrator"))
    texts = []
    for recogniser in RECOGNISERS:
        rng = stream(patient.seed, patient.occasion, "exam", operation.name, recogniser)
        own = list(_speech(recognise(rng, said, recogniser), window, recording.name, recogniser))
        events += own
        if own:
            written = " ".join(event.label for event in own)
            texts.append(Text(text=written, role="transcript", images=(recording.name,)))
    return events, texts


def _speech(said: Sequence[Spoken | Heard], window: Window, image: str, source: str) -> Iterator[Event]:
    """Yield what is said within the window in the clip's time."""
    for sentence in said:
        start, end = sentence.start_s - window.start_s, sentence.end_s - window.start_s
        if start >= 0 and end <= window.length_s:
            yield Event(image=image, kind="speech", label=sentence.text, start_s=start, end_s=end, source=source)


def _levels(captions: Sequence[Event]) -> Iterator[str]:
    """Yield one text a level: the operation, the phases, the stretches."""
    for level in ("video", "phase", "clip"):
        yield " ".join(event.label for event in captions if event.source == level)


def _measurements(operation: Operation, window: Window, image: str) -> tuple[Measurement, ...]:
    """Time in every phase of the operation, and what the clip shows of it."""
    rows = [("operation time", operation.length_s, ""), ("start in the operation", window.start_s, "")]
    for name in dict.fromkeys(visit.phase for visit in operation.visits):
        spent = sum(visit.end_s - visit.start_s for visit in operation.visits if visit.phase == name)
        rows.append(("phase time", spent, name))
    return tuple(
        Measurement(name=name, value=value, unit="s", image=image, anatomy=place, source="virtual")
        for name, value, place in rows
    )  # fmt: skip
