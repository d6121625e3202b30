"""Our preference losses beside TRL's own trainers: loss and gradient on random log-probabilities."""

from __future__ import annotations

import pytest
import torch
import trl_losses
from preference_inputs import Side
from torch import Tensor

from vesalius.objectives.log_probs import token_log_probs
from vesalius.objectives.preference import kl_estimate, pair_loss, unpaired_loss
from vesalius.objectives.preference_settings import DPO, IPO, KTO, ORPO, SimPO

# TRL takes 8 s to import.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::Warning")]


@pytest.fixture(autouse=True)
def _needs_trl() -> None:
    pytest.importorskip("trl")


def drawn(seed: int, pairs: int = 6, longest: int = 12) -> Side:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(longest)[None] < torch.randint(1, longest + 1, (pairs, 1), generator=generator)
    by_token = torch.where(mask, -torch.rand(pairs, longest, generator=generator, dtype=torch.float64) * 3, 0.0)
    noise = torch.randn(pairs, generator=generator, dtype=torch.float64)
    return Side(by_token.detach().requires_grad_(), mask, by_token.sum(dim=1) + noise)


def assert_same(ours: Tensor, theirs: Tensor, *inputs: Tensor, rtol: float = 1e-9) -> None:
    torch.testing.assert_close(ours, theirs.to(ours.dtype), rtol=rtol, atol=rtol)
    pairs = zip(torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "settings"), [
    ("sigmoid", DPO(beta=0.3)), ("hinge", DPO(beta=0.3, form="hinge")), ("ipo", IPO(beta=0.3, lengths="mean")),
])  # fmt: skip
def test_dpo_trainer(kind: str, settings: DPO | IPO, seed: int) -> None:
    chosen, rejected = drawn(seed), drawn(seed + 100)
    theirs = trl_losses.dpo(kind, chosen, rejected, beta=0.3)
    found = pair_loss(
        settings, chosen=chosen.answers, rejected=rejected.answers, reference=(chosen.reference, rejected.reference)
    )
    masks = (chosen.by_token, rejected.by_token)
    torch.testing.assert_close(found.loss, theirs, rtol=1e-9, atol=1e-9)
    for one, other, side in zip(
        torch.autograd.grad(found.loss, masks), torch.autograd.grad(theirs, masks), (chosen, rejected), strict=True
    ):
        torch.testing.assert_close(one[side.mask], other[side.mask], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("drift", [2.0, -2.0])
def test_kto_trainer(seed: int, drift: float) -> None:
    answers = drawn(seed)
    good = torch.tensor([True, False, False, True, True, False])
    mismatched = (torch.linspace(-9, -3, 6).double() + drift, torch.linspace(-8.5, -3.5, 6).double())
    theirs = trl_losses.kto(answers, good, mismatched=mismatched, beta=0.2, weights=(1.0, 1.3))
    ours = unpaired_loss(
        KTO(beta=0.2, undesirable_weight=1.3), policy=answers.answers, reference=answers.reference, desirable=good,
        kl=kl_estimate(*mismatched),
    ).loss  # fmt: skip
    assert_same(ours, theirs, answers.by_token)


@pytest.mark.parametrize("seed", range(3))
def test_orpo_trainer(seed: int) -> None:
    chosen, rejected = drawn(seed), drawn(seed + 100)
    means = chosen.answers.mean, rejected.answers.mean
    theirs = trl_losses.odds_ratio(*means, beta=0.4) - means[0].mean()
    ours = pair_loss(ORPO(beta=0.4), chosen=chosen.answers, rejected=rejected.answers).loss
    # TRL casts to float32 here.
    assert_same(ours, theirs, chosen.by_token, rejected.by_token, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cpo_trainer_as_simpo_and_as_smoothed_dpo(seed: int, smoothing: float) -> None:
    chosen, rejected = drawn(seed), drawn(seed + 100)
    means = chosen.answers.mean, rejected.answers.mean
    theirs = trl_losses.cpo("simpo", *means, beta=1.5, gamma=0.7, label_smoothing=smoothing)
    settings = SimPO(beta=1.5, margin=0.7, label_smoothing=smoothing)
    ours = pair_loss(settings, chosen=chosen.answers, rejected=rejected.answers).loss
    assert_same(ours, theirs, chosen.by_token, rejected.by_token)
    ratios = [one.answers.total - one.reference for one in (chosen, rejected)]
    theirs = trl_losses.cpo("sigmoid", *ratios, beta=0.3, gamma=0.0, label_smoothing=smoothing)
    dpo = DPO(beta=0.3, label_smoothing=smoothing)
    frozen = (chosen.reference, rejected.reference)
    ours = pair_loss(dpo, chosen=chosen.answers, rejected=rejected.answers, reference=frozen).loss
    assert_same(ours, theirs, chosen.by_token, rejected.by_token)


def test_log_softmax_of_single_tokens() -> None:
    from trl.trainer.utils import selective_log_softmax

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 9, 50, generator=generator, requires_grad=True)
    labels = torch.randint(50, (3, 9), generator=generator)
    theirs = selective_log_softmax(logits[:, :-1], labels[:, 1:])
    ours = token_log_probs(logits, labels)[:, 1:]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
