"""``control:NAME``: models that know nothing, to be evaluated like any other.

``control:random`` and ``control:majority`` stand alone; ``control:untrained:MODEL`` is the architecture of a
model with random weights; ``control:constant:TEXT`` says the text to every question, and ``control:copy-last`` the
last answer of the conversation. A seed goes after ``#``, as in ``control:random#3``.
"""

from __future__ import annotations

from vesalius.errors import ConfigError, did_you_mean
from vesalius.inference import controls
from vesalius.inference.predictor import Predictor, open_predictor

__all__ = ["claims", "open_model"]

_SCHEME = "control:"
_CONSTANT = f"{_SCHEME}constant:"
_NAMES = ("random", "majority", "untrained", "copy-last", "constant:TEXT")
_BESIDE = ("shuffled", "text-only")


def claims(spec: str) -> bool:
    """Say whether the spec starts with ``control:``."""
    return spec.startswith(_SCHEME)


def open_model(spec: str, *, device: str) -> Predictor:
    """Build the control that the spec names.

    Raises:
        ConfigError: no such control; offers the nearest names.
    """
    if spec.startswith(_CONSTANT):
        return controls.SayingPredictor(spec.removeprefix(_CONSTANT))
    body, _, seed_text = spec.removeprefix(_SCHEME).partition("#")
    name, _, model = body.partition(":")
    if seed_text and not seed_text.isdecimal():
        raise ConfigError(f"model {spec!r}: seed {seed_text!r} is not a whole number")
    seed = int(seed_text or 0)
    if name == "random":
        return controls.RandomPredictor(seed=seed)
    if name == "majority":
        return controls.MajorityPredictor(seed=seed)
    if name == "copy-last" and not model:
        return controls.SayingPredictor()
    if name == "untrained" and model:
        return controls.untrained(open_predictor(model, device=device), seed=seed)
    if name == "untrained":
        raise ConfigError("control:untrained needs a model to take its architecture from: control:untrained:MODEL")
    if name in _BESIDE:
        raise ConfigError(
            f"control:{name} is made from the embeddings of a model: it is computed beside every evaluation, "
            "and is no model of its own"
        )
    raise ConfigError(f"unknown control {name!r}{did_you_mean(name, (*_NAMES, *_BESIDE))}")
