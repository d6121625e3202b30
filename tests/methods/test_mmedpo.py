"""MMedPO: weights, visual pairs, what is destroyed, and rewards that grow on pairs that were not learnt."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from preference_batches import batch, method, pairs, visual
from tests.models.vlm.talking import conversation

from vesalius.curation.preferences.lesion_noise import NoiseConfig, attention_mask, noised
from vesalius.curation.preferences.relevance import normalised
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media
from vesalius.errors import DataError
from vesalius.methods._preferring import PreferringMethod
from vesalius.methods.conversing import ConversationBatch
from vesalius.models.vlm.reading import ConversationReader
from vesalius.objectives.log_probs import SequenceLogProbs
from vesalius.objectives.preference import pair_loss
from vesalius.objectives.preference_settings import DPO


def weighted(made: list[Conversation], *weights: float) -> list[Conversation]:
    return [replace(pair, weight=weight) for pair, weight in zip(made, weights, strict=True)]


def gradient(of: PreferringMethod, given: dict) -> tuple[float, torch.Tensor]:
    """Loss and the gradient of all weights."""
    of.zero_grad()
    loss = of.training_step(given)["loss"]
    loss.backward()
    parts = [weight.grad.flatten() for weight in of.parameters() if weight.grad is not None]
    return loss.item(), torch.cat(parts)


def shaken(folder: Path) -> tuple[PreferringMethod, ConversationReader]:
    """A method whose model has left its reference."""
    of, reader = method()
    of.begin(pairs=True, adapters_alone=False)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in of.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    return of, reader


@pytest.mark.evidence(
    "mmedpo", "L2", "weights of 1 are DPO, value and gradient; of 0 teach nothing; the loss is linear"
)
def test_weights_multiply_the_loss(tmp_path: Path) -> None:
    of, reader = shaken(tmp_path)
    made = pairs(tmp_path)
    packed = ConversationBatch.of(batch(reader, made))
    policy, reference = of.log_probs(packed, of.model), of.reference_log_probs(packed)
    plain = pair_loss(
        DPO(), chosen=SequenceLogProbs(policy.total[0::2], policy.tokens[0::2]),
        rejected=SequenceLogProbs(policy.total[1::2], policy.tokens[1::2]),
        reference=(reference[0::2], reference[1::2]),
    )  # fmt: skip
    of.zero_grad()
    plain.loss.backward()
    expected = torch.cat([weight.grad.flatten() for weight in of.parameters() if weight.grad is not None])
    loss, found = gradient(of, batch(reader, made))
    assert loss == pytest.approx(plain.loss.item())
    torch.testing.assert_close(found, expected)
    by = [gradient(of, batch(reader, weighted(made, *weights))) for weights in ((1, 0, 0), (0, 1, 0), (2, 0.5, 0))]
    assert by[2][0] == pytest.approx(2 * by[0][0] + 0.5 * by[1][0])
    torch.testing.assert_close(by[2][1], 2 * by[0][1] + 0.5 * by[1][1], rtol=1e-4, atol=1e-6)
    nothing = gradient(of, batch(reader, weighted(made, 0, 0, 0)))
    assert nothing[0] == 0.0
    assert not nothing[1].any()


@pytest.mark.evidence("mmedpo", "L2", "at the start each pair costs s ln 2, whatever its pictures")
def test_loss_at_the_start(tmp_path: Path) -> None:
    of, reader = method()
    of.begin(pairs=True, adapters_alone=False)
    for made in (weighted(visual(tmp_path), 0.3, 0.9), weighted(pairs(tmp_path, 2), 0.3, 0.9)):
        assert of.training_step(batch(reader, made))["loss"].item() == pytest.approx(0.6 * math.log(2))


@pytest.mark.evidence("mmedpo", "L2", "a visual pair of two equal pictures has no gradient at any step")
def test_equal_pictures_teach_nothing(tmp_path: Path) -> None:
    of, reader = shaken(tmp_path)
    pair = visual(tmp_path, 1)[0]
    copied = tmp_path / "same.png"
    copied.write_bytes(Path(pair.media[0].path).read_bytes())
    loss, found = gradient(of, batch(reader, [replace(pair, rejected_media=(Media(path=str(copied)),))]))
    assert loss == pytest.approx(math.log(2))
    # Both sides are one sum of the same numbers with opposite signs.
    assert float(found.abs().max()) < 1e-6


@pytest.mark.evidence("mmedpo", "L2", "the gradient by log π(y_w) is -s β σ(-βΔ)")
def test_gradient_by_the_chosen_answer() -> None:
    for gap, weight in ((-3.0, 0.4), (0.0, 1.0), (8.0, 0.7)):
        chosen = torch.tensor([-5.0 + gap], dtype=torch.float64, requires_grad=True)
        rejected = torch.tensor([-5.0], dtype=torch.float64)
        tokens = torch.tensor([3])
        pair_loss(
            DPO(beta=0.1), chosen=SequenceLogProbs(chosen, tokens), rejected=SequenceLogProbs(rejected, tokens),
            reference=(torch.tensor([-5.0]).double(), torch.tensor([-5.0]).double()), weights=torch.tensor([weight]),
        ).loss.backward()  # fmt: skip
        assert chosen.grad is not None
        assert float(chosen.grad) == pytest.approx(-weight * 0.1 / (1 + math.exp(0.1 * gap)))


@pytest.mark.evidence("mmedpo", "L2", "attention without a spread selects nothing; unmasked pixels stay bit by bit")
@pytest.mark.parametrize("kind", ["clipped", "wrapped", "diffused"])
def test_what_is_destroyed(kind: str) -> None:
    assert not attention_mask(np.full((14, 14), 0.2), (64, 64)).any()
    picture = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    mask = np.zeros((32, 32), bool)
    mask[4:12, 6:20] = True
    made = noised(picture, mask, settings=NoiseConfig(kind=kind), rng=np.random.default_rng(1))  # type: ignore[arg-type]
    assert (made[~mask] == picture[~mask]).all()
    assert (made[mask] != picture[mask]).mean() > 0.9
    if kind == "wrapped":
        # The authors' numbers below 0 come round from white: half of the pixels are nearly black, half nearly white.
        assert 0.3 < (made[mask] > 128).mean() < 0.7
    if kind == "clipped":
        assert made[mask].max() < 64


@pytest.mark.evidence(
    "mmedpo", "L2", "weights are rescaled to mean 1 and variance 0.1 and cut to 0.75 … 1.25, or raw"
)
def test_weights_of_the_paper() -> None:
    # Mean .5, SD .5 (0 and 1): 1 ± √.1 = .684 and 1.316, cut.
    assert normalised([0.0, 1.0]).tolist() == [0.75, 1.25]
    assert normalised([0.4, 0.4]).tolist() == [1.0, 1.0]


def spotted(folder: Path, name: str, *, seed: int, spot: bool) -> Media:
    """A picture of noise, with a bright spot or without."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 90, (24, 24), dtype=np.uint8)
    if spot:
        top, left = rng.integers(0, 12, 2)
        values[top : top + 12, left : left + 12] = 255
    path = folder / f"{name}.png"
    Image.fromarray(values).save(path)
    return Media(path=str(path))


