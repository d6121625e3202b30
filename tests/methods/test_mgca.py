"""MGCA: identities of the card, both variants, numbers of the authors' code, odd reports, planted diseases."""

from __future__ import annotations

import json
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mgca_made import NORMED, REPORTS, TINY, Tokens, batch, method, representations, unit
from torch import Tensor
from torch.nn import functional

from vesalius.data.collator import Reading
from vesalius.errors import DataError
from vesalius.methods.base import Progress
from vesalius.methods.convirt import ConVIRT, ConVIRTConfig
from vesalius.methods.mgca import MGCA
from vesalius.models.dual import DualEncoder, DualEncoderConfig, ImageFeatures, TextFeatures
from vesalius.models.pooling import ProjectionHead
from vesalius.models.settings import DualEncoderConfig as Shape
from vesalius.objectives.prototypes import sinkhorn

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "mgca.json").read_text(encoding="utf-8"))


@pytest.mark.evidence("mgca", "L2", "ITA is twice ConVIRT with λ = 0.5 at the same temperature")
def test_instance_alignment_is_twice_convirt() -> None:
    sides = {"image": unit(6, 8), "text": unit(6, 8, seed=1)}
    ours = method(token_weight=0, prototype_weight=0).loss(sides)
    convirt = ConVIRT(ConVIRTConfig(image_weight=0.5, temperature=0.07), DualEncoder.build(Shape(**TINY)))
    assert ours["loss"].item() == pytest.approx(2 * convirt.loss(sides)["loss"].item(), rel=1e-12)


@pytest.mark.evidence("mgca", "L2", "each level can be switched off by its weight, and is then not computed")
def test_levels_are_weighed_and_switched() -> None:
    given = representations()
    whole = method(instance_weight=1, token_weight=0.7, prototype_weight=0.5).double().loss(given)
    assert set(whole) == {"loss", "instance", "token", "prototype"}
    weighed = whole["instance"] + 0.7 * whole["token"] + 0.5 * whole["prototype"]
    assert whole["loss"].item() == pytest.approx(weighed.item(), rel=1e-12)
    for off in ("instance", "token", "prototype"):
        fewer = method(**{f"{off}_weight": 0})
        assert set(fewer.double().loss(given)) == set(whole) - {off}
    bare = method(token_weight=0, prototype_weight=0)
    assert {name.split(".")[0] for name, _ in bare.named_parameters()} == {"model"}
    assert set(bare.encode(batch(bare, REPORTS))) == {"image", "text"}


@pytest.mark.evidence(
    "mgca", "L2", "CTA with all weight on one word is the InfoNCE of that word; a factor on the weights is one on CTA"
)
def test_token_alignment_of_one_word() -> None:
    given = representations(rows=2, words=5, patches=9)
    given["word"], given["word_exists"] = unit(2, 5, 8, seed=3), torch.ones(2, 5, dtype=torch.bool)
    given["word_weight"] = torch.zeros(2, 5, dtype=torch.float64)
    given["word_weight"][:, 3] = 1
    chosen = method(both_sides=False, prototype_weight=0)
    attention = (given["word"] @ given["patch"].transpose(1, 2) / 0.1).softmax(dim=2)
    context = functional.normalize(attention @ given["patch"], dim=-1)
    logits = given["word"] @ context.transpose(1, 2) / 0.1
    by_hand = -(logits.log_softmax(dim=2)[:, 3, 3] + logits.log_softmax(dim=1)[:, 3, 3]).mean() / 2
    assert chosen.loss(given)["token"].item() == pytest.approx(by_hand.item(), rel=1e-12)
    given["word_weight"] = 3 * given["word_weight"]
    assert chosen.loss(given)["token"].item() == pytest.approx(3 * by_hand.item(), rel=1e-12)


@pytest.mark.evidence("mgca", "L2", "equal words give log W in both directions, whatever the image")
@pytest.mark.parametrize("seed", [2, 5])
def test_equal_words_cannot_be_told_apart(seed: int) -> None:
    given = representations(rows=3, words=6)
    given["word"] = unit(1, 1, 8, seed=4).expand(3, 6, 8)
    given["word_exists"] = torch.ones(3, 6, dtype=torch.bool)
    given["word_weight"] = torch.full((3, 6), 1 / 6, dtype=torch.float64)
    given["patch"] = unit(3, 9, 8, seed=seed)
    token = method(both_sides=False, prototype_weight=0).loss(given)["token"]
    assert token.item() == pytest.approx(log(6), rel=1e-12)


