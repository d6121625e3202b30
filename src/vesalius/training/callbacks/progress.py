"""A progress bar over optimiser steps, drawn by whoever calls."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from transformers import TrainerCallback

__all__ = ["Progress", "ProgressBar"]

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Opens a bar with a title and a total and gives the function that advances it."""


class ProgressBar(TrainerCallback):  # type: ignore[misc]
    """Advances a bar by one with every step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stack = ExitStack()
        self._advance: Callable[[int], None] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the bar; a resumed run begins where it was."""
        if state.is_world_process_zero:
            self._advance = self._stack.enter_context(self._progress("training", state.max_steps))
            self._advance(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count a step."""
        if self._advance is not None:
            self._advance(1)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self._stack.close()
