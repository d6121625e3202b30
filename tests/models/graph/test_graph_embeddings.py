"""Embeddings of a graph: identities between them, shapes, gradients, and that each learns a small graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vesalius.errors import ConfigError
from vesalius.models.graph.base import GraphEmbedding
from vesalius.models.graph.families import EMBEDDINGS, graph_embedding
from vesalius.models.graph.hyperbolic import ball_distance, exp0, log0, mobius_add
from vesalius.models.graph.neighbours import RGCN
from vesalius.training.links import LinkSettings, evaluate_links, fit_links

E, R, D = 7, 3, 16


def made(name: str, *, seed: int = 0, width: int = D) -> GraphEmbedding:
    torch.manual_seed(seed)
    return graph_embedding(name, num_entities=E, num_relations=R, width=width)


def triples() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.stack([torch.randint(top, (20,), generator=generator) for top in (E, R, E)], dim=1)


def test_all_of_the_paper_are_there() -> None:
    assert len(EMBEDDINGS) == 18
    with pytest.raises(ConfigError, match="did you mean 'TransE'"):
        graph_embedding("transE", num_entities=1, num_relations=1)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_all_tails_and_heads_score_as_one_by_one(name: str) -> None:
    model = made(name).double()
    if isinstance(model, RGCN):
        model.know(triples())
    for head, relation, tail in triples()[:5]:
        tails = model.scores_of_tails(head[None], relation[None])[0]
        heads = model.scores_of_heads(relation[None], tail[None])[0]
        assert tails.shape == heads.shape == (E,)
        one = model(torch.stack([head, relation, tail])[None])[0]
        # Sums of at most 16 numbers of size 1 in other orders.
        torch.testing.assert_close(tails[tail], one, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(heads[head], one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_every_weight_gets_a_gradient(name: str) -> None:
    model = made(name)
    if isinstance(model, RGCN):
        model.know(triples())
    everything = torch.cartesian_prod(torch.arange(E), torch.arange(R), torch.arange(E))
    model(everything).square().sum().backward()
    for weight, value in model.named_parameters():
        assert value.grad is not None, weight
        assert value.grad.isfinite().all(), weight
        assert value.grad.abs().sum() > 0, weight


def test_a_relation_that_is_the_gap_has_distance_zero() -> None:
    model = made("TransE")
    with torch.no_grad():
        model.relation.weight[0] = model.entity.weight[2] - model.entity.weight[1]
    score = model(torch.tensor([1, 0, 2]))
    torch.testing.assert_close(score, torch.tensor(0.0), rtol=0, atol=1e-6)


def copied(source: GraphEmbedding, target: GraphEmbedding) -> None:
    """Give two models of one form the same entities and relations."""
    with torch.no_grad():
        for name in ("entity", "relation"):
            target.get_submodule(name).weight.copy_(source.get_submodule(name).weight)


def test_without_a_normal_transh_is_transe_and_so_are_transr_and_transd() -> None:
    plain = made("TransE")
    for name, off in (("TransH", "normal"), ("TransD", "relation_projection"), ("TransR", "")):
        model = made(name)
        copied(plain, model)
        if off:
            torch.nn.init.zeros_(model.get_submodule(off).weight)
        torch.testing.assert_close(model(triples()), plain(triples()))


def test_symmetry_and_real_numbers() -> None:
    plain = made("DistMult")
    flipped = triples()[:, [2, 1, 0]]
    torch.testing.assert_close(plain(triples()), plain(flipped))
    model = made("ComplEx")
    with torch.no_grad():
        for name in ("entity", "relation"):
            part = getattr(model, name)
            part.zero_()
            part[..., 0] = plain.get_submodule(name).weight
    torch.testing.assert_close(model(triples()), plain(triples()))


def test_no_turn_is_the_distance_of_head_and_tail() -> None:
    model = made("RotatE")
    torch.nn.init.zeros_(model.angle)
    head, tail = (
        torch.view_as_complex(model.entity[triples()[:, 0]]),
        torch.view_as_complex(model.entity[triples()[:, 2]]),
    )
    torch.testing.assert_close(model(triples()), -(head - tail).abs().sum(dim=1))


def test_a_diagonal_form_is_distmult() -> None:
    plain, rescal, tucker = made("DistMult"), made("RESCAL"), made("TuckER")
    copied(plain, tucker)
    with torch.no_grad():
        rescal.entity.weight.copy_(plain.entity.weight)
        rescal.matrix.copy_(torch.diag_embed(plain.relation.weight))
        tucker.core.zero_()
        places = torch.arange(D)
        tucker.core[places, places, places] = 1
    torch.testing.assert_close(rescal(triples()), plain(triples()))
    torch.testing.assert_close(tucker(triples()), plain(triples()))


def test_the_ball() -> None:
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(50, 4, generator=generator, dtype=torch.float64)
    point, origin = exp0(vector), torch.zeros(1, 4, dtype=torch.float64)
    assert (point.norm(dim=1) < 1).all()
    small = 0.3 * vector
    torch.testing.assert_close(log0(exp0(small)), small)
    torch.testing.assert_close(mobius_add(point, origin), point)
    torch.testing.assert_close(mobius_add(-exp0(small), exp0(small)), origin.expand(50, 4), rtol=0, atol=1e-9)
    # From the origin the distance is twice the length of the tangent vector.
    torch.testing.assert_close(ball_distance(origin, exp0(small)), 2 * small.norm(dim=1))
    torch.testing.assert_close(ball_distance(exp0(small), point), ball_distance(point, exp0(small)))


def test_widths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        made("ConvE", width=10)
    with pytest.raises(ValueError, match="even width"):
        made("AttH", width=9)


def circle(size: int = 12) -> np.ndarray:
    """next: i → i + 1; before: its inverse; twin: i ↔ i + 6."""
    places = np.arange(size)
    rows = [(places, 0 * places, (places + 1) % size), ((places + 1) % size, 0 * places + 1, places),
            (places, 0 * places + 2, (places + size // 2) % size)]  # fmt: skip
    return np.concatenate([np.stack(part, axis=1) for part in rows])


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_each_learns_a_graph_that_it_has_seen(name: str) -> None:
    torch.manual_seed(0)
    known = circle()
    model = graph_embedding(name, num_entities=12, num_relations=3, width=16)
    chance = evaluate_links(model, known, known=(known,))["mrr"]
    settings = LinkSettings(batch=36, lr=0.03, epochs=60, patience=60, validate_every=20, negatives=8)
    trained = fit_links(model, known, known, settings)
    assert trained.losses[-1] < trained.losses[0]
    # Chance is about 0.26 for twelve entities; DistMult cannot tell "next" from "before" and stays near 0.5.
    assert trained.best_mrr > max(0.4, chance)
    assert evaluate_links(model, known, known=(known,))["mrr"] == pytest.approx(trained.best_mrr)


def test_the_same_seed_trains_the_same_weights() -> None:
    runs = []
    for _ in range(2):
        model = made("DistMult")
        fit_links(model, circle(6), circle(6), LinkSettings(epochs=3, batch=8))
        runs.append(model.entity.weight.detach())
    torch.testing.assert_close(runs[0], runs[1], rtol=0, atol=0)
