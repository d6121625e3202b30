"""M3AE: identities of the card, what each task reaches, both variants, odd reports, any encoder."""

from __future__ import annotations

from itertools import combinations
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vesalius.config import validate
from vesalius.data.collator import Collator
from vesalius.data.loader import Sample
from vesalius.data.records import Study
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import CapabilityError, ConfigError, DataError
from vesalius.methods.base import Progress
from vesalius.methods.m3ae import M3AE, M3AEConfig, build
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.objectives.masked import pixel_errors, pixel_loss, restored, visible
from vesalius.objectives.matching import matching_loss
from vesalius.training.memory import TrainingStep, cached_step

TINY: dict[str, Any] = {
    "image_size": 32, "patch": 8, "width": 16, "depth": 1, "vocabulary": 60, "text_length": 24, "vision_pool": "cls",
    "text_pool": "cls", "projection": "none",
}  # fmt: skip
SMALL = {"layers": 3, "middle": 2, "decoder_depth": 1}
REPORTS = ("The lungs are clear. No effusion.", "Large left effusion.", "Small nodule in the right lung.", "Clear.")
TASKS = ("pixel", "word", "match")
TOKENIZER = train_tokenizer(REPORTS, vocabulary=60)


def method(model: dict[str, Any] | None = None, *, seed: int = 0, **settings: Any) -> M3AE:
    torch.manual_seed(seed)
    made = build(
        M3AEConfig(**{**SMALL, **settings}), DualEncoder.build(DualEncoderConfig(**{**TINY, **(model or {})}))
    )
    return made.eval()


def batch(of: M3AE, reports: tuple[str, ...] = REPORTS, *, rows: tuple[int, ...] | None = None) -> dict[str, Tensor]:
    size, channels = of.model.settings.size, of.model.settings.channels
    samples = []
    for row, report in zip(rows or range(len(reports)), reports, strict=True):
        image = np.random.default_rng(row).random((channels, *size), dtype=np.float32)
        samples.append(Sample(image, report, row, (), Study(id=str(row), patient="a")))
    processor = ImageProcessor(size=size if len(size) == 3 else size[0], channels=channels)
    return Collator(TOKENIZER, of.model.settings.text_length, processor, of.annotate)(samples)


@pytest.mark.evidence("m3ae", "L2", "three quarters of the patches are hidden, and restoring brings back the order")
def test_masking_hides_its_share_and_can_be_undone() -> None:
    of = method(pixel_share=0.75)
    masking = of.masking(torch.arange(5), (3, 7))
    assert masking.hidden.sum(dim=1).tolist() == [21 - int(21 * 0.25)] * 5
    tokens = torch.randn(5, 21, 4)
    back = restored(visible(tokens, masking), masking, torch.zeros(4))
    torch.testing.assert_close(back, tokens * ~masking.hidden[..., None])


def test_what_is_masked_hangs_on_study_and_step_alone() -> None:
    of = method().train()
    whole = of.masking(torch.tensor([3, 8, 5]), (4, 4)).hidden
    alone = of.masking(torch.tensor([8]), (4, 4)).hidden
    assert torch.equal(whole[1:2], alone)
    assert not torch.equal(whole[0], whole[1])
    of.progress = Progress(step=1)
    assert not torch.equal(of.masking(torch.tensor([8]), (4, 4)).hidden, alone)
    of.eval()
    first = of.masking(torch.tensor([8]), (4, 4)).hidden
    of.progress = Progress(step=2)
    assert torch.equal(of.masking(torch.tensor([8]), (4, 4)).hidden, first)  # validations can be compared


@pytest.mark.evidence("m3ae", "L2", "MIM scores hidden patches alone, normalised, and a constant patch is 0")
def test_pixel_loss_identities() -> None:
    target = torch.randn(2, 6, 12, dtype=torch.float64)
    hidden = torch.rand(2, 6) > 0.4
    normal = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
    found = torch.where(hidden[..., None], normal, torch.randn_like(normal))
    assert pixel_loss(found, target, hidden).item() == pytest.approx(0, abs=1e-20)
    assert pixel_loss(found + ~hidden[..., None], target, hidden).item() == pytest.approx(0, abs=1e-20)
    flat = torch.full((1, 1, 12), 3.0)
    assert pixel_errors(torch.zeros_like(flat), flat).item() == 0


