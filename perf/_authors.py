"""What the two sides of `authors` share: stand-ins for packages, objects without their constructor, a timed step."""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Side:
    """A method that makes steps on one batch."""

    method: nn.Module
    losses: Callable[[], dict[str, Tensor]]
    """The parts of the loss by name, of which those that have a gradient are learned from."""

    def step(self) -> float:
        """Make one forward and backward; return its seconds."""
        self.method.zero_grad(set_to_none=True)
        begin = time.perf_counter()
        parts = self.losses()
        (parts["loss"] if "loss" in parts else torch.stack(list(parts.values())).sum()).backward()
        return time.perf_counter() - begin

    def values(self, names: tuple[str, ...]) -> list[float]:
        """Return the parts of the loss by name."""
        parts = self.losses()
        return [float(parts[name].detach()) for name in names]


def stand_in(name: str, **parts: Any) -> types.ModuleType:
    """Put a module with these parts in the place of a package, and empty ones above it where there is none."""
    above = name.rpartition(".")[0]
    if above and above not in sys.modules and not above.startswith(("mgca", "m3ae", "transformers")):
        stand_in(above)
    made = types.ModuleType(name)
    vars(made).update(parts)
    sys.modules[name] = made
    return made


def bare(kind: Any) -> Any:
    """Return a module of a class whose constructor is not called."""
    made = object.__new__(kind)
    nn.Module.__init__(made)
    return made


def drop(*given: Any, **named: Any) -> Any:
    """Stand for a decorator that does nothing here: with or without arguments."""
    if len(given) == 1 and callable(given[0]) and not named:
        return given[0]
    return lambda decorated: decorated
