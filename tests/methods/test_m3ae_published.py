"""M3AE beside the authors' code: one step with their weights under our names, forward and gradient."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vesalius.errors import CheckpointError
from vesalius.methods.m3ae import M3AE, M3AEConfig, build, load_published
from vesalius.metrics.answers import answer_accuracy, chosen_scores
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.objectives.masked import hide_highest
from vesalius.objectives.matching import Pairing

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "m3ae.json").read_text(encoding="utf-8"))
NORMS = ("LayerNorm.weight", "ln_1.weight", "ln_2.weight", "ln_pre.weight", "ln_post.weight", "norm.weight")
BERT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
TASKS = {"image": "pixel", "text": "word", "matching": "match"}
"""Task to what the loss calls it."""


def wave(shape: tuple[int, ...], speed: float, start: float) -> Tensor:
    return torch.sin(speed * torch.arange(prod(shape), dtype=torch.float64) + start).reshape(shape)


def published() -> dict[str, Tensor]:
    """A checkpoint with the authors' names and shapes."""
    state = {}
    for number, name in enumerate(sorted(GOLDEN["names"])):
        shape = tuple(GOLDEN["names"][name])
        state[name] = float(name.endswith(NORMS)) + 0.3 * wave(shape, 0.7 + 0.013 * number, 0.1 * number)
    return state


def loaded(**weights: float) -> M3AE:
    model = DualEncoderConfig(
        vision="vit", text="hf:bert", text_options=BERT, image_size=16, channels=3, patch=4, width=16, vision_depth=2,
        vision_heads=2, vision_pool="cls", text_pool="cls", embedding_norm=True, quick_gelu=True, projection="none",
        vocabulary=23, text_length=8,
    )  # fmt: skip
    settings = M3AEConfig(
        layers=3, heads=2, middle=2, dropout=0.0, decoder_width=8, decoder_depth=2, decoder_heads=2, **weights
    )
    made = build(settings, DualEncoder.build(model)).double().eval()
    load_published(made, published())
    return made


@pytest.fixture(scope="module")
def step() -> tuple[M3AE, dict[str, Tensor]]:
    """The method with all chance taken out of it, and its batch."""
    made = loaded()
    label = torch.tensor(GOLDEN["matches"])
    other = torch.tensor([1, 2, 3, 0])
    fixed: dict[str, Any] = {
        "masking": lambda index, grid: hide_highest(wave((4, 16), 1.9, 0.4), 0.75),
        "hidden_words": lambda batch: (torch.tensor(GOLDEN["shown"]), torch.tensor(GOLDEN["labels"])),
        "pairs": lambda made: Pairing(torch.where(label == 1, torch.arange(4), other), label),
    }
    for name, value in fixed.items():
        setattr(made, name, value)
    ids = torch.tensor(GOLDEN["ids"])
    batch = {
        "pixel_values": wave((4, 3, 16, 16), 0.37, 0.2),
        "input_ids": ids,
        "attention_mask": (ids > 0).long(),
        "index": torch.arange(4),
        "units": torch.zeros_like(ids),
        "mask_token": torch.tensor([[4, 23]] * 4),
    }
    return made, batch


@pytest.mark.evidence("m3ae", "L2", "one step has the authors' losses and gradients at equal weights")
@pytest.mark.parametrize("task", TASKS)
def test_a_step_is_the_authors(step: tuple[M3AE, dict[str, Tensor]], task: str) -> None:
    made, batch = step
    expected = GOLDEN["tasks"][task]
    out = made.encode(batch)
    if task == "matching":
        loss = made.matching(out)
    elif task == "text":
        loss = out["word_error"].sum() / out["num_hidden"].sum()
    else:
        loss = out["pixel_error"].mean()
    assert loss.item() == pytest.approx(expected["loss"], rel=1e-11)  # golden numbers have 13 digits
    assert made.loss(out)[TASKS[task]].item() == pytest.approx(expected["loss"], rel=1e-11)
    made.zero_grad()
    loss.backward()
    for name, values in expected["gradients"].items():
        gradient = made.get_parameter(name).grad
        found = torch.zeros(len(values), dtype=torch.float64) if gradient is None else gradient.flatten()
        torch.testing.assert_close(found, torch.tensor(values, dtype=torch.float64), rtol=1e-9, atol=1e-12)
    for name, length in expected["lengths"].items():
        gradient = made.get_parameter(name).grad
        assert (0.0 if gradient is None else gradient.norm().item()) == pytest.approx(length, rel=1e-9, abs=1e-12)
    assert len(expected["lengths"]) > 40


def test_masking_is_the_authors() -> None:
    masking = hide_highest(wave((4, 16), 1.9, 0.4), 0.75)
    assert masking.hidden.int().tolist() == GOLDEN["hidden"]
    assert masking.restore.tolist() == GOLDEN["restore"]


def test_answers_are_scored_as_the_authors_do() -> None:
    expected = GOLDEN["answers"]
    chosen = chosen_scores(wave((6, 4), 1.1, 0.3).numpy(), wave((6, 4), 2.3, 0.1).clamp(min=0).numpy())
    found = answer_accuracy(chosen, [kind == 0 for kind in expected["types"]])
    assert found == pytest.approx((expected["overall"], expected["closed"], expected["open"]), rel=1e-6)  # float32


def test_keys_that_do_not_fit_are_named() -> None:
    made = loaded()
    state = published()
    with pytest.raises(CheckpointError, match=r"M3AE: 1 of .* keys are unknown: vision_encoder\.visual\.extra"):
        load_published(made, {**state, "vision_encoder.visual.extra": torch.zeros(1)})
    less = {name: value for name, value in state.items() if name != "itm_head.fc.bias"}
    with pytest.raises(CheckpointError, match=r"missing: match_head\.out\.bias"):
        load_published(made, less)
    with pytest.raises(CheckpointError, match=r"conv1\.weight is missing; the vision encoder is not CLIP's ViT"):
        load_published(made, {"itm_head.fc.bias": torch.zeros(2)})
    cut = {**state, "vision_encoder.visual.positional_embedding": torch.zeros(16, 16)}
    with pytest.raises(CheckpointError, match="15 positions are no square"):
        load_published(made, cut)


def test_metrics_of_a_training_state_are_left_out() -> None:
    made = loaded()
    load_published(made, {**published(), "train_mlm_loss.scalar": torch.zeros(())})
