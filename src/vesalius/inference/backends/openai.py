"""``openai:URL#model``: a model behind an OpenAI-compatible endpoint.

The spec is read and checked here. The endpoint answers questions in words and gives no embeddings, so the
tasks that exist now refuse it. Nothing here touches the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from vesalius.errors import CapabilityError, ConfigError
from vesalius.inference.predictor import BasePredictor, Predictor

__all__ = ["EndpointPredictor", "claims", "open_model"]

_SCHEME = "openai:"


def claims(spec: str) -> bool:
    """Say whether the spec starts with ``openai:``."""
    return spec.startswith(_SCHEME)


def open_model(spec: str, *, device: str) -> Predictor:
    """Read the spec; `device` has no meaning for an endpoint.

    Raises:
        ConfigError: the URL or the model's name is missing or malformed.
    """
    address, mark, model = spec.removeprefix(_SCHEME).partition("#")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"model {spec!r}: {address!r} is no http(s) address; expected openai:URL#model")
    if parts.username or parts.password:
        raise ConfigError(
            "model openai:…: a password in the address would end in passports; give the key by OPENAI_API_KEY"
        )
    if not mark or not model:
        raise ConfigError(f"model {spec!r}: no model after '#'; expected openai:URL#model")
    return EndpointPredictor(address, model)


class EndpointPredictor(BasePredictor):
    """What is known of an endpoint before it is asked anything."""

    def __init__(self, address: str, model: str) -> None:
        self.address = address
        self.name = model

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, address and model; the weights behind an endpoint cannot be hashed."""
        return {"kind": "openai", "name": self.name, "address": self.address, "weights_sha256": "not known"}

    def cannot(self, capability: str) -> CapabilityError:
        """Say what an endpoint can do and which tasks will use it."""
        return CapabilityError(
            f"model openai:{self.address}#{self.name} cannot {capability}: an OpenAI-compatible endpoint "
            "answers questions in words and gives no embeddings. Zero-shot, probe and retrieval tasks need "
            "a dual encoder; the tasks that ask questions come with the visual question answering tasks"
        )
