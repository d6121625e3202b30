"""Recipes of curation: a list of steps in YAML, checked whole before anything is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vesalius import systems
from vesalius.config import read_yaml, validate
from vesalius.curation.base import Step
from vesalius.errors import ConfigError, did_you_mean
from vesalius.registry import load, names

__all__ = ["NamedStep", "Recipe", "load_recipe", "read_recipe", "shipped", "step_kind", "step_names"]

_STEPS = "vesalius.curation.steps"
_ROOM = "vesalius.curation"
_FOLDER = Path(__file__).parent / "recipes"
_KEYS = ("name", "seed", "steps")


@dataclass(frozen=True)
class NamedStep:
    """A step as a recipe calls it."""

    name: str
    step: Step

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, those that the recipe leaves out too."""
        return asdict(self.step)

    @property
    def label(self) -> str:
        """Name with eight digits that stand for the settings."""
        return f"{self.name}@{_digest(self.settings)[:8]}"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Steps in order."""

    name: str
    steps: tuple[NamedStep, ...]
    seed: int = 0


@cache
def step_names() -> tuple[str, ...]:
    """Names of all steps: the files of `steps`, and the files of the room that are named after a system."""
    known = {system.slug.replace("-", "_") for system in systems.systems()}
    return tuple(sorted({*names(_STEPS), *(known & set(names(_ROOM)))}))


def step_kind(name: str) -> type[Step]:
    """Return the class of a step by name; ``clean-text`` and ``clean_text`` are the same.

    Raises:
        ConfigError: no such step; offers the nearest.
    """
    stem = name.replace("-", "_")
    if stem not in step_names():
        raise ConfigError(f"unknown step {name!r}{did_you_mean(stem, step_names())}")
    kind: type[Step] = load(_STEPS if stem in names(_STEPS) else _ROOM, stem).STEP
    return kind


def shipped() -> dict[str, Path]:
    """Recipes that come with the package, by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def load_recipe(name: str) -> Recipe:
    """Read a recipe by the path of its file, or by the name of one that comes with the package."""
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        if name not in shipped():
            raise ConfigError(f"no recipe {name!r}{did_you_mean(name, shipped())}, or give the path of a .yaml file")
        path = shipped()[name]
    values = read_yaml(path)
    return read_recipe({"name": path.stem, **values}, where=path.name)


def read_recipe(values: Mapping[str, Any], *, where: str) -> Recipe:
    """Build a recipe from plain values.

    Raises:
        ConfigError: lists every fault of every step at once, one a line.
    """
    faults = [f"{where}: unknown key {key!r}{did_you_mean(key, _KEYS)}" for key in values if key not in _KEYS]
    steps = values.get("steps")
    if not isinstance(steps, Sequence) or isinstance(steps, str) or not steps:
        faults.append(f"{where}: `steps` is {steps!r}, expected a list of steps; known: {', '.join(step_names())}")
        steps = []
    seed = values.get("seed", 0)
    if not isinstance(seed, int):
        faults.append(f"{where}: seed is {seed!r}, expected a whole number")
    built = []
    for number, item in enumerate(steps, start=1):
        try:
            built.append(_step(item, where=f"{where}, step {number}"))
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))
    return Recipe(name=str(values.get("name", where)), steps=tuple(built), seed=seed)


def _step(item: Any, *, where: str) -> NamedStep:
    """Read ``name`` or ``name: {setting: value}``."""
    if isinstance(item, str):
        item = {item: {}}
    if not isinstance(item, Mapping) or len(item) != 1:
        raise ConfigError(f"{where}: found {item!r}, expected a name, or one name with its settings")
    name, settings = next(iter(item.items()))
    if not isinstance(settings, Mapping | None):
        raise ConfigError(f"{where} ({name}): settings are {settings!r}, expected keys and values")
    try:
        kind = step_kind(str(name))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    return NamedStep(str(name).replace("-", "_"), validate(kind, settings or {}, where=f"{where} ({name})"))


def _digest(settings: Mapping[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
