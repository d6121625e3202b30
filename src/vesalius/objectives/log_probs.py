"""What a causal language model gives to answers: the log-probability of each sequence, and its number of tokens.

The float32 softmax of the whole batch is never held: tokens go in blocks, on the way forward and on the way back.
Only positions with a label are looked at, so a long prompt or a thousand image tokens cost nothing here.

Legend: B rows, L tokens of a row, V vocabulary, N labelled tokens of the batch, S sequences (B, or the samples packed
into the rows).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from vesalius.errors import DataError
from vesalius.models.exact import exact

__all__ = [
    "IGNORED", "SequenceLogProbs", "answer_log_probs", "packed_log_probs", "sequence_log_probs", "token_log_probs",
]  # fmt: skip

IGNORED = -100
"""Label of tokens that do not count: prompts, image tokens, padding."""
BLOCK_ELEMENTS = 1 << 22
"""Numbers of a block in float32, 16 MB; a block holds whole tokens, at least one."""


class SequenceLogProbs(NamedTuple):
    """Sums over the labelled tokens of each sequence."""

    total: Tensor
    """log p(answer | what stands before it), float32 at least, (S,)."""
    tokens: Tensor
    """Labelled tokens, (S,)."""

    @property
    def mean(self) -> Tensor:
        """Mean log-probability of a token, (S,)."""
        return self.total / self.tokens

    def halves(self) -> tuple[SequenceLogProbs, SequenceLogProbs]:
        """Return the first and the second half of the sequences: chosen and rejected of one forward."""
        if len(self.total) % 2:
            raise DataError(f"{len(self.total)} sequences are no pairs: give all chosen ones, then all rejected ones")
        (first, second), (few, others) = self.total.chunk(2), self.tokens.chunk(2)
        return SequenceLogProbs(first, few), SequenceLogProbs(second, others)


def sequence_log_probs(logits: Tensor, labels: Tensor) -> SequenceLogProbs:
    """Return the log-probability of the labelled tokens of each row, (B,).

    Args:
        logits: of any precision, (B, L, V); those at place t speak of the token at t + 1.
        labels: the input's own tokens, not shifted, `IGNORED` where they do not count, (B, L). After image tokens
            have been laid out: a label stands at its token's place among them.

    Raises:
        DataError: shapes that do not fit, a label beyond the vocabulary, or a row without a labelled token.
    """
    return _summed(logits, labels, *_row_places(labels))


def packed_log_probs(logits: Tensor, labels: Tensor, *, segments: Tensor) -> SequenceLogProbs:
    """Return the log-probability of each sample of packed rows, (S,), in the order of rows and of places in them.

    The first token of a sample is never counted: what stands before it is another sample.

    Args:
        logits: (B, L, V).
        labels: as for `sequence_log_probs`, (B, L).
        segments: number of the sample that a token belongs to, (B, L): neighbours of one number are one sample,
            numbers begin at 1 in each row, and 0 is padding.

    Raises:
        DataError: as for `sequence_log_probs`, of a sample.
    """
    if segments.shape != labels.shape:
        raise DataError(
            f"segments {tuple(segments.shape)} beside labels {tuple(labels.shape)}: they are of one shape"
        )
    begins = torch.ones_like(segments, dtype=torch.bool)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    inside = segments > 0
    samples = ((begins & inside).flatten().cumsum(0) - 1).reshape(segments.shape)
    counted = torch.where(begins | ~inside, IGNORED, labels)
    return _summed(logits, counted, samples, int((begins & inside).sum()), "sample")


def answer_log_probs(logits: Tensor, targets: Tensor, *, samples: Tensor, number: int) -> SequenceLogProbs:
    """Return the log-probability of each sample's answer, (S,), from logits that were made at answers alone.

    Args:
        logits: that speak of the targets, (N, V).
        targets: tokens of answers, (N,).
        samples: number from 0 of the sample that a target belongs to, (N,).
        number: S.

    Raises:
        DataError: shapes that do not fit, a label beyond the vocabulary, or a sample without a token.
    """
    _check(logits[None], targets[None])
    labels = torch.cat([targets.new_full((1,), IGNORED), targets])[None]
    places = torch.arange(len(targets), device=targets.device)
    values = _Tokens.apply(logits[None], labels, torch.zeros_like(places), places)  # type: ignore[no-untyped-call]
    return _totals(values, samples, number, "sample")


def token_log_probs(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the log-probability of each token, float32 at least and 0 where it does not count, (B, L).

    The first token of a row has none.

    Args:
        logits: (B, L, V).
        labels: as for `sequence_log_probs`, (B, L).
    """
    _check(logits, labels)
    places = _labelled(labels)
    values: Tensor = _Tokens.apply(logits, labels, *places)  # type: ignore[no-untyped-call]
    return values.new_zeros(labels.shape).index_put((places[0], places[1] + 1), values)


