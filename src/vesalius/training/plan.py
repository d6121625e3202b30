"""What a run will cost, said before it starts: parameters counted, time and memory from a probe of real steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import nn

from vesalius.data.loader import Draw, Sample
from vesalius.training import distributed
from vesalius.training.assembly import Parts
from vesalius.training.memory import TrainingStep, cached_step
from vesalius.training.peak import peak_bytes, reset_peak
from vesalius.training.told import counted, lasting, sized
from vesalius.training.validation import validate

__all__ = ["Plan", "plan_of"]

_WARM_UP, _MEASURED = 1, 3
_CHUNKS_PROBED = 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Forecast of a run. Seconds and bytes are for one process; None where the run was not probed."""

    parameters: dict[str, int]
    """Numbers in the weights: `trained`, `frozen`."""
    parameters_by_part: dict[str, int]
    train_pairs: int
    validation_pairs: int
    steps: int
    steps_per_epoch: int
    batch: int
    accumulate: int
    processes: int
    workers: int
    precision: str
    precision_reason: str
    step_seconds: float | None = None
    """Forward, backward and update of one optimiser step."""
    data_seconds: float | None = None
    """Making its batch in the training process, decoded images at hand."""
    decode_seconds: float | None = None
    """Decoding every image once."""
    validation_seconds: float | None = None
    """One validation."""
    total_seconds: float | None = None
    peak_bytes: int | None = None
    """Largest memory of the process (on CUDA: of the device) in the probe."""
    disk_bytes: int
    """Checkpoints that are kept, and decoded images while the run lasts."""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Return the plan for people."""
        trained, frozen = self.parameters["trained"], self.parameters["frozen"]
        of_parts = ", ".join(f"{name} {counted(number)}" for name, number in self.parameters_by_part.items())
        lines = [
            f"parameters  {counted(trained)} trained, {counted(frozen)} frozen ({of_parts})",
            f"data        {self.train_pairs} training pairs, {self.validation_pairs} validation pairs",
            f"steps       {self.steps} of {self.batch * self.accumulate} pairs ({self.steps_per_epoch} an epoch)",
            f"processes   {self.processes}, each with {self.workers} loader workers",
            f"precision   {self.precision} ({self.precision_reason})",
        ]
        if self.total_seconds is not None and self.peak_bytes is not None:
            step = f"a step {self.step_seconds:.3f} s + data {self.data_seconds:.3f} s"
            rest = f"decoding {self.decode_seconds:.1f} s, a validation {self.validation_seconds:.1f} s"
            lines.append(f"time        {lasting(self.total_seconds)}: {step}, {rest}")
            lines.append(f"memory      {sized(self.peak_bytes)} at the peak")
        lines.append(f"disk        {sized(self.disk_bytes)}")
        return "\n".join([*lines, *(f"note        {note}" for note in self.notes)])


class _Probe(NamedTuple):
    step_seconds: float
    data_seconds: float
    decode_seconds_each: float
    validation_seconds: float
    peak_bytes: int


def plan_of(parts: Parts, *, precision: distributed.Precision, probe: bool = True) -> Plan:
    """Count, and time a few real steps on a copy of the model; the model and all random states stay as they are.

    Not probed where the parameters are sharded, since the probe holds a whole copy on each process.
    """
    chosen = parts.recipe.optimisation
    weights = list(parts.method.parameters())
    by_part = {name: _numbers(part.parameters()) for name, part in parts.method.model.named_children()}
    trained = _numbers(weight for weight in weights if weight.requires_grad)
    validation = 0
    if parts.validation is not None:
        validation = min(len(parts.validation), parts.recipe.run.validation_pairs)
    base = Plan(
        parameters={"trained": trained, "frozen": _numbers(weights) - trained},
        parameters_by_part={name: number for name, number in by_part.items() if number},
        train_pairs=len(parts.train),
        validation_pairs=validation,
        steps=parts.steps,
        steps_per_epoch=parts.steps_per_epoch,
        batch=chosen.batch,
        accumulate=chosen.accumulate,
        processes=distributed.processes(),
        workers=parts.workers,
        precision=precision.name,
        precision_reason=precision.reason,
        disk_bytes=_disk(parts, trained, _numbers(weights)),
        notes=_notes(parts),
    )
    if not probe or parts.recipe.run.sharding == "fsdp":
        return base
    return _with_probe(base, parts, _run_probe(parts, precision))


def _with_probe(base: Plan, parts: Parts, probe: _Probe) -> Plan:
    images = parts.train.num_images + (parts.validation.num_images if parts.validation is not None else 0)
    decode = probe.decode_seconds_each * images / max(1, base.workers)
    validations = -(-base.steps // parts.eval_every) if base.validation_pairs else 0
    # Loader workers make batches while the process computes; what they cannot hide is waited for.
    hidden = probe.step_seconds if base.workers else 0.0
    waiting = max(0.0, probe.data_seconds / max(1, base.workers) - hidden)
    total = base.steps * (probe.step_seconds + waiting) + validations * probe.validation_seconds + decode
    return Plan(
        **{
            **asdict(base),
            "step_seconds": probe.step_seconds,
            "data_seconds": probe.data_seconds,
            "decode_seconds": decode,
            "validation_seconds": probe.validation_seconds,
            "total_seconds": total,
            "peak_bytes": probe.peak_bytes,
        }
    )


def _run_probe(parts: Parts, precision: distributed.Precision) -> _Probe:
    device = torch.device(distributed.device_type())
    rows = distributed.local_batch(parts.recipe.optimisation.batch)
    chunk = parts.recipe.optimisation.cache_chunk
    probed = min(rows, _CHUNKS_PROBED * chunk) if chunk else rows
    draws = next(iter(parts.batches()))[:probed]
    with torch.random.fork_rng():
        reset_peak()
        cold, samples = _timed_samples(parts, draws)
        start = perf_counter()
        warm, samples = _timed_samples(parts, draws)
        batch = parts.collator(samples)
        data = perf_counter() - start
        step = TrainingStep(copy.deepcopy(parts.method)).to(device)
        moved = {name: value.to(device) for name, value in batch.items()}
        autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=precision.name == "bf16")
        seconds = _time_steps(step, moved, chunk=chunk, autocast=autocast)
        validation = _time_validation(parts, step, device, autocast)
    missing = rows - probed
    per_row = sum(value.nbytes for value in batch.values()) // probed
    copied = sum(weight.nbytes for weight in parts.method.parameters()) if device.type == "cpu" else 0
    factor = rows / probed * parts.recipe.optimisation.accumulate
    return _Probe(
        step_seconds=seconds * factor,
        data_seconds=data * factor,
        decode_seconds_each=max(0.0, cold - warm) / len(draws),
        validation_seconds=validation,
        peak_bytes=peak_bytes() - copied + missing * per_row,
    )


def _timed_samples(parts: Parts, draws: Sequence[Draw]) -> tuple[float, list[Sample]]:
    start = perf_counter()
    samples = [parts.train[draw] for draw in draws]
    return perf_counter() - start, samples


def _time_steps(step: TrainingStep, batch: dict[str, torch.Tensor], *, chunk: int, autocast: Any) -> float:
    """Median seconds of a step with its update."""
    step.train()
    optimiser = torch.optim.AdamW([weight for weight in step.parameters() if weight.requires_grad], lr=1e-4)
    seconds = []
    for _ in range(_WARM_UP + _MEASURED):
        start = perf_counter()
        if chunk:
            cached_step(_Autocast(step, autocast), step.method, batch, chunk=chunk, autocast=autocast)
        else:
            with autocast():
                loss = step(batch)["loss"]
            loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(perf_counter() - start)
    return median(seconds[_WARM_UP:])


class _Autocast(nn.Module):
    """A module that runs in a given precision, as a wrapper of accelerate does in training."""

    def __init__(self, inner: nn.Module, context: Any) -> None:
        super().__init__()
        self._inner = [inner]
        self._context = context

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        with self._context():
            return self._inner[0](*args, **kwargs)


def _time_validation(parts: Parts, step: TrainingStep, device: torch.device, autocast: Any) -> float:
    loader = parts.validation_loader()
    if loader is None:
        return 0.0
    start = perf_counter()
    with autocast():
        validate(step, [next(iter(loader))], device=device)
    return (perf_counter() - start) * len(loader)


def _disk(parts: Parts, trained: int, numbers: int) -> int:
    """Bytes of checkpoints (weights and two moments, float32), of best and last, and of decoded images."""
    state = 4 * numbers + 8 * trained
    images = parts.train.cache.slots * parts.train.cache.row_bytes
    if parts.validation is not None:
        images += parts.validation.cache.slots * parts.validation.cache.row_bytes
    return parts.recipe.run.keep * state + 2 * 4 * numbers + images


def _notes(parts: Parts) -> tuple[str, ...]:
    notes = []
    for name, dataset in (("training", parts.train), ("validation", parts.validation)):
        if dataset is None:
            continue
        if dataset.dropped:
            reasons = ", ".join(f"{count} with {reason}" for reason, count in dataset.dropped.items())
            notes.append(f"{name}: studies left out: {reasons}")
        if dataset.cache.note:
            notes.append(f"{name}: {dataset.cache.note}")
    return tuple(notes)


def _numbers(weights: Any) -> int:
    return sum(weight.numel() for weight in weights)
