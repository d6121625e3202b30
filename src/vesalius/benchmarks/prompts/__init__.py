"""The words of benchmarks as their authors wrote them, one file a benchmark, each with its source.

A changed letter changes scores: the hash of every file is in ``tests/golden/prompts.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from vesalius.errors import ConfigError

__all__ = ["prompts"]


@cache
def prompts(name: str) -> Mapping[str, str]:
    """Return the prompts of a benchmark by their name; places to fill are in braces.

    Raises:
        ConfigError: the benchmark has no file of prompts.
    """
    path = Path(__file__).parent / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"benchmark {name!r} has no prompts at {path}")
    found: Mapping[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found
