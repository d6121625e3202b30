"""What learns in a stage, adapters on what does not, and the proof afterwards of which weights moved.

Adapters are of peft. They are written in its own form, and then merged, so that every stage ends with plain weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vesalius.errors import ConfigError
from vesalius.optional import require
from vesalius.training.conversing.settings import PARTS, LoraSettings, StageSettings

__all__ = ["digests", "merge_adapters", "moved_parts", "open_stage", "part_of", "save_adapters"]


def part_of(name: str) -> str:
    """Return the part that a parameter of the model belongs to: vision, connector or language."""
    first = name.removeprefix("model.").split(".")[0]
    return first if first in PARTS else "own"


def open_stage(model: Any, stage: StageSettings) -> None:
    """Let the stage's parts learn, freeze the others, and put adapters on those that are to have them.

    Args:
        model: a vision-language model with the parts as attributes.
        stage: of the recipe.

    Raises:
        ConfigError: an adapter's layer is not in its part, or quantities do not fit.
    """
    fixed = {id(weight) for part in getattr(model.vision, "unused", list)() for weight in _weights(part)}
    for part in PARTS:
        for weight in getattr(model, part).parameters():
            weight.requires_grad_(part in stage.learns and id(weight) not in fixed)
    if stage.lora is not None:
        for part in stage.lora.parts:
            setattr(model, part, _adapted(getattr(model, part), stage.lora, part=part))


def save_adapters(model: Any, folder: Path) -> list[str]:
    """Write the adapters of every part in the form of peft; return the parts that have any."""
    written = []
    for part in PARTS:
        held = getattr(model, part)
        if hasattr(held, "peft_config"):
            held.save_pretrained(folder / part, safe_serialization=True)
            written.append(part)
    return written


def merge_adapters(model: Any) -> None:
    """Add what the adapters learnt to the weights below them, and take them away."""
    for part in PARTS:
        held = getattr(model, part)
        if hasattr(held, "peft_config"):
            setattr(model, part, held.merge_and_unload())


@torch.no_grad()
def digests(method: nn.Module) -> dict[str, dict[str, str]]:
    """Return SHA-256 of every weight, by part and name."""
    found: dict[str, dict[str, str]] = {}
    for name, weight in method.state_dict().items():
        found.setdefault(part_of(name), {})[name] = _digest(weight)
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


def _adapted(module: nn.Module, lora: LoraSettings, *, part: str) -> nn.Module:
    peft = require("peft", purpose="adapters (a stage with lora)")
    linear = {name.split(".")[-1] for name, layer in module.named_modules() if isinstance(layer, nn.Linear)}
    head = _head_name(module)
    targets = sorted(lora.targets or linear - {head})
    missing = sorted(set(targets) - linear)
    if missing or not targets:
        raise ConfigError(
            f"lora.targets: {part} has no linear layer {', '.join(missing) or 'to adapt'}; it has {sorted(linear)}"
        )
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        use_dora=lora.kind == "dora",
        use_rslora=lora.kind == "rslora",
    )
    adapted: nn.Module = peft.get_peft_model(module, config)
    return adapted


def _head_name(module: nn.Module) -> str:
    """Return the last name of the layer that gives words, or nothing."""
    head = module.get_output_embeddings() if hasattr(module, "get_output_embeddings") else None
    return next((name.split(".")[-1] for name, layer in module.named_modules() if layer is head), "") if head else ""


def _weights(part: nn.Module | nn.Parameter) -> list[nn.Parameter]:
    return [part] if isinstance(part, nn.Parameter) else list(part.parameters())


def _digest(weight: Tensor) -> str:
    plain = weight.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(plain.view(torch.uint8).numpy().tobytes() if plain.numel() else b"").hexdigest()
