"""Vision-language models on disk: a Hugging Face folder with our card, and adapters beside it in the form of peft."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vesalius import registry
from vesalius.config import validate
from vesalius.models.vlm.looking import Looker
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.models.vlm.reading import ConversationReader
from vesalius.tasks.grammar import grammar
from vesalius.training import checkpoint
from vesalius.training.conversing.parts import merge_adapters, save_adapters

if TYPE_CHECKING:
    from torch import Tensor

    from vesalius.methods.conversing import ConversingMethod
    from vesalius.training.conversing.assembly import ConversationParts

__all__ = ["ADAPTERS", "LoadedConverser", "load_converser", "save_converser"]

ADAPTERS = "adapters"
"""Folder of a model that holds the adapters of the last stage by part."""


@dataclass(frozen=True, kw_only=True)
class LoadedConverser:
    """A trained vision-language model with all that is needed to talk with it."""

    folder: Path
    method: ConversingMethod
    tokenizer: Any
    reader: ConversationReader
    info: Mapping[str, Any] = field(default_factory=dict)
    """The content of `vesalius.json`."""


def save_converser(
    folder: Path, *, parts: ConversationParts, info: Mapping[str, Any], weights: Mapping[str, Tensor] | None
) -> None:
    """Write a model, adapters merged into its weights and, as peft writes them, beside it.

    Args:
        folder: where it goes; what was there is replaced.
        parts: of the stage.
        info: added to the card.
        weights: state dict of the method to write instead of the one in memory, such as gathered shards.
    """
    method = parts.method
    adapted = any(hasattr(part, "peft_config") for part in method.model.children())
    if adapted:
        method = copy.deepcopy(method)
        merge_adapters(method.model)
    reading = {"context": parts.recipe.model.context, "grammar": parts.recipe.data.grammar}
    checkpoint.save_model(
        folder,
        method=method,
        tokenizer=parts.tokenizer,
        processor=parts.reader.looker,
        info={**info, "reading": reading},
        weights=weights,
    )
    if adapted:
        with checkpoint.written_whole(folder / ADAPTERS) as scratch:
            save_adapters(parts.method.model, scratch)


def load_converser(path: str | Path) -> LoadedConverser:
    """Load a vision-language model of ours from a run or a model folder, offline.

    Raises:
        CheckpointError: it is missing, cut short, changed, pickled, or does not fit the code.
    """
    folder = checkpoint.find_model(Path(path))
    card = checkpoint.read_card(folder)
    module = registry.load("vesalius.methods", str(card.get("method")))
    settings = validate(module.SETTINGS, card.get("settings", {}), where=str(folder / checkpoint.CARD))
    model = checkpoint.load_pretrained(folder, VisionLanguageModel)
    method: ConversingMethod = module.build(settings, model)
    checkpoint.load_own(method, folder)
    tokenizer = checkpoint.load_tokenizer(folder)
    reading = card.get("reading", {})
    reader = ConversationReader(
        tokenizer,
        looker=Looker(model.settings.views, places=model.places, reduction=model.settings.reduction),
        count=model.count,
        context=int(reading["context"]),
        grammar=grammar(str(reading["grammar"])),
    )
    return LoadedConverser(folder=folder, method=method.eval(), tokenizer=tokenizer, reader=reader, info=card)
