"""What the folder of a trained model tells: which one it was adapted from, and how it writes regions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vesalius.errors import DataError

__all__ = ["known_base", "known_grammar"]

_PARTS = ("", "best", "last")
"""Where the model of a run lies."""
_CARD = "vesalius.json"
_ADAPTER = "adapter_config.json"
_HEAD = "head.json"
_FINETUNED = "finetuned"
"""Folder of a run that `vesalius finetune` writes into."""


def known_base(model: str) -> str:
    """Return the spec of the model that a local one was adapted from, or nothing where that is not written down.

    Read are, in this order: ``base`` of a model's vesalius.json, ``base_model_name_or_path`` of an adapter of peft,
    and for a head below RUN/finetuned the run.

    Raises:
        DataError: such a file is no JSON object.
    """
    folder = Path(model)
    for part in _PARTS if folder.is_dir() else ():
        place = folder / part
        for card, key in ((_CARD, "base"), (_ADAPTER, "base_model_name_or_path")):
            base = _object(place / card).get(key)
            if isinstance(base, str) and base:
                return base
        if (place / _HEAD).is_file():
            return _run_of(place)
    return ""


def known_grammar(model: str) -> str:
    """Return the grammar of regions that a local model of conversations learnt, or nothing where none is known.

    Raises:
        DataError: its vesalius.json is no JSON object.
    """
    folder = Path(model)
    for part in _PARTS if folder.is_dir() else ():
        reading = _object(folder / part / _CARD).get("reading")
        if isinstance(reading, dict) and reading.get("grammar"):
            return str(reading["grammar"])
    return ""


def _run_of(folder: Path) -> str:
    """Return the run that a head was fitted on: the folder that holds ``finetuned``."""
    above = folder.resolve().parents
    return next((str(one.parent) for one in above if one.name == _FINETUNED), "")


def _object(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not readable JSON ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"{path} holds a {type(found).__name__}, expected an object")
    return found
