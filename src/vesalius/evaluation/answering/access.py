"""Data that may not be handed on stay on this machine: no credentialed part goes to an endpoint elsewhere unasked."""

from __future__ import annotations

from vesalius.errors import ConfigError
from vesalius.evaluation.answering.survey import Survey
from vesalius.inference.endpoint import is_loopback
from vesalius.inference.predictor import Predictor

__all__ = ["require_permission"]


def require_permission(survey: Survey, predictor: Predictor, *, allowed: bool) -> None:
    """Refuse to send credentialed items of a real release to an endpoint that is not on this machine.

    Raises:
        ConfigError: names the parts, and what to say where the agreement allows it.
    """
    address = str(predictor.identity.get("address", ""))
    parts = [part for part in survey.of_part if part in survey.benchmark.credentialed]
    if allowed or survey.virtual or not parts or not address or is_loopback(address):
        return
    raise ConfigError(
        f"{survey.benchmark.name}: {', '.join(parts)} may be had under an agreement only, which forbids to hand the "
        f"data on, and {address} is not this machine. Leave the parts out by --parts, serve the model here, or say "
        "--allow-upload where your agreement with that service allows it"
    )
