"""Preference losses from log-probabilities of answers: DPO, R-DPO, IPO, KTO, ORPO, SimPO, with weights for pairs.

What made the log-probabilities is the caller's matter: chosen and rejected may be answers to different pictures, and
the reference may be a frozen copy or the model with its adapter off. `vesalius.objectives.log_probs` makes them.

A weight s multiplies the loss of its pair, and the mean is over pairs, not over weights (MMedPO, arXiv 2412.06141):
the loss is linear in s, and a pair with s = 0 teaches nothing.

Legend: P pairs, N single answers; Δ = [log π(y_w) - log π_ref(y_w)] - [log π(y_l) - log π_ref(y_l)].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vesalius.errors import ConfigError, DataError
from vesalius.models.exact import exact
from vesalius.objectives.log_probs import SequenceLogProbs
from vesalius.objectives.preference_settings import DPO, IPO, KTO, ORPO, RDPO, PreferenceConfig, SimPO

__all__ = ["PairLoss", "UnpairedLoss", "kl_estimate", "pair_loss", "reward_accuracy", "unpaired_loss"]


class PairLoss(NamedTuple):
    """A loss and what is shown of it; only `loss` carries a gradient."""

    loss: Tensor
    """Mean over pairs of weight times loss, a scalar."""
    by_pair: Tensor
    """Before the weights, (P,)."""
    chosen_reward: Tensor
    """β times the log-ratio to the reference; without one, β times the mean log-probability of a token, (P,)."""
    rejected_reward: Tensor
    """(P,)."""


class UnpairedLoss(NamedTuple):
    """A loss of single answers; only `loss` carries a gradient."""

    loss: Tensor
    """Mean over answers of weight times loss, a scalar."""
    by_answer: Tensor
    """Before the weights of the answers, with λ, (N,)."""
    reward: Tensor
    """β times the log-ratio to the reference, (N,)."""


class _Pairs(NamedTuple):
    chosen: SequenceLogProbs
    rejected: SequenceLogProbs
    chosen_ratio: Tensor
    """log π - log π_ref, (P,)."""
    rejected_ratio: Tensor

    @property
    def gap(self) -> Tensor:
        """Δ, (P,)."""
        return self.chosen_ratio - self.rejected_ratio


def pair_loss(
    settings: PreferenceConfig,
    *,
    chosen: SequenceLogProbs,
    rejected: SequenceLogProbs,
    reference: tuple[Tensor, Tensor] | None = None,
    weights: Tensor | None = None,
) -> PairLoss:
    """Compare chosen with rejected answers.

    Args:
        settings: of the algorithm; its type says which.
        chosen: answers y_w, P of them.
        rejected: answers y_l.
        reference: summed log-probabilities of the chosen and the rejected answers by the reference, (P,) each; they
            get no gradient. Algorithms without a reference do not look at them.
        weights: weight s of each pair, at least 0, (P,); 1 where not given.

    Raises:
        ConfigError: an algorithm that has no pairs, or a reference that is lacking.
        DataError: numbers of answers, references or weights that do not fit.
    """
    rule = _PAIRED.get(type(settings))
    if rule is None:
        raise ConfigError(f"{settings.name} learns from single answers: call unpaired_loss")
    if settings.needs_reference and reference is None:
        raise ConfigError(f"{settings.name} needs the log-probabilities of a reference model")
    of_chosen, of_rejected = reference or (None, None)
    _check_lengths(len(chosen.total), {
        "rejected answers": rejected.total, "weights": weights, "references of chosen answers": of_chosen,
        "references of rejected answers": of_rejected,
    })  # fmt: skip
    ratios = [exact(policy.total) for policy in (chosen, rejected)]
    if settings.needs_reference and reference is not None:
        ratios = [ratio - exact(frozen.detach()) for ratio, frozen in zip(ratios, reference, strict=True)]
    pairs = _Pairs(chosen, rejected, *ratios)
    by_pair = rule(settings, pairs)
    rewards = ratios if settings.needs_reference else [exact(policy.mean) for policy in (chosen, rejected)]
    return PairLoss(
        _weighted(by_pair, weights), by_pair.detach(), *(settings.beta * reward.detach() for reward in rewards)
    )


def unpaired_loss(
    settings: KTO,
    *,
    policy: SequenceLogProbs,
    reference: Tensor,
    desirable: Tensor,
    kl: Tensor,
    weights: Tensor | None = None,
) -> UnpairedLoss:
    """Learn from single answers that are marked good or bad.

    Args:
        settings: β and the weights λ of both kinds.
        policy: N answers.
        reference: their summed log-probabilities by the reference, (N,).
        desirable: True where an answer is good, (N,).
        kl: z_ref, as `kl_estimate` gives it, a scalar.
        weights: of each answer, (N,); 1 where not given.
    """
    _check_lengths(len(policy.total), {
        "reference log-probabilities": reference, "marks of good answers": desirable, "weights": weights,
    })  # fmt: skip
    ratio = exact(policy.total) - exact(reference.detach())
    sign = torch.where(desirable, ratio.new_tensor(1.0), ratio.new_tensor(-1.0))
    shares = (ratio.new_tensor(settings.desirable_weight), ratio.new_tensor(settings.undesirable_weight))
    share = torch.where(desirable, *shares)
    by_answer = share * (1 - torch.sigmoid(sign * settings.beta * (ratio - kl.detach())))
    return UnpairedLoss(_weighted(by_answer, weights), by_answer.detach(), settings.beta * ratio.detach())


def kl_estimate(policy: Tensor, reference: Tensor) -> Tensor:
    """Return KTO's z_ref ≥ 0: how far the policy has moved, from answers that belong to other prompts, a scalar.

    The mean of log π - log π_ref is not below 0 in truth; that of a batch may be, and is then 0. It gets no gradient.
    Where a batch is spread over processes, give what all of them have.

    Args:
        policy: summed log-probabilities of mismatched answers, such as those of the row before, (M,).
        reference: the same by the reference, (M,).
    """
    _check_lengths(len(policy), {"reference log-probabilities of mismatched answers": reference})
    return (exact(policy) - exact(reference)).detach().mean().clamp(min=0)


def reward_accuracy(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Return the share of pairs whose chosen answer has the higher reward, a scalar; a tie counts half.

    So it is 0.5 at the start, where the policy is the reference and all rewards are 0.
    """
    return ((chosen > rejected).double() + 0.5 * (chosen == rejected).double()).mean()