@pytest.mark.evidence("m3ae", "L2", "MIM stops at the middle of the fusion, MLM and ITM reach its end")
@pytest.mark.parametrize("middle", [1, 2, 3])
def test_gradient_of_pixels_ends_at_the_middle(middle: int) -> None:
    of = method(middle=middle)
    out = of.encode(batch(of))
    names = dict(of.fusion.named_parameters())

    def reached(value: Tensor) -> set[str]:
        found = torch.autograd.grad(value, list(names.values()), allow_unused=True, retain_graph=True)
        return {name for name, grad in zip(names, found, strict=True) if grad is not None and grad.abs().sum() > 0}

    pixels, words = reached(out["pixel_error"].sum()), reached(out["word_error"].sum())
    late = tuple(f"{side}_layers.{number}." for side in ("text", "image") for number in range(middle, 3))
    assert not [name for name in pixels if name.startswith((*late, f"text_layers.{middle - 1}."))]
    assert [name for name in pixels if name.startswith(f"image_layers.{middle - 1}.")]
    assert [name for name in words if name.startswith("text_layers.2.")]
    assert not [name for name in words if name.startswith("image_layers.2.")]


@pytest.mark.evidence("m3ae", "L2", "half of the texts keep their image, and what cannot be told costs log 2")
@pytest.mark.parametrize("variant", ["paper", "release"])
@pytest.mark.parametrize("count", [2, 5, 8])
def test_half_of_the_pairs_are_right(variant: str, count: int) -> None:
    of = method(variant=variant)
    drawn = {"index": torch.arange(count), "same_text": torch.arange(count)}
    pairs = of.pairs(drawn)
    assert pairs.label.sum() == count // 2
    own = pairs.image == torch.arange(count)
    assert own[pairs.label == 1].all()
    if variant == "paper":
        assert not own[pairs.label == 0].any()
    tied = torch.zeros(count, 2)
    assert matching_loss(tied, pairs.label).item() == pytest.approx(log(2), rel=1e-6)


def test_a_released_negative_may_be_the_own_image() -> None:
    of = method(variant="release")
    own = 0
    for first in range(40):
        pairs = of.pairs({"index": torch.arange(first, first + 4)})
        own += int(((pairs.image == torch.arange(4)) & (pairs.label == 0)).sum())
    assert 5 <= own <= 40  # 80 draws of one in four: 20 expected, deviation 3.9


def test_equal_reports_are_no_wrong_answers_of_each_other() -> None:
    of = method()
    pairs = of.pairs({"index": torch.arange(4), "same_text": torch.zeros(4)})
    assert pairs.label.tolist() == [1, 1, 1, 1]


@pytest.mark.evidence("m3ae", "L2", "the head for retrieval starts as the matching head's logit of yes")
def test_ranking_starts_as_the_match() -> None:
    head = method().match_head
    pooled = torch.randn(5, head.out.in_features)
    torch.testing.assert_close(head.ranking()(pooled)[:, 0], head(pooled)[:, 1])


def test_match_is_the_log_odds_of_the_pair_as_training_sees_it() -> None:
    of = method()
    given = batch(of)
    out = of.encode(given)
    image = of.model.encode_image(given["pixel_values"])
    text = of.model.encode_text(given["input_ids"], given["attention_mask"])
    fused = of.fusion(out["text_tokens"], out["image_tokens"], text_keep=given["attention_mask"].bool())
    logits = of.match_head(of.fusion.pooled(fused))
    found = of.match(image, text, given["attention_mask"])
    torch.testing.assert_close(found, logits[:, 1] - logits[:, 0])
    assert "match" in of.capabilities
    without = method(match_weight=0)
    assert "match" not in without.capabilities
    with pytest.raises(CapabilityError, match="M3AE cannot match"):
        without.match(image, text, given["attention_mask"])


@pytest.mark.evidence(
    "m3ae", "L2", "each task can be switched off by its weight, and nothing untrained is left to learn"
)
@pytest.mark.parametrize("off", [(), *combinations(TASKS, 1), *combinations(TASKS, 2)])
@pytest.mark.parametrize("middle", [2, 3])
def test_tasks_are_switched_by_their_weights(off: tuple[str, ...], middle: int) -> None:
    of = method(middle=middle, **{f"{name}_weight": 0 for name in off})
    out = of(**batch(of))
    parts = [task for task in TASKS if task not in off]
    assert set(out) == {"loss", *parts}
    assert out["loss"].item() == pytest.approx(sum(out[name].item() for name in parts), rel=1e-5)
    out["loss"].backward()
    assert [name for name, weight in of.named_parameters() if weight.requires_grad and weight.grad is None] == []


