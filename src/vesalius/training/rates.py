"""Learning rates by part: encoders that start from trained weights learn slower than what is put on them.

A part is a module or weight of the method, or one of its model's: the parameter ``fusion.text_layers.0.norm.weight``
is of ``fusion``, ``model.vision.blocks.0.expand.weight`` of ``vision``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from torch import nn

from vesalius.errors import ConfigError
from vesalius.methods.base import TrainedMethod

__all__ = ["PartRate", "part_rates", "rate_groups", "require_parts"]

Named = Iterable[tuple[str, nn.Parameter]]
"""Parameters by their names in the method."""
PartOf = Callable[[str], str]


class PartRate(NamedTuple):
    """What a part learns at."""

    lr: float
    """Peak learning rate."""
    parameters: int
    """Numbers that learn at it."""


def require_parts(method: TrainedMethod, rates: Mapping[str, float]) -> None:
    """Raise a ConfigError where a rate is for no part; parts that do not learn may have one."""
    known = sorted({method.part_of(name) for name, _ in method.named_parameters()})
    for part in rates:
        if part not in known:
            raise ConfigError(f"optimisation.rates: no part {part!r} in the method, which has {', '.join(known)}")


def part_rates(method: TrainedMethod, *, lr: float, rates: Mapping[str, float]) -> dict[str, PartRate]:
    """Return what every part that learns learns at, in the method's order."""
    numbers: dict[str, int] = {}
    for name, weight in method.named_parameters():
        if weight.requires_grad:
            part = method.part_of(name)
            numbers[part] = numbers.get(part, 0) + weight.numel()
    return {part: PartRate(lr * rates.get(part, 1.0), number) for part, number in numbers.items()}


def rate_groups(
    named: Named, *, part_of: PartOf, lr: float, rates: Mapping[str, float], weight_decay: float
) -> list[dict[str, Any]]:
    """Return the optimiser's groups: one for each multiple, and weight decay on weights of two or more dimensions.

    Args:
        named: parameters; those that do not learn are left out.
        part_of: gives the part of a name, see `TrainedMethod.part_of`.
        lr: of parts without a multiple, which come first.
        rates: part to multiple of `lr`.
        weight_decay: for the weights that have any.
    """
    learning = [(rates.get(part_of(name), 1.0), weight) for name, weight in named if weight.requires_grad]
    multiples = sorted({multiple for multiple, _ in learning}, key=lambda multiple: (multiple != 1.0, multiple))
    groups = []
    for multiple in multiples:
        weights = [weight for own, weight in learning if own == multiple]
        for decay, chosen in (
            (weight_decay, [weight for weight in weights if weight.ndim >= 2]),
            (0.0, [weight for weight in weights if weight.ndim < 2]),
        ):
            groups.append({"params": chosen, "weight_decay": decay, "lr": lr * multiple})
    return [group for group in groups if group["params"]]


def _part(name: str) -> str:
    return name.removeprefix("model.").split(".")[0]
