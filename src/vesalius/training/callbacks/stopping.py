"""When training ends before its last step: no better score for long, or a signal from outside."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

import torch
from torch import distributed
from transformers import TrainerCallback

from vesalius.training.settings import LOWER_IS_BETTER

__all__ = ["BestScore", "Interruption"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class BestScore:
    """The best value of the watched score so far."""

    score: str
    value: float | None = None
    step: int = 0
    validations_without: int = 0
    """Validations since the best one."""

    def update(self, value: float, step: int) -> bool:
        """Take in the value of a validation; return whether it is the best so far. NaN is never the best."""
        lower = self.score in LOWER_IS_BETTER
        better = value == value and (self.value is None or (value < self.value if lower else value > self.value))
        if better:
            self.value, self.step, self.validations_without = value, step, 0
        else:
            self.validations_without += 1
        return better

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


class Interruption(TrainerCallback):  # type: ignore[misc]
    """Ctrl-C or SIGTERM: the step is finished, a checkpoint saved and training ends; a second one ends it at once.

    The handlers are in place between the first and last step, in the main thread only.
    """

    def __init__(self) -> None:
        self.caught: int | None = None
        """The signal that came, or None."""
        self._before: dict[int, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Put the handlers in place."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._catch) for number in _SIGNALS}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save and stop where a signal came."""
        if self._anywhere():
            control.should_save = True
            control.should_training_stop = True
            control.should_evaluate = False

    def release(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _anywhere(self) -> bool:
        """Say whether a signal came to any process; all of them must stop at the same step."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return self.caught is not None
        flag = torch.tensor([self.caught or 0], device="cuda" if distributed.get_backend() == "nccl" else "cpu")
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
        self.caught = int(flag.item()) or None
        return self.caught is not None

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self.caught is not None:
            raise KeyboardInterrupt
        self.caught = number
