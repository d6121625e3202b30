"""The gradient cache gives the gradient of the full batch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from vesalius.methods.base import Method, MethodConfig
from vesalius.methods.convirt import ConVIRTConfig, build
from vesalius.models.dual import DualEncoder
from vesalius.models.settings import DualEncoderConfig
from vesalius.training.memory import TrainingStep, cached_step, split

SMALL = DualEncoderConfig(
    width=16, depth=1, heads=2, image_size=16, patch=8, projection_dim=8, vocabulary=30, text_length=6
)


def make_method(*, dtype: torch.dtype = torch.float64, dropout: float = 0.0, seed: int = 0) -> Method:
    """ConVIRT with a learned temperature and, where wished, dropout behind both heads."""
    torch.manual_seed(seed)
    model = DualEncoder.build(SMALL).to(dtype)
    for head in (model.vision_head, model.text_head):
        head.register_forward_hook(lambda module, given, out: functional.dropout(out, dropout, module.training))
    return build(ConVIRTConfig(temperature=None), model).train()


def make_batch(rows: int, *, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "pixel_values": torch.randn(rows, 1, 16, 16, generator=generator, dtype=dtype),
        "input_ids": torch.randint(5, 30, (rows, 6), generator=generator),
        "attention_mask": torch.ones(rows, 6, dtype=torch.int64),
        "index": torch.arange(rows),
    }


def gradients(method: Method) -> dict[str, Tensor]:
    found = {name: weight.grad for name, weight in method.named_parameters() if weight.grad is not None}
    method.zero_grad()
    return found


def full(method: Method, batch: Mapping[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
    loss = TrainingStep(method)(batch)["loss"]
    loss.backward()
    return float(loss.detach()), gradients(method)


def cached(method: Method, batch: Mapping[str, Tensor], chunk: int, **more: Any) -> tuple[float, dict[str, Tensor]]:
    parts = cached_step(TrainingStep(method), method, batch, chunk=chunk, **more)
    return float(parts["loss"]), gradients(method)


def largest_difference(one: dict[str, Tensor], two: dict[str, Tensor]) -> float:
    """Largest difference of a gradient, as a share of the largest gradient."""
    assert one.keys() == two.keys()
    top = max(float(value.abs().max()) for value in one.values())
    return max(float((one[name] - two[name]).abs().max()) for name in one) / top


@given(rows=st.integers(2, 9), chunk=st.integers(1, 9))
@hypothesis_settings(max_examples=20, deadline=None)
def test_gradient_equals_the_full_batch_in_float64(rows: int, chunk: int) -> None:
    method, batch = make_method(), make_batch(rows)
    loss, wanted = full(method, batch)
    loss_cached, got = cached(method, batch, chunk)
    # Only the order of sums differs: a few hundred float64 roundings of 1.1e-16 each.
    assert loss_cached == pytest.approx(loss, rel=1e-13)
    assert largest_difference(wanted, got) < 1e-12
    assert "model.logit_scale" in got


def test_gradient_in_float32_is_within_the_rounding_of_its_sums() -> None:
    method, batch = make_method(dtype=torch.float32), make_batch(32, dtype=torch.float32)
    loss, wanted = full(method, batch)
    loss_cached, got = cached(method, batch, 5)
    # Sums over 32 rows in another order: 32 roundings of 6e-8 give 2e-6 at worst; measured 4e-7.
    assert loss_cached == pytest.approx(loss, rel=2e-6)
    assert largest_difference(wanted, got) < 2e-6


def test_dropout_is_the_same_in_both_encodings_and_the_random_state_goes_on() -> None:
    # Chunks draw other masks than the full batch would, so the reference encodes in the same chunks with a graph.
    method, batch = make_method(dropout=0.3), make_batch(7)
    torch.manual_seed(5)
    pieces = [method.encode(piece) for piece in split(batch, 3)]
    joined = {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}
    method.loss(joined)["loss"].backward()
    wanted, after = gradients(method), torch.get_rng_state()
    torch.manual_seed(5)
    _, got = cached(method, batch, 3)
    assert largest_difference(wanted, got) < 1e-12
    assert torch.equal(torch.get_rng_state(), after)
    torch.manual_seed(6)
    _, other = cached(method, batch, 3)
    assert largest_difference(wanted, other) > 1e-3


def test_scale_multiplies_the_gradient_and_not_the_reported_loss() -> None:
    method, batch = make_method(), make_batch(6)
    loss, wanted = cached(method, batch, 2)
    loss_scaled, got = cached(method, batch, 2, scale=0.25)
    assert loss_scaled == loss
    assert largest_difference({name: value / 4 for name, value in wanted.items()}, got) < 1e-12


def test_only_the_last_chunk_is_synchronised() -> None:
    method, entered, seen = make_method(), [], []

    @contextmanager
    def no_sync() -> Any:
        entered.append(True)
        yield
        entered.append(False)

    def backward(loss: Tensor) -> None:
        seen.append(bool(entered and entered[-1]))
        loss.backward()

    cached_step(TrainingStep(method), method, make_batch(7), chunk=3, no_sync=no_sync, backward=backward)
    assert seen == [True, True, False]


def test_running_statistics_are_updated_once_a_chunk() -> None:
    class Normed(Method):
        """Norms the pixels before it projects them."""

        def __init__(self) -> None:
            super().__init__(MethodConfig(), DualEncoder.build(SMALL).double())
            self.norm = nn.BatchNorm1d(256).double()
            self.projection = nn.Linear(256, 4).double()

        def encode(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {"image": functional.normalize(self.projection(self.norm(batch["pixel_values"].flatten(1))))}

        def loss(self, representations: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"loss": representations["image"].sum()}

    method = Normed().train()
    cached_step(TrainingStep(method), method, make_batch(6), chunk=3)
    assert int(method.norm.num_batches_tracked) == 2


def test_split_keeps_all_rows_in_order() -> None:
    pieces = split(make_batch(7), 3)
    assert [len(piece["index"]) for piece in pieces] == [2, 2, 3]  # no piece of one row
    assert torch.cat([piece["index"] for piece in pieces]).tolist() == list(range(7))
