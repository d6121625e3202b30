"""Action triplets <instrument, verb, target> of cholecystectomies, as CholecT45 and CholecT50 name them.

A study is a frame; frames are one second apart. A triplet becomes an action of one second, "instrument, verb,
target"; a null verb or target is "none". Whether each instrument is in use is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._labels import closed
from vesalius.data.datasets._rasters import described, save_picture
from vesalius.data.datasets._virtual import masks, pixels, studies_of, union
from vesalius.data.records import Box, Event, Image, Provenance, Region, Study

__all__ = [
    "INSTRUMENTS", "NUMBERED", "PHASES", "TARGETS", "VERBS", "Action", "Frame", "frame_study", "frames_of",
    "videos_of",
]  # fmt: skip

INSTRUMENTS = ("grasper", "bipolar", "hook", "scissors", "clipper", "irrigator")
VERBS = ("grasp", "retract", "dissect", "coagulate", "clip", "cut", "aspirate", "irrigate", "pack", "null_verb")
TARGETS = (
    "gallbladder", "cystic_plate", "cystic_duct", "cystic_artery", "cystic_pedicle", "blood_vessel", "fluid",
    "abdominal_wall_cavity", "liver", "adhesion", "omentum", "peritoneum", "gut", "specimen_bag", "null_target",
)  # fmt: skip
PHASES = (
    "preparation", "calot triangle dissection", "clipping and cutting", "gallbladder dissection", "packaging",
    "cleaning and coagulation", "extraction",
)  # fmt: skip
"""Phases of CholecT50 by number, in our words."""
_SPOKEN = {"null_verb": "none", "null_target": "none", "abdominal_wall_cavity": "abdominal cavity"}
_SOURCE = "annotation"
_USUAL = {
    "grasper": ("grasp", "retract", "dissect", "pack"), "bipolar": ("coagulate", "dissect", "grasp"),
    "hook": ("dissect", "coagulate", "cut"), "scissors": ("cut", "coagulate"), "clipper": ("clip",),
    "irrigator": ("aspirate", "irrigate"),
}  # fmt: skip


def _numbered() -> tuple[tuple[int, int, int], ...]:
    """Number 94 usual triplets and the six null ones; the release has a table of its own."""
    usual = [(name, verb, target) for name, verbs in _USUAL.items() for verb, target in product(verbs, TARGETS[:-1])]
    spread = [usual[round(place)] for place in np.linspace(0, len(usual) - 1, 94)]
    ids = [(INSTRUMENTS.index(i), VERBS.index(v), TARGETS.index(t)) for i, v, t in spread]
    return (*ids, *((number, len(VERBS) - 1, len(TARGETS) - 1) for number in range(len(INSTRUMENTS))))


NUMBERED = _numbered()
"""The hundred triplets of the twins by number: instrument, verb, target."""


@dataclass(frozen=True)
class Action:
    """One triplet by its numbers, and the box of the instrument's tip where it is stated."""

    instrument: int
    verb: int
    target: int
    box: Box | None = None
    """Relative to the width and height of the frame, or in pixels."""

    @property
    def label(self) -> str:
        """Words of the action."""
        names = (INSTRUMENTS[self.instrument], VERBS[self.verb], TARGETS[self.target])
        return ", ".join(_SPOKEN.get(name, name.replace("_", " ")) for name in names)


@dataclass(frozen=True)
class Frame:
    """What is stated of a frame."""

    video: str
    second: int
    actions: tuple[Action, ...]
    instruments: tuple[int, ...]
    phase: int | None = None


def frame_study(frame: Frame, path: Path, origin: Provenance) -> Study:
    """Return the study of a frame."""
    like = Image(id="frame", path="", modality="ES", body_part="GALLBLADDER", view="laparoscopic")
    image = described(path, like=like)
    start, end = float(frame.second), float(frame.second + 1)
    events = [
        Event(image="frame", kind="action", label=action.label, start_s=start, end_s=end, source=_SOURCE)
        for action in frame.actions
    ]
    if frame.phase is not None:
        events.append(Event(image="frame", kind="phase", label=PHASES[frame.phase], start_s=start, end_s=end,
                            source=_SOURCE))  # fmt: skip
    used = [INSTRUMENTS[number] for number in frame.instruments]
    return Study(
        id=f"{frame.video}_{frame.second:06d}", patient=frame.video, images=(image,), events=tuple(events),
        findings=closed(used, INSTRUMENTS, source=_SOURCE)[:-1], regions=tuple(_regions(frame, image)),
        provenance=origin,
    )  # fmt: skip


def _regions(frame: Frame, image: Image) -> Iterator[Region]:
    height, width = image.shape
    for number, action in enumerate(frame.actions):
        if action.box is not None:
            relative = max(action.box) <= 1.0
            x, y = (width, height) if relative else (1, 1)
            left, top, right, bottom = action.box
            yield Region(
                image="frame", kind="box", anatomy=INSTRUMENTS[action.instrument], instance=number,
                box=Box(left * x, top * y, right * x, bottom * y),
            )  # fmt: skip


def videos_of(corpus: Corpus, numbers: Sequence[int], tests: Sequence[int]) -> list[tuple[Study, str]]:
    """Give each virtual operation a video's name: of `tests` where it is of the test part, else of `numbers`.

    Operations beyond the videos of the release are left out.
    """
    tested = studies_of(corpus, "test")
    free = {True: iter(tests), False: iter(numbers)}
    drawn = [(study, next(free[study.id in tested], None)) for study in sorted(corpus, key=lambda one: one.id)]
    return sorted(((one, f"VID{n:02d}") for one, n in drawn if n is not None), key=lambda pair: pair[1])


def frames_of(corpus: Corpus, study: Study, video: str, folder: Path, *, count: int = 12) -> list[Frame]:
    """Write the first frames of a clip and return what is stated of them in the terms of the release."""
    clip = study.images[0]
    frames = pixels(corpus, clip)[:count]
    step = 1 / (clip.frames_per_second or 1.0)
    found = []
    for number, values in enumerate(frames):
        save_picture(folder / video / f"{number:06d}.png", values)
        time = (number + 0.5) * step
        now = [event for event in study.events if event.start_s <= time < event.end_s]
        actions = tuple(
            action for label in sorted({event.label for event in now if event.kind == "action"})
            if (action := _action(corpus, study, label, number)) is not None
        )  # fmt: skip
        phase = next((PHASES.index(event.label) for event in now if event.kind == "phase"), None)
        used = tuple(sorted({action.instrument for action in actions}))
        found.append(Frame(video, number, actions, used, phase))
    return found


def _action(corpus: Corpus, study: Study, label: str, number: int) -> Action | None:
    """Return an action with the box of its instrument; None where the release has no such instrument or triplet."""
    theirs = {spoken: name for name, spoken in _SPOKEN.items() if name.startswith("abdominal")}
    names = [theirs.get(name, name).replace(" ", "_") for name in label.split(", ")]
    if names[0] not in INSTRUMENTS:
        return None
    verb = "null_verb" if names[1] == "none" else names[1]
    target = "null_target" if names[2] == "none" else names[2]
    ids = (INSTRUMENTS.index(names[0]), VERBS.index(verb), TARGETS.index(target))
    if ids not in NUMBERED:
        ids = (ids[0], len(VERBS) - 1, len(TARGETS) - 1)
    height, width = study.images[0].shape[1:]
    mask = union(corpus, masks(study, anatomy=[names[0]], frame=number), (height, width))
    if not mask.any():
        return Action(*ids)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = Box(columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    return Action(*ids, Box(*(round(float(side), 4) for side in box)))
