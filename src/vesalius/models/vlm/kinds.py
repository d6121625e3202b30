"""Which class of model the settings ask for: one of our parts, or a whole one of transformers."""

from __future__ import annotations

from vesalius.models.vlm.choosing import ChoosingModel
from vesalius.models.vlm.gated import GatedModel
from vesalius.models.vlm.model import VisionLanguageModel
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.whole import WholeModel

__all__ = ["model_kind"]


def model_kind(settings: VisionLanguageConfig) -> type[VisionLanguageModel] | type[WholeModel]:
    """Return the class that builds, reads, saves and loads the model; both have the same surface."""
    if settings.base:
        return WholeModel
    if settings.fusion == "gated":
        return GatedModel
    return ChoosingModel if settings.fusion in ("cross", "joined") else VisionLanguageModel
