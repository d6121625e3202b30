"""Heads on what the fusion gives: answers, matching, hidden words; and pools of prompts.

Legend: B batch, L tokens, D width of a stream, A answers, Q prompts of a pool, k chosen ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.models.fusion.streams import initialise_normal

__all__ = ["AnswerHead", "MaskedWordHead", "MatchingHead", "PromptPool"]


class AnswerHead(nn.Module):
    """Matrix, norm, GELU, matrix: logits of classes or answers from both pooled streams."""

    def __init__(self, width: int, *, answers: int):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, answers)
        initialise_normal(self)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, 2 D) to (B, A)."""
        out: Tensor = self.out(functional.gelu(self.norm(self.dense(pooled))))
        return out


class MatchingHead(nn.Module):
    """Does the text belong to the image: logits of no and yes."""

    def __init__(self, width: int):
        super().__init__()
        self.out = nn.Linear(width, 2)
        initialise_normal(self)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, 2 D) to (B, 2)."""
        out: Tensor = self.out(pooled)
        return out

    def ranking(self) -> nn.Linear:
        """Return a head of one score that starts as the logit of yes, to be tuned for retrieval among wrong texts."""
        head = nn.Linear(self.out.in_features, 1)
        head.load_state_dict({name: value[1:].clone() for name, value in self.out.state_dict().items()})
        return head

    def log_odds(self, pooled: Tensor) -> Tensor:
        """Logit of yes, (B,)."""
        logits = self(pooled)
        out: Tensor = logits[:, 1] - logits[:, 0]
        return out


class MaskedWordHead(nn.Module):
    """Which word was hidden: matrix, GELU, norm and a matrix of the vocabulary that is not shared (BERT's head)."""

    def __init__(self, width: int, *, vocabulary: int):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.out = nn.Linear(width, vocabulary)
        initialise_normal(self)

    def forward(self, tokens: Tensor) -> Tensor:
        """(…, D) to (…, vocabulary)."""
        out: Tensor = self.out(self.norm(functional.gelu(self.dense(tokens))))
        return out


class PromptPool(nn.Module):
    """Rows from which the k nearest to a query are taken in the place of a side that is missing.

    The choice is hard: gradient reaches the chosen rows, and not the scores.
    """

    def __init__(self, size: int, width: int):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(size, width) * 0.02)

    def forward(self, query: Tensor, count: int) -> Tensor:
        """Rows of the largest dot products with the query (B, D), the largest first, (B, k, D)."""
        return self.rows[self.chosen(query, count)]

    @torch.no_grad()
    def chosen(self, query: Tensor, count: int) -> Tensor:
        """Numbers of those rows, (B, k).

        Raises:
            ValueError: the pool holds fewer.
        """
        if count > len(self.rows):
            raise ValueError(f"{count} prompts asked of a pool of {len(self.rows)}")
        return (query.to(self.rows.dtype) @ self.rows.T).topk(count, dim=1).indices
