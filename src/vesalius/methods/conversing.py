"""What every method is that learns from conversations: a vision-language model and a loss on its answers.

A method's module holds PAPER, SETTINGS and METHOD (two classes), and `build`, as those of dual encoders do.

Legend: R rows, L tokens of a row, N answer tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.config import Config
from vesalius.data.conversations.records import Conversation
from vesalius.methods.base import TrainedMethod
from vesalius.models.vlm.model import AnswerLogits
from vesalius.models.vlm.views import Layout

__all__ = ["ConversationBatch", "ConversingConfig", "ConversingMethod"]


@dataclass(frozen=True, kw_only=True)
class ConversingConfig(Config):
    """Settings that every method has that learns from conversations; a method adds its own."""

    @property
    def learns_pairs(self) -> bool:
        """Whether a batch holds both sides of preference pairs, the chosen answer before the rejected one."""
        return False


@dataclass(frozen=True, kw_only=True)
class ConversationBatch:
    """Conversations packed into rows."""

    input_ids: Tensor
    """(R, L)."""
    labels: Tensor
    """The same where an answer is learnt, else -100, (R, L)."""
    segments: Tensor
    """Number of the conversation in its row from 1, 0 for padding, (R, L)."""
    positions: Tensor
    """Place of each token in its own conversation, (R, L)."""
    weights: Tensor
    """What the token's conversation counts, (R, L)."""
    views: tuple[Tensor, ...]
    """Of all media, row by row, (V, C, H, W) each."""
    layouts: tuple[Layout, ...]

    @classmethod
    def of(cls, batch: Any) -> ConversationBatch:
        """Take what a loader's dictionary holds of it."""
        return cls(**{name: batch[name] for name in cls.__dataclass_fields__})


class ConversingMethod(TrainedMethod):
    """A way of learning from conversations on a vision-language model: by default every answer token alike."""

    settings: ConversingConfig
    capabilities = frozenset({"generate"})

    scores: ClassVar[tuple[str, ...]] = ()
    """Parts of the step that validation reports beside the loss and the share of tokens that are right."""

    def train(self, mode: bool = True) -> ConversingMethod:
        """Switch to training; a part in which nothing learns stays as in use, its statistics and dropout with it."""
        super().train(mode)
        for part in self.model.children():
            if mode and not any(weight.requires_grad for weight in part.parameters()):
                part.eval()
        return self

    def rewrite(self, conversation: Conversation, rng: np.random.Generator) -> Conversation | None:
        """Choose what of a conversation is learnt in one step; None leaves it out.

        Runs where batches are made, before lengths are known, and draws from `rng` alone, so that a run repeats.
        """
        del rng
        return conversation

    def answers(self, batch: ConversationBatch) -> AnswerLogits:
        """Logits where answers stand."""
        found: AnswerLogits = self.model.answer_logits(
            batch.input_ids,
            batch.labels,
            segments=batch.segments,
            positions=batch.positions,
            views=batch.views,
            layouts=batch.layouts,
        )
        return found

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Return `loss`, a mean over answer tokens, and `loss_sum` and `answer_tokens` for one over several batches.

        A conversation's weight multiplies its tokens' losses; the mean is over the tokens, whatever they weigh.
        """
        packed = ConversationBatch.of(batch)
        found = self.answers(packed)
        each = functional.cross_entropy(found.logits.float(), found.targets, reduction="none")
        total = (each * packed.weights[found.row, found.place]).sum()
        count = torch.tensor(float(max(1, len(each))), device=total.device)
        right = (found.logits.detach().argmax(dim=-1) == found.targets).float().sum()
        return {"loss": total / count, "loss_sum": total, "answer_tokens": count, "token_accuracy": right / count}
