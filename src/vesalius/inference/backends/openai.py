"""``openai:URL#model``: a model behind an OpenAI-compatible endpoint (vLLM, SGLang, Ollama, commercial ones).

Settings stand after the model: ``openai:http://localhost:8000/v1#qwen?concurrency=16&structured=json``; they are the
fields of `vesalius.inference.endpoint.EndpointSettings`. The key is read from the environment, OPENAI_API_KEY.
Opening touches no network.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from vesalius.config import validate
from vesalius.errors import CapabilityError, ConfigError
from vesalius.inference.chat import ChatForm
from vesalius.inference.endpoint import Endpoint, EndpointSettings
from vesalius.inference.predictor import BasePredictor, Predictor

if TYPE_CHECKING:
    from vesalius.inference.requests import Reply, Request

__all__ = ["EndpointPredictor", "claims", "open_model"]

_SCHEME = "openai:"
_SECRETS = ("key", "token", "secret", "sig", "password")
_SHAPES = ("planes", "max_images", "structured", "token_field")
"""Settings that an answer depends on; the others change how fast and how dear it is."""


def claims(spec: str) -> bool:
    """Say whether the spec starts with ``openai:``."""
    return spec.startswith(_SCHEME)


def open_model(spec: str, *, device: str) -> Predictor:
    """Read the spec; `device` has no meaning for an endpoint.

    Raises:
        ConfigError: the URL, the model's name or a setting is missing or malformed.
    """
    del device
    address, mark, rest = spec.removeprefix(_SCHEME).partition("#")
    model, _, words = rest.partition("?")
    parts = urlsplit(address)
    if parts.username or parts.password or any(_is_secret(name) for name in parse_qs(parts.query)):
        raise ConfigError(
            "model openai:…: a password or key in the address would end in passports; give the key by OPENAI_API_KEY"
        )
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"model {spec!r}: {address!r} is no http(s) address; expected openai:URL#model")
    if not mark or not model:
        raise ConfigError(f"model {spec!r}: no model after '#'; expected openai:URL#model")
    return EndpointPredictor(address, model, settings=_settings(words, model=model))


class EndpointPredictor(BasePredictor):
    """A model that is asked over the network."""

    capabilities = frozenset({"generate"})

    def __init__(self, address: str, model: str, *, settings: EndpointSettings | None = None) -> None:
        self.address = address
        self.name = model
        self.settings = settings or EndpointSettings()

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, address, model and what shapes its answers; the weights behind an endpoint cannot be hashed."""
        shape = {name: getattr(self.settings, name) for name in _SHAPES}
        return {
            "kind": "openai",
            "name": self.name,
            "address": self.address,
            "weights_sha256": "not known",
            "asked": shape,
        }

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer requests over the network, `concurrency` of them at once, in the order in which answers come.

        A request that fails in all its tries gives a reply with `finish` "error". With a `cache`, requests that are
        drawn by chance are asked every time, and a warning says so.

        Raises:
            EndpointError: the endpoint cannot be asked, or a limit of tokens or cost is reached; raised when all that
                was under way has been yielded.
        """
        shape = {name: getattr(self.settings, name) for name in _SHAPES}
        endpoint = Endpoint(self.address, ChatForm(model=self.name, **shape), self.settings)
        yield from endpoint.replies(_warned(requests) if self.settings.cache else requests)

    def cannot(self, capability: str) -> CapabilityError:
        """Say what an endpoint can do and what the task needs."""
        return CapabilityError(
            f"model openai:{self.address}#{self.name} cannot {capability}: an OpenAI-compatible endpoint "
            "answers questions in words and gives no embeddings. Zero-shot, probe and retrieval tasks need "
            "a dual encoder; ask the endpoint the questions of a benchmark"
        )


def _settings(words: str, *, model: str) -> EndpointSettings:
    where = f"model openai:…#{model}"
    try:
        pairs = parse_qsl(words, keep_blank_values=True, strict_parsing=True) if words else []
    except ValueError:
        raise ConfigError(f"{where}: cannot read {words!r}; expected name=value&name=value after '?'") from None
    if any(_is_secret(name) for name, _ in pairs):
        raise ConfigError(f"{where}: give the key by OPENAI_API_KEY; a key in the name would end in passports")
    if len({name for name, _ in pairs}) < len(pairs):
        raise ConfigError(f"{where}: a setting stands twice in {words!r}")
    return validate(EndpointSettings, dict(pairs), where=where)


def _is_secret(name: str) -> bool:
    """Say whether a name of a query is one under which keys are given; settings of ours are not."""
    if name in EndpointSettings.__dataclass_fields__:
        return False
    return any(word in name.lower() for word in _SECRETS)


def _warned(requests: Iterable[Request]) -> Iterator[Request]:
    """Hand requests on; say once where one cannot be kept in the cache."""
    told = False
    for request in requests:
        if not told and not request.decoding.deterministic:
            warnings.warn(
                "answers drawn by chance (temperature above 0) are not cached: asked each time", stacklevel=2
            )
            told = True
        yield request
