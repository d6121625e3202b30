"""Weights of published checkpoints under our names: a list of rules, and no key that none of them knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from vesalius.errors import CheckpointError

__all__ = ["Rule", "load_whole", "renamed"]

Rule = tuple[str, str | None]
r"""A regular expression for a whole key, and our name for it, groups as ``\1``; None leaves the key out."""

_SHOWN = 5


def renamed(state: Mapping[str, Tensor], rules: Sequence[Rule], *, where: str = "checkpoint") -> dict[str, Tensor]:
    """Rename all keys by the first rule that fits each.

    Args:
        state: tensors by the authors' names.
        rules: what becomes of the names.
        where: what the message calls the state.

    Raises:
        CheckpointError: keys that no rule knows, or two keys that would have one name; they are named.
    """
    patterns = [(re.compile(pattern), name) for pattern, name in rules]
    out: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key, value in state.items():
        found = next(((match, name) for pattern, name in patterns if (match := pattern.fullmatch(key))), None)
        if found is None:
            unknown.append(key)
            continue
        match, name = found
        if name is None:
            continue
        new = match.expand(name)
        if new in out:
            raise CheckpointError(f"{where}: two keys would be called {new}; the second is {key}")
        out[new] = value
    if unknown:
        raise CheckpointError(
            f"{where}: {len(unknown)} of {len(state)} keys are unknown: {_shown(unknown)}; is it of another model?"
        )
    return out


def load_whole(module: nn.Module, state: Mapping[str, Tensor], *, where: str = "checkpoint") -> None:
    """Load a state into a module that has exactly its names and shapes.

    Raises:
        CheckpointError: names what is missing, left over or of another shape.
    """
    own = module.state_dict()
    missing, extra = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    other = [
        f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
        for name in sorted(set(own) & set(state))
        if state[name].shape != own[name].shape
    ]
    faults = {"missing": missing, "left over": extra, "of another shape": other}
    said = "; ".join(f"{len(names)} {fault}: {_shown(names)}" for fault, names in faults.items() if names)
    if said:
        raise CheckpointError(f"{where} does not fit the model: {said}")
    module.load_state_dict(dict(state))


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
