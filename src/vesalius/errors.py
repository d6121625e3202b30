"""Errors by whose fault they are, and the words that every message needs.

A message says what failed, what was found, what is expected and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "CapabilityError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EndpointError",
    "MissingDependency",
    "TrainingError",
    "VesaliusError",
    "did_you_mean",
]


class VesaliusError(Exception):
    """Root of every error that Vesalius raises on purpose."""

    exit_code = 1


class ConfigError(VesaliusError):
    """A recipe, an option or a name is wrong."""

    exit_code = 2


class DataError(VesaliusError):
    """A file, a record or a corpus is wrong."""

    exit_code = 3


class CheckpointError(VesaliusError):
    """A checkpoint is missing, corrupt, unsafe or of another model."""

    exit_code = 4


class CapabilityError(VesaliusError):
    """A model was asked for something that it cannot do."""

    exit_code = 5


class TrainingError(VesaliusError):
    """Training cannot go on, such as after a loss that is not finite."""

    exit_code = 6


class MissingDependency(VesaliusError):  # noqa: N818 - the name says what is wrong
    """An optional package is not installed."""

    exit_code = 7


class EndpointError(VesaliusError):
    """A model behind an address cannot be asked: no answer, no right, no such model."""

    exit_code = 8


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known names, or the whole list where none is near."""
    choices = sorted(known)
    near = get_close_matches(name, choices, n=3, cutoff=0.6)
    if near:
        return "; did you mean " + " or ".join(repr(match) for match in near) + "?"
    return f"; known: {', '.join(choices)}" if choices else ""