def _row_places(labels: Tensor) -> tuple[Tensor, int, str]:
    rows = torch.arange(len(labels), device=labels.device)
    return rows[:, None].expand(labels.shape), len(labels), "row"


def _summed(logits: Tensor, labels: Tensor, samples: Tensor, number: int, noun: str) -> SequenceLogProbs:
    """Sum the tokens of each sample; `samples` (B, L) says where a token belongs."""
    _check(logits, labels)
    rows, before = _labelled(labels)
    values = _Tokens.apply(logits, labels, rows, before)  # type: ignore[no-untyped-call]
    return _totals(values, samples[rows, before + 1], number, noun)


def _totals(values: Tensor, owners: Tensor, number: int, noun: str) -> SequenceLogProbs:
    """Add up the tokens (N,) of each of S owners; each has one at least."""
    tokens = torch.bincount(owners, minlength=number)
    empty = (tokens == 0).nonzero()
    if len(empty):
        raise DataError(
            f"{noun} {int(empty[0])} of {number} has no token with a label after its first: an answer has at least "
            "one; look whether it was cut off, and whether the labels were laid out with the image tokens"
        )
    return SequenceLogProbs(values.new_zeros(number).index_add(0, owners, values), tokens)


def _labelled(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return row and place of the logits that speak of labelled tokens, each (N,)."""
    rows, before = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
    return rows, before


def _check(logits: Tensor, labels: Tensor) -> None:
    if logits.ndim != 3 or logits.shape[:2] != labels.shape:
        raise DataError(
            f"logits {tuple(logits.shape)} beside labels {tuple(labels.shape)}: (B, L, V) and (B, L) are expected; "
            "image tokens that a model lays out need labels, too"
        )
    if labels.numel() and int(labels.max()) >= logits.shape[2]:
        raise DataError(f"label {int(labels.max())} is beyond a vocabulary of {logits.shape[2]}")


class _Tokens(torch.autograd.Function):
    """Log-probabilities (N,) of labelled tokens; the softmax is made again, block by block, on the way back."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, rows: Tensor, before: Tensor) -> Tensor:
        chosen = labels[rows, before + 1]
        sums = exact(logits.new_empty(0)).new_empty(len(rows))
        values = torch.empty_like(sums)
        for part in _blocks(len(rows), logits.shape[2]):
            block = exact(logits[rows[part], before[part]])
            sums[part] = block.logsumexp(dim=1)
            values[part] = block.gather(1, chosen[part, None])[:, 0] - sums[part]
        ctx.save_for_backward(logits, chosen, rows, before, sums)
        return values

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        logits, chosen, rows, before, sums = ctx.saved_tensors
        gradient = torch.zeros_like(logits)
        for part in _blocks(len(rows), logits.shape[2]):
            block = exact(logits[rows[part], before[part]])
            block = block.sub_(sums[part, None]).exp_().mul_(-outer[part, None])
            block.scatter_add_(1, chosen[part, None], outer[part, None])
            gradient[rows[part], before[part]] = block.to(gradient.dtype)
        return gradient, None, None, None


def _blocks(tokens: int, vocabulary: int) -> list[slice]:
    step = max(1, BLOCK_ELEMENTS // max(1, vocabulary))
    return [slice(start, start + step) for start in range(0, tokens, step)]
