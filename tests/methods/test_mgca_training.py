"""MGCA in training: pieces, processes, settings, and prototypes that find planted diseases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from mgca_made import NORMED, REPORTS, batch, method, representations
from torch import Tensor

from vesalius.config import validate
from vesalius.errors import ConfigError, DataError
from vesalius.methods.mgca import MGCA, MGCAConfig
from vesalius.objectives.local import part_contrast
from vesalius.training.memory import TrainingStep, cached_step


def test_patches_weigh_by_the_class_token_and_equally_without_one() -> None:
    by_token = method()
    made = by_token.encode(batch(by_token, REPORTS))
    assert made["patch"].shape == (4, 16, 8)
    assert made["word"].shape == (4, 3, 8)
    torch.testing.assert_close(made["patch_weight"].sum(dim=1), torch.ones(4))
    assert made["patch_weight"].std(dim=1).min() > 0
    places = method({"vision": "resnet", "width": 32, "vision_pool": "mean"})
    weight = places.encode(batch(places, REPORTS))["patch_weight"]
    torch.testing.assert_close(weight, torch.full_like(weight, 1 / weight.shape[1]))


@pytest.mark.parametrize("variant", ["paper", "release"])
def test_gradient_cache_is_the_whole_batch_without_batch_norms(variant: str) -> None:
    gradients = []
    for chunk in (0, 3):
        chosen = method(variant=variant).train()
        whole = batch(chosen, REPORTS)
        if chunk:
            cached_step(TrainingStep(chosen), chosen, whole, chunk=chunk)
        else:
            chosen(**whole)["loss"].backward()
        gradients.append({key: weight.grad for key, weight in chosen.named_parameters() if weight.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for key, gradient in gradients[0].items():
        # float32; the worst seen was 2e-6.
        torch.testing.assert_close(gradients[1][key], gradient, rtol=1e-4, atol=1e-5)


def test_with_batch_norms_the_pieces_of_the_cache_have_statistics_of_their_own() -> None:
    losses = []
    for chunk in (4, 2):
        chosen = method(NORMED).train()
        losses.append(float(cached_step(TrainingStep(chosen), chosen, batch(chosen, REPORTS), chunk=chunk)["loss"]))
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("variant", ["paper", "release"])
def test_the_mean_of_two_processes_is_the_loss_of_all_rows(variant: str) -> None:
    """The release contrasts within a process; all else is that of the joined rows, balanced codes too."""
    chosen = method(variant=variant).double()
    given = representations(rows=6)
    whole = chosen.loss(given)
    halves = []
    for first, last in ((0, 2), (2, 6)):
        mine = {name: value[first:last] for name, value in given.items()}
        every = {f"all_{name}": given[name] for name in ("image", "text")}
        halves.append(chosen.loss({**mine, **every, "first_row": torch.tensor([first, 2])}))
    for part in ("token", "prototype", *(("instance", "loss") if variant == "paper" else ())):
        mean = sum(half[part].item() for half in halves) / 2
        assert mean == pytest.approx(whole[part].item(), rel=1e-12)


def test_words_of_a_report() -> None:
    rng = np.random.default_rng(0)
    said = ["Heart-size is normal.", "Clear.", " ", "3 mm nodule!"]
    assert method().words(said, rng) == "heart size is normal 3 mm nodule"
    assert method(text="report").words(said, rng) == "Heart-size is normal. Clear. 3 mm nodule!"
    assert method().words(["Clear."], rng) == "clear"
    with pytest.raises(DataError, match="without a word"):
        method().words([" "], rng)


def test_the_view_is_a_square_cut_from_a_larger_one() -> None:
    image = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)
    seen = method().view(image, np.random.default_rng(1))
    assert seen.shape == image.shape
    assert MGCAConfig().view.crop == (0.765625, 0.765625)  # 224² of 256²


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"token_weight": -1}, "token_weight must be at least 0"),
        ({"instance_weight": 0, "prototype_weight": 0}, "nothing would train the joint space"),
        ({"num_prototypes": 0}, "num_prototypes must be above 0"),
        ({"tail": 0.5}, r"tail must be from 0 to below 0\.5"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(MGCAConfig, settings, where="recipe")


def test_negatives_of_parts_by_hand() -> None:
    # Two words of which one exists: it is alone and costs nothing; as a negative the other costs log(1 + e^-10).
    part = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    weight = torch.tensor([[1.0, 0.0]])
    mask = torch.tensor([[True, False]])
    assert part_contrast(part, part, weight=weight, mask=mask).item() == 0
    assert part_contrast(part, part, weight=weight).item() == pytest.approx(4.54e-5, rel=1e-3)


DISEASES = 6
PLAIN = {"projection_dim": 16, "vision_pool": "mean", "text_pool": "mean", "width": 32}


def patients(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Images of one of six planted diseases, a bright place each in noise, (N, 1, 32, 32), and which it is, (N,)."""
    generator = torch.Generator().manual_seed(seed)
    disease = torch.randint(DISEASES, (count,), generator=generator)
    image = 0.4 * torch.randn(count, 1, 32, 32, generator=generator)
    for row, number in enumerate(disease.tolist()):
        top, left = 16 * (number // 3), 10 * (number % 3)
        image[row, 0, top : top + 16, left : left + 10] += 1.5
    return image, disease


def purity(chosen: MGCA, prototypes: Tensor) -> float:
    """Share of new images whose disease is the most common one at their nearest prototype."""
    image, disease = patients(300, seed=99)
    with torch.no_grad():
        nearest = (chosen.model.encode_image(image, local=False).joint @ prototypes.T).argmax(dim=1)
    counts = torch.zeros(len(prototypes), DISEASES).index_put_((nearest, disease), torch.tensor(1.0), accumulate=True)
    return float(counts.amax(dim=1).sum() / len(disease))


def trained(prototype_weight: float, *, seed: int, steps: int = 250) -> MGCA:
    """Train on reports of three words: two that name the disease in one of three ways, and one that says nothing."""
    chosen = method(
        PLAIN, seed=seed, token_weight=0, prototype_weight=prototype_weight, frozen_prototype_epochs=0,
        num_prototypes=12,
    ).train()  # fmt: skip
    optimiser = torch.optim.AdamW(chosen.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(5)
    for step in range(steps):
        image, disease = patients(32, seed=1000 + step)
        way = torch.randint(3, (2, len(disease)), generator=generator)
        said = torch.randint(5, 12, (len(disease),), generator=generator)
        ids = torch.stack([torch.ones_like(said), *(12 + 3 * disease + way), said, torch.full_like(said, 3)], dim=1)
        chosen(pixel_values=image, input_ids=ids, attention_mask=torch.ones_like(ids))["loss"].backward()
        optimiser.step()
        optimiser.zero_grad()
    return chosen


@pytest.mark.slow
@pytest.mark.evidence("mgca", "L2", "with planted diseases, prototypes are purer with CPA than without or untrained")
def test_purity_of_prototypes_rises_with_cpa() -> None:
    """Without CPA nothing moves the prototypes: those of the start are asked."""
    before, after, without = [], [], []
    for seed in range(5):
        start = method(PLAIN, seed=seed, token_weight=0, num_prototypes=12)
        before.append(purity(start, start.prototypes))
        with_cpa = trained(1.0, seed=seed)
        after.append(purity(with_cpa, with_cpa.prototypes))
        without.append(purity(trained(0.0, seed=seed), start.prototypes))
    # Seen: 0.25 to 0.30 before; 0.80 to 1.00 with CPA, mean 0.94; 0.67 to 0.85 without, mean 0.77.
    assert min(after) > max(before) + 0.3
    assert np.mean(after) > np.mean(without) + 0.1
