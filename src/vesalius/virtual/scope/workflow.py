"""Operations as semi-Markov processes: phases, what the hands do in them, when the camera is out of the body.

A procedure is a file of `workflows`. A phase lasts a log-normal time and is followed by another by its row of
probabilities; each hand takes instruments one after the other, and each instrument does things to targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import exp
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vesalius.config import Config, read_yaml, validate
from vesalius.errors import ConfigError, did_you_mean

__all__ = [
    "END",
    "Deed",
    "Operation",
    "Phase",
    "Procedure",
    "Visit",
    "draw_operation",
    "procedure",
    "procedure_names",
]

_FOLDER = Path(__file__).with_name("workflows")
END = "end"
"""What follows the last phase."""
_LONGEST = 60
"""Visits after which a chain is taken for endless."""


@dataclass(frozen=True, kw_only=True)
class Phase(Config):
    """One phase (or step)."""

    median_s: float
    log_sd: float
    next: list[dict[str, float]]
    """Probabilities of what follows: after the first visit, after the second …; the last row holds for all others."""
    hands: list[dict[str, float]] = field(default_factory=list)
    """For every hand the share of time that it holds each instrument; what is left it holds none."""
    goal: str = ""
    """What the phase is for, in words that follow "to"."""
    remark: str = ""
    """A remark on safety."""

    def following(self, visits: int) -> dict[str, float]:
        """Return the probabilities after visit number `visits`, from 1."""
        return self.next[min(visits, len(self.next)) - 1]


@dataclass(frozen=True, kw_only=True)
class Insert(Config):
    """A phase that may come between two others."""

    after: list[str]
    probability: float


@dataclass(frozen=True, kw_only=True)
class Times(Config):
    """Log-normal length of what is done, s."""

    median_s: float
    log_sd: float


@dataclass(frozen=True, kw_only=True)
class Outside(Config):
    """How often and how long the camera is out of the body."""

    share: float
    median_s: float
    log_sd: float


@dataclass(frozen=True, kw_only=True)
class Procedure(Config):
    """A kind of operation."""

    title: str
    level: str
    """phase or step: what the rows are."""
    first: str
    phases: dict[str, Phase]
    """In the order of their numbers."""
    deeds: dict[str, dict[str, dict[str, float]]]
    """Instrument → phase (or "any") → "verb, target" → weight."""
    acts: Times
    outside: Outside
    inserts: dict[str, Insert] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    """Phases that close an operation, with their probability."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Phases made of several steps."""

    def __post_init__(self) -> None:
        for name, phase in self.phases.items():
            for row in phase.next:
                for other in row:
                    if other != END and other not in self.phases:
                        raise ConfigError(
                            f"phase {name!r} leads to unknown {other!r}{did_you_mean(other, self.phases)}"
                        )
                if abs(sum(row.values()) - 1) > 1e-6:
                    raise ConfigError(f"phase {name!r}: what follows sums to {sum(row.values()):.3f}, expected 1")
            for hand in phase.hands:
                unknown = hand.keys() - self.deeds.keys()
                if unknown or sum(hand.values()) > 1 + 1e-9:
                    raise ConfigError(
                        f"phase {name!r}: a hand {hand} with unknown instruments or more than all the time"
                    )

    def group_of(self, name: str) -> str:
        """Return the phase that a step belongs to, or empty."""
        return next((group for group, members in self.groups.items() if name in members), "")


class Visit(NamedTuple):
    """A stay in a phase."""

    phase: str
    start_s: float
    end_s: float


class Deed(NamedTuple):
    """What one hand does for a while."""

    hand: int
    instrument: str
    verb: str
    target: str
    start_s: float
    end_s: float

    @property
    def label(self) -> str:
        """The action triplet."""
        return f"{self.instrument}, {self.verb}, {self.target}"


@dataclass(frozen=True)
class Operation:
    """One operation from the first to the last second."""

    name: str
    visits: tuple[Visit, ...]
    deeds: tuple[Deed, ...]
    """In order of their start."""
    outside: tuple[tuple[float, float], ...]
    """When the camera is out of the body."""

    @property
    def length_s(self) -> float:
        """Length of the operation."""
        return self.visits[-1].end_s

    def visit_at(self, time_s: float) -> Visit:
        """Return the visit at a time."""
        return next((visit for visit in self.visits if time_s < visit.end_s), self.visits[-1])

    def deeds_at(self, time_s: float) -> tuple[Deed, ...]:
        """Return what is done at a time, by hand; nothing while the camera is outside."""
        if self.is_outside(time_s):
            return ()
        now = [deed for deed in self.deeds if deed.start_s <= time_s < deed.end_s]
        return tuple(sorted(now, key=lambda deed: deed.hand))

    def is_outside(self, time_s: float) -> bool:
        """Say whether the camera is out of the body."""
        return any(start <= time_s < end for start, end in self.outside)

    def progress(self, phase: str, time_s: float) -> float:
        """Return how much of all the time in a phase has gone by, 0 to 1."""
        spans = [visit for visit in self.visits if visit.phase == phase]
        total = sum(visit.end_s - visit.start_s for visit in spans)
        gone = sum(min(max(time_s - visit.start_s, 0.0), visit.end_s - visit.start_s) for visit in spans)
        return gone / total if total else 0.0


