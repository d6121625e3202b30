"""Checkpoints of METER and its kin under our names: CLIP's ViT, a BERT, co-attention layers and their heads.

The vision encoder becomes a compact ViT with ``vision_pool=cls``, ``embedding_norm`` and ``quick_gelu``: unlike the
CLIP of transformers it norms all tokens at its end, as the published models do.

Legend: F width, P patches, G patches along a side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isqrt

import torch
from torch import Tensor, nn

from vesalius.errors import CheckpointError
from vesalius.models.convert import Rule, load_whole, renamed

__all__ = ["GRAPH_RULES", "PROMPT_RULES", "RULES", "load_published", "published_state"]

_VISUAL = "vision_encoder.visual."
_BLOCK = {
    "attn.in_proj_": "attention.qkv.",
    "attn.out_proj.": "attention.out.",
    "ln_1.": "attention_norm.",
    "ln_2.": "perceptron_norm.",
    "mlp.c_fc.": "expand.",
    "mlp.c_proj.": "contract.",
}
_LAYER = {
    r"attention\.self\.(query|key|value)": r"self_attention.\3",
    r"attention\.output\.(dense)": r"self_attention.out",
    r"attention\.output\.(LayerNorm)": r"self_attention.norm",
    r"crossattention\.self\.(query|key|value)": r"cross_attention.\3",
    r"crossattention\.output\.(dense)": r"cross_attention.out",
    r"crossattention\.output\.(LayerNorm)": r"cross_attention.norm",
    r"intermediate\.(dense)": r"expand",
    r"output\.(dense)": r"contract",
    r"output\.(LayerNorm)": r"norm",
}


def _side(theirs: str, ours: str) -> list[Rule]:
    """Rules of one stream."""
    layers: list[Rule] = [
        (rf"multi_modal_({theirs})_layers\.(\d+)\.{key}\.(.*)", rf"fusion.{ours}_layers.\2.{name}.\4")
        for key, name in _LAYER.items()
    ]
    return [
        *layers,
        (rf"multi_modal_{theirs}_proj\.(.*)", rf"fusion.{ours}_project.\1"),
        (rf"multi_modal_{theirs}_pooler\.dense\.(.*)", rf"fusion.{ours}_pool.dense.\1"),
    ]


def _blocks(theirs: str, ours: str) -> list[Rule]:
    """Rules of CLIP's blocks."""
    return [(rf"{theirs}\.(\d+)\.{re.escape(key)}(.*)", rf"{ours}.\1.{name}\2") for key, name in _BLOCK.items()]


RULES: tuple[Rule, ...] = (
    *_blocks(r"vision_encoder\.visual\.transformer\.resblocks", "model.vision.blocks"),
    (r"vision_encoder\.visual\.ln_pre\.(.*)", r"model.vision.before.\1"),
    (r"vision_encoder\.visual\.ln_post\.(.*)", r"model.vision.after.\1"),
    (r"model\.vision\.(.*)", r"model.vision.\1"),
    (r"vision_encoder\.(token_embedding\.weight|positional_embedding|ln_final\..*)", None),
    (r"language_encoder\.embeddings\.(position_ids|token_type_ids)", None),
    (r"language_encoder\.pooler\..*", None),
    (r"language_encoder\.(.*)", r"model.text.model.\1"),
    *_side("language", "text"),
    *_side("vision", "image"),
    (r"modality_type_embeddings\.weight", "fusion.modality"),
    (r"mlm_head\.transform\.dense\.(.*)", r"words_head.dense.\1"),
    (r"mlm_head\.transform\.LayerNorm\.(.*)", r"words_head.norm.\1"),
    (r"mlm_head\.decoder\.weight", "words_head.out.weight"),
    (r"mlm_head\.bias", "words_head.out.bias"),
    (r"mim_head\.mask_token", "pixels_head.hidden_token"),
    (r"mim_head\.decoder_pos_embed", None),
    (r"mim_head\.decoder_embed\.(.*)", r"pixels_head.embed.\1"),
    *_blocks(r"mim_head\.decoder\.resblocks", "pixels_head.blocks"),
    (r"mim_head\.decoder_norm\.(.*)", r"pixels_head.norm.\1"),
    (r"mim_head\.decoder_pred\.(.*)", r"pixels_head.predict.\1"),
    (r"itm_head\.fc\.(.*)", r"match_head.out.\1"),
    (r"(train|val|test)_(mlm|mim|itm)_.*", None),
)
"""For a method that calls its parts `model`, `fusion`, `words_head`, `pixels_head` and `match_head`."""

PROMPT_RULES: tuple[Rule, ...] = (
    (r"pseudo_vision_token_pool", "image_pool.rows"),
    (r"pseudo_language_token_pool", "text_pool.rows"),
    (r"itc_head\.vision_ln\.(.*)", r"image_head.0.\1"),
    (r"itc_head\.vision_proj\.(.*)", r"image_head.1.\1"),
    (r"itc_head\.language_ln\.(.*)", r"text_head.0.\1"),
    (r"itc_head\.language_proj\.(.*)", r"text_head.1.\1"),
    (r"(train|val|test)_(itc|umlm|umim)_.*", None),
)
"""For a method with pools of prompts and heads for each side alone: names of PTUnifier's authors."""


