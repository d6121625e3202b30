"""The vision tower of published checkpoints in the layout of transformers: timm's ViT and SigLIP."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from vesalius.models.convert import Rule, renamed

__all__ = ["siglip_tower", "vit_tower"]

_OURS = "model.vision.model."

_SIGLIP: tuple[Rule, ...] = (
    (r"patch_embed\.proj\.(weight|bias)", rf"{_OURS}embeddings.patch_embedding.\1"),
    (r"pos_embed", f"{_OURS}embeddings.position_embedding.weight"),
    (r"blocks\.(\d+)\.norm([12])\.(.*)", rf"{_OURS}encoder.layers.\1.layer_norm\2.\3"),
    (r"blocks\.(\d+)\.attn\.(q|k|v)\.(.*)", rf"{_OURS}encoder.layers.\1.self_attn.\2_proj.\3"),
    (r"blocks\.(\d+)\.attn\.proj\.(.*)", rf"{_OURS}encoder.layers.\1.self_attn.out_proj.\2"),
    (r"blocks\.(\d+)\.mlp\.(fc[12]\..*)", rf"{_OURS}encoder.layers.\1.mlp.\2"),
    (r"norm\.(.*)", rf"{_OURS}post_layernorm.\1"),
    (r"attn_pool\.latent", f"{_OURS}head.probe"),
    (r"attn_pool\.qkv\.(.*)", rf"{_OURS}head.attention.in_proj_\1"),
    (r"attn_pool\.proj\.(.*)", rf"{_OURS}head.attention.out_proj.\1"),
    (r"attn_pool\.norm\.(.*)", rf"{_OURS}head.layernorm.\1"),
    (r"attn_pool\.(mlp\.fc[12]\..*)", rf"{_OURS}head.\1"),
)

_VIT: tuple[Rule, ...] = (
    (r"cls_token", f"{_OURS}embeddings.cls_token"),
    (r"pos_embed", f"{_OURS}embeddings.position_embeddings"),
    (r"patch_embed\.proj\.(weight|bias)", rf"{_OURS}embeddings.patch_embeddings.projection.\1"),
    (r"blocks\.(\d+)\.norm1\.(.*)", rf"{_OURS}layers.\1.layernorm_before.\2"),
    (r"blocks\.(\d+)\.norm2\.(.*)", rf"{_OURS}layers.\1.layernorm_after.\2"),
    (r"blocks\.(\d+)\.attn\.(q|k|v)\.(.*)", rf"{_OURS}layers.\1.attention.\2_proj.\3"),
    (r"blocks\.(\d+)\.attn\.proj\.(.*)", rf"{_OURS}layers.\1.attention.o_proj.\2"),
    (r"blocks\.(\d+)\.mlp\.(fc[12]\..*)", rf"{_OURS}layers.\1.mlp.\2"),
    (r"norm\.(.*)", rf"{_OURS}layernorm.\1"),
)


def vit_tower(state: Mapping[str, Tensor], *, where: str) -> dict[str, Tensor]:
    """Return the weights of a ViT of timm, without its layer of classes, for an ``hf:`` encoder of type vit.

    Args:
        state: by timm's names, without a prefix.
        where: what a message calls the state.

    Raises:
        CheckpointError: a key is unknown.
    """
    return renamed(_parted(state, ".attn.qkv."), _VIT, where=where)


def siglip_tower(state: Mapping[str, Tensor], *, prefix: str, where: str) -> dict[str, Tensor]:
    """Return the weights of a SigLIP ViT of timm, with its attention pooling, for ``hf:`` encoders.

    Args:
        state: by the authors' names; keys without the prefix are left out.
        prefix: of the tower, such as ``visual.trunk.``.
        where: what a message calls the state.

    Raises:
        CheckpointError: a key of the tower is unknown.
    """
    under = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    own = _parted(under, ".attn.qkv.")
    for kind in ("weight", "bias"):
        query, rest = own.pop(f"attn_pool.q.{kind}", None), own.pop(f"attn_pool.kv.{kind}", None)
        if query is not None and rest is not None:
            own[f"attn_pool.qkv.{kind}"] = torch.cat([query, rest])
    if "pos_embed" in own:
        own["pos_embed"] = own["pos_embed"].flatten(0, -2)
    return renamed(own, _SIGLIP, where=where)


def _parted(state: Mapping[str, Tensor], fused: str) -> dict[str, Tensor]:
    """Part weights of query, key and value, which stand above each other under one name."""
    out: dict[str, Tensor] = {}
    for key, value in state.items():
        before, found, kind = key.partition(fused)
        if not found:
            out[key] = value
            continue
        for letter, part in zip("qkv", value.chunk(3), strict=True):
            out[f"{before}.attn.{letter}.{kind}"] = part.clone()
    return out
