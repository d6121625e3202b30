"""What is said during an operation, how two recognisers hear it, and captions at three levels.

Words lag behind or run ahead of the acts; a third is about another time. The truth of a sentence is the time that it
is about, not the time when it is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vesalius.config import Config, read_yaml, validate
from vesalius.virtual.scope.instruments import INSTRUMENTS
from vesalius.virtual.scope.workflow import Deed, Operation, Visit, procedure

__all__ = ["Captions", "Spoken", "Words", "narrate", "narration_words"]

_WORDS_PER_S = 2.4
_LAG_S = (-3.0, 6.0)
"""Mean and SD of when a sentence starts against its act."""
_OTHER = (0.20, 0.40)
"""Share of sentences about another time, drawn for every operation."""
_PAUSE_S = 9.0
"""Mean silence between sentences."""


@dataclass(frozen=True, kw_only=True)
class Captions(Config):
    """Frames of captions; see `narration.yaml`."""

    clip: list[str]
    idle: list[str]
    outside: list[str]
    phase: list[str]
    video: list[str]


@dataclass(frozen=True, kw_only=True)
class Words(Config):
    """All words of the theatre."""

    verbs: dict[str, list[str]]
    act: list[str]
    special: dict[str, list[str]]
    phase: list[str]
    other: list[str]
    remark: list[str]
    filler: list[str]
    hesitations: list[str]
    misheard: dict[str, list[str]]
    confused: dict[str, str]
    general: dict[str, str]
    captions: Captions


class Spoken(NamedTuple):
    """One sentence."""

    text: str
    start_s: float
    end_s: float
    kind: str
    """act, phase, other, remark or filler."""
    about: tuple[float, float]
    """The time of the operation that it is about."""


@cache
def narration_words() -> Words:
    """Read the words."""
    file = Path(__file__).with_name("narration.yaml")
    return validate(Words, read_yaml(file), where=file.name)


def narrate(rng: np.random.Generator, operation: Operation) -> tuple[Spoken, ...]:
    """Speak through an operation, sentence after sentence without overlap."""
    share = float(rng.uniform(*_OTHER))
    said: list[Spoken] = []
    clock = float(rng.exponential(_PAUSE_S))
    while clock < operation.length_s:
        text, kind, about = _sentence(rng, operation, clock, share)
        start = clock if kind == "filler" else clock + float(rng.normal(*_LAG_S))
        start = max(start, said[-1].end_s + 0.2 if said else 0.0)
        end = start + len(text.split()) / _WORDS_PER_S
        if end >= operation.length_s:
            break
        said.append(Spoken(text, start, end, kind, about))
        clock = max(clock + 1.0, end + float(rng.exponential(_PAUSE_S)))
    return tuple(said)


def _sentence(
    rng: np.random.Generator, operation: Operation, clock: float, share: float
) -> tuple[str, str, tuple[float, float]]:
    """Choose what to say at a time; return text, kind and the time that it is about."""
    words, kind = narration_words(), procedure(operation.name)
    visit = operation.visit_at(clock)
    deeds = [deed for deed in operation.deeds_at(clock) if deed.verb != "none" and deed.instrument in INSTRUMENTS]
    if rng.random() < share:
        return _elsewhere(rng, operation, visit)
    if clock - visit.start_s < 15 or (not deeds and rng.random() < 0.5):
        text = _pick(rng, words.phase).format(phase=visit.phase, goal=kind.phases[visit.phase].goal)
        return text, "phase", (visit.start_s, visit.end_s)
    roll = rng.random()
    if not deeds or roll < 0.12:
        return _pick(rng, words.filler), "filler", (clock, clock + 1)
    if roll < 0.22:
        text = _pick(rng, words.remark).format(remark=kind.phases[visit.phase].remark)
        return text, "remark", (visit.start_s, visit.end_s)
    deed = deeds[int(rng.integers(len(deeds)))]
    return _of_deed(rng, deed), "act", (deed.start_s, deed.end_s)


def _of_deed(rng: np.random.Generator, deed: Deed) -> str:
    words = narration_words()
    frames = [*words.act, *2 * words.special.get(deed.verb, [])]
    gerund, past, _ = words.verbs[deed.verb]
    return _pick(rng, frames).format(instrument=deed.instrument, target=deed.target, gerund=gerund, past=past)


def _elsewhere(rng: np.random.Generator, operation: Operation, visit: Visit) -> tuple[str, str, tuple[float, float]]:
    """Speak of what was or what comes; of the present phase's care where there is neither."""
    words, kind = narration_words(), procedure(operation.name)
    place = operation.visits.index(visit)
    frames = list(_possible(words.other, place, len(operation.visits)))
    frame = _pick(rng, frames) if frames else _pick(rng, words.remark)
    ahead = "{next}" in frame
    about = operation.visits[place + 1 if ahead else max(place - 1, 0)] if frames else visit
    phase = kind.phases[about.phase]
    text = frame.format(next=about.phase, previous=about.phase, goal=phase.goal, remark=phase.remark)
    return text, "other" if frames else "remark", (about.start_s, about.end_s)


def _possible(frames: list[str], place: int, count: int) -> Iterator[str]:
    for frame in frames:
        if ("{next}" in frame and place + 1 < count) or ("{previous}" in frame and place > 0):
            yield frame


def _pick(rng: np.random.Generator, options: list[str]) -> str:
    return options[int(rng.integers(len(options)))]