def _attention_of_graph(theirs: str, ours: str) -> list[Rule]:
    """Rules of torch_geometric's GATConv, whose matrix goes by several names in its versions."""
    return [
        (rf"align_head\.{theirs}\.att_src", f"bank.encoder.{ours}.as_source"),
        (rf"align_head\.{theirs}\.att_dst", f"bank.encoder.{ours}.as_target"),
        (rf"align_head\.{theirs}\.(lin|lin_src)\.weight", f"bank.encoder.{ours}.project.weight"),
        (rf"align_head\.{theirs}\.lin_dst\.weight", None),
        (rf"align_head\.{theirs}\.bias", f"bank.encoder.{ours}.bias"),
    ]


_ENTITY_LAYER = {
    r"knowledge_attention\.self\.(query|key|value)": r"self_attention.\2",
    r"knowledge_attention\.output\.(dense)": "self_attention.out",
    r"knowledge_attention\.output\.(LayerNorm)": "self_attention.norm",
    r"knowledge_crossattention\.self\.(query|key|value)": r"cross_attention.\2",
    r"knowledge_crossattention\.output\.(dense)": "cross_attention.out",
    r"knowledge_crossattention\.output\.(LayerNorm)": "cross_attention.norm",
    r"(image2knowledge)": "image_project",
    r"(knowledge2text)": "text_project",
    r"knowledge_fusion_output\.(dense)": "fuse",
    r"knowledge_fusion_output\.(LayerNorm)": "fuse_norm",
    r"knowledge_intermediate\.(dense)": "expand",
    r"knowledge_output\.(dense)": "contract",
    r"knowledge_output\.(LayerNorm)": "norm",
}

GRAPH_RULES: tuple[Rule, ...] = (
    *(
        (rf"multi_modal_language_layers\.(\d+)\.{key}\.(weight|bias)", rf"stream.layers.\1.{name}.\3")
        for key, name in _ENTITY_LAYER.items()
    ),
    (r"align_head\.x", "bank.vectors"),
    (r"align_head\.edge_index", None),
    (r"align_head\.embedding_ln\.(.*)", r"bank.encoder.norm.\1"),
    *_attention_of_graph("conv1", "first"),
    *_attention_of_graph("conv2", "second"),
    (r"align_head\.img_linear1\.(.*)", r"bank.image_head.0.\1"),
    (r"align_head\.img_linear2\.(.*)", r"bank.image_head.2.\1"),
    (r"align_head\.txt_linear1\.(.*)", r"bank.text_head.0.\1"),
    (r"align_head\.txt_linear2\.(.*)", r"bank.text_head.2.\1"),
    (r"(train|val|test)_align_.*", None),
)
"""For a method with a bank of entities and a stream of them beside the text: names of ARL's authors.

Their edges are left out: those of the graph that the method is built with stand, and its entities must be theirs.
"""


def load_published(
    method: nn.Module, state: Mapping[str, Tensor], *, rules: Sequence[Rule] = (), where: str = "checkpoint"
) -> None:
    """Load the weights of a published model into a method that has its parts.

    The method's model is a compact ViT and an ``hf:`` text encoder without a joint space (``vision_pool=cls``,
    ``embedding_norm``, ``quick_gelu``, ``projection=none``); its temperature stays.

    Args:
        method: with the settings of the checkpoint.
        state: by the authors' names.
        rules: of what the model has beside METER's parts: `PROMPT_RULES` or `GRAPH_RULES`.
        where: what a message calls the state.

    Raises:
        CheckpointError: keys are unknown, missing or of another shape; they are named.
    """
    own = {name: value for name, value in method.state_dict().items() if name.startswith("model.logit_")}
    load_whole(method, {**published_state(state, rules=rules, where=where), **own}, where=where)


def published_state(
    state: Mapping[str, Tensor], *, rules: Sequence[Rule] = (), where: str = "checkpoint"
) -> dict[str, Tensor]:
    """Return the weights of a published model by our names.

    Args:
        state: by the authors' names.
        rules: further ones, which come before `RULES`.
        where: what the message calls the state.

    Raises:
        CheckpointError: a key that no rule knows, or no square of patches; named.
    """
    out = renamed(_embedding(dict(state), where=where), [*rules, *RULES], where=where)
    if "pixels_head.hidden_token" in out:
        out["pixels_head.hidden_token"] = out["pixels_head.hidden_token"].flatten()
    # Attention vectors of a graph, (1, H, F) to (H, F).
    return {name: value[0] if name.endswith((".as_source", ".as_target")) else value for name, value in out.items()}


def _embedding(state: dict[str, Tensor], *, where: str) -> dict[str, Tensor]:
    """Turn the convolution of patches, class token and positions into those of the compact ViT."""
    names = [f"{_VISUAL}{name}" for name in ("conv1.weight", "class_embedding", "positional_embedding")]
    missing = [name for name in names if name not in state]
    if missing:
        raise CheckpointError(f"{where}: {missing[0]} is missing; the vision encoder is not CLIP's ViT")
    patch, summary, position = (state.pop(name) for name in names)
    side = isqrt(len(position) - 1)
    if side * side != len(position) - 1:
        raise CheckpointError(f"{where}: {len(position) - 1} positions are no square of patches")
    # (1 + P, F) to (1, F, G, G)
    grid = position[1:].unflatten(0, (side, side)).permute(2, 0, 1)[None]  # type: ignore[no-untyped-call]
    return {
        **state,
        "model.vision.embedding.project.weight": patch.flatten(1),
        "model.vision.embedding.project.bias": torch.zeros_like(summary),
        "model.vision.summary": (summary + position[0])[None, None],
        "model.vision.position": grid,
    }
