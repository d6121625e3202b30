"""What learns in a stage, adapters on what does not, and the proof afterwards of which weights moved.

Adapters are of peft. They are written in its own form, and then merged, so that every stage ends with plain weights.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vesalius.errors import CheckpointError, ConfigError
from vesalius.methods.base import TrainedMethod
from vesalius.optional import require
from vesalius.training.conversing.settings import PARTS, LoraSettings, StageSettings

__all__ = ["digests", "load_adapters", "merge_adapters", "moved_parts", "open_stage", "save_adapters"]

ADAPTERS = "adapters"
"""Folder of a model that holds the adapters of its last stage."""

_BASE = "base.json"
"""File beside adapters: which model they were trained on."""


def open_stage(model: Any, stage: StageSettings) -> None:
    """Let the stage's parts learn, freeze the others, and put adapters on those that are to have them.

    Args:
        model: a vision-language model.
        stage: of the recipe.

    Raises:
        ConfigError: an adapter's layer is not in its part, or quantities do not fit.
    """
    vision = getattr(model, "vision", None)
    fixed = {id(weight) for part in getattr(vision, "unused", list)() for weight in _weights(part)}
    for name, weight in model.named_parameters():
        learns = model.part_of(name) in stage.learns and id(weight) not in fixed
        if learns and not weight.is_floating_point():
            raise ConfigError(f"learns: {model.part_of(name)} is held in 4 bits and learns through adapters alone")
        weight.requires_grad_(learns)
    if stage.lora is not None:
        model.base_fingerprint = _fingerprint(model)
        parts: dict[str, list[str]] = {}
        for part in stage.lora.parts:
            parts.setdefault(model.holder_of(part), []).append(part)
        for holder, own in parts.items():
            setattr(model, holder, _adapted(model, holder, stage.lora, parts=own))


def save_adapters(model: Any, folder: Path) -> list[str]:
    """Write the adapters in the form of peft, and which model they are for; return the names of their folders."""
    written = []
    for name, held in model.named_children():
        if hasattr(held, "peft_config"):
            held.save_pretrained(folder / name, safe_serialization=True)
            written.append(name)
    if written:
        base = {"name": _name(model), "sha256": model.base_fingerprint}
        (folder / _BASE).write_text(json.dumps(base, indent=2) + "\n", encoding="utf-8")
    return written


def load_adapters(model: Any, path: str | Path) -> None:
    """Merge adapters that were trained on this very model into its weights.

    Args:
        model: a vision-language model without adapters.
        path: run, model folder, or the folder of the adapters itself.

    Raises:
        CheckpointError: there are none, or they are for another model; both are named with their hashes.
    """
    peft = require("peft", purpose="adapters (model.adapters)")
    places = (Path(path) / inner / ADAPTERS for inner in ("", "best", "last"))
    folder = next((place for place in (Path(path), *places) if (place / _BASE).is_file()), None)
    if folder is None:
        raise CheckpointError(f"model.adapters: {path} holds no adapters of ours: no {ADAPTERS}/{_BASE} in it")
    base = json.loads((folder / _BASE).read_text(encoding="utf-8"))
    own = _fingerprint(model)
    same = base["sha256"] == own if base["sha256"] and own else base["name"] == _name(model)
    if not same:
        raise CheckpointError(
            f"model.adapters: {path} was trained on {base['name']} (weights {base['sha256'][:12]}), and this is "
            f"{_name(model)} (weights {own[:12]}); adapters fit the weights that they were trained on alone"
        )
    for place in sorted(part.name for part in folder.iterdir() if part.is_dir()):
        with _older_names():
            adapted = peft.PeftModel.from_pretrained(getattr(model, place), folder / place)
        setattr(model, place, adapted.merge_and_unload())


def merge_adapters(model: Any) -> None:
    """Add what the adapters learnt to the weights below them, and take them away."""
    for name, held in list(model.named_children()):
        if hasattr(held, "peft_config"):
            quantised = getattr(held.get_base_model(), "is_quantized", False)
            setattr(model, name, model.merged_plain(held) if quantised else held.merge_and_unload())


@torch.no_grad()
def digests(method: TrainedMethod) -> dict[str, dict[str, str]]:
    """Return SHA-256 of every weight, by part and name."""
    found: dict[str, dict[str, str]] = {}
    for name, weight in method.state_dict().items():
        part = method.part_of(name)
        found.setdefault(part if part in PARTS else "own", {})[name] = _digest(weight)
    return found


def moved_parts(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, int]]:
    """Count the weights that moved and that are the same bits, by part.

    Weights that a stage adds or takes away count as moved.
    """
    counts: dict[str, dict[str, int]] = {}
    for part in sorted(set(before) | set(after)):
        old, new = before.get(part, {}), after.get(part, {})
        names = set(old) | set(new)
        same = sum(old.get(name) == new.get(name) for name in names)
        counts[part] = {"moved": len(names) - same, "same": same}
    return counts


def _adapted(model: Any, holder: str, lora: LoraSettings, *, parts: Sequence[str]) -> nn.Module:
    """Return what holds some parts with adapters on their layers."""
    peft = require("peft", purpose="adapters (a stage with lora)")
    module = getattr(model, holder)
    head = module.get_output_embeddings() if hasattr(module, "get_output_embeddings") else None
    targets = []
    for part in parts:
        linear = [
            name
            for name, layer in module.named_modules()
            if isinstance(layer, nn.Linear) and layer is not head and model.part_of(f"{holder}.{name}") == part
        ]
        known = {name.split(".")[-1] for name in linear}
        missing = sorted(set(lora.targets) - known)
        if missing or not linear:
            raise ConfigError(
                f"lora.targets: {part} has no linear layer {', '.join(missing) or 'to adapt'}; it has {sorted(known)}"
            )
        targets += [name for name in linear if not lora.targets or name.split(".")[-1] in lora.targets]
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        use_dora=lora.kind == "dora",
        use_rslora=lora.kind == "rslora",
    )
    with _older_names():
        adapted: nn.Module = peft.get_peft_model(module, config)
    return adapted


@contextmanager
def _older_names() -> Iterator[None]:
    """Let peft ask transformers by names that it is giving up, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def _fingerprint(model: nn.Module) -> str:
    """Return SHA-256 over names and values of all weights, rounded to bfloat16; of weights of 4 bits nothing."""
    found = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        if weight.dtype == torch.uint8:
            return ""
        found.update(f"{name} {_digest(weight.to(torch.bfloat16))}\n".encode())
    return found.hexdigest()


def _name(model: Any) -> str:
    settings = model.settings
    return str(settings.base or f"{settings.vision} + {settings.connector.kind} + {settings.language}")


def _weights(part: nn.Module | nn.Parameter) -> list[nn.Parameter]:
    return [part] if isinstance(part, nn.Parameter) else list(part.parameters())


def _digest(weight: Tensor) -> str:
    plain = weight.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b"").hexdigest()
