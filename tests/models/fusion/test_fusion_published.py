"""Checkpoints with pools of prompts, and with a graph: the authors' names and shapes come back as ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import prod
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.errors import CheckpointError
from vesalius.methods import arl, ptunifier
from vesalius.models.convert import Rule
from vesalius.models.dual import DualEncoder
from vesalius.models.fusion.published import GRAPH_RULES, PROMPT_RULES, load_published
from vesalius.models.settings import DualEncoderConfig

NAMES = json.loads((Path(__file__).parents[2] / "golden" / "m3ae.json").read_text(encoding="utf-8"))["names"]
"""Names and shapes of the skeleton's weights in the authors' code: width 16, three layers, a decoder of 8."""
BERT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
FUSION = {
    "layers": 3, "heads": 2, "middle": 2, "dropout": 0.0, "decoder_width": 8, "decoder_depth": 2, "decoder_heads": 2,
}  # fmt: skip
PROMPTS = {
    "pseudo_vision_token_pool": (9, 16), "pseudo_language_token_pool": (9, 16),
    "itc_head.vision_ln.weight": (32,), "itc_head.vision_ln.bias": (32,), "itc_head.vision_proj.weight": (16, 32),
    "itc_head.language_ln.weight": (32,), "itc_head.language_ln.bias": (32,),
    "itc_head.language_proj.weight": (16, 32),
}  # fmt: skip
ENTITY, HIDDEN = 8, 32


def linear(name: str, inner: int, outer: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outer, inner), f"{name}.bias": (outer,)}


def norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def attention(name: str, width: int) -> dict[str, tuple[int, ...]]:
    parts = [linear(f"{name}.self.{part}", width, width) for part in ("query", "key", "value")]
    parts += [linear(f"{name}.output.dense", width, width), norm(f"{name}.output.LayerNorm", width)]
    return {key: shape for part in parts for key, shape in part.items()}


def knowledge(count: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of ARL's AlignHead and the knowledge of its layers, for so many entities of width 8."""
    out: dict[str, tuple[int, ...]] = {"align_head.x": (count, ENTITY), "align_head.edge_index": (2, 5)}
    out |= norm("align_head.embedding_ln", ENTITY)
    for conv, inner, heads, width, bias in (("conv1", ENTITY, 2, 4, 8), ("conv2", 8, 1, ENTITY, ENTITY)):
        out |= {
            f"align_head.{conv}.att_src": (1, heads, width), f"align_head.{conv}.att_dst": (1, heads, width),
            f"align_head.{conv}.bias": (bias,), f"align_head.{conv}.lin_src.weight": (heads * width, inner),
            f"align_head.{conv}.lin_dst.weight": (heads * width, inner),
        }  # fmt: skip
    for side in ("img", "txt"):
        out |= linear(f"align_head.{side}_linear1", 16, 16) | linear(f"align_head.{side}_linear2", 16, ENTITY)
    for number in range(3):
        layer = f"multi_modal_language_layers.{number}"
        out |= attention(f"{layer}.knowledge_attention", ENTITY)
        out |= attention(f"{layer}.knowledge_crossattention", ENTITY)
        out |= linear(f"{layer}.knowledge_intermediate.dense", ENTITY, HIDDEN)
        out |= linear(f"{layer}.knowledge_output.dense", HIDDEN, ENTITY)
        out |= norm(f"{layer}.knowledge_output.LayerNorm", ENTITY)
        out |= linear(f"{layer}.image2knowledge", 16, ENTITY) | linear(f"{layer}.knowledge2text", ENTITY, 16)
        out |= linear(f"{layer}.knowledge_fusion_output.dense", 16, 16)
        out |= norm(f"{layer}.knowledge_fusion_output.LayerNorm", 16)
    return out


