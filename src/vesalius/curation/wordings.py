"""Many wordings of one request, drawn by the study, so that a model learns the task and not a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from vesalius.config import read_yaml
from vesalius.errors import ConfigError, did_you_mean

__all__ = ["wording", "wordings"]


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    values = read_yaml(Path(__file__).with_name("instructions.yaml"))
    return {task: tuple(texts) for task, texts in values.items()}


def wordings(task: str) -> tuple[str, ...]:
    """Return all wordings of a task.

    Raises:
        ConfigError: no such task; offers the nearest.
    """
    if task not in _table():
        raise ConfigError(f"no wordings of {task!r}{did_you_mean(task, _table())}")
    return _table()[task]


def wording(task: str, rng: np.random.Generator, **slots: str) -> str:
    """Draw a wording of a task and fill its slots."""
    choices = wordings(task)
    text = choices[int(rng.integers(len(choices)))].format(**slots)
    return text[0].upper() + text[1:]
