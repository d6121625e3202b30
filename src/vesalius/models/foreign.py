"""Encoders of `transformers` by hub id, folder or model type: configuration, weights, what stays unused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import nn
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoConfig,
    AutoModel,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from vesalius.errors import CheckpointError, ConfigError
from vesalius.models.settings import DualEncoderConfig

__all__ = [
    "Watched",
    "build",
    "changed_embeddings",
    "configuration",
    "cut_layers",
    "pretrained_source",
    "stages",
    "tower_weights",
    "unused",
    "watched",
]

Side = Literal["vision", "text"]

_WATCHED = "vesalius_watched"
"""Name of our attention among those of transformers."""

_TOWER = {
    ("clip", "vision"): "clip_vision_model",
    ("clip", "text"): "clip_text_model",
    ("siglip", "vision"): "siglip_vision_model",
    ("siglip", "text"): "siglip_text_model",
    ("siglip2", "vision"): "siglip2_vision_model",
    ("siglip2", "text"): "siglip2_text_model",
}
"""Model type of the tower that the type of a whole dual encoder stands for."""

_SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "cls_token_id": 1, "eos_token_id": 3, "sep_token_id": 3}
"""Numbers of the special tokens of `vesalius.models.text.tokenizer`. The end is not 2: CLIP's text model
takes that for the mark of its first, wrong configurations and then looks for the largest token number."""

_NOT_IN_AUTO = {"siglip_text_model": "SiglipTextModel", "siglip2_text_model": "Siglip2TextModel"}

_DERIVED = ("model_type", "stage_names", "out_features", "out_indices", "transformers_version")

_SUMMARY_ONLY = ("post_layernorm", "head", "layernorm")
"""Parts of some encoders that only their own pooled output passes through."""


def configuration(settings: DualEncoderConfig, *, side: Side) -> dict[str, Any]:
    """Return the transformers configuration of one tower as plain values, or {} for a compact encoder.

    Raises:
        ConfigError: the name is no model type, no folder and not on the hub; or an option is unknown.
    """
    name = getattr(settings, side)
    if not name.startswith("hf:"):
        return {}
    source, options = name[3:], dict(getattr(settings, f"{side}_options"))
    if _is_type(source):
        found = AutoConfig.for_model(_TOWER.get((source, side), source))
        values, options = {}, {**_from_scratch(found, settings, side=side), **options}
    else:
        found = _stored(source)
        found = getattr(found, f"{side}_config", found)
        values = {key: value for key, value in found.to_dict().items() if key not in _DERIVED}
    unknown = [key for key in options if not hasattr(found, key)]
    if unknown:
        raise ConfigError(f"model.{side}_options: {found.model_type} has no setting {', '.join(map(repr, unknown))}")
    # Built anew, so that settings which follow from others do so.
    return dict(type(found)(**{**values, **options}).to_dict())


def build(values: Mapping[str, Any]) -> PreTrainedModel:
    """Build a tower with random weights from the values of `configuration`."""
    model = _empty(AutoConfig.for_model(**values))
    pooler = getattr(model, "pooler", None)
    if pooler is not None and any(True for _ in pooler.parameters()):
        # A tanh layer for sentence pairs or classes: no feature, and in many checkpoints not trained.
        model.pooler = None
    return model


def unused(model: PreTrainedModel, *, pooled: bool) -> list[nn.Module | nn.Parameter]:
    """Return what no gradient reaches: pretraining's mask, and what only an unused `pooled` output needs.

    Such parts are frozen: wrappers that replicate a model wait for the gradient of every learning parameter.
    """
    parts: list[nn.Module | nn.Parameter] = [
        parameter for name, parameter in model.named_parameters() if name.endswith("mask_token")
    ]
    if not pooled:
        found = ((name, getattr(model, name, None)) for name in _SUMMARY_ONLY)
        parts += [part for name, part in found if isinstance(part, nn.Module) and not _reaches_tokens(model, name)]
    return parts


class Watched:
    """What the last layer of a tower looks at in a pass."""

    def __init__(self) -> None:
        self.options: dict[str, bool] = {}
        """What the pass is to be asked for, of towers whose attention is told by themselves alone."""
        self._looks: torch.Tensor | None = None

    def looks(self, output: Any) -> torch.Tensor | None:
        """Attention of the last layer averaged over heads, (B, L, L), without gradient, of the pass's output.

        None where it was not wanted, and of towers in which not all tokens look at all.
        """
        if self._looks is not None:
            return self._looks
        layers = getattr(output, "attentions", None)
        if not layers or layers[-1] is None:
            return None
        averaged: torch.Tensor = layers[-1].detach().float().mean(dim=1)
        return averaged

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        del module, inputs
        self._looks = output[1]


@contextmanager
def watched(model: PreTrainedModel, *, wanted: bool) -> Iterator[Watched]:
    """Watch what the last layer of a tower looks at in the pass within.

    A fused kernel never holds its weights. Where transformers lets us choose the kernel of one layer, those of the
    last one are computed beside it and all layers stay fused; else the tower attends in steps, and tells all of them.
    """
    found = Watched()
    if not wanted or not isinstance(getattr(model.config, "num_attention_heads", None), int):
        yield found
        return
    layer = _last_attention(model)
    if layer is None:
        if model.config._attn_implementation != "eager":
            model.set_attn_implementation("eager")
        found.options = {"output_attentions": True}
        yield found
        return
    if model.config._attn_implementation not in ("sdpa", "eager"):
        model.set_attn_implementation("sdpa")
    before, hook = layer.config, layer.register_forward_hook(found._keep)
    layer.config = copy(before)
    layer.config._attn_implementation = _WATCHED
    try:
        yield found
    finally:
        layer.config = before
        hook.remove()


def _last_attention(model: PreTrainedModel) -> Any:
    """Return the attention of the last layer, where its kernel is chosen by its configuration; else None."""
    kind = (getattr(model, "_can_record_outputs", None) or {}).get("attentions")
    if not isinstance(kind, type):
        return None
    layers = [module for module in model.modules() if type(module) is kind and hasattr(module, "config")]
    return layers[-1] if layers else None


def _attend_watched(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention as models of transformers call it, query (B, H, L, D), and its weights averaged over heads."""
    out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    with torch.no_grad():
        keys = repeat_kv(key, query.shape[1] // key.shape[1])
        logits = query @ keys.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
        causal = options.get("is_causal")
        if attention_mask is None and (getattr(module, "is_causal", True) if causal is None else causal):
            attention_mask = torch.ones(logits.shape[2:], dtype=torch.bool, device=logits.device).tril()
        if attention_mask is not None and attention_mask.dtype == torch.bool:
            logits = logits.masked_fill(~attention_mask, -torch.inf)
        elif attention_mask is not None:
            logits = logits + attention_mask
        return out, logits.float().softmax(dim=-1).mean(dim=1)


AttentionInterface.register(_WATCHED, _attend_watched)
AttentionMaskInterface.register(_WATCHED, sdpa_mask)


@contextmanager
def changed_embeddings(model: PreTrainedModel, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Let a tower read other tokens than its embeddings gave, (B, L, F) to (B, L', F), positions already added."""

    def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        del module, inputs
        return change(output)

    handle = model.get_submodule("embeddings").register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def pretrained_source(settings: DualEncoderConfig, *, side: Side) -> str | None:
    """Return the folder or hub id whose weights one tower starts from, or None where it starts at random."""
    name = getattr(settings, side)
    if not settings.pretrained or not name.startswith("hf:") or _is_type(name[3:]):
        return None
    return str(name[3:])


def tower_weights(source: str, *, side: Side, config: PreTrainedConfig) -> tuple[dict[str, torch.Tensor], Any]:
    """Load the weights of one tower, and of the whole dual encoder where `source` is one.

    Returns:
        the tower's weights by name, and the whole model (CLIP or SigLIP) or None.
    """
    name, revision = _revision(source)
    try:
        whole = AutoModel.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{side} encoder {source!r} cannot be loaded: {error}") from None
    tower = getattr(whole, f"{side}_model", whole)
    if tower.config.model_type != config.model_type:
        raise CheckpointError(
            f"{side} encoder {source!r} holds {tower.config.model_type}, expected {config.model_type}"
        )
    return tower.state_dict(), whole if tower is not whole else None


def stages(model: PreTrainedModel) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return what stands before the layers, and the layers (of a staged network: its stages) in order."""
    lists = [part for part in model.modules() if isinstance(part, nn.ModuleList) and len(part) > 1]
    if not lists:
        raise ConfigError(f"{model.config.model_type} has no list of layers to freeze")
    layers = list(lists[0])
    first = [part for name, part in model.named_modules() if name.split(".")[-1] in ("embeddings", "embedder")]
    return first, layers


def cut_layers(tower: nn.Module, layer: int) -> None:
    """Drop the layers after `layer` of a vision encoder, and the norm that would come after them.

    Args:
        tower: an encoder with `stages`.
        layer: counted from the end; -1 leaves everything, -2 gives the tokens that the last layer would read.

    Raises:
        ConfigError: it has not so many layers.
    """
    if layer == -1:
        return
    model = getattr(tower, "model", tower)
    lists = [part for part in model.modules() if isinstance(part, nn.ModuleList) and len(part) > 1]
    if not lists or -layer > len(lists[0]):
        count = len(lists[0]) if lists else 0
        raise ConfigError(f"model.vision_layer {layer}: the vision encoder has {count} layers")
    del lists[0][layer + 1 :]
    for name in ("post_layernorm", "layernorm", "after"):
        owner = next((part for part in model.modules() if isinstance(getattr(part, name, None), nn.LayerNorm)), None)
        if owner is not None:
            setattr(owner, name, nn.Identity())


def _empty(config: PreTrainedConfig) -> PreTrainedModel:
    if config.model_type in _NOT_IN_AUTO:
        return getattr(transformers, _NOT_IN_AUTO[config.model_type])(config)
    try:
        model: PreTrainedModel = AutoModel.from_config(config)
    except ValueError as error:
        raise ConfigError(
            f"hf:{config.model_type} is no model that transformers can build: {str(error)[:80]}"
        ) from None
    return model


def _is_type(source: str) -> bool:
    return source in CONFIG_MAPPING and not Path(source).exists()


def _revision(source: str) -> tuple[str, str]:
    name, _, revision = source.partition("@")
    return name, revision or "main"


def _stored(source: str) -> PreTrainedConfig:
    name, revision = _revision(source)
    try:
        return AutoConfig.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"hf:{source} is no model type of transformers, no folder and not to be had from the hub: {error}"
        ) from None


def _from_scratch(found: PreTrainedConfig, settings: DualEncoderConfig, *, side: Side) -> dict[str, Any]:
    """Values of a new tower from the settings: input size and channels, or vocabulary and special tokens."""
    if side == "vision":
        wanted: dict[str, Any] = {"num_channels": settings.channels, "image_size": settings.size[-1]}
    else:
        wanted = {"vocab_size": settings.vocabulary, **_SPECIAL}
        # RoBERTa counts positions from after the padding token's number.
        spare = 1 if "roberta" in found.model_type else 0
        wanted["max_position_embeddings"] = settings.text_length + spare
    return {key: value for key, value in wanted.items() if hasattr(found, key)}


def _reaches_tokens(model: PreTrainedModel, name: str) -> bool:
    """Whether the part stands before the token features: ViT, DINOv2 and Swin norm the tokens themselves."""
    kind = model.config.model_type
    if name == "layernorm":
        return not kind.startswith("convnext")
    if name == "post_layernorm":
        return not kind.startswith("clip")
    return False
