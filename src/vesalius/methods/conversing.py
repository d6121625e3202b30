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
from vesalius.data.messages import Message
from vesalius.errors import ConfigError
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

    @property
    def stores_reference(self) -> bool:
        """Whether what a reference gives to the pairs is written down before the first step."""
        return False

    @property
    def reference_run(self) -> str:
        """Run whose model the pairs are compared with; empty where it is the model itself, or none."""
        return ""

    @property
    def learns_mismatched(self) -> bool:
        """Whether each pair is followed by its question with the answer of another pair, by which KTO measures."""
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
    views: tuple[Any, ...]
    """Of all media, row by row, (V, C, H, W) each; or tensors by name, as a base's processor makes them."""
    layouts: tuple[Layout, ...]
    sides: int = 1
    """Conversations that belong together: 2 of a pair, chosen and rejected; 3 with its mismatched one behind them."""
    reference: Tensor | None = None
    """Log-probability of each conversation's answer by a reference, NaN where it is not known, (S,)."""

    @classmethod
    def of(cls, batch: Any) -> ConversationBatch:
        """Take what a loader's dictionary holds of it."""
        return cls(**{name: batch[name] for name in cls.__dataclass_fields__ if name in batch})


class ConversingMethod(TrainedMethod):
    """A way of learning from conversations on a vision-language model: by default every answer token alike."""

    settings: ConversingConfig
    capabilities = frozenset({"generate"})

    words_requests: ClassVar[bool] = False
    """Whether requests go through `asked`, `given` and `told`; each is then read from its start."""
    scores: ClassVar[tuple[str, ...]] = ()
    """Parts of the step that validation reports beside the loss and the share of tokens that are right."""

    def train(self, mode: bool = True) -> ConversingMethod:
        """Switch to training; a part in which nothing learns stays as in use, its statistics and dropout with it."""
        super().train(mode)
        if mode:
            self.model.settle()
        return self

    def part_of(self, name: str) -> str:
        """Return the part that a weight is of, by its name here: vision, connector, language, or the method's own."""
        part: str = self.model.part_of(name.removeprefix("model.")) if name.startswith("model.") else "own"
        return part if part != "own" else super().part_of(name)

    def rewrite(self, conversation: Conversation, rng: np.random.Generator) -> Conversation | None:
        """Choose what of a conversation is learnt in one step; None leaves it out.

        Runs where batches are made, before lengths are known, and draws from `rng` alone, so that a run repeats.
        """
        del rng
        return conversation

    def prepare(self, tokenizer: Any) -> None:
        """Take in how words are written in tokens; once, before training or use. Nothing of it is stored."""

    def enter(self, stage: str) -> None:
        """Take notice of the stage that begins, by its name in the recipe, before its data are read."""

    def begin(self, *, pairs: bool, adapters_alone: bool) -> None:
        """Take notice that a stage begins to learn: the model is as the stage before left it.

        Args:
            pairs: its batches hold both sides of pairs.
            adapters_alone: nothing but adapters will move.
        """

    def refer_to(self, model: Any) -> None:
        """Take a model as the reference that the settings name as `reference_run`."""
        del model

    def reference_log_probs(self, batch: ConversationBatch) -> Tensor:
        """Return what the reference gives to all answers of a batch, (S,)."""
        raise ConfigError(f"{type(self).__name__} compares with no reference")

    def asked(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return what the model is given to read of a request; as `rewrite` words what it learns from."""
        return messages

    def given(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Complete the tensors with which the model is asked: input_ids and attention_mask (B, L), padded at the
        left, views and layouts of all media."""
        return inputs

    def told(self, written: str, messages: tuple[Message, ...]) -> str:
        """Return the answer in what the model wrote to a request, which holds these messages."""
        del messages
        return written

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
