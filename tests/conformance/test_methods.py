"""What every registered method and every recipe must do; the counts say how many were seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from method_batches import METHODS, REPORTS, TALKING, batch_of, method_named

from vesalius import registry
from vesalius.data.transforms import ImageProcessor
from vesalius.models.text.tokenizer import train_tokenizer
from vesalius.training.checkpoint import load_model, save_model
from vesalius.training.memory import TrainingStep, cached_step
from vesalius.training.recipe import load_recipe, recipe_names

RECIPES = tuple(name for name in recipe_names() if name.split("/")[0] in METHODS)
NO_GRADIENT: dict[str, str] = {
    "logit_scale": "a method that fixes the temperature does not train it",
    "logit_bias": "only a sigmoid objective has one",
}
"""Parameters that may stay without a gradient, and why."""


def test_how_many_were_seen() -> None:
    files = {path.stem for path in Path(registry.__file__).parent.glob("methods/*.py") if path.stem[0] != "_"}
    assert {"convirt", "mgca", "msd", "pubmedclip"} <= set(METHODS)
    assert {*METHODS, *TALKING} == files - {"base", "conversing"}
    for name in METHODS:
        assert {name, f"{name}/small", f"{name}/tiny"} <= set(RECIPES)
    assert len(RECIPES) >= 3 * len(METHODS) + 7, "each method has base, small and tiny; some have more"


@pytest.mark.parametrize("name", METHODS)
def test_loss_is_finite_and_every_trained_parameter_has_a_gradient(name: str) -> None:
    method = method_named(name)
    out = method(**batch_of(method))
    assert torch.isfinite(out["loss"])
    out["loss"].backward()
    without = [
        key
        for key, parameter in method.named_parameters()
        if parameter.requires_grad and parameter.grad is None and key.rsplit(".", 1)[-1] not in NO_GRADIENT
    ]
    assert without == []


@pytest.mark.parametrize("name", METHODS)
def test_two_equal_seeds_give_equal_losses_and_another_does_not(name: str) -> None:
    losses = []
    for seed in (0, 0, 1):
        method = method_named(name, seed=seed)
        losses.append(method(**batch_of(method))["loss"])
    first, again, other = losses
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", METHODS)
def test_a_step_lowers_the_loss_of_its_batch(name: str) -> None:
    method = method_named(name)
    batch = batch_of(method)
    optimiser = torch.optim.AdamW(method.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        loss = method(**batch)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", METHODS)
def test_gradient_cache_is_the_whole_batch(name: str) -> None:
    """In evaluation mode, so that batch norms do not see the pieces, which they do while training."""
    method = method_named(name).eval()
    batch = batch_of(method)
    loss = method(**batch)["loss"]
    loss.backward()
    whole = {key: weight.grad.clone() for key, weight in method.named_parameters() if weight.grad is not None}
    method.zero_grad()
    cached = cached_step(TrainingStep(method), method, batch, chunk=3)
    assert cached["loss"].item() == pytest.approx(loss.item(), rel=1e-5)
    for key, gradient in whole.items():
        found = method.get_parameter(key).grad
        # float32: the worst seen was 3e-6 beside gradients of size 1.
        torch.testing.assert_close(found, gradient, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", METHODS)
def test_encoding_in_pieces_is_encoding_at_once(name: str) -> None:
    method = method_named(name).eval()
    batch = batch_of(method)
    whole = method.encode(batch)
    pieces = [method.encode({key: value[rows] for key, value in batch.items()}) for rows in ([0, 1], [2, 3])]
    for key, value in whole.items():
        torch.testing.assert_close(torch.cat([piece[key] for piece in pieces]), value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_view_keeps_shape_and_range_and_follows_its_generator(name: str) -> None:
    method = method_named(name)
    image = np.random.default_rng(0).random((1, 32, 32), dtype=np.float32)
    kept = image.copy()
    first, again = (method.view(image, np.random.default_rng(5)) for _ in range(2))
    assert first.shape == image.shape
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize("name", METHODS)
def test_words_come_from_the_report(name: str) -> None:
    method = method_named(name)
    said = method.words(["Lungs clear.", "No effusion."], np.random.default_rng(0))
    assert said
    assert {word.strip(".").lower() for word in said.split()} <= {"lungs", "clear", "no", "effusion"}
    only = method.words(["Only this."], np.random.default_rng(1))
    assert only.strip(".").lower() == "only this"


@pytest.mark.parametrize("name", METHODS)
def test_saves_and_loads_equal(name: str, tmp_path: Path) -> None:
    method = method_named(name).eval()
    processor = ImageProcessor(size=32, channels=1)
    save_model(
        tmp_path / "model",
        method=method,
        tokenizer=train_tokenizer(REPORTS, vocabulary=64),
        processor=processor,
        info={"trained_on": None},
    )
    loaded = load_model(tmp_path / "model")
    assert type(loaded.method) is type(method)
    assert loaded.processor == processor
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert "model.safetensors" in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl", ".pth"))]
    batch = batch_of(method)
    for key, value in method.encode(batch).items():
        assert torch.equal(loaded.method.encode(batch)[key], value)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_valid_and_says_where_its_numbers_come_from(name: str) -> None:
    recipe = load_recipe(name, overrides=["data=somewhere"])
    assert recipe.method in METHODS
    folder = Path(registry.__file__).parent / "recipes"
    path = folder / (f"{name}.yaml" if "/" in name else f"{name}/base.yaml")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#")
    numbers = [line for line in lines if ":" in line and line.split(":", 1)[1].split("#")[0].strip()[:1].isdigit()]
    unsourced = [line for line in numbers if "#" not in line]
    assert unsourced == [], "numbers without a source"
