"""What every method is that learns from preference pairs: a model, its frozen reference, and an algorithm for both.

The reference is the model as it stood when the stage began: the same with its adapters off where adapters alone
learn, else a copy; or log-probabilities that were written down before the first step. Both sides of a pair stand in
one batch, each with its own media. A stage whose batches hold no pairs is learnt as answers are.

Legend: R rows, L tokens of a row, S conversations of a batch, P pairs, N answer tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from vesalius.errors import ConfigError, DataError
from vesalius.methods.conversing import ConversationBatch, ConversingConfig, ConversingMethod
from vesalius.objectives.log_probs import SequenceLogProbs, answer_log_probs
from vesalius.objectives.preference import kl_estimate, pair_loss, reward_accuracy, unpaired_loss
from vesalius.objectives.preference_settings import KTO, PreferenceConfig, preference_settings

__all__ = ["PreferringConfig", "PreferringMethod"]

_START, _STORED = "start", "stored"


@dataclass(frozen=True, kw_only=True)
class PreferringConfig(ConversingConfig):
    """Settings that every method has that learns from pairs."""

    algorithm: str = "dpo"
    """dpo, ipo, kto, orpo, r-dpo or simpo, see `vesalius.objectives.preference_settings`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the algorithm, such as {beta: 0.05}; its own defaults where nothing is given."""
    reference: str = "start"
    """What the policy is held to: "start", the model as it stands when the stage begins, kept beside it; "stored",
    its log-probabilities, written down before the first step: half the memory, and one forward less in every epoch
    but the first; or a run, whose tokenizer must be the same."""

    def __post_init__(self) -> None:
        try:
            self.rule  # noqa: B018 - the algorithm's own checks
        except ConfigError as error:
            raise ValueError(str(error)) from None

    @property
    def rule(self) -> PreferenceConfig:
        """Return the settings of the algorithm."""
        return preference_settings(self.algorithm, self.options)

    @property
    def stores_reference(self) -> bool:
        """Log-probabilities of the reference are written down before the first step."""
        return self.rule.needs_reference and self.reference == _STORED

    @property
    def reference_run(self) -> str:
        """Run whose model is the reference."""
        return self.reference if self.rule.needs_reference and self.reference not in (_START, _STORED) else ""

    @property
    def learns_pairs(self) -> bool:
        """A batch holds both sides of pairs."""
        return True

    @property
    def learns_mismatched(self) -> bool:
        """KTO looks at answers that belong to other questions."""
        return isinstance(self.rule, KTO)


class PreferringMethod(ConversingMethod):
    """Learns to prefer the chosen answer to the rejected one."""

    settings: PreferringConfig
    scores: ClassVar[tuple[str, ...]] = ("reward_accuracy", "margin", "chosen_reward", "rejected_reward")

    def __init__(self, settings: Any, model: Any) -> None:
        super().__init__(settings, model)
        self._rule = self.settings.rule
        # In a tuple, so that the copy is no part of what is trained, counted or saved.
        self._frozen: tuple[Any, ...] = ()
        self._own_start = False

    def begin(self, *, pairs: bool, adapters_alone: bool) -> None:
        """Keep the model as it is now as the reference, unless its log-probabilities are written down."""
        self._frozen = ()
        from_start = pairs and self._rule.needs_reference and self.settings.reference == _START
        self._own_start = self.settings.stores_reference or (from_start and adapters_alone)
        if from_start and not adapters_alone:
            self.refer_to(copy.deepcopy(self.model))

    def refer_to(self, model: Any) -> None:
        """Take another model of the same tokenizer as the reference; it is frozen."""
        self._frozen = (model.eval().requires_grad_(False),)

    def log_probs(self, batch: ConversationBatch, model: Any) -> SequenceLogProbs:
        """Return the log-probabilities of all answers of a batch by a model, (S,)."""
        found = model.answer_logits(
            batch.input_ids, batch.labels, segments=batch.segments, positions=batch.positions, views=batch.views,
            layouts=batch.layouts,
        )  # fmt: skip
        first, number = _numbers(batch.segments)
        samples = first[found.row] + batch.segments[found.row, found.place] - 1
        return answer_log_probs(found.logits, found.targets, samples=samples, number=number)

    @torch.no_grad()
    def reference_log_probs(self, batch: ConversationBatch) -> Tensor:
        """Return what the reference gives to all answers of a batch, (S,).

        Raises:
            ConfigError: no stage has begun, so that there is no reference. DataError: some are not written down.
        """
        if batch.reference is not None:
            if bool(batch.reference.isnan().any()):
                raise DataError("reference log-probabilities are written down of some conversations, not of all")
            return batch.reference
        if self._frozen:
            frozen = self._frozen[0].to(batch.input_ids.device)
            return self.log_probs(batch, frozen).total
        if not self._own_start:
            raise ConfigError(f"{self._rule.name} has no reference: a stage of pairs has not begun")
        with _as_at_the_start(self):
            return self.log_probs(batch, self.model).total

    def training_step(self, batch: Any) -> dict[str, Tensor]:
        """Return `loss`, a mean over pairs, `loss_sum` for one over several batches, and what is shown of rewards."""
        packed = ConversationBatch.of(batch)
        if packed.sides == 1:
            return super().training_step(batch)
        policy = self.log_probs(packed, self.model)
        reference = self.reference_log_probs(packed) if self._rule.needs_reference else None
        if isinstance(self._rule, KTO):
            assert reference is not None
            loss, chosen, rejected = self._unpaired(packed, policy, reference)
        else:
            sides = None if reference is None else (reference[0 :: packed.sides], reference[1 :: packed.sides])
            found = pair_loss(
                self._rule,
                chosen=_side(policy, 0, packed.sides),
                rejected=_side(policy, 1, packed.sides),
                reference=sides,
                weights=_weights(packed),
            )
            loss, chosen, rejected = found.loss, found.chosen_reward, found.rejected_reward
        tokens = policy.tokens.float()
        return {
            "loss": loss,
            "loss_sum": loss * len(policy.total),
            "pairs": loss.new_tensor(float(len(chosen))),
            "chosen_reward": chosen.mean(),
            "rejected_reward": rejected.mean(),
            "margin": (chosen - rejected).mean(),
            "reward_accuracy": reward_accuracy(chosen, rejected),
            "chosen_log_prob": policy.total[0 :: packed.sides].detach().mean(),
            "rejected_log_prob": policy.total[1 :: packed.sides].detach().mean(),
            "chosen_tokens": tokens[0 :: packed.sides].mean(),
            "rejected_tokens": tokens[1 :: packed.sides].mean(),
        }

    def _unpaired(
        self, batch: ConversationBatch, policy: SequenceLogProbs, reference: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return KTO's loss of both sides as single answers, and the rewards of good and bad ones, (P,) each."""
        pairs = len(policy.total) // batch.sides
        single = [torch.cat([values[0 :: batch.sides], values[1 :: batch.sides]]) for values in (*policy, reference)]
        weights = _weights(batch)
        found = unpaired_loss(
            cast(KTO, self._rule),
            policy=SequenceLogProbs(single[0], single[1]),
            reference=single[2],
            desirable=torch.arange(2 * pairs, device=reference.device) < pairs,
            kl=kl_estimate(policy.total[2 :: batch.sides].detach(), reference[2 :: batch.sides]),
            weights=torch.cat([weights, weights]),
        )
        return found.loss, found.reward[:pairs], found.reward[pairs:]


def _side(found: SequenceLogProbs, number: int, sides: int) -> SequenceLogProbs:
    return SequenceLogProbs(found.total[number::sides], found.tokens[number::sides])


def _numbers(segments: Tensor) -> tuple[Tensor, int]:
    """Return the number of each row's first conversation, (R,), and how many there are, S."""
    counts = segments.max(dim=1).values
    return counts.cumsum(0) - counts, int(counts.sum())


def _weights(batch: ConversationBatch) -> Tensor:
    """Return the weight of each pair, (P,), which all tokens of its sides carry."""
    first, number = _numbers(batch.segments)
    inside = batch.segments > 0
    samples = (first[:, None] + batch.segments - 1)[inside]
    weights = batch.weights.new_zeros(number)
    weights[samples] = batch.weights[inside]
    return weights[0 :: batch.sides]


@contextmanager
def _as_at_the_start(method: ConversingMethod) -> Iterator[None]:
    """Let the model be what it was before its adapters learnt, without dropout."""
    training = method.training
    method.eval()
    try:
        with ExitStack() as stack:
            for held in method.model.children():
                if hasattr(held, "disable_adapter"):
                    stack.enter_context(held.disable_adapter())
            yield
    finally:
        method.train(training)
