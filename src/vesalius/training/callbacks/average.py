"""Moving average of the weights: updated after every step, evaluated and saved in the place of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback

from vesalius.errors import CheckpointError

__all__ = ["WeightAverage"]

_FILE = "average.safetensors"


class WeightAverage(TrainerCallback):  # type: ignore[misc]
    """Exponential moving average of the trained weights.

    Step n decays by the smaller of `decay` and (1 + n) / (10 + n), so that the first weights are soon forgotten.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._weights = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
        self.average: dict[str, Tensor] = {name: weight.detach().clone() for name, weight in self._weights.items()}
        """Averaged weights by name."""

    @torch.no_grad()
    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move the average towards the weights."""
        decay = min(self._decay, (1 + state.global_step) / (10 + state.global_step))
        for name, weight in self._weights.items():
            self.average[name].lerp_(weight.detach(), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Exchange the weights for their average while the block runs."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def save(self, folder: Path) -> None:
        """Write the average beside a checkpoint."""
        from safetensors.torch import save_file

        save_file({name: value.contiguous() for name, value in self.average.items()}, folder / _FILE)

    @torch.no_grad()
    def load(self, folder: Path) -> None:
        """Read the average of a checkpoint.

        Raises:
            CheckpointError: the checkpoint has none, or of another model.
        """
        from safetensors.torch import load_file

        path = folder / _FILE
        if not path.is_file():
            raise CheckpointError(f"checkpoint {folder} has no {_FILE}; it was trained with optimisation.ema 0")
        loaded = load_file(path)
        if set(loaded) != set(self.average):
            raise CheckpointError(f"checkpoint {folder}: {_FILE} is of another model")
        for name, value in loaded.items():
            self.average[name].copy_(value)

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, weight in self._weights.items():
            kept = weight.detach().clone()
            weight.copy_(self.average[name])
            self.average[name].copy_(kept)
