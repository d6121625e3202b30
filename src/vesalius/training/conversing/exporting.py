"""Vision-language models of ours written in an architecture of transformers, where theirs is one of its own.

A vision encoder of transformers, a perceptron of two layers on its patches and a causal language model are what
`LlavaForConditionalGeneration` is: transformers, and what else reads such folders, then needs nothing of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from vesalius.errors import ConfigError
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.models.vlm.tokenizer import IMAGE_TOKEN
from vesalius.models.vlm.views import Layout
from vesalius.training.checkpoint import written_whole
from vesalius.training.conversing.saving import LoadedConverser

__all__ = ["export_transformers"]

_TOLERANCE = 1e-3
"""Largest difference of logits that counts as rounding: float32 through two layers gives 1e-6."""


def export_transformers(loaded: LoadedConverser, folder: Path) -> str:
    """Write a model as a folder that transformers alone loads; return the name of its class there.

    Both are asked the same before anything is written. Pictures are prepared by a processor of transformers, which
    pads and resizes as ours does but for the rounding of pixels.

    Raises:
        ConfigError: the model has parts that transformers has not; says which.
    """
    model = loaded.method.model
    if model.settings.base:
        with written_whole(folder) as scratch:
            model.save_pretrained(scratch)
            loaded.tokenizer.save_pretrained(scratch)
        return type(model.bare).__name__
    linear = _require_standard(model)
    made = _llava(model, linear)
    _require_equal(model, made, int(loaded.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)))
    with written_whole(folder) as scratch:
        made.save_pretrained(scratch)
        _processor(model, loaded.tokenizer, made.config).save_pretrained(scratch)
    return type(made).__name__


def _require_standard(model: Any) -> list[nn.Linear]:
    """Return the two layers of the connector."""
    settings = model.settings
    linear = [part for part in model.connector.modules() if isinstance(part, nn.Linear)]
    own = sum(weight.numel() for weight in model.connector.parameters())
    faults = {
        f"vision {settings.vision!r}, expected hf:clip, hf:siglip or their kin": not settings.vision.startswith(
            "hf:"
        ),
        f"views of {settings.views.channels} channel, expected 3": settings.views.channels != 3,
        f"pictures in {settings.views.picture.policy}, expected one view": settings.views.picture.policy != "resize",
        f"connector {settings.connector.kind!r}, expected mlp of two layers": settings.connector.kind != "mlp"
        or len(linear) != 2
        or own != sum(weight.numel() for layer in linear for weight in layer.parameters()),
        "fewer tokens of volumes by their pixels": settings.reduction is not None,
        "a fusion other than in the places of words": not isinstance(model, VisionLanguageModel)
        or settings.fusion != "words",
    }
    if any(faults.values()):
        listed = "; ".join(fault for fault, found in faults.items() if found)
        raise ConfigError(f"transformers has no architecture for this model: {listed}")
    return linear


def _llava(model: Any, linear: list[nn.Linear]) -> Any:
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    vision, language = model.vision.model, model.language
    layers = next(part for part in vision.modules() if isinstance(part, nn.ModuleList))
    config = LlavaConfig(
        vision_config={**vision.config.to_dict(), "num_hidden_layers": len(layers)},
        text_config=language.config.to_dict(),
        image_token_index=model.image_token,
        projector_hidden_act="gelu",
        vision_feature_layer=-1,
        vision_feature_select_strategy="default" if vision.config.model_type == "clip_vision_model" else "full",
        tie_word_embeddings=bool(language.config.tie_word_embeddings),
    )
    made = LlavaForConditionalGeneration(config).eval()
    projector = made.model.multi_modal_projector
    for layer, other in zip(linear, (projector.linear_1, projector.linear_2), strict=True):
        other.load_state_dict(layer.state_dict())
    made.model.language_model.load_state_dict(language.get_decoder().state_dict())
    made.lm_head.load_state_dict(language.get_output_embeddings().state_dict())
    made.model.vision_tower.load_state_dict(vision.state_dict(), strict=False)
    made.generation_config = language.generation_config
    return made


@torch.no_grad()
def _require_equal(model: Any, made: Any, image_token: int) -> None:
    """Ask both about one picture of noise."""
    size = (model.settings.views.size,) * 2
    layout = Layout(kind="image", views=1, size=size)
    pixels = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    words = [token for token in range(9) if token != image_token]
    ids = torch.tensor([[image_token] * model.count(layout) + words])
    model.eval()
    ours = model(ids, views=(pixels,), layouts=(layout,)).logits
    theirs = made(input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids)).logits
    worst = float((ours - theirs).abs().max())
    if not worst <= _TOLERANCE:
        raise ConfigError(
            f"transformers' LLaVA answers otherwise, by {worst:.2g} of a logit: its vision encoder is read at "
            "another layer; train with model.vision_layer=-2, as LLaVA does"
        )


def _processor(model: Any, tokenizer: Any, config: Any) -> Any:
    from transformers import LlavaImageProcessorPil, LlavaProcessor

    views = model.settings.views
    size = {"height": views.size, "width": views.size}

    def of_channels(value: float | tuple[float, ...]) -> list[float]:
        return list(value) if isinstance(value, tuple) else [value] * 3

    pictures = LlavaImageProcessorPil(
        do_pad=views.picture.fit == "pad",
        background_color=(0, 0, 0),
        size=size,
        do_center_crop=False,
        crop_size=size,
        image_mean=of_channels(views.mean),
        image_std=of_channels(views.std),
    )
    first = config.vision_feature_select_strategy == "default"
    return LlavaProcessor(
        pictures,
        tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
        num_additional_image_tokens=int(first),
        image_token=IMAGE_TOKEN,
        chat_template=tokenizer.chat_template,
    )
