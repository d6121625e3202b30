"""Answers with log-probabilities by formula: the inputs of the golden numbers and of what runs beside them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vesalius.objectives.log_probs import SequenceLogProbs

CHOSEN_TOKENS, REJECTED_TOKENS = (7, 3, 9, 1, 5), (4, 8, 9, 2, 6)


class Side(NamedTuple):
    """Log-probabilities of the tokens of five answers, (5, 9), 0 beyond their ends, and of the reference, (5,)."""

    by_token: Tensor
    mask: Tensor
    reference: Tensor

    @property
    def answers(self) -> SequenceLogProbs:
        return SequenceLogProbs(self.by_token.sum(dim=1), self.mask.sum(dim=1))


def side(tokens: tuple[int, ...], phase: float) -> Side:
    """Answers of these lengths; another phase gives others."""
    row, place = torch.arange(len(tokens), dtype=torch.float64)[:, None], torch.arange(9, dtype=torch.float64)[None]
    mask = place < torch.tensor(tokens)[:, None]
    by_token = torch.where(mask, -0.9 + 0.7 * torch.sin(1.3 * row + 0.7 * place + phase), 0.0)
    reference = by_token.sum(dim=1) + 1.5 * torch.cos(2.1 * row[:, 0] + phase)
    return Side(by_token.detach().requires_grad_(), mask, reference)


def sides() -> tuple[Side, Side]:
    """Chosen and rejected answers."""
    return side(CHOSEN_TOKENS, 0.4), side(REJECTED_TOKENS, 1.9)