@pytest.mark.evidence(
    "mgca", "L2", "CPA is symmetric in image and text; of equal sides it is the loss of SwAV on one view"
)
def test_prototypes_are_symmetric() -> None:
    chosen = method(instance_weight=0, token_weight=0, prototype_weight=1).double()
    sides = {"image": unit(6, 8), "text": unit(6, 8, seed=1)}
    swapped = {"image": sides["text"], "text": sides["image"]}
    assert chosen.loss(sides)["loss"].item() == pytest.approx(chosen.loss(swapped)["loss"].item(), rel=1e-12)
    same = {"image": sides["image"], "text": sides["image"]}
    scores = (sides["image"] @ chosen.prototypes.T).detach()
    swav = -(sinkhorn(scores) * (scores / 0.2).log_softmax(dim=1)).sum(dim=1).mean()
    assert chosen.loss(same)["loss"].item() == pytest.approx(swav.item(), rel=1e-12)


def test_prototypes_have_unit_norm_in_every_step() -> None:
    chosen = method(token_weight=0)
    with torch.no_grad():
        chosen.prototypes.mul_(3)
    chosen.loss({"image": unit(4, 8).float(), "text": unit(4, 8, seed=1).float()})
    torch.testing.assert_close(chosen.prototypes.norm(dim=1), torch.ones(7))


@pytest.mark.evidence("mgca", "L2", "prototypes do not learn during the first epoch, then they do")
@pytest.mark.parametrize(("epoch", "moves"), [(0.0, False), (0.99, False), (1.0, True)])
def test_prototypes_wait_for_the_second_epoch(epoch: float, moves: bool) -> None:
    chosen = method(token_weight=0)
    before = chosen.prototypes.detach().clone()
    optimiser = torch.optim.AdamW(chosen.parameters(), weight_decay=0.5)
    chosen.progress = Progress(step=3, epoch=epoch)
    chosen(**batch(chosen, REPORTS))["loss"].backward()
    chosen.after_backward()
    optimiser.step()
    # Bringing them back to unit norm moves them by rounding (6e-8), the optimiser by its learning rate (1e-3).
    assert bool((chosen.prototypes - before).abs().max() > 1e-6) == moves


def wave(*shape: int, a: float, b: float) -> Tensor:
    numbers = torch.arange(int(np.prod(shape)), dtype=torch.float64)
    return torch.sin(a * numbers + b).view(*shape)


