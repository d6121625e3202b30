"""Experts in a language model: nothing changes at the start, routing and balance by hand, only the chosen compute."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig
from transformers.models.llama.modeling_llama import LlamaMLP
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

from vesalius.errors import ConfigError
from vesalius.models.vlm.mixture_of_experts import ExpertMixture, add_experts, balance_loss, balance_of, route

WIDTH = 8


def llama(*, layers: int = 4) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=20, hidden_size=WIDTH, intermediate_size=12, num_hidden_layers=layers, num_attention_heads=2,
        num_key_value_heads=2,
    )  # fmt: skip
    return LlamaForCausalLM(config).double()


def mixture(*, experts: int = 4, top: int = 2) -> ExpertMixture:
    torch.manual_seed(1)
    dense = LlamaMLP(LlamaConfig(hidden_size=WIDTH, intermediate_size=12, num_attention_heads=2)).double()
    return ExpertMixture(dense, width=WIDTH, experts=experts, top=top)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("top", [1, 2, 4])
def test_right_after_the_model_computes_what_it_did(top: int) -> None:
    model, ids = llama(), torch.arange(12).view(2, 6)
    before = model(input_ids=ids).logits
    assert add_experts(model, experts=4, top=top) == 4
    # Weights are single precision and sum to 1 within 1e-7.
    torch.testing.assert_close(model(input_ids=ids).logits, before, rtol=0, atol=1e-6)


def test_every_second_perceptron() -> None:
    model = llama()
    assert add_experts(model, experts=3, top=1, every=2) == 2
    assert [isinstance(layer.mlp, ExpertMixture) for layer in model.model.layers] == [False, True, False, True]


def test_routing_by_hand() -> None:
    # exp of log 4, log 2, log 1, log 1 over 8: one half, a quarter, an eighth twice. The two best share 2 : 1.
    found = route(torch.log(torch.tensor([[4.0, 2.0, 1.0, 1.0]])), top=2)
    assert found.experts.tolist() == [[0, 1]]
    torch.testing.assert_close(found.weights, torch.tensor([[2 / 3, 1 / 3]]))
    torch.testing.assert_close(found.probabilities, torch.tensor([[0.5, 0.25, 0.125, 0.125]]))


def test_balance_by_hand() -> None:
    # All tokens to expert 0 of 4 with probability p: 4 · (1 · p).
    one_sided = torch.log(torch.tensor([[0.7, 0.1, 0.1, 0.1]] * 5))
    torch.testing.assert_close(balance_of(route(one_sided, top=1)), torch.tensor(2.8))
    # Each of four tokens to another expert: shares and mean probabilities are a quarter, 4 · 4 · 1/16.
    even = torch.log(torch.full((4, 4), 0.1) + 0.6 * torch.eye(4))
    torch.testing.assert_close(balance_of(route(even, top=1)), torch.tensor(1.0))


@pytest.mark.parametrize("top", [1, 2])
def test_balance_is_mixtrals_over_the_choices(top: int) -> None:
    logits = drawn(50, 6).float()
    config = MixtralConfig(num_local_experts=6, num_experts_per_tok=top)
    theirs = load_balancing_loss_func((logits,), config.num_local_experts, top)
    torch.testing.assert_close(balance_of(route(logits, top=top)), theirs / top)


def test_tokens_go_through_their_experts_only() -> None:
    model, hidden = mixture(), drawn(3, 5, WIDTH)
    with torch.no_grad():
        for expert in model.experts:
            for parameter in expert.parameters():
                parameter.add_(0.3 * drawn(*parameter.shape, seed=parameter.numel()))
    model.train()
    out = model(hidden).flatten(0, 1)
    assert model.routing is not None
    for row, token in enumerate(hidden.flatten(0, 1)):
        chosen = zip(model.routing.experts[row], model.routing.weights[row], strict=True)
        expected = sum(weight * model.experts[int(number)](token) for number, weight in chosen)
        torch.testing.assert_close(out[row], expected, rtol=1e-6, atol=1e-9)  # weights are single precision


def test_tokens_do_not_influence_each_other() -> None:
    model, hidden = mixture().eval(), drawn(6, WIDTH)
    torch.testing.assert_close(model(hidden)[2:4], model(hidden[2:4]), rtol=0, atol=1e-12)


def test_gradients_and_balance() -> None:
    model = llama(layers=2)
    add_experts(model, experts=3, top=2)
    model.train()
    loss = model(input_ids=torch.arange(16).view(2, 8)).logits.square().mean() + 0.1 * balance_loss(model)
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all()
    routers = [part.router.weight.grad for part in model.modules() if isinstance(part, ExpertMixture)]
    assert len(routers) == 2
    assert all(grad is not None and grad.abs().max() > 0 for grad in routers)


def test_balancing_spreads_the_tokens() -> None:
    model, tokens = mixture(experts=4, top=1).train(), drawn(200, WIDTH)
    with torch.no_grad():
        model.router.weight[0] *= 100.0  # expert 0 is the likeliest of about half of the tokens, and surely
    optimiser = torch.optim.SGD([model.router.weight], lr=5.0)
    losses = []
    for _ in range(60):
        model(tokens)
        loss = balance_loss(model)
        losses.append(loss.detach())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[0] > 1.1
    assert losses[-1] < 1.02


def test_weights_survive(tmp_path: Path) -> None:
    model, other, hidden = mixture(), mixture(), drawn(4, WIDTH)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    save_model(model, str(tmp_path / "x.safetensors"))
    load_model(other, str(tmp_path / "x.safetensors"))
    torch.testing.assert_close(other(hidden), model(hidden), rtol=0, atol=0)


def test_a_frozen_perceptron_gives_frozen_experts() -> None:
    model = llama(layers=1)
    model.requires_grad_(False)
    add_experts(model, experts=2, top=1)
    assert [name for name, part in model.named_parameters() if part.requires_grad] == [
        "model.layers.0.mlp.router.weight"
    ]


def test_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="3 of 2 experts"):
        add_experts(llama(), experts=2, top=3)
    with pytest.raises(ConfigError, match="0 in Linear"):
        add_experts(nn.Linear(2, 2), experts=2, top=1)
    with pytest.raises(ConfigError, match="4 in LlamaForCausalLM, every 5"):
        add_experts(llama(), experts=2, top=1, every=5)
    with pytest.raises(ConfigError, match="none of 0 mixtures"):
        balance_loss(llama())
    model = llama()
    add_experts(model, experts=2, top=1)
    model.eval()(input_ids=torch.arange(4)[None])
    with pytest.raises(ConfigError, match="none of 4 mixtures"):
        balance_loss(model)
