"""Activation checkpointing: a block keeps its input alone, and is computed again when its gradient is asked for.

Source: Chen et al. 2016 (arXiv 1604.06174). Memory of one block and the inputs of all, for one more forward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

__all__ = ["run"]


def run(block: nn.Module, *inputs: Any, recompute: bool, **options: Any) -> Any:
    """Call a block, keeping only what goes in where `recompute` is set and a gradient may be asked for.

    The second pass draws the same dropout and runs in the same precision, and leaves the running statistics of batch
    norms alone: they have seen the batch once.
    """
    if not (recompute and torch.is_grad_enabled()):
        return block(*inputs, **options)

    def passes() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(block)

    return checkpoint(block, *inputs, use_reentrant=False, context_fn=passes, **options)


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Let batch norms take a batch in with weight 0, and count it no second time."""
    norms = [part for part in block.modules() if isinstance(part, _BatchNorm) and part.training]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked = norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, tracked
