"""A vision encoder that a dual encoder was trained with, as the one that a vision-language model starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vesalius.errors import CheckpointError
from vesalius.models import foreign
from vesalius.training.checkpoint import load_model

__all__ = ["load_vision"]


def load_vision(model: Any, path: str | Path) -> None:
    """Put the weights of a trained dual encoder's vision encoder into a vision-language model of ours.

    Layers that the model leaves out (`model.vision_layer`) are left out of them, too.

    Args:
        model: with the part `vision`.
        path: run or model folder of the dual encoder.

    Raises:
        CheckpointError: it is no dual encoder of ours, or its encoder does not fit; up to five weights are named.
    """
    trained: Any = load_model(path).method.model.vision
    foreign.cut_layers(trained, model.settings.vision_layer)
    given, wanted = trained.state_dict(), model.vision.state_dict()
    wrong = [
        _told(name, given, wanted)
        for name in sorted({*given, *wanted})
        if _shape(given, name) != _shape(wanted, name)
    ]
    if wrong:
        raise CheckpointError(
            f"model.vision_from: the vision encoder of {path} does not fit that of the recipe: {'; '.join(wrong[:5])}"
            "; give model.vision, its width, depth, patch and views.size the values that it was trained with"
        )
    model.vision.load_state_dict(given)


def _shape(state: dict[str, Any], name: str) -> tuple[int, ...] | None:
    return tuple(state[name].shape) if name in state else None


def _told(name: str, given: dict[str, Any], wanted: dict[str, Any]) -> str:
    there, here = _shape(given, name), _shape(wanted, name)
    if there is None or here is None:
        return f"{name} is {'missing there' if there is None else 'missing here'}"
    return f"{name} is {there} there and {here} here"