@cache
def procedure_names() -> tuple[str, ...]:
    """Names of all procedures."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def procedure(name: str) -> Procedure:
    """Return a procedure by name."""
    if name not in procedure_names():
        raise ConfigError(f"unknown procedure {name!r}{did_you_mean(name, procedure_names())}")
    return validate(Procedure, read_yaml(_FOLDER / f"{name}.yaml"), where=f"procedure {name}")


def draw_operation(rng: np.random.Generator, name: str) -> Operation:
    """Draw an operation of a kind."""
    kind = procedure(name)
    visits = tuple(_visits(rng, kind))
    deeds = sorted(_deeds(rng, kind, visits), key=lambda deed: (deed.start_s, deed.hand))
    return Operation(name, visits, tuple(deeds), tuple(_outside(rng, kind.outside, visits[-1].end_s)))


def _visits(rng: np.random.Generator, kind: Procedure) -> Iterator[Visit]:
    clock = 0.0
    for name in _chain(rng, kind):
        end = clock + _length(rng, kind.phases[name].median_s, kind.phases[name].log_sd)
        yield Visit(name, clock, end)
        clock = end


def _chain(rng: np.random.Generator, kind: Procedure) -> list[str]:
    """Draw the order of phases."""
    names: list[str] = []
    counts, name = dict.fromkeys(kind.phases, 0), kind.first
    while name != END and len(names) < _LONGEST:
        names.append(name)
        counts[name] += 1
        for other, insert in kind.inserts.items():
            if name in insert.after and rng.random() < insert.probability:
                names.append(other)
        name = _choose(rng, kind.phases[name].following(counts[name]))
    return names + [other for other, share in kind.last.items() if rng.random() < share]


def _deeds(rng: np.random.Generator, kind: Procedure, visits: Iterable[Visit]) -> Iterator[Deed]:
    for visit in visits:
        for hand, shares in enumerate(kind.phases[visit.phase].hands):
            yield from _hand(rng, kind, visit, hand, {**shares, "": max(0.0, 1 - sum(shares.values()))})


def _hand(
    rng: np.random.Generator, kind: Procedure, visit: Visit, hand: int, shares: Mapping[str, float]
) -> Iterator[Deed]:
    """Fill a visit with what one hand does; the first act is joined in its middle: shares hold from the start."""
    clock = visit.start_s - _length(rng, kind.acts.median_s, kind.acts.log_sd) * float(rng.random())
    while clock < visit.end_s:
        end = clock + _length(rng, kind.acts.median_s, kind.acts.log_sd)
        instrument = _choose(rng, shares)
        if instrument and end > visit.start_s:
            options = kind.deeds[instrument]
            verb, target = _choose(rng, options.get(visit.phase) or options["any"]).split(", ")
            yield Deed(hand, instrument, verb, target, max(clock, visit.start_s), min(end, visit.end_s))
        clock = end


def _outside(rng: np.random.Generator, kind: Outside, length_s: float) -> Iterator[tuple[float, float]]:
    """Draw the times out of the body: exponential gaps whose mean keeps the share."""
    if kind.share <= 0:
        return
    mean = kind.median_s * float(np.exp(kind.log_sd**2 / 2))
    clock = float(rng.exponential(mean * (1 - kind.share) / kind.share))
    while clock < length_s:
        end = clock + _length(rng, kind.median_s, kind.log_sd)
        yield clock, min(end, length_s)
        clock = end + float(rng.exponential(mean * (1 - kind.share) / kind.share))


def _choose(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """Draw a name by its share; an operation draws some thousand times, so without arrays."""
    roll, chosen = float(rng.random()) * sum(shares.values()), ""
    for name, share in shares.items():
        chosen, roll = name, roll - share
        if roll < 0:
            break
    return chosen


def _length(rng: np.random.Generator, median_s: float, log_sd: float) -> float:
    return median_s * exp(log_sd * float(rng.standard_normal()))
