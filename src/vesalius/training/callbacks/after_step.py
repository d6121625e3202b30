"""The method's own work after each optimiser step."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from vesalius.methods.base import TrainedMethod

__all__ = ["AfterStep"]


class AfterStep(TrainerCallback):  # type: ignore[misc]
    """Tells the method that its weights have moved."""

    def __init__(self, method: TrainedMethod) -> None:
        self.method = method

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Between the step and the clearing of the gradients."""
        del args, state, control, kwargs
        self.method.after_step()
