"""Checkpoints of MGCA, and of what its repository trains, under our names.

Two encoders, each with a head for the whole and one for the parts: timm's ViT or torchvision's ResNet beside a BERT.
The BERT does not know the order of words: the authors' call gives it the kinds of tokens, all 0, for places.

Legend: O outputs, I inputs of a layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vesalius.errors import CheckpointError
from vesalius.models.convert import Rule, load_whole, renamed
from vesalius.models.vision.inflation import TORCHVISION_KEYS
from vesalius.models.vision.published import vit_tower

__all__ = ["load_published", "published_state"]

_TOWER = "img_encoder_q.model."
_PLACES = "model.text.model.embeddings.position_embeddings.weight"
_KINDS = "model.text.model.embeddings.token_type_embeddings.weight"
_NUMBERS = r"(weight|bias|running_mean|running_var|num_batches_tracked)"
_WHOLE: tuple[Rule, ...] = (
    (rf"img_encoder_q\.global_embed\.head\.(\d)\.{_NUMBERS}", r"model.vision_head.layers.\1.\2"),
    (rf"text_encoder_q\.global_embed\.head\.(\d)\.{_NUMBERS}", r"model.text_head.layers.\1.\2"),
    (r"text_encoder_q\.model\.embeddings\.position_ids", None),
    # The BERT is built for looking at images, but pretraining only lets it read.
    (r"text_encoder_q\.model\.encoder\.layer\.\d+\.crossattention\..*", None),
    (r"text_encoder_q\.model\.((embeddings|encoder)\..*)", r"model.text.model.\1"),
    # Their option of learned attention, which is off, leaves its layers in the checkpoint.
    (r"(patch|word)_local_atten_layer\..*", None),
)
_PARTS: dict[str, Rule] = {
    "patch_head.layers.0.weight": (
        rf"img_encoder_q\.local_embed\.head\.(\d)\.{_NUMBERS}",
        r"patch_head.layers.\1.\2",
    ),
    "word_head.layers.0.weight": (
        rf"text_encoder_q\.local_embed\.head\.(\d)\.{_NUMBERS}",
        r"word_head.layers.\1.\2",
    ),
    "prototypes": (r"prototype_layer\.weight", "prototypes"),
}
"""A weight of ours to the rule of its part, which is left out where the method was built without the part."""


def load_published(method: nn.Module, state: Mapping[str, Tensor], *, where: str = "checkpoint") -> None:
    """Load the ``state_dict`` of the authors' Lightning checkpoint, read with weights only, into a method.

    The method has the settings of the checkpoint, those of recipe ``mgca/paper``; its temperature stays. For a
    ResNet it is a compact one (``resnet`` of width 2048 and depth 50, ``vision_pool=mean``) without tokens
    (``token_weight=0``): the authors' head for parts reads the third stage. They scale its images to 299 pixels,
    corners aligned, which is the caller's to do.

    Args:
        method: with parts ``model`` and, where it was built with them, ``patch_head``, ``word_head``, ``prototypes``.
        state: by the authors' names.
        where: what a message calls the state.

    Raises:
        CheckpointError: keys are unknown, missing or of another shape; they are named.
    """
    ours = method.state_dict()
    own = {name: value for name, value in ours.items() if name.startswith("model.logit_")}
    load_whole(method, {**published_state(state, parts=ours, where=where), **own}, where=where)


def published_state(
    state: Mapping[str, Tensor], *, parts: Mapping[str, Tensor], where: str = "checkpoint"
) -> dict[str, Tensor]:
    """Return the weights by our names.

    Args:
        state: by the authors' names.
        parts: the state of ours that they are for; parts that it lacks are left out.
        where: what a message calls the state.

    Raises:
        CheckpointError: a key that no rule knows, or no image encoder; named.
    """
    tower = {name.removeprefix(_TOWER): value for name, value in state.items() if name.startswith(_TOWER)}
    rest = {name: value for name, value in state.items() if not name.startswith(_TOWER)}
    rules = [(pattern, name if first in parts else None) for first, (pattern, name) in _PARTS.items()]
    out = renamed(rest, [*_WHOLE, *rules], where=where)
    if "conv1.weight" in tower:
        seen = renamed(tower, [(rule, f"model.vision.{name}") for rule, name in TORCHVISION_KEYS], where=where)
    elif "cls_token" in tower:
        seen = vit_tower(tower, where=where)
    else:
        raise CheckpointError(f"{where}: {_TOWER}cls_token and {_TOWER}conv1.weight are missing; no image encoder")
    # Convolutions of one place, (O, I, 1), to matrices.
    flat = {name: value[..., 0] if value.dim() == 3 else value for name, value in out.items()}
    if _PLACES in flat:
        # They hand kinds of tokens over as places, so every word was read at place 0, and there are no kinds.
        flat[_PLACES] = flat[_PLACES][:1].repeat(len(flat[_PLACES]), 1)
    kinds = {name: torch.zeros_like(value) for name, value in parts.items() if name == _KINDS}
    return {**kinds, **flat, **seen}
