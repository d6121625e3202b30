"""Rows of all processes, with gradient: what one computes with them reaches the one that made them.

Legend: n rows of this process, M rows of all processes.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed.nn  # before any group: later, its default arguments keep a group's threads to the end
from torch import Tensor, distributed

__all__ = ["RowCounts", "gather_rows", "row_counts"]

RowCounts = tuple[int, ...]
"""Rows of each process, in order of rank."""


def row_counts(rows: int, *, device: torch.device) -> RowCounts:
    """Tell every process how many rows each has; (rows,) where there is one process."""
    if not _several():
        return (rows,)
    mine = torch.tensor([rows], device=device)
    every = [torch.zeros_like(mine) for _ in range(distributed.get_world_size())]
    distributed.all_gather(every, mine)
    return tuple(int(count) for count in torch.cat(every).tolist())


def gather_rows(tensor: Tensor, *, counts: RowCounts) -> Tensor:
    """Join the rows (n, …) of all processes in order of rank to (M, …); `counts` is what `row_counts` told.

    The gradient that comes back to a process is the sum over what all processes made of its rows.
    """
    if len(counts) == 1:
        return tensor
    if tensor.is_floating_point():
        out: Tensor = _Gather.apply(tensor, counts)  # type: ignore[no-untyped-call]
        return out
    return _joined(tensor, counts)


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _joined(tensor: Tensor, counts: RowCounts) -> Tensor:
    most = max(counts)
    padded = tensor.new_zeros((most, *tensor.shape[1:]))
    padded[: len(tensor)] = tensor
    every = [torch.empty_like(padded) for _ in counts]
    distributed.all_gather(every, padded)
    return torch.cat([part[:count] for part, count in zip(every, counts, strict=True)])


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, counts: RowCounts) -> Tensor:
        ctx.counts = counts
        return _joined(tensor.detach(), counts)

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:
        # Every backend sums to all; the scatter that would move less is not in gloo.
        outer = outer.contiguous().clone()
        distributed.all_reduce(outer)
        rank = distributed.get_rank()
        start = sum(ctx.counts[:rank])
        return outer[start : start + ctx.counts[rank]], None
