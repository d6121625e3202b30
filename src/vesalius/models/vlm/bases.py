"""Bases by hub id or folder: where they come from, their configuration, and how their weights are held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForImageTextToText, PreTrainedConfig

from vesalius.errors import ConfigError
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.optional import require

__all__ = ["base_configuration", "base_precision", "base_source"]


def base_source(settings: VisionLanguageConfig) -> tuple[str, str]:
    """Return folder or hub id, and revision."""
    name, _, revision = settings.base.removeprefix("hf:").partition("@")
    return name, revision or "main"


def base_configuration(settings: VisionLanguageConfig) -> Any:
    """Return the base's configuration with the options that are asked for.

    Raises:
        ConfigError: it is a bare type, cannot be had, does not answer about pictures, or has no such option.
    """
    name, revision = base_source(settings)
    if name in CONFIG_MAPPING and not Path(name).is_dir():
        raise ConfigError(
            f"model.base: {name!r} is a type of models, which has neither weights nor a processor; give a hub id "
            "such as hf:OWNER/NAME, or a folder with a model that save_pretrained wrote, which may be a tiny one"
        )
    try:
        config = AutoConfig.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"model.base: {settings.base} is no folder and not to be had from the hub: {error}"
        ) from None
    if type(config) not in AutoModelForImageTextToText._model_mapping:
        raise ConfigError(f"model.base: {name} is a {config.model_type}, which does not answer about pictures")
    for key, value in settings.base_options.items():
        if not hasattr(config, key):
            raise ConfigError(f"model.base_options: {config.model_type} has no setting {key!r}")
        held = getattr(config, key)
        if isinstance(held, PreTrainedConfig):
            held.update(value)
        else:
            setattr(config, key, value)
    return config


def base_precision(settings: VisionLanguageConfig) -> dict[str, Any]:
    """Return how weights are held in memory, as options of `from_pretrained`.

    Raises:
        ConfigError: four bits are asked for without CUDA.
    """
    if settings.base_precision != "4bit":
        return {"dtype": torch.float32 if settings.base_precision == "fp32" else torch.bfloat16}
    if not torch.cuda.is_available():
        raise ConfigError("model.base_precision 4bit (QLoRA) needs a CUDA device; use bf16 or fp32 here")
    from transformers import BitsAndBytesConfig

    require("bitsandbytes", purpose="weights of four bits (QLoRA)")
    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": quantised, "dtype": torch.bfloat16}
