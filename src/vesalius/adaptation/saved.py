"""A fitted head with its encoders on disk: a model folder of ours, with the head beside it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from vesalius.adaptation.protocols import base as protocols
from vesalius.adaptation.protocols.base import Protocol
from vesalius.adaptation.trunk import open_trunk
from vesalius.config import validate
from vesalius.errors import CheckpointError
from vesalius.training.checkpoint import save_model, seal, verify

__all__ = ["HEAD_CARD", "open_adapted", "save_adapted"]

HEAD_CARD = "head.json"
_HEAD_WEIGHTS = "head.safetensors"


def save_adapted(folder: Path, protocol: Protocol, *, name: str) -> None:
    """Write encoders and head, sealed; what was there is replaced.

    Args:
        folder: where it goes.
        protocol: fitted head on its trunk.
        name: of the protocol's file.
    """
    from safetensors.torch import save_file

    trunk = protocol.trunk
    save_model(
        folder,
        method=trunk.method,
        tokenizer=trunk.tokenizer,
        processor=trunk.processor,
        info=dict(trunk.loaded.info),
    )
    head = {
        place: value.detach().contiguous()
        for place, value in protocol.state_dict().items()
        if not place.startswith("trunk.")
    }
    save_file(head, folder / _HEAD_WEIGHTS)
    card = {
        "protocol": name,
        "settings": asdict(protocol.settings),
        "concepts": protocol.concepts,
        "facts": dict(protocol.facts),
    }
    (folder / HEAD_CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    seal(folder)


def open_adapted(folder: str | Path) -> Protocol:
    """Open a fitted head with its encoders, in evaluation mode.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    from safetensors.torch import load_file

    place = Path(folder)
    if not (place / HEAD_CARD).is_file():
        raise CheckpointError(f"{place} holds no {HEAD_CARD}: it is no folder that vesalius finetune wrote")
    verify(place)
    card = json.loads((place / HEAD_CARD).read_text(encoding="utf-8"))
    module = protocols.load(card["protocol"])
    settings = validate(module.SETTINGS, card["settings"], where=str(place / HEAD_CARD))
    protocol: Protocol = module.PROTOCOL(settings, open_trunk(place), card["concepts"], **card.get("facts", {}))
    weights = load_file(place / _HEAD_WEIGHTS)
    lacking, odd = protocol.load_state_dict(weights, strict=False)
    wrong = [*(name for name in lacking if not name.startswith("trunk.")), *odd]
    if wrong:
        raise CheckpointError(f"{place / _HEAD_WEIGHTS} does not fit protocol {card['protocol']}: {wrong[:5]}")
    return protocol.eval()
