"""What a run of stages will cost, said before it starts: parameters by part, tokens, time and memory from a probe."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import torch

from vesalius.methods.conversing import ConversingMethod
from vesalius.training import distributed
from vesalius.training.conversing.assembly import ConversationParts, assemble, sides_of, stage_parts, started
from vesalius.training.conversing.batches import Chosen
from vesalius.training.conversing.parts import open_stage
from vesalius.training.conversing.settings import PARTS
from vesalius.training.peak import peak_bytes, reset_peak
from vesalius.training.recipe import ConversationRecipe
from vesalius.training.told import counted, lasting, sized

__all__ = ["ConversationPlan", "StagePlan", "plan_of_stages"]

_WARM_UP, _MEASURED = 1, 3
_LENGTHS = 500
"""Conversations by whose lengths the tokens of an epoch are reckoned."""


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """Forecast of one stage. Seconds and bytes are for one process; None where it was not probed."""

    name: str
    parameters: Mapping[str, int]
    """Numbers in the weights of each part, adapters among them."""
    learning: Mapping[str, int]
    """Those of them that learn."""
    conversations: int
    """In one pass over the mixture."""
    tokens: int
    """In one pass, image tokens included; reckoned from the first conversations."""
    steps: int
    steps_per_epoch: int
    step_seconds: float | None = None
    """Forward, backward and update of one optimiser step."""
    data_seconds: float | None = None
    """Making its batches in the training process."""
    total_seconds: float | None = None
    """All steps; validations and checkpoints come on top."""
    peak_bytes: int | None = None
    """Largest memory of the process (on CUDA: of the device) in the probe."""
    note: str = ""

    def text(self) -> str:
        """Return the stage for people."""
        parts = ", ".join(f"{part} {counted(self.parameters[part])}" for part in self.parameters)
        learning = ", ".join(f"{part} {counted(number)}" for part, number in self.learning.items() if number)
        lines = [
            f"stage       {self.name}",
            f"parameters  learning: {learning or 'none'}; of all: {parts}",
            f"data        {self.conversations} conversations, about {counted(self.tokens)} tokens an epoch",
            f"steps       {self.steps} ({self.steps_per_epoch} an epoch)",
        ]
        if self.total_seconds is not None and self.peak_bytes is not None:
            each = f"a step {self.step_seconds:.3f} s + data {self.data_seconds:.3f} s"
            lines.append(f"time        {lasting(self.total_seconds)} without validations: {each}")
            lines.append(f"memory      {sized(self.peak_bytes)} at the peak")
        return "\n".join([*lines, *([f"note        {self.note}"] if self.note else [])])


@dataclass(frozen=True, kw_only=True)
class ConversationPlan:
    """Forecast of a run of stages."""

    stages: tuple[StagePlan, ...]
    processes: int
    precision: str
    precision_reason: str

    @property
    def total_seconds(self) -> float | None:
        """All stages; None where one was not probed."""
        seconds = [stage.total_seconds for stage in self.stages]
        return None if None in seconds else sum(one for one in seconds if one is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Return the plan for people."""
        head = f"processes   {self.processes}\nprecision   {self.precision} ({self.precision_reason})"
        return "\n\n".join([head, *(stage.text() for stage in self.stages)])


class _Probe(NamedTuple):
    step_seconds: float
    data_seconds: float
    peak_bytes: int


def plan_of_stages(
    recipe: ConversationRecipe, folder: Path, *, precision: distributed.Precision, probe: bool = True
) -> ConversationPlan:
    """Count, and time a few real steps of every stage on a copy of the model.

    Args:
        recipe: checked.
        folder: empty; the tokenizer goes there.
        precision: that training would have.
        probe: time steps; else only count.
    """
    recipe = started(recipe)
    tokenizer, method, train, _ = assemble(recipe, folder)
    stages = []
    for name in recipe.stages:
        alone = recipe.of_stage(name)
        method.model.change(alone.model)
        method.enter(name)
        own = copy.deepcopy(method)
        parts = stage_parts(alone, tokenizer=tokenizer, method=own, train=train, validation=None)
        stages.append(_stage(name, parts, precision if probe else None))
    return ConversationPlan(
        stages=tuple(stages),
        processes=distributed.processes(),
        precision=precision.name,
        precision_reason=precision.reason,
    )


