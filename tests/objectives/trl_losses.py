"""The losses of TRL's own trainers on given log-probabilities: their functions, round a model that is none."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
from preference_inputs import Side
from torch import Tensor


def dpo(kind: str, chosen: Side, rejected: Side, *, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """`DPOTrainer` with a loss type: sigmoid, hinge, ipo or robust."""
    from trl import DPOTrainer

    trainer = _trainer(
        beta=beta, label_smoothing=label_smoothing, loss_types=[kind], loss_weights=[1.0], ld_alpha=None,
        f_divergence_type="reverse_kl", use_weighting=False,
    )  # fmt: skip
    rows = torch.cat([chosen.by_token, rejected.by_token])
    inputs = _inputs(torch.cat([chosen.mask, rejected.mask]))
    inputs |= {"ref_chosen_logps": chosen.reference, "ref_rejected_logps": rejected.reference}
    return DPOTrainer._compute_loss(trainer, _model(rows), inputs, False)


def kto(
    answers: Side, good: Tensor, *, mismatched: tuple[Tensor, Tensor], beta: float, weights: tuple[float, float]
) -> Tensor:
    """`KTOTrainer`; the policy's and the reference's log-probabilities of mismatched answers make the KL."""
    from trl import KTOTrainer

    trainer = _trainer(
        beta=beta, loss_type="kto", calculate_KL=True, desirable_weight=weights[0], undesirable_weight=weights[1],
        _compute_kl_logps=lambda model, batch: mismatched[0],
    )  # fmt: skip
    inputs = _inputs(answers.mask) | {"label": good, "ref_logps": answers.reference, "ref_KL_logps": mismatched[1]}
    return KTOTrainer._compute_loss(trainer, _model(answers.by_token), inputs, False)


def odds_ratio(chosen: Tensor, rejected: Tensor, *, beta: float) -> Tensor:
    """`ORPOTrainer.odds_ratio_loss` of mean log-probabilities, without the part of the chosen answer alone."""
    from trl.experimental.orpo import ORPOTrainer

    return -ORPOTrainer.odds_ratio_loss(_trainer(beta=beta), chosen, rejected)[0].mean()


def cpo(kind: str, chosen: Tensor, rejected: Tensor, *, beta: float, gamma: float, label_smoothing: float) -> Tensor:
    """`CPOTrainer.cpo_loss`: simpo of mean log-probabilities, or sigmoid, whose smoothing is that of cDPO."""
    from trl.experimental.cpo import CPOTrainer

    trainer = _trainer(beta=beta, alpha=0.0, loss_type=kind, simpo_gamma=gamma, label_smoothing=label_smoothing)
    return CPOTrainer.cpo_loss(trainer, chosen, rejected)[0].mean()


def _trainer(**settings: Any) -> SimpleNamespace:
    accelerator = SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x)
    return SimpleNamespace(
        accelerator=accelerator, model=SimpleNamespace(training=True), aux_loss_enabled=False,
        precompute_ref_logps=True, _total_train_tokens=0, _tp_size=1, _metrics={"train": defaultdict(list)},
        **settings,
    )  # fmt: skip


class _model:  # noqa: N801 - stands for a model where one is called
    training = True

    def __init__(self, by_token: Tensor) -> None:
        self.by_token = by_token

    def __call__(self, **_: Any) -> SimpleNamespace:
        nothing = torch.zeros_like(self.by_token)
        return SimpleNamespace(
            log_probs=self.by_token,
            entropy=nothing,
            mean_logits=nothing,
            is_top1=torch.zeros_like(nothing, dtype=bool),
        )


def _inputs(mask: Tensor) -> dict[str, Tensor]:
    """A prompt of one token before each answer."""
    completion = torch.cat([torch.zeros(len(mask), 1, dtype=torch.long), mask.long()], dim=1)
    ids = torch.zeros_like(completion)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "completion_mask": completion}
