"""Metrics of a run: one JSON line per log and validation, TensorBoard, and the clock of data and step."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from transformers import TrainerCallback

from vesalius.optional import require

__all__ = ["Meter", "MetricsLog"]

_RENAMED = {"learning_rate": "lr", "grad_norm": "gradient_norm"}
_LEFT_OUT = {
    "train_runtime",
    "train_samples_per_second",
    "train_steps_per_second",
    "total_flos",
    "train_loss",
}


class Meter:
    """Sums between two log lines: seconds of waiting for data and of everything else, samples, parts of the loss."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._parts: defaultdict[str, Any] = defaultdict(float)
        self._batches = 0
        self._steps = 0

    def waited(self, seconds: float) -> None:
        """Count seconds spent on waiting for the loader; the first wait starts the clock."""
        if self._start is None:
            self._start = perf_counter() - seconds
        self._sums["data_seconds"] += seconds

    def batch(self, samples: int, parts: Mapping[str, Any]) -> None:
        """Count a batch and the parts of its loss (scalars; tensors stay on their device until they are read)."""
        self._batches += 1
        self._sums["samples"] += samples
        for name, value in parts.items():
            if name != "loss":
                self._parts[name] = self._parts[name] + value

    def step(self) -> None:
        """Count an optimiser step."""
        self._steps += 1

    def skip(self, seconds: float) -> None:
        """Leave out seconds that are not training, such as a validation."""
        if self._start is not None:
            self._start += seconds

    def read(self) -> dict[str, float]:
        """Return means per step since the last reading, and begin anew."""
        elapsed = perf_counter() - self._start if self._start is not None else 0.0
        steps, data = max(self._steps, 1), self._sums["data_seconds"]
        read = {name: float(value) / max(self._batches, 1) for name, value in self._parts.items()}
        read["data_seconds"] = data / steps
        read["step_seconds"] = max(0.0, elapsed - data) / steps
        read["samples_per_second"] = self._sums["samples"] / elapsed if elapsed > 0 else 0.0
        self.__init__()  # type: ignore[misc]
        return read


class MetricsLog(TrainerCallback):  # type: ignore[misc]
    """Writes `metrics.jsonl` and, where asked for, TensorBoard files; only the first process writes."""

    def __init__(self, folder: Path, *, tensorboard: bool) -> None:
        self._path = folder / "metrics.jsonl"
        self._folder = folder
        self._tensorboard = tensorboard
        self._writer: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Cut off lines after the step that training goes on from, so that no step is there twice."""
        if not state.is_world_process_zero:
            return
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step(line) <= state.global_step]
            self._path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        if self._tensorboard:
            board = require("torch.utils.tensorboard", "tensorboard", purpose="run.report_to tensorboard")
            self._writer = board.SummaryWriter(str(self._folder / "tensorboard"), purge_step=state.global_step + 1)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Write one line."""
        if not state.is_world_process_zero or not logs:
            return
        values = {_RENAMED.get(name, name): value for name, value in logs.items() if name not in _LEFT_OUT}
        if not set(values) - {"epoch"}:
            return
        line = {"step": state.global_step, **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._writer is not None:
            for name, value in values.items():
                kind = "validation" if name.startswith("eval_") else "training"
                self._writer.add_scalar(f"{kind}/{name.removeprefix('eval_')}", value, state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the TensorBoard file."""
        if self._writer is not None:
            self._writer.close()


def _step(line: str) -> int:
    """Step of a line; a line that a crash cut short counts as later than any step."""
    try:
        return int(json.loads(line)["step"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return 2**62
