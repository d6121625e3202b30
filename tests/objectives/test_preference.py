"""Preference losses: the numbers of the papers' cards, identities, TRL's numbers, and what is refused."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from preference_inputs import sides
from torch import Tensor

from vesalius.errors import ConfigError, DataError
from vesalius.objectives.log_probs import SequenceLogProbs
from vesalius.objectives.preference import PairLoss, kl_estimate, pair_loss, reward_accuracy, unpaired_loss
from vesalius.objectives.preference_settings import (
    ALGORITHMS,
    DPO,
    IPO,
    KTO,
    ORPO,
    RDPO,
    PreferenceConfig,
    SimPO,
    preference_settings,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "preference.json").read_text(encoding="utf-8"))
PAIRED = [kind for kind in ALGORITHMS.values() if kind.paired]


def answers(totals: list[float], tokens: list[int]) -> SequenceLogProbs:
    return SequenceLogProbs(torch.tensor(totals, dtype=torch.float64, requires_grad=True), torch.tensor(tokens))


def loss_of(
    settings: PreferenceConfig, gap: float, *, tokens: tuple[int, int] = (10, 10), weights: list[float] | None = None
) -> PairLoss:
    """The loss of one pair whose Δ is `gap`: all of it in the chosen answer."""
    chosen, rejected = answers([-20.0 + gap], [tokens[0]]), answers([-30.0], [tokens[1]])
    reference = (torch.tensor([-20.0]).double(), torch.tensor([-30.0]).double())
    made = None if weights is None else torch.tensor(weights)
    return pair_loss(settings, chosen=chosen, rejected=rejected, reference=reference, weights=made)


def test_at_the_start() -> None:
    """π = π_ref: ln 2; with |y_w| = 30, |y_l| = 10, α = .05: -log σ(1); 1/(4β²) = 25 at β = .1."""
    assert loss_of(DPO(), 0.0).loss.item() == pytest.approx(math.log(2))
    assert loss_of(RDPO(), 0.0, tokens=(30, 10)).loss.item() == pytest.approx(0.3133, abs=5e-5)
    assert loss_of(IPO(beta=0.1), 0.0).loss.item() == pytest.approx(25.0)
    assert loss_of(DPO(form="hinge"), 0.0).loss.item() == 1.0


def test_rdpo_is_dpo_without_lengths() -> None:
    for gap in (-7.0, 0.0, 3.0):
        plain = loss_of(DPO(), gap).loss
        torch.testing.assert_close(loss_of(RDPO(length_weight=0.0), gap, tokens=(30, 10)).loss, plain)
        torch.testing.assert_close(loss_of(RDPO(), gap, tokens=(12, 12)).loss, plain)


def test_rdpo_learns_less_where_the_chosen_answer_is_longer() -> None:
    # The gradient by Δ is -β σ(-(βΔ + α Δlen)); at Δ = 2, β = .1, α = .05:
    for longer, argument in ((20, 1.2), (0, 0.2), (-20, -0.8)):
        chosen = answers([2.0], [30 + longer])
        reference = (torch.zeros(1).double(), torch.zeros(1).double())
        found = pair_loss(RDPO(), chosen=chosen, rejected=answers([0.0], [30]), reference=reference)
        gradient = torch.autograd.grad(found.loss, chosen.total)[0].item()
        assert gradient == pytest.approx(-0.1 / (1 + math.exp(argument)))


def test_rdpo_smoothing_keeps_the_sign_of_the_length_term() -> None:
    # β Δ = .2, α Δlen = 1, ε = .3: .7 · -log σ(1.2) + .3 · -log σ(1 - .2) = .7 · .263282 + .3 · .371101
    found = loss_of(RDPO(label_smoothing=0.3), 2.0, tokens=(30, 10))
    assert found.loss.item() == pytest.approx(0.7 * 0.263282 + 0.3 * 0.371101, abs=1e-6)


def test_ipo_is_least_at_one_over_two_beta_and_dpo_never() -> None:
    beta = 0.1
    gaps = torch.linspace(-20, 40, 601).tolist()
    ipo = [loss_of(IPO(beta=beta), gap).loss.item() for gap in gaps]
    assert gaps[min(range(len(gaps)), key=ipo.__getitem__)] == pytest.approx(1 / (2 * beta), abs=0.06)
    assert loss_of(IPO(beta=beta), 5.0).loss.item() == pytest.approx(0.0, abs=1e-12)
    dpo = [loss_of(DPO(beta=beta), gap).loss.item() for gap in gaps]
    assert all(later < earlier for earlier, later in pairwise(dpo))


def test_ipo_of_mean_tokens_by_hand() -> None:
    # Ratios 2 over 10 tokens and 0: Δ = .2; (.2 - 5)² = 23.04
    assert loss_of(IPO(lengths="mean"), 2.0).loss.item() == pytest.approx(23.04)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 2.0])
def test_gradient_by_the_chosen_answer(weight: float) -> None:
    """∂L/∂log π(y_w) = -s β σ(-βΔ), and + for y_l; a mean over two pairs halves it."""
    chosen, rejected = answers([1.5, 0.0], [4, 4]), answers([-0.5, 0.0], [4, 4])
    zero = torch.zeros(2, dtype=torch.float64)
    found = pair_loss(
        DPO(beta=0.5), chosen=chosen, rejected=rejected, reference=(zero, zero), weights=torch.tensor([weight, 1.0])
    )
    gradients = torch.autograd.grad(found.loss, (chosen.total, rejected.total))
    expected = weight * 0.5 / (1 + math.exp(0.5 * 2.0)) / 2
    assert [gradient[0].item() for gradient in gradients] == pytest.approx([-expected, expected])


@pytest.mark.parametrize("kind", PAIRED)
def test_the_loss_is_linear_in_the_weights(kind: type[PreferenceConfig]) -> None:
    chosen, rejected = (one.answers for one in sides())
    frozen = tuple(one.reference for one in sides())

    def value(weights: Tensor | None) -> PairLoss:
        return pair_loss(kind(), chosen=chosen, rejected=rejected, reference=frozen, weights=weights)

    s = torch.tensor([0.0, 0.2, 0.5, 1.0, 1.7], dtype=torch.float64)
    assert value(torch.ones(5)).loss.item() == pytest.approx(value(None).loss.item(), rel=1e-12)
    assert value(s).loss.item() == pytest.approx((value(None).by_pair * s).mean().item(), rel=1e-12)
    assert value(2 * s).loss.item() == pytest.approx(2 * value(s).loss.item(), rel=1e-12)
    gradients = torch.autograd.grad(value(s).loss, (chosen.total, rejected.total))
    assert all(gradient[0] == 0 and gradient[4] != 0 for gradient in gradients)


def test_a_visual_pair_whose_pictures_are_equal_teaches_nothing() -> None:
    """y_l = y_w and I′ = I: both sides are one number, Δ ≡ 0, and so is the gradient, wherever the model is."""
    total = torch.tensor([-8.0, -3.0], dtype=torch.float64, requires_grad=True)
    same = SequenceLogProbs(total, torch.tensor([5, 5]))
    frozen = torch.tensor([-11.0, -2.0], dtype=torch.float64)
    found = pair_loss(DPO(), chosen=same, rejected=same, reference=(frozen, frozen), weights=torch.tensor([0.4, 1.0]))
    assert found.by_pair.tolist() == pytest.approx([math.log(2)] * 2)
    assert torch.autograd.grad(found.loss, total)[0].tolist() == [0.0, 0.0]


def test_smoothed_dpo_by_hand() -> None:
    # βΔ = .2, ε = .1: .9 · -log σ(.2) + .1 · -log σ(-.2) = .9 · .598139 + .1 · .798139
    found = loss_of(DPO(label_smoothing=0.1), 2.0)
    assert found.loss.item() == pytest.approx(0.9 * 0.598139 + 0.1 * 0.798139, abs=1e-6)


def test_orpo_by_hand_and_without_a_reference() -> None:
    # Mean probabilities .8 and .5: odds 4 and 1, log odds ratio ln 4, -log σ = log(1 + 1/4) = .223144;
    # NLL -log .8 = .223144; λ = .1.
    chosen, rejected = answers([4 * math.log(0.8)], [4]), answers([2 * math.log(0.5)], [2])
    found = pair_loss(ORPO(), chosen=chosen, rejected=rejected)
    assert found.loss.item() == pytest.approx(1.1 * 0.223144, abs=1e-6)
    frozen = (torch.tensor([-5.0]), torch.tensor([-99.0]))
    assert pair_loss(ORPO(), chosen=chosen, rejected=rejected, reference=frozen).loss == found.loss


def test_orpo_stays_finite_where_an_answer_is_certain() -> None:
    chosen, rejected = answers([0.0], [3]), answers([-1e-30], [3])
    found = pair_loss(ORPO(), chosen=chosen, rejected=rejected)
    assert torch.isfinite(found.loss)
    assert all(torch.isfinite(part).all() for part in torch.autograd.grad(found.loss, (chosen.total, rejected.total)))


def test_simpo_by_hand() -> None:
    # Means -.2 and -1: 2 · .8 - .5 = 1.1; -log σ(1.1) = .287335
    found = pair_loss(SimPO(), chosen=answers([-2.0], [10]), rejected=answers([-3.0], [3]))
    assert found.loss.item() == pytest.approx(0.287335, abs=1e-6)


def test_kto_takes_answers_that_are_no_pairs() -> None:
    # β = .1, z = 2. Good with ratio 5: 1 - σ(.3) = .425557; good with 2: .5; bad with 5: 1 - σ(-.3) = .574443, λ .5.
    policy = answers([5.0, 2.0, 5.0], [3, 4, 5])
    found = unpaired_loss(
        KTO(undesirable_weight=0.5), policy=policy, reference=torch.zeros(3).double(), kl=torch.tensor(2.0),
        desirable=torch.tensor([True, True, False]),
    )  # fmt: skip
    assert found.by_answer.tolist() == pytest.approx([0.425557, 0.5, 0.5 * 0.574443], abs=1e-6)
    assert found.loss.item() == pytest.approx((0.425557 + 0.5 + 0.5 * 0.574443) / 3, abs=1e-6)
    gradient = torch.autograd.grad(found.loss, policy.total)[0]
    assert (gradient[:2] < 0).all()
    assert gradient[2] > 0


def test_the_divergence_is_not_below_zero() -> None:
    assert kl_estimate(torch.tensor([-5.0, -1.0]), torch.tensor([-6.0, -3.0])).item() == pytest.approx(1.5)
    assert kl_estimate(torch.tensor([-9.0, -1.0]), torch.tensor([-6.0, -3.0])).item() == 0.0
    assert not kl_estimate(torch.tensor([-9.0], requires_grad=True), torch.tensor([-10.0])).requires_grad


def test_reward_accuracy_is_a_half_at_the_start() -> None:
    found = loss_of(DPO(), 0.0)
    assert reward_accuracy(found.chosen_reward, found.rejected_reward).item() == 0.5
    assert reward_accuracy(torch.tensor([2.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 1.0])).item() == 0.5
    assert loss_of(DPO(), 3.0).chosen_reward.item() == pytest.approx(0.3)


def test_the_reference_gets_no_gradient() -> None:
    chosen, rejected = (one.answers for one in sides())
    frozen = tuple(one.reference.clone().requires_grad_() for one in sides())
    found = pair_loss(DPO(), chosen=chosen, rejected=rejected, reference=frozen)
    assert torch.autograd.grad(found.loss, frozen, allow_unused=True) == (None, None)


@pytest.mark.parametrize("name", sorted(GOLDEN["cases"]))
def test_numbers_of_public_code(name: str) -> None:
    case = GOLDEN["cases"][name]
    chosen, rejected = sides()
    settings = preference_settings(case["algorithm"], case["settings"])
    parts = {"chosen": chosen.answers, "rejected": rejected.answers}
    weights = torch.tensor(case["weights"], dtype=torch.float64) if "weights" in case else None
    found = pair_loss(settings, **parts, reference=(chosen.reference, rejected.reference), weights=weights)
    value = found.loss + (chosen.answers.mean.mean() if case.get("without_likelihood") else 0)
    assert value.item() == pytest.approx(case["loss"], rel=1e-6)
    gradients = torch.autograd.grad(value, (chosen.by_token, rejected.by_token))
    for ours, theirs in zip(gradients, (case["chosen_gradient"], case["rejected_gradient"]), strict=True):
        # Theirs is float32 where TRL casts (ORPO); the first token of an answer has the gradient of all of them.
        assert ours[:, 0].tolist() == pytest.approx(theirs, rel=1e-5, abs=1e-9)


def test_numbers_of_public_code_for_single_answers() -> None:
    case, given = GOLDEN["kto"], sides()[0]
    settings = KTO(beta=case["beta"], undesirable_weight=case["undesirable_weight"])
    kl = kl_estimate(*(torch.tensor(part, dtype=torch.float64) for part in case["mismatched"]))
    loss = unpaired_loss(
        settings, policy=given.answers, reference=given.reference, desirable=torch.tensor(case["desirable"]), kl=kl
    ).loss
    assert loss.item() == pytest.approx(case["loss"], rel=1e-9)
    assert torch.autograd.grad(loss, given.by_token)[0][:, 0].tolist() == pytest.approx(case["gradient"], rel=1e-9)


class Policy:
    """Four prompts, three answers of one token each: a table of logits, and its start as the reference."""

    def __init__(self) -> None:
        start = torch.tensor([[0.0, 1.0, 0.5], [1.0, 0.0, 0.2], [0.3, 0.3, 0.3], [-1.0, 0.5, 1.0]])
        self.logits = start.double().requires_grad_()
        self.start = start.double().log_softmax(dim=1)

    def answers(self, answer: Tensor) -> tuple[SequenceLogProbs, Tensor]:
        """The answers, one for each prompt, and what the reference gives to them."""
        rows = torch.arange(4)
        total = self.logits.log_softmax(dim=1)[rows, answer]
        return SequenceLogProbs(total, torch.ones(4, dtype=torch.long)), self.start[rows, answer]

    def learn(self, loss: Tensor, rate: float) -> None:
        gradient = torch.autograd.grad(loss, self.logits)[0]
        with torch.no_grad():
            self.logits -= rate * gradient


def tuned(settings: PreferenceConfig, *, chosen: Tensor, rejected: Tensor, weights: Tensor | None = None) -> Policy:
    policy = Policy()
    for _ in range(60):
        (better, of_better), (worse, of_worse) = policy.answers(chosen), policy.answers(rejected)
        if isinstance(settings, KTO):
            both = SequenceLogProbs(torch.cat([better.total, worse.total]), torch.ones(8, dtype=torch.long))
            reference, good = torch.cat([of_better, of_worse]), torch.arange(8) < 4
            kl = kl_estimate(both.total.roll(1), reference.roll(1))
            loss = unpaired_loss(settings, policy=both, reference=reference, desirable=good, kl=kl).loss
        else:
            loss = pair_loss(
                settings, chosen=better, rejected=worse, reference=(of_better, of_worse), weights=weights
            ).loss
        # The gradient of IPO is 1/β = 10 times the others' at the start.
        policy.learn(loss, rate=0.1 if isinstance(settings, IPO) else 2.0)
    return policy


@pytest.mark.parametrize("kind", ALGORITHMS.values())
def test_every_algorithm_prefers_the_chosen_answers(kind: type[PreferenceConfig]) -> None:
    chosen, rejected = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 0, 0, 2])
    policy = tuned(kind(), chosen=chosen, rejected=rejected)
    (better, of_better), (worse, of_worse) = policy.answers(chosen), policy.answers(rejected)
    margins = (better.total - of_better) - (worse.total - of_worse)
    assert (margins > 0).all()
    assert reward_accuracy(better.total - of_better, worse.total - of_worse) == 1.0


def test_weights_that_know_the_wrong_pairs_help() -> None:
    """Prompts 1 and 3 are labelled the wrong way round; s says so. By hand: what s = 0 leaves out stays as it was."""
    truth, other = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 0, 0, 2])
    wrong = torch.tensor([False, True, False, True])
    chosen, rejected = torch.where(wrong, other, truth), torch.where(wrong, truth, other)
    plain = tuned(DPO(), chosen=chosen, rejected=rejected)
    weighted = tuned(DPO(), chosen=chosen, rejected=rejected, weights=(~wrong).double())

    def likelihood(policy: Policy) -> float:
        return policy.answers(truth)[0].total.mean().item()

    assert likelihood(Policy()) < likelihood(weighted)
    assert likelihood(plain) < likelihood(weighted)
    torch.testing.assert_close(weighted.logits[1].detach(), Policy().logits[1].detach())


def test_settings_by_name() -> None:
    assert sorted(ALGORITHMS) == ["dpo", "ipo", "kto", "orpo", "r-dpo", "simpo"]
    assert preference_settings("r-dpo", {"length_weight": 0.1}) == RDPO(length_weight=0.1)
    assert [name for name, kind in sorted(ALGORITHMS.items()) if not kind.needs_reference] == ["orpo", "simpo"]
    with pytest.raises(ConfigError, match="unknown preference algorithm 'rdpo'; did you mean"):
        preference_settings("rdpo")
    with pytest.raises(ConfigError, match=r"unknown key 'betta'.*did you mean 'beta'"):
        preference_settings("dpo", {"betta": 1})
    with pytest.raises(ConfigError, match="beta must be above 0"):
        preference_settings("ipo", {"beta": 0})
    with pytest.raises(ConfigError, match="label_smoothing must be at least 0 and below"):
        preference_settings("simpo", {"label_smoothing": 0.5})
    with pytest.raises(ConfigError, match="leave it out of the hinge"):
        preference_settings("dpo", {"form": "hinge", "label_smoothing": 0.1})


def test_what_is_refused() -> None:
    chosen, rejected = answers([1.0, 2.0], [3, 3]), answers([1.0, 2.0], [3, 3])
    frozen = torch.zeros(2)
    with pytest.raises(ConfigError, match="dpo needs the log-probabilities of a reference"):
        pair_loss(DPO(), chosen=chosen, rejected=rejected)
    with pytest.raises(ConfigError, match="kto learns from single answers"):
        pair_loss(KTO(), chosen=chosen, rejected=rejected, reference=(frozen, frozen))
    with pytest.raises(DataError, match=r"\(3,\) weights beside 2 answers"):
        pair_loss(ORPO(), chosen=chosen, rejected=rejected, weights=torch.ones(3))
    with pytest.raises(DataError, match=r"\(1,\) references of rejected answers beside 2"):
        pair_loss(DPO(), chosen=chosen, rejected=rejected, reference=(frozen, frozen[:1]))
    with pytest.raises(DataError, match="no answers"):
        pair_loss(ORPO(), chosen=answers([], []), rejected=answers([], []))