def golden_case(
    pool: str, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> tuple[MGCA, dict[str, Tensor], dict[str, Tensor]]:
    """Our method with its encoders replaced by the inputs of the golden numbers."""
    shape = {"projection": "none", "width": 4, "heads": 1, "text_length": 8, "vision_pool": pool}
    chosen = method(shape, **settings).double()
    lengths = [6, 8, 4, 7, 4]  # with [CLS] and [SEP]
    mask = (torch.arange(8) < torch.tensor(lengths)[:, None]).long()
    given = {
        "image": wave(5, 4, a=1.7, b=1.0),
        "patch": wave(5, 6, 4, a=0.9, b=0.3),
        "token": wave(5, 8, 4, a=1.3, b=0.5),
    }
    given = {name: value.requires_grad_() for name, value in given.items()}
    looks = (1.2 + wave(5, 8, a=2.3, b=0.7)) * mask
    looks = looks / looks.sum(dim=1, keepdim=True)
    at_patches = 1.2 + wave(5, 7, a=1.9, b=0.2)
    at_patches = (at_patches / at_patches.sum(dim=1, keepdim=True))[:, 1:]
    if pool == "mean":
        at_patches = torch.full((5, 6), 1 / 6, dtype=torch.float64)
    joint = functional.normalize(given["image"], dim=-1)
    image = ImageFeatures(given["image"], given["patch"], (2, 3), joint, None, at_patches)
    first = given["token"][:, 0]
    text = TextFeatures(first, given["token"], functional.normalize(first, dim=-1), None, looks)
    monkeypatch.setattr(chosen.model, "encode_image", lambda pixels, **options: image)
    monkeypatch.setattr(chosen.model, "encode_text", lambda ids, mask, **options: text)
    with torch.no_grad():
        chosen.prototypes.copy_(wave(7, 4, a=2.1, b=0.4))
    reading = Reading((), Tokens(GOLDEN["word_ids"], mask), None, 8)
    added = {name: torch.from_numpy(values) for name, values in chosen.annotate(reading).items()}
    return chosen, given, {"pixel_values": mask, "input_ids": mask, "attention_mask": mask, **added}


@pytest.mark.evidence(
    "mgca", "L2", "all three losses and their gradients are those of the authors' code, for ViT and ResNet"
)
@pytest.mark.parametrize(("branch", "pool"), [("vit", "cls"), ("resnet", "mean")])
def test_golden_numbers_of_the_authors_code(branch: str, pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = GOLDEN["cases"][branch]
    settings = {"variant": "release", "token_weight": 0.7, "prototype_weight": 0.5}
    chosen, given, whole = golden_case(pool, monkeypatch, **settings)
    out = chosen(**whole)
    # The temperature 0.07 is kept as a float32 logarithm; that code's codes are float32.
    assert out["instance"].item() == pytest.approx(golden["instance"], rel=1e-6)
    assert out["token"].item() == pytest.approx(golden["token"], rel=1e-11)
    assert out["prototype"].item() == pytest.approx(golden["prototype"], rel=1e-6)
    out["loss"].backward()
    found = {**{name: value.grad for name, value in given.items()}, "prototypes": chosen.prototypes.grad}
    assert set(found) == set(golden["gradients"])
    for name, gradient in found.items():
        expected = torch.tensor(golden["gradients"][name], dtype=torch.float64)
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=2e-6)


def test_the_paper_variant_is_another_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, _, whole = golden_case("cls", monkeypatch)
    assert chosen(**whole)["token"].item() != pytest.approx(GOLDEN["cases"]["vit"]["token"], rel=1e-3)


@pytest.mark.evidence("mgca", "L2", "the heads are those of the authors' code, value and gradient")
@pytest.mark.parametrize(("kind", "shape"), [("global", (6, 4)), ("local", (3, 2, 4))])
def test_golden_numbers_of_the_heads(kind: str, shape: tuple[int, ...]) -> None:
    golden = GOLDEN["heads"][kind]
    head = ProjectionHead(
        4, settings=DualEncoderConfig(projection="mlp", projection_norm=True, projection_hidden=5, projection_dim=3)
    ).double()
    weights = list(head.parameters())
    assert len(weights) == len(golden["parameters"])
    with torch.no_grad():
        for number, weight in enumerate(weights):
            weight.copy_(wave(*weight.shape, a=1.1 + 0.1 * number, b=0.2 * number))
    given = wave(*shape, a=0.7, b=0.1).requires_grad_()
    out = head(given)
    (out * wave(*out.shape, a=0.4, b=0.6)).sum().backward()
    torch.testing.assert_close(out, torch.tensor(golden["output"], dtype=torch.float64), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(given.grad, torch.tensor(golden["gradient"]).double(), rtol=1e-6, atol=1e-7)


@pytest.mark.evidence("mgca", "L2", "a word carries its own attention; the release gives it that of its successor")
def test_importance_of_words_aligned_and_shifted() -> None:
    # Tokens: [CLS], two of word 0, one of word 1, one of word 2, [SEP].
    looks = torch.tensor([[0.30, 0.10, 0.15, 0.20, 0.05, 0.20]])
    words: list[list[int | None]] = [[None, 0, 0, 1, 2, None]]
    weights = {}
    for variant in ("paper", "release"):
        chosen = method(variant=variant, tail=0)
        made = batch(chosen, words)
        weights[variant] = chosen._word_weight(looks, made["word_ids"], made["word_exists"])[0]
    # Own: 0.10 + 0.15, 0.20, 0.05 of 0.50. Successors: 0.15 + 0.20, 0.05, 0.20 of 0.60, and 0 for [SEP].
    torch.testing.assert_close(weights["paper"], torch.tensor([0.5, 0.4, 0.1]))
    torch.testing.assert_close(weights["release"][:4], torch.tensor([0.35, 0.05, 0.2, 0.0]) / 0.6)
    assert weights["release"].shape == (11,)  # all slots but that of [CLS]


def test_the_release_loses_the_last_word_of_a_report_that_fills_the_tokens() -> None:
    full: list[int | None] = [None, *range(10), None]
    released = batch(method(variant="release"), [full, [None, 0, None]])
    assert released["word_exists"].sum(dim=1).tolist() == [9, 2]
    assert released["word_ids"][0].max() == 8
    assert batch(method(), [full, [None, 0, None]])["word_exists"].sum(dim=1).tolist() == [10, 1]


@pytest.mark.evidence(
    "mgca", "L2", "padding changes nothing, batch norm and negatives included; in the release it does"
)
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_padding(variant: str) -> None:
    tokens = []
    for pad in (0, 5):
        chosen = method(NORMED, variant=variant).train()
        tokens.append(chosen(**batch(chosen, REPORTS, pad=pad))["token"].item())
    assert tokens[0] == pytest.approx(tokens[1], rel=1e-5)  # the release fills all slots always
    # Padding words are negatives in the release, and are not in the paper's loss.
    given = representations()
    assert not given["word_exists"].all()
    longer = dict(given)
    for name in ("word", "word_exists", "word_weight"):
        fill = (0, 0, 0, 3) if given[name].dim() == 3 else (0, 3)
        longer[name] = functional.pad(given[name], fill)
    shorter, padded = (method(variant=variant, prototype_weight=0).loss(of)["token"].item() for of in (given, longer))
    assert (shorter == pytest.approx(padded, rel=1e-12)) == (variant == "paper")


def test_what_patches_gather_has_unit_norm_but_in_the_release_of_a_vit() -> None:
    given = representations()
    given["word_weight"] = given["word_weight"] * 0  # the patches' side alone

    def token(pool: str, variant: str) -> float:
        return float(method({"vision_pool": pool}, variant=variant).double().loss(given)["token"])

    assert token("cls", "paper") == token("mean", "paper") == token("mean", "release")
    assert token("cls", "release") != pytest.approx(token("cls", "paper"), rel=1e-3)


@pytest.mark.evidence("mgca", "L2", "a report of one word, equal reports and one pair have finite losses and weights")
@pytest.mark.parametrize("variant", ["paper", "release"])
@pytest.mark.parametrize(
    "reports", [[[None, 0, None]], [[None, 0, None], *REPORTS], [REPORTS[0]] * 3, [[None, None], REPORTS[0]]]
)
def test_odd_reports(variant: str, reports: list[list[int | None]]) -> None:
    chosen = method(variant=variant)
    made = chosen.encode(batch(chosen, reports))
    out = chosen.loss(made)
    out["loss"].backward()
    assert torch.isfinite(out["loss"])
    assert all(torch.isfinite(weight.grad).all() for weight in chosen.parameters() if weight.grad is not None)
    if len(reports[0]) == 3 and variant == "paper":
        assert made["word_weight"][0, 0].item() == pytest.approx(1)


def test_a_report_without_words_counts_for_nothing() -> None:
    chosen = method(prototype_weight=0)
    given = chosen.encode(batch(chosen, [[None, None], [None, None]]))
    assert not given["word_exists"].any()
    assert chosen.loss(given)["token"].item() == 0


def test_one_pair_and_a_batch_norm_is_refused_with_the_cure() -> None:
    chosen = method(NORMED).train()
    with pytest.raises(DataError, match=r"raise optimisation\.batch"):
        chosen(**batch(chosen, [REPORTS[0]]))


def test_a_batch_without_words_is_refused_with_the_cure() -> None:
    chosen = method()
    lacking = {name: value for name, value in batch(chosen, REPORTS).items() if not name.startswith("word_")}
    with pytest.raises(DataError, match="give its `annotate` to the collator"):
        chosen(**lacking)
