"""Stops training before numbers that are not finite reach the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vesalius.errors import TrainingError

__all__ = ["require_finite"]

_SHOWN = 8


def require_finite(value: Tensor, *, what: str, step: int, studies: Sequence[str], kept: str) -> None:
    """Check a loss or the norm of a gradient.

    Args:
        value: scalar.
        what: its name in the message.
        step: optimiser step that is being made, from 1.
        studies: ids of the studies in the batch.
        kept: where the weights before this step can be found.

    Raises:
        TrainingError: it is NaN or infinite; names the studies.
    """
    if bool(torch.isfinite(value).all()):
        return
    shown = ", ".join(studies[:_SHOWN]) + (f" and {len(studies) - _SHOWN} more" if len(studies) > _SHOWN else "")
    raise TrainingError(
        f"{what} is {float(value.detach().float().mean())} at step {step}; training stopped before the weights were "
        f"changed. Studies of the batch: {shown}. {kept} Lower optimisation.lr, set optimisation.clip, try "
        "optimisation.precision=fp32, or look at these studies' images"
    )