def _stage(name: str, parts: ConversationParts, precision: distributed.Precision | None) -> StagePlan:
    method, stage = parts.method, parts.recipe.stages[name]
    pairs = sides_of(parts.recipe) > 1
    method.begin(pairs=pairs, adapters_alone=stage.lora is not None and not stage.learns)
    open_stage(method.model, stage)
    base: dict[str, Any] = {
        "name": name,
        **_parameters(method),
        "conversations": len(parts.mixture.epoch(0)),
        "tokens": _tokens(parts),
        "steps": parts.steps,
        "steps_per_epoch": parts.steps_per_epoch,
    }
    if pairs:
        return StagePlan(**base, note="pairs are made when the stage begins; its steps are not probed")
    if precision is None or parts.recipe.run.sharding == "fsdp":
        return StagePlan(**base)
    found = _probed(parts, precision)
    workers = distributed.loader_workers(parts.recipe.optimisation.workers)
    # Loader workers make batches while the process computes; what they cannot hide is waited for.
    waiting = max(0.0, found.data_seconds / max(1, workers) - (found.step_seconds if workers else 0.0))
    return StagePlan(**base, **found._asdict(), total_seconds=parts.steps * (found.step_seconds + waiting))


def _parameters(method: ConversingMethod) -> dict[str, Mapping[str, int]]:
    of_all: dict[str, int] = dict.fromkeys(PARTS, 0)
    learning: dict[str, int] = {}
    for name, weight in method.named_parameters():
        part = method.part_of(name)
        of_all[part] = of_all.get(part, 0) + weight.numel()
        if weight.requires_grad:
            learning[part] = learning.get(part, 0) + weight.numel()
    return {"parameters": of_all, "learning": learning}


def _tokens(parts: ConversationParts) -> int:
    draws = parts.mixture.epoch(0)
    lengths = [parts.train.length(Chosen(draw, 0)) for draw in islice(draws, _LENGTHS)]
    return round(sum(lengths) / max(1, len(lengths)) * len(draws))


def _probed(parts: ConversationParts, precision: distributed.Precision) -> _Probe:
    """Time optimiser steps on the first batch, and its making; random states stay as they are."""
    device = torch.device(distributed.device_type())
    many = parts.recipe.optimisation.accumulate
    with torch.random.fork_rng():
        reset_peak()
        packs = next(iter(parts.train_loader().batch_sampler))  # type: ignore[arg-type]
        start = perf_counter()
        batch = parts.collator([parts.train[pack] for pack in packs])
        data = perf_counter() - start
        method = parts.method.to(device).train()
        seconds = _steps(method, _there(batch, device), device, bf16=precision.name == "bf16")
    copied = sum(weight.nbytes for weight in method.parameters()) if device.type == "cpu" else 0
    return _Probe(seconds * many, data * many, peak_bytes() - copied)


def _steps(method: ConversingMethod, batch: Mapping[str, Any], device: torch.device, *, bf16: bool) -> float:
    """Median seconds of a step with its update."""
    optimiser = torch.optim.AdamW([weight for weight in method.parameters() if weight.requires_grad], lr=1e-4)
    seconds = []
    for _ in range(_WARM_UP + _MEASURED):
        start = perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = method.training_step(batch)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(perf_counter() - start)
    return median(seconds[_WARM_UP:])


def _there(value: Any, device: torch.device) -> Any:
    """Bring all tensors of a batch to a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {name: _there(part, device) for name, part in value.items()}
    return tuple(_there(part, device) for part in value) if type(value) is tuple else value