def filled(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Weights that all differ, by the authors' names; a norm is near 1."""
    state = {}
    for number, name in enumerate(sorted(shapes)):
        count = torch.arange(prod(shapes[name]), dtype=torch.float64)
        start = float(re.search(r"(LayerNorm|ln_\w+|_ln|norm)\.weight$", name) is not None)
        state[name] = (start + 0.3 * torch.sin(0.7 * count + 0.1 * number)).reshape(shapes[name])
    return state


def encoders() -> DualEncoder:
    return DualEncoder.build(
        DualEncoderConfig(
            vision="vit", text="hf:bert", text_options=BERT, image_size=16, channels=3, patch=4, width=16,
            vision_depth=2, vision_heads=2, vision_pool="cls", text_pool="cls", embedding_norm=True, quick_gelu=True,
            projection="none", vocabulary=23, text_length=8,
        )
    )  # fmt: skip


def prompted() -> tuple[nn.Module, dict[str, tuple[int, ...]]]:
    settings = ptunifier.PTUnifierConfig(**FUSION, pool_size=9, image_prompts=4, text_prompts=3)
    shapes = {name: tuple(shape) for name, shape in NAMES.items() if not name.startswith("mim_head")}
    return ptunifier.build(settings, encoders()).double().eval(), shapes | PROMPTS


def with_graph() -> tuple[nn.Module, dict[str, tuple[int, ...]]]:
    graph = arl.GraphConfig(width=ENTITY, heads=2, head_width=4, epochs=0)
    made = arl.build(arl.ARLConfig(**FUSION, graph=graph, entity_heads=2), encoders()).double().eval()
    shapes = {name: tuple(shape) for name, shape in NAMES.items()}
    return made, shapes | knowledge(len(made.bank.vectors))


MODELS: dict[str, tuple[Callable[[], tuple[nn.Module, dict[str, tuple[int, ...]]]], tuple[Rule, ...]]] = {
    "prompts": (prompted, PROMPT_RULES),
    "graph": (with_graph, GRAPH_RULES),
}


@pytest.mark.parametrize("kind", MODELS)
def test_every_weight_of_theirs_is_one_of_ours(kind: str) -> None:
    build, rules = MODELS[kind]
    made, shapes = build()
    state = filled(shapes)
    load_published(made, state, rules=rules, where=kind)
    ours = {round(value.sum().item(), 9) for value in made.state_dict().values()}
    merged = ("conv1.weight", "class_embedding", "positional_embedding", "token_embedding.weight", "ln_final.weight",
              "ln_final.bias", "decoder_pos_embed", "edge_index", "lin_dst.weight")  # fmt: skip
    lost = [name for name, value in state.items() if round(value.sum().item(), 9) not in ours]
    assert [name for name in lost if not name.endswith(merged)] == []


def test_prompts_and_heads_are_the_authors() -> None:
    made, shapes = prompted()
    state = filled(shapes)
    load_published(made, state, rules=PROMPT_RULES)
    assert torch.equal(made.image_pool.rows, state["pseudo_vision_token_pool"])
    assert torch.equal(made.text_pool.rows, state["pseudo_language_token_pool"])
    fused = torch.linspace(-1, 1, 64, dtype=torch.float64).view(2, 32)
    for head, side in ((made.image_head, "vision"), (made.text_head, "language")):
        normed = functional.layer_norm(
            fused, (32,), state[f"itc_head.{side}_ln.weight"], state[f"itc_head.{side}_ln.bias"]
        )
        torch.testing.assert_close(head(fused), normed @ state[f"itc_head.{side}_proj.weight"].T)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("knowledge_attention.self.query.weight", "self_attention.query.weight"),
        ("knowledge_attention.output.dense.weight", "self_attention.out.weight"),
        ("knowledge_crossattention.self.value.weight", "cross_attention.value.weight"),
        ("knowledge_crossattention.output.LayerNorm.bias", "cross_attention.norm.bias"),
        ("image2knowledge.weight", "image_project.weight"),
        ("knowledge2text.weight", "text_project.weight"),
        ("knowledge_fusion_output.dense.bias", "fuse.bias"),
        ("knowledge_intermediate.dense.weight", "expand.weight"),
        ("knowledge_output.dense.weight", "contract.weight"),
        ("knowledge_output.LayerNorm.weight", "norm.weight"),
    ],
)
def test_weights_of_entities_stand_where_the_authors_use_them(theirs: str, ours: str) -> None:
    made, shapes = with_graph()
    state = filled(shapes)
    load_published(made, state, rules=GRAPH_RULES)
    expected = state[f"multi_modal_language_layers.1.{theirs}"]
    assert torch.equal(made.get_parameter(f"stream.layers.1.{ours}"), expected)
    scored = torch.linspace(-1, 1, 16, dtype=torch.float64)
    inner = torch.relu(state["align_head.img_linear1.weight"] @ scored + state["align_head.img_linear1.bias"])
    outer = torch.relu(state["align_head.img_linear2.weight"] @ inner + state["align_head.img_linear2.bias"])
    torch.testing.assert_close(made.bank.image_head(scored), outer)


def test_a_second_model_with_the_same_weights_says_the_same() -> None:
    for build, rules in MODELS.values():
        first, shapes = build()
        second, _ = build()
        for made in (first, second):
            load_published(made, filled(shapes), rules=rules)
        pixels = torch.linspace(-1, 1, 2 * 3 * 16 * 16, dtype=torch.float64).view(2, 3, 16, 16)
        ids = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])
        found = []
        for made in (first, second):
            image = made.model.encode_image(pixels, project=False)
            text = made.model.encode_text(ids, (ids > 0).long(), project=False)
            found.append(made.match(image, text, (ids > 0).long()))
        assert torch.equal(*found)
        assert found[0].isfinite().all()


def test_a_matrix_of_the_graph_goes_by_either_name() -> None:
    made, shapes = with_graph()
    state = filled(shapes)
    newer = {name.replace(".lin_src.", ".lin."): value for name, value in state.items() if ".lin_dst." not in name}
    load_published(made, newer, rules=GRAPH_RULES)
    assert torch.equal(made.bank.encoder.first.project.weight, state["align_head.conv1.lin_src.weight"])
    assert torch.equal(made.bank.encoder.first.as_source, state["align_head.conv1.att_src"][0])


def test_what_does_not_fit_is_named() -> None:
    made, shapes = with_graph()
    state = filled(shapes)
    with pytest.raises(CheckpointError, match=r"graph: 1 of \d+ keys are unknown: align_head\.conv3\.bias"):
        load_published(made, {**state, "align_head.conv3.bias": torch.zeros(1)}, rules=GRAPH_RULES, where="graph")
    with pytest.raises(CheckpointError, match=r"1 of another shape: bank\.vectors \(2, 8\)"):
        load_published(made, {**state, "align_head.x": torch.zeros(2, 8)}, rules=GRAPH_RULES)
    with pytest.raises(CheckpointError, match=r"keys are unknown: pseudo_language_token_pool"):
        load_published(made, {**state, "pseudo_language_token_pool": torch.zeros(1)}, rules=GRAPH_RULES)