def _dpo(settings: DPO, pairs: _Pairs) -> Tensor:
    gap = settings.beta * pairs.gap
    if settings.form == "hinge":
        return functional.relu(1 - gap)
    return _smoothed(gap, -gap, settings.label_smoothing)


def _rdpo(settings: RDPO, pairs: _Pairs) -> Tensor:
    gap = settings.beta * pairs.gap
    longer = settings.length_weight * (pairs.chosen.tokens - pairs.rejected.tokens).to(gap)
    return _smoothed(gap + longer, longer - gap, settings.label_smoothing)


def _ipo(settings: IPO, pairs: _Pairs) -> Tensor:
    gap = pairs.gap
    if settings.lengths == "mean":
        gap = pairs.chosen_ratio / pairs.chosen.tokens - pairs.rejected_ratio / pairs.rejected.tokens
    return (gap - 1 / (2 * settings.beta)) ** 2


def _orpo(settings: ORPO, pairs: _Pairs) -> Tensor:
    chosen, rejected = exact(pairs.chosen.mean), exact(pairs.rejected.mean)
    return -chosen - settings.beta * functional.logsigmoid(_log_odds(chosen) - _log_odds(rejected))


def _simpo(settings: SimPO, pairs: _Pairs) -> Tensor:
    gap = settings.beta * (exact(pairs.chosen.mean) - exact(pairs.rejected.mean)) - settings.margin
    return _smoothed(gap, -gap, settings.label_smoothing)


_PAIRED: dict[type[PreferenceConfig], Callable[[Any, _Pairs], Tensor]] = {
    DPO: _dpo, RDPO: _rdpo, IPO: _ipo, ORPO: _orpo, SimPO: _simpo,
}  # fmt: skip
"""Loss of each pair, (P,), by the type of the settings."""


def _smoothed(gap: Tensor, turned: Tensor, share: float) -> Tensor:
    """Return -log σ of the gap, with a share of the turned pair's."""
    loss = -functional.logsigmoid(gap)
    return loss if share == 0 else (1 - share) * loss - share * functional.logsigmoid(turned)


def _log_odds(log_p: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of log-probabilities below 0, exact near both ends.

    A p that is 1 to rounding is taken for the largest number below it, and has no gradient.
    """
    below = log_p.clamp(max=-torch.finfo(log_p.dtype).eps)
    near_one = torch.log(-torch.expm1(below))
    return below - torch.where(below > -0.6931471805599453, near_one, torch.log1p(-torch.exp(below)))


def _weighted(losses: Tensor, weights: Tensor | None) -> Tensor:
    return losses.mean() if weights is None else (losses * weights.detach().to(losses)).mean()


def _check_lengths(number: int, others: dict[str, Tensor | None]) -> None:
    if not number:
        raise DataError("no answers: a loss needs at least one")
    for name, values in others.items():
        if values is not None and values.shape != (number,):
            raise DataError(f"{tuple(values.shape)} {name} beside {number} answers: expected ({number},)")
