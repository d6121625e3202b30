"""MGCA: identities of the card, both variants, numbers of the authors' code, odd reports, planted diseases."""

from __future__ import annotations

import json
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vesalius.config import validate
from vesalius.data.collator import Reading
from vesalius.errors import ConfigError, DataError
from vesalius.methods.base import Progress, Representations
from vesalius.methods.convirt import ConVIRT, ConVIRTConfig
from vesalius.methods.mgca import MGCA, MGCAConfig, build
from vesalius.models.dual import DualEncoder, DualEncoderConfig, ImageFeatures, TextFeatures
from vesalius.models.pooling import ProjectionHead
from vesalius.models.settings import DualEncoderConfig as Shape
from vesalius.objectives.local import part_contrast
from vesalius.objectives.prototypes import sinkhorn
from vesalius.training.memory import TrainingStep, cached_step

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "mgca.json").read_text(encoding="utf-8"))
TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 40, "text_length": 12, "projection_dim": 8,
    "vision_pool": "cls", "text_pool": "cls",
}  # fmt: skip
NORMED: dict[str, Any] = {"projection": "mlp", "projection_norm": True}


class Tokens(dict[str, Any]):
    """What a fast tokenizer returns, as far as words are concerned."""

    is_fast = True

    def __init__(self, words: list[list[int | None]], mask: Tensor):
        super().__init__(input_ids=mask, attention_mask=mask)
        self.words = words

    def word_ids(self, row: int) -> list[int | None]:
        return self.words[row]


def method(model: dict[str, Any] | None = None, *, seed: int = 0, **settings: Any) -> MGCA:
    torch.manual_seed(seed)
    return build(
        MGCAConfig(**{"num_prototypes": 7, **settings}), DualEncoder.build(Shape(**{**TINY, **(model or {})}))
    )


def unit(*shape: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(drawn, dim=-1)


def representations(rows: int = 4, words: int = 5, patches: int = 9) -> Representations:
    exists = torch.arange(words) < torch.arange(rows)[:, None] % words + 1
    return {
        "image": unit(rows, 8),
        "text": unit(rows, 8, seed=1),
        "patch": unit(rows, patches, 8, seed=2),
        "patch_weight": torch.full((rows, patches), 1 / patches, dtype=torch.float64),
        "word": unit(rows, words, 8, seed=3) * exists[..., None],
        "word_exists": exists,
        "word_weight": (exists / exists.sum(dim=1, keepdim=True)).double(),
    }


def batch(of: MGCA, words: list[list[int | None]], *, pad: int = 0, seed: int = 3) -> dict[str, Tensor]:
    """Reports by the word that each token belongs to, [CLS] and [SEP] without; `pad` more columns than needed."""
    generator = torch.Generator().manual_seed(seed)
    longest = max(map(len, words))
    image = torch.randn(len(words), 1, 32, 32, generator=generator)
    ids = torch.randint(5, 40, (len(words), longest), generator=generator)
    ids = functional.pad(ids, (0, pad))
    mask = torch.tensor([[1] * len(row) + [0] * (longest + pad - len(row)) for row in words])
    padded = [[*row, *[None] * (longest + pad - len(row))] for row in words]
    added = of.annotate(Reading((), Tokens(padded, mask), None, of.model.settings.text_length))
    return {
        "pixel_values": image,
        "input_ids": ids * mask,
        "attention_mask": mask,
        **{name: torch.from_numpy(values) for name, values in added.items()},
    }


REPORTS: list[list[int | None]] = [
    [None, 0, 0, 1, 2, None],
    [None, 0, 1, None],
    [None, 0, None],
    [None, 0, 1, 1, None],
]


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
