"""Parts learn at their multiples of the rate, and the run says which did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from shapes_corpus import TINY
from torch import nn

from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError
from vesalius.methods.base import TrainedMethod
from vesalius.training.assembly import assemble
from vesalius.training.checkpoint import load_model
from vesalius.training.rates import PartRate, part_rates, rate_groups, require_parts
from vesalius.training.recipe import load_recipe, open_recipe, recipe_names
from vesalius.training.trainer import train

EVEN = ["optimisation.schedule=constant", "optimisation.warmup=0", "optimisation.weight_decay=0"]


class Method(nn.Module):
    """A model of two encoders, one of which does not learn, with a head and a lone weight."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"vision": nn.Linear(3, 2), "text": nn.Linear(2, 2).requires_grad_(False)})
        self.head = nn.Linear(2, 4)
        self.scale = nn.Parameter(torch.ones(()))

    part_of = TrainedMethod.part_of


def test_a_group_for_each_multiple_with_decay_for_matrices_alone() -> None:
    made = Method()
    groups = rate_groups(
        made.named_parameters(), part_of=made.part_of, lr=0.1, rates={"head": 5.0, "scale": 0.5}, weight_decay=0.2
    )
    found = [(group["lr"], group["weight_decay"], [tuple(one.shape) for one in group["params"]]) for group in groups]
    assert found == [
        (0.1, 0.2, [(2, 3)]),
        (0.1, 0.0, [(2,)]),
        (0.05, 0.0, [()]),
        (0.5, 0.2, [(4, 2)]),
        (0.5, 0.0, [(4,)]),
    ]


def test_without_multiples_there_are_two_groups() -> None:
    made = Method()
    groups = rate_groups(made.named_parameters(), part_of=made.part_of, lr=0.1, rates={}, weight_decay=0.2)
    assert [(group["lr"], group["weight_decay"], len(group["params"])) for group in groups] == [
        (0.1, 0.2, 2),
        (0.1, 0.0, 3),
    ]


def test_what_learns_at_which_rate() -> None:
    # vision has 3 · 2 weights and 2 biases, the head 2 · 4 and 4
    found = part_rates(Method(), lr=0.1, rates={"head": 5.0})
    assert found == {"scale": PartRate(0.1, 1), "vision": PartRate(0.1, 8), "head": PartRate(0.5, 12)}


def test_a_rate_for_no_part_is_refused() -> None:
    require_parts(Method(), {"head": 2.0, "text": 2.0})
    with pytest.raises(ConfigError, match="no part 'haed' in the method, which has head, scale, text, vision"):
        require_parts(Method(), {"haed": 2.0})


@pytest.mark.parametrize("multiple", ["0", "-1", ".inf"])
def test_a_multiple_that_is_not_above_zero_is_refused(multiple: str) -> None:
    with pytest.raises(ConfigError, match=r"rates\.vision': .* must be above 0; what does not learn"):
        load_recipe("convirt/tiny", overrides=[f"optimisation.rates.vision={multiple}"])


def test_the_first_step_of_a_part_is_as_much_longer(corpus: Corpus, tmp_path: Path) -> None:
    rates = ["optimisation.steps=1", "optimisation.rates.vision_head=5", "optimisation.lr=0.0001", *EVEN]
    chosen = load_recipe("convirt/tiny", overrides=[f"data={corpus.root}", *TINY, *rates])
    before = {name: value.clone() for name, value in assemble(chosen, tmp_path / "a").method.state_dict().items()}
    run = train(chosen, out=tmp_path / "run")
    after = load_model(run.checkpoint("last")).method.state_dict()
    moved = {name: (after[name] - value).abs().max().item() for name, value in before.items() if value.ndim == 2}
    # The first step of Adam is the rate, whatever the gradient.
    for name, length in moved.items():
        wanted = 0.0005 if name.startswith("model.vision_head") else 0.0001
        assert length == pytest.approx(wanted, rel=0.01), name
    assert any(name.startswith("model.vision_head") for name in moved)
    facts = json.loads((run.folder / "environment.json").read_text(encoding="utf-8"))["rates"]
    assert facts["vision_head"]["lr"] == pytest.approx(0.0005)
    assert facts["vision"]["lr"] == pytest.approx(0.0001)
    assert facts["vision"]["parameters"] > 1000
    assert run.recipe().optimisation.rates == {"vision_head": 5}


def test_a_run_with_an_unknown_part_does_not_begin(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"optimisation\.rates: no part 'fusion'"):
        train(
            "convirt/tiny",
            out=tmp_path / "run",
            overrides=[f"data={corpus.root}", *TINY, "optimisation.steps=1", "optimisation.rates.fusion=5"],
        )
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def test_recipes_of_fusion_have_the_rates_of_their_papers() -> None:
    found = {name: open_recipe(name).optimisation.rates for name in recipe_names() if name.endswith("/paper")}
    assert {name for name, rates in found.items() if rates} == {"arl/paper", "m3ae/paper", "ptunifier/paper"}
    for name in ("arl/paper", "m3ae/paper", "ptunifier/paper"):
        chosen = load_recipe(name).optimisation
        assert (chosen.lr, chosen.rates["vision"], chosen.rates["text"]) == (5e-5, 0.2, 0.2)
