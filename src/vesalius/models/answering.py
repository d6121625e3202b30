"""Heads that choose an answer of a list, from visual vectors and the words of a question.

Sources: MEVF, Nguyen et al. 2019 (arXiv 1909.11867): one list of answers behind bilinear or stacked attention; QCR,
Zhan et al. 2020, "Medical Visual Question Answering via Conditional Reasoning": a branch for closed and one for open
questions, each with its own attention and list, and a factor for each feature that hangs on the question alone.

Legend: B batch, V visual vectors, F their width, L words, H width of the question, A answers, n those of a branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.models.attention_bilinear import BilinearNetwork, StackedAttention, normed
from vesalius.models.fusion.heads import AnswerHead
from vesalius.models.text.recurrent import GatedSum, RecurrentText

__all__ = ["CLOSED", "OPEN", "AnsweringConfig", "Branches", "JointAnswers", "PooledAnswers", "RoutedAnswers"]

CLOSED, OPEN = 0, 1
"""Numbers of the branches."""


@dataclass(frozen=True, kw_only=True)
class AnsweringConfig:
    """Sizes of the question's side."""

    words: int
    """Words of the list."""
    word_width: int = 300
    width: int = 1024
    """Width H of the question and of the attention."""
    recurrent: Literal["gru", "lstm"] = "gru"
    twice: bool = True
    """Two tables of word vectors; see `RecurrentText`."""
    attention: Literal["bilinear", "stacked"] = "bilinear"
    glimpses: int = 2
    stacks: int = 2
    dropout: float = 0.5


class PooledAnswers(nn.Module):
    """One vector of the picture, one of the question, their product, and an answer head."""

    def __init__(self, image_width: int, text_width: int, *, width: int, answers: int):
        super().__init__()
        self.image = nn.Linear(image_width, width)
        self.text = nn.Linear(text_width, width)
        self.head = AnswerHead(3 * width, answers=answers)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """(B, F) and (B, H) to (B, A)."""
        seen, asked = self.image(image), self.text(text)
        out: Tensor = self.head(torch.cat([seen, asked, seen * asked], dim=1))
        return out


class JointAnswers(nn.Module):
    """One list for all questions."""

    def __init__(self, image_width: int, *, answers: int, config: AnsweringConfig):
        super().__init__()
        self.question = _question(config, twice=config.twice)
        self.stacked = config.attention == "stacked"
        self.attention: nn.Module = (
            StackedAttention(
                image_width, config.width, width=config.width, stacks=config.stacks, dropout=config.dropout
            )
            if self.stacked
            else BilinearNetwork(image_width, config.width, glimpses=config.glimpses)
        )
        self.answers = _classifier(config, answers)

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        """(B, V, F) and word numbers (B, L) to (B, A)."""
        states = self.question(numbers)
        out: Tensor = self.answers(self.attention(image, states[:, -1] if self.stacked else states))
        return out


class Branches(NamedTuple):
    """Logits of the questions that went each way, in their order."""

    closed: Tensor
    """(n, answers of closed questions)."""
    open: Tensor
    """(n, answers of open questions)."""


class RoutedAnswers(nn.Module):
    """A branch for closed and one for open questions, and a classifier that tells which a question is."""

    def __init__(self, image_width: int, *, closed: int, open: int, config: AnsweringConfig):
        """Build both branches.

        Args:
            image_width: F.
            closed: answers of closed questions; 0 builds no such branch, and no question is sent there.
            open: answers of open questions, likewise.
            config: sizes.
        """
        super().__init__()
        self.question = _question(config, twice=config.twice)
        self.sizes = (closed, open)
        self.branches = nn.ModuleList(
            BilinearNetwork(image_width, config.width, glimpses=config.glimpses) if size else nn.Identity()
            for size in self.sizes
        )
        self.answers = nn.ModuleList(_classifier(config, size) if size else nn.Identity() for size in self.sizes)
        self.factors = QuestionPerceptron(config, (2 * config.width, config.width, config.width))
        self.kind = QuestionPerceptron(config, (256, 64, 2))

    def route(self, numbers: Tensor) -> Tensor:
        """Word numbers (B, L) to logits of closed and open, (B, 2); −inf for a branch that is not there."""
        lacking = torch.tensor([not size for size in self.sizes], device=numbers.device)
        return self.type_logits(numbers).masked_fill(lacking, float("-inf"))

    def type_logits(self, numbers: Tensor) -> Tensor:
        """Word numbers (B, L) to logits of closed and open, (B, 2), whatever branches there are."""
        logits: Tensor = self.kind(numbers)
        return logits

    def forward(self, image: Tensor, numbers: Tensor, route: Tensor) -> Branches:
        """Answer each question by its branch.

        Args:
            image: (B, V, F).
            numbers: word numbers, (B, L).
            route: branch of each question, (B,).
        """
        states, factor = self.question(numbers), self.factors(numbers)
        found = []
        for number, size in enumerate(self.sizes):
            rows = torch.nonzero(route == number)[:, 0]
            if not size or not len(rows):
                found.append(image.new_zeros(0, size))
                continue
            features = self.branches[number](image[rows], states[rows]) * factor[rows]
            found.append(self.answers[number](features))
        return Branches(*found)


class QuestionPerceptron(nn.Module):
    """A question's own words, states and gated sum through three matrices."""

    def __init__(self, config: AnsweringConfig, widths: tuple[int, int, int]):
        """Build it; dropout lies before the second ReLU, as in the authors' code."""
        super().__init__()
        self.question = _question(config, twice=False)
        self.sum = GatedSum(config.word_width, config.width)
        layers = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise((config.width, *widths))]
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(0.5)

    def forward(self, numbers: Tensor) -> Tensor:
        """Word numbers (B, L) to (B, last width)."""
        first, second, third = self.layers
        summed = self.sum(self.question.embedded(numbers), self.question(numbers))
        hidden = self.dropout(second(functional.relu(first(summed))))
        out: Tensor = third(functional.relu(hidden))
        return out


def _question(config: AnsweringConfig, *, twice: bool) -> RecurrentText:
    kind = config.recurrent
    return RecurrentText(config.words, word_width=config.word_width, width=config.width, kind=kind, twice=twice)


def _classifier(config: AnsweringConfig, answers: int) -> nn.Sequential:
    hidden = 2 * config.width
    return nn.Sequential(normed(config.width, hidden), nn.ReLU(), nn.Dropout(config.dropout), normed(hidden, answers))
