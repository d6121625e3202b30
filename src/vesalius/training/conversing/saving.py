"""Vision-language models on disk: a Hugging Face folder with our card, and adapters beside it in the form of peft."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vesalius import registry
from vesalius.config import validate
from vesalius.errors import CheckpointError
from vesalius.models.vlm.kinds import model_kind
from vesalius.models.vlm.reading import ConversationReader
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.tasks.grammar import grammar
from vesalius.training import checkpoint
from vesalius.training.conversing.parts import ADAPTERS, merge_adapters, save_adapters

if TYPE_CHECKING:
    from torch import Tensor

    from vesalius.methods.conversing import ConversingMethod
    from vesalius.training.conversing.assembly import ConversationParts

__all__ = ["LoadedConverser", "kept_settings", "load_converser", "save_converser"]

_CHOSEN = ("base", "planes", "context", "language", "fusion")
"""Settings of the model by which its class is found, and how it reads."""


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
    chosen = parts.recipe.model
    reading = {
        "context": chosen.context, "grammar": parts.recipe.data.grammar, "base": chosen.base, "planes": chosen.planes,
        "language": chosen.language, "fusion": chosen.fusion,
    }  # fmt: skip
    base = chosen.start or chosen.base.removeprefix("hf:")
    checkpoint.save_model(
        folder,
        method=method,
        tokenizer=parts.tokenizer,
        processor=parts.reader.looker,
        info={**info, "reading": reading, **({"base": base} if base else {})},
        weights=weights,
    )
    if adapted:
        with checkpoint.written_whole(folder / ADAPTERS) as scratch:
            save_adapters(parts.method.model, scratch)


def kept_settings(folder: Path) -> VisionLanguageConfig:
    """Return the recipe's section `model` of a saved model.

    Raises:
        CheckpointError: the folder holds a model of another kind.
    """
    card = checkpoint.read_card(folder)
    if "reading" not in card:
        raise CheckpointError(
            f"model.start: {folder} holds no vision-language model; model.vision_from takes the vision encoder of a "
            "dual encoder"
        )
    held = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("settings") or {}
    chosen = {name: card["reading"][name] for name in _CHOSEN if name in card["reading"]}
    return validate(VisionLanguageConfig, {**held, **chosen}, where=str(folder))


def load_converser(path: str | Path) -> LoadedConverser:
    """Load a vision-language model of ours from a run or a model folder, offline.

    Raises:
        CheckpointError: it is missing, cut short, changed, pickled, or does not fit the code.
    """
    folder = checkpoint.find_model(Path(path))
    card = checkpoint.read_card(folder)
    module = registry.load("vesalius.methods", str(card.get("method")))
    settings = validate(module.SETTINGS, card.get("settings", {}), where=str(folder / checkpoint.CARD))
    reading = card.get("reading", {})
    chosen = {name: reading[name] for name in _CHOSEN if name in reading}
    kind = model_kind(validate(VisionLanguageConfig, chosen, where=str(folder / checkpoint.CARD)))
    model = checkpoint.load_pretrained(folder, kind)
    model.settings = replace(model.settings, **chosen)
    method: ConversingMethod = module.build(settings, model)
    checkpoint.load_own(method, folder)
    try:
        tokenizer = kind.saved_words(folder)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder}: its tokenizer cannot be read: {error}") from error
    reader = model.reader(tokenizer, context=int(reading["context"]), grammar=grammar(str(reading["grammar"])))
    method.prepare(reader.tokenizer)
    return LoadedConverser(folder=folder, method=method.eval(), tokenizer=tokenizer, reader=reader, info=card)