@pytest.mark.evidence(
    "mmedpo", "L2", "on pairs not learnt rewards rise from 0.5; without the lesion confidence falls"
)
def test_rewards_rise_on_held_out_pairs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    of, reader = method(beta=0.1)
    of.begin(pairs=True, adapters_alone=False)
    answer = "A small effusion on the left side."
    made = [
        replace(
            conversation(spotted(tmp_path, f"a{seed}", seed=seed, spot=True), answer=answer, id=str(seed)),
            rejected_media=(spotted(tmp_path, f"b{seed}", seed=seed, spot=False),),
        )
        for seed in range(24)
    ]
    learnt, held = batch(reader, made[:16], together=8), batch(reader, made[16:], together=8)
    before = of.training_step(held)
    assert before["reward_accuracy"].item() == 0.5
    packed = ConversationBatch.of(held)
    # Of each held-out pair, the answer about the picture without its lesion.
    confidence = of.log_probs(packed, of.model).total[1::2].mean().item()
    optimiser = torch.optim.Adam(of.parameters(), lr=2e-3)
    for _ in range(40):
        optimiser.zero_grad()
        of.training_step(learnt)["loss"].backward()
        optimiser.step()
    after = of.training_step(held)
    assert after["reward_accuracy"].item() > 0.8
    assert after["margin"].item() > 0
    assert of.log_probs(packed, of.model).total[1::2].mean().item() < confidence


def test_equal_sides_are_no_pair(tmp_path: Path) -> None:
    plain = pairs(tmp_path, 1)[0]
    with pytest.raises(DataError, match="both answers of the pair are equal"):
        replace(plain, rejected=plain.answers[-1])
