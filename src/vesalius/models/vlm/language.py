"""The language model inside a vision-language model: compact and from random weights, or any of transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from vesalius.errors import CheckpointError, ConfigError
from vesalius.models.vlm.settings import VisionLanguageConfig

__all__ = ["build_language", "language_configuration", "language_source", "language_weights"]


def language_source(settings: VisionLanguageConfig) -> str | None:
    """Return the folder or hub id of the language model's weights and tokenizer; None where it starts at random."""
    name = settings.language.removeprefix("hf:")
    if not settings.pretrained or name == settings.language or name in CONFIG_MAPPING:
        return None
    return name


def language_configuration(settings: VisionLanguageConfig, tokenizer: Any) -> dict[str, Any]:
    """Return the whole transformers configuration of the language model as plain values.

    Raises:
        ConfigError: the name is no model type, no folder and not on the hub; or an option is unknown.
    """
    name = settings.language.removeprefix("hf:")
    if name in CONFIG_MAPPING:
        found = AutoConfig.for_model(name)
        if found.is_encoder_decoder:
            values = _two_sided(settings, tokenizer)
        else:
            made = _from_scratch(settings, tokenizer)
            values = {key: value for key, value in made.items() if hasattr(found, key)}
    else:
        folder, _, revision = name.partition("@")
        try:
            found = AutoConfig.from_pretrained(folder, revision=revision or "main")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"model.language: hf:{name} is no model type, no folder and not to be had from the hub: {error}"
            ) from None
        values = {}
    unknown = [key for key in settings.language_options if not hasattr(found, key)]
    if unknown:
        raise ConfigError(
            f"model.language_options: {found.model_type} has no setting {', '.join(map(repr, unknown))}"
        )
    return dict(type(found)(**{**found.to_dict(), **values, **settings.language_options}).to_dict())


def build_language(values: Mapping[str, Any]) -> PreTrainedModel:
    """Build a language model with random weights from the values of `language_configuration`."""
    config = AutoConfig.for_model(**values)
    model: PreTrainedModel = _kind(config).from_config(config)
    return model


def language_weights(model: PreTrainedModel, settings: VisionLanguageConfig, *, tokens: int) -> None:
    """Load the weights that the settings name, and make room for the tokenizer's new tokens.

    Raises:
        CheckpointError: they cannot be had, or are of another form.
    """
    source = language_source(settings)
    if source is not None:
        folder, _, revision = source.partition("@")
        try:
            kind = _kind(model.config)
            loaded = kind.from_pretrained(folder, revision=revision or "main", use_safetensors=True)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"language model {source!r} cannot be loaded: {error}") from None
        model.load_state_dict(loaded.state_dict())
    if tokens > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(tokens, mean_resizing=source is not None)


def _from_scratch(settings: VisionLanguageConfig, tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "head_dim": settings.language_width // settings.heads,
        "hidden_size": settings.language_width,
        "intermediate_size": 4 * settings.language_width,
        "num_hidden_layers": settings.language_depth,
        "num_attention_heads": settings.heads,
        "num_key_value_heads": settings.heads,
        "max_position_embeddings": settings.context,
        "initializer_range": (2 / (5 * settings.language_width)) ** 0.5,  # Nguyen & Salazar 2019, arXiv 1910.05895
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _two_sided(settings: VisionLanguageConfig, tokenizer: Any) -> dict[str, Any]:
    """Sizes of a model of the T5 type, as many layers in the decoder as in the encoder."""
    return {
        "vocab_size": len(tokenizer),
        "d_model": settings.language_width,
        "d_kv": settings.language_width // settings.heads,
        "d_ff": 4 * settings.language_width,
        "num_layers": settings.language_depth,
        "num_decoder_layers": settings.language_depth,
        "num_heads": settings.heads,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "decoder_start_token_id": tokenizer.pad_token_id,
    }


def _kind(config: Any) -> Any:
    """Return the class of transformers that a language model is built by."""
    if config.model_type in ("bert", "roberta"):
        return AutoModelForMaskedLM
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