def test_weights_weigh() -> None:
    of, other = method(), method(pixel_weight=0.5, word_weight=2.0, match_weight=0.1)
    plain, weighed = of(**batch(of)), other(**batch(other))
    expected = 0.5 * plain["pixel"] + 2 * plain["word"] + 0.1 * plain["match"]
    assert weighed["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_whole_words_are_hidden_and_single_tokens_in_the_release() -> None:
    of, released = method(word_share=0.3), method(word_share=0.3, variant="release")
    halves = {"paper": 0, "release": 0}
    for first in range(30):
        rows = tuple(range(first * 4, first * 4 + 4))
        for name, one in (("paper", of), ("release", released)):
            given = batch(one, rows=rows)
            shown, labels = one.hidden_words(given)
            hidden = labels >= 0
            words = batch(of, rows=rows)["units"]
            assert hidden.any(dim=1).all()
            assert not hidden[words < 0].any()  # special tokens and padding stay
            assert torch.equal(shown[~hidden], given["input_ids"][~hidden])
            for row in range(4):
                for word in range(int(words[row].max()) + 1):
                    inside = hidden[row][words[row] == word]
                    halves[name] += int(inside.any() and not inside.all())
    assert halves["paper"] == 0
    assert halves["release"] > 0


@pytest.mark.parametrize(
    "model",
    [
        {"vision": "resnet", "vision_width": 64, "image_size": 64, "vision_pool": "mean"},
        {"vision_pool": "mean", "text_pool": "attention"},
        {"image_size": (8, 16, 16), "patch": (4, 8, 8)},
        {"channels": 3},
        {"projection": "linear", "projection_dim": 8},
    ],
)
def test_any_encoder_will_do(model: dict[str, Any]) -> None:
    of = method(model)
    out = of(**batch(of))
    out["loss"].backward()
    assert torch.isfinite(out["loss"])
    assert [name for name, weight in of.named_parameters() if weight.requires_grad and weight.grad is None] == []


def test_the_cache_sees_what_the_whole_batch_does() -> None:
    of = method()
    given = batch(of)
    loss = of(**given)["loss"]
    loss.backward()
    whole = {name: weight.grad.clone() for name, weight in of.named_parameters() if weight.grad is not None}
    of.zero_grad()
    assert cached_step(TrainingStep(of), of, given, chunk=2)["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
    for name, gradient in whole.items():
        torch.testing.assert_close(of.get_parameter(name).grad, gradient, rtol=1e-4, atol=2e-5)  # float32


def test_recomputed_activations_change_no_gradient() -> None:
    of = method(dropout=0.0)
    given = batch(of)
    found = []
    for again in (False, True):
        if again:
            of.model.recompute_activations()
        of.zero_grad()
        of.train()(**given)["loss"].backward()
        found.append({name: weight.grad.clone() for name, weight in of.named_parameters() if weight.grad is not None})
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-5, atol=1e-6)


def test_half_precision_stays_near() -> None:
    of = method()
    given = batch(of)
    exact = of(**given)["loss"].item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = of(**given)["loss"]
    assert rough.item() == pytest.approx(exact, rel=0.02)  # eight bits of mantissa


def test_more_padding_changes_nothing() -> None:
    of = method()
    given = batch(of)
    wide = {name: value.clone() for name, value in given.items()}
    for name, filler in (("input_ids", 0), ("attention_mask", 0), ("units", -1)):
        wide[name] = torch.nn.functional.pad(given[name], (0, 3), value=filler)
    assert of(**wide)["loss"].item() == pytest.approx(of(**given)["loss"].item(), rel=1e-5)


def test_bad_input_is_named() -> None:
    of = method()
    given = batch(of)
    del given["units"]
    with pytest.raises(DataError, match="give its `annotate` to the collator"):
        of(**given)
    with pytest.raises(ConfigError, match="pixel_share must be between 0 and 1"):
        validate(M3AEConfig, {"pixel_share": 1.0}, where="test")
    with pytest.raises(ConfigError, match="none below 0, one above"):
        validate(M3AEConfig, {"pixel_weight": 0, "word_weight": 0, "match_weight": 0}, where="test")
    with pytest.raises(ConfigError, match="middle 7 is no layer from 1 to 6"):
        validate(M3AEConfig, {"middle": 7}, where="test")


def test_sizes_that_are_not_given_are_the_papers_at_the_papers_encoders() -> None:
    settings = M3AEConfig().fusion(768, 768)
    assert (settings.width, settings.layers, settings.heads, settings.middle) == (768, 6, 12, 3)
