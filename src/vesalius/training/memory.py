"""Gradient cache: the gradient of a large contrastive batch in the memory of a small one.

Source: Gao et al. 2021 (arXiv 2101.06983). The batch is encoded in chunks without a graph; the loss of all
representations gives the gradient of each of them; every chunk is then encoded again with a graph, from the same
random state, and its gradient is carried on into the weights.

What stays of the full batch in memory: its inputs, its representations and their gradients, and what the loss takes.
"""

# B batch, D width of a representation

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vesalius.methods.base import Batch, Method, Representations

__all__ = ["TrainingStep", "cached_step", "split"]

NoSync = Callable[[], AbstractContextManager[Any]]


class TrainingStep(nn.Module):
    """A method as the one module that wrappers (DDP, FSDP2, autocast) see; all of its work goes through `forward`."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(
        self,
        batch: Batch,
        upstream: Mapping[str, Tensor] | None = None,
        *,
        evaluate: bool = False,
        ahead: bool = False,
    ) -> dict[str, Tensor]:
        """Do a training step, a validation, the second half of a cached step, or a look ahead.

        Args:
            batch: see `vesalius.methods.base.Batch`.
            upstream: gradients of the loss with respect to representations (B, D) of this batch, by name, and to
                parameters, by name; the `loss` that is returned is only good for its gradient.
            evaluate: compare within this process and return the representations beside the loss.
            ahead: return what the other batches of the optimiser step are to see of this one, nothing else.
        """
        if ahead:
            return self.method.ahead(batch)
        if evaluate:
            representations = self.method.encode(batch)
            return {**self.method.loss(representations), **representations}
        if upstream is None:
            return self.method.training_step(batch)
        representations = self.method.encode(batch)
        made = {**representations, **dict(self.method.named_parameters())}
        return {"loss": torch.stack([(made[name] * gradient).sum() for name, gradient in upstream.items()]).sum()}


class _RandomState(NamedTuple):
    """State of the generators that dropout draws from."""

    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def capture(cls) -> _RandomState:
        on_cuda = torch.cuda.is_available()
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state() if on_cuda else None)

    def restore(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)


def split(batch: Batch, chunk: int) -> list[dict[str, Tensor]]:
    """Cut a batch into the fewest pieces of at most `chunk` rows, all about as large.

    No piece is a single row unless `chunk` or the batch is: batch norms have no statistics of one.
    """
    rows = len(next(iter(batch.values())))
    pieces = -(-rows // chunk)
    ends = [number * rows // pieces for number in range(pieces + 1)]
    return [{name: tensor[start:stop] for name, tensor in batch.items()} for start, stop in pairwise(ends)]


def cached_step(
    step: nn.Module,
    method: Method,
    batch: Batch,
    *,
    chunk: int,
    scale: float = 1.0,
    backward: Callable[[Tensor], None] = torch.Tensor.backward,
    no_sync: NoSync = nullcontext,
    autocast: NoSync = nullcontext,
) -> dict[str, Tensor]:
    """Add the gradient of the whole batch to the weights, encoding at most `chunk` rows with a graph at a time.

    Args:
        step: the `TrainingStep` of the method, as it is or wrapped by DDP.
        method: the method inside it.
        batch: rows of this process; the loss sees those of all processes.
        chunk: rows encoded at once.
        scale: factor on the gradient, such as one over the batches that are accumulated.
        backward: how a loss is sent backwards.
        no_sync: keeps DDP from averaging over the processes; entered for every chunk but the last.
        autocast: precision of the first encoding and of the loss; the wrapped `step` has its own.

    Returns:
        The loss and its parts, without a graph, unscaled.
    """
    chunks = split(batch, chunk)
    with autocast():
        leaves, states = _encode_without_graph(method, chunks)
        with torch.enable_grad():
            parts = method.loss(method.gather(leaves))
    upstream = _gradients(parts["loss"] * scale, leaves, method)
    after = _RandomState.capture()
    of_parameters = {name: value for name, value in upstream.items() if name not in leaves}
    start = 0
    for number, (piece, state) in enumerate(zip(chunks, states, strict=True)):
        last = number == len(chunks) - 1
        stop = start + len(next(iter(piece.values())))
        mine = {name: value[start:stop] for name, value in upstream.items() if name in leaves}
        state.restore()
        with nullcontext() if last else no_sync():
            backward(step(piece, {**mine, **(of_parameters if last else {})})["loss"])
        start = stop
    after.restore()
    return {name: value.detach() for name, value in parts.items()}


@torch.no_grad()
def _encode_without_graph(
    method: Method, chunks: list[dict[str, Tensor]]
) -> tuple[Representations, list[_RandomState]]:
    """Encode every chunk; running statistics of batch norms are put back, since the second encoding counts."""
    buffers = [buffer.clone() for buffer in method.buffers()]
    states, pieces = [], []
    for piece in chunks:
        states.append(_RandomState.capture())
        pieces.append(method.encode(piece))
    for buffer, before in zip(method.buffers(), buffers, strict=True):
        buffer.copy_(before)
    joined = {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}
    return {name: rows.requires_grad_(rows.is_floating_point()) for name, rows in joined.items()}, states


def _gradients(loss: Tensor, leaves: Representations, method: Method) -> dict[str, Tensor]:
    """Gradient of the loss by representation, and by each parameter that the loss itself uses (the logit scale)."""
    wanted = {name: rows for name, rows in leaves.items() if rows.requires_grad}
    wanted |= {name: weight for name, weight in method.named_parameters() if weight.requires_grad}
    gradients = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    return {name: value for name, value in zip(wanted, gradients, strict=True) if value is not None}
