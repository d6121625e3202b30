"""The batches of one optimiser step as one window: each is told what the method saw of all of them beforehand.

Gradient accumulation alone compares every batch with itself. A method that looks ahead (`Method.ahead`) compares it
with the rows of all of them, in the memory of one, since what is seen ahead carries no graph.
"""

# B rows of a batch, N rows of the window in this process, M in all processes

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as processes

from vesalius.methods.base import Method, Representations
from vesalius.objectives.gathering import gather_rows, row_counts
from vesalius.training.memory import split

__all__ = ["open_window"]


@torch.no_grad()
def open_window(
    step: nn.Module,
    method: Method,
    batches: Sequence[Mapping[str, Tensor]],
    *,
    chunk: int = 0,
    prepare: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> list[dict[str, Tensor]]:
    """Let the method look at all batches of an optimiser step, and number their rows in what it saw.

    Args:
        step: the `TrainingStep` of the method, as it is or wrapped.
        method: the method inside it; its `window` is replaced.
        batches: of one optimiser step and this process, in any order, with equally many rows.
        chunk: rows seen at once; 0 for a batch at once.
        prepare: moves a batch to the device of the model.
        autocast: precision of the look.

    Returns:
        The batches; those of a method that looks ahead with ``window_row`` (B,), their rows among the M.
    """
    given = [dict(batch) for batch in batches]
    method.window = {}
    if type(method).ahead is Method.ahead or not given:
        return given
    seen: list[Representations] = []
    for batch in given:
        pieces = split(batch, chunk or len(batch["index"]))
        for piece in pieces:
            with autocast():
                seen.append(step(prepare(piece), ahead=True))
    own = {name: torch.cat([part[name] for part in seen]) for name in seen[0]}
    rows = next(iter(own.values()))
    counts = row_counts(len(rows), device=rows.device)
    method.window = {name: gather_rows(part, counts=counts) for name, part in own.items()}
    start = sum(counts[: processes.get_rank()]) if len(counts) > 1 else 0
    for batch in given:
        count = len(batch["index"])
        batch["window_row"] = torch.arange(start, start + count)
        start += count
    return given
