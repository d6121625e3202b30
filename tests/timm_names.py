"""Our SigLIP tower under the names and shapes of timm, as published checkpoints have it."""

from __future__ import annotations

import torch
from torch import Tensor


def theirs(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Write our tower by the names and shapes of timm."""
    ours = {key.removeprefix("vision.model."): value for key, value in state.items() if key.startswith("vision.")}
    out = {"pos_embed": ours["embeddings.position_embedding.weight"][None]}
    for kind in ("weight", "bias"):
        out[f"patch_embed.proj.{kind}"] = ours[f"embeddings.patch_embedding.{kind}"]
        out[f"norm.{kind}"] = ours[f"post_layernorm.{kind}"]
        fused = ours[f"head.attention.in_proj_{kind}"]
        out[f"attn_pool.q.{kind}"], out[f"attn_pool.kv.{kind}"] = fused[:16], fused[16:]
        out[f"attn_pool.proj.{kind}"] = ours[f"head.attention.out_proj.{kind}"]
        out[f"attn_pool.norm.{kind}"] = ours[f"head.layernorm.{kind}"]
        for layer in ("fc1", "fc2"):
            out[f"attn_pool.mlp.{layer}.{kind}"] = ours[f"head.mlp.{layer}.{kind}"]
        for block in range(2):
            at, to = f"encoder.layers.{block}.", f"blocks.{block}."
            parts = [ours[f"{at}self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            out[f"{to}attn.qkv.{kind}"] = torch.cat(parts)
            out[f"{to}attn.proj.{kind}"] = ours[f"{at}self_attn.out_proj.{kind}"]
            for number in (1, 2):
                out[f"{to}norm{number}.{kind}"] = ours[f"{at}layer_norm{number}.{kind}"]
                out[f"{to}mlp.fc{number}.{kind}"] = ours[f"{at}mlp.fc{number}.{kind}"]
    return {f"visual.trunk.{key}": value for key, value in {**out, "attn_pool.latent": ours["head.probe"]}.items()}
