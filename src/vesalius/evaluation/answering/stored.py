"""A model that an earlier evaluation tells of, so that stored replies are marked again without its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vesalius.evaluation.results import SCORES_FILE, open_evaluation
from vesalius.inference.predictor import BasePredictor

__all__ = ["StoredPredictor", "name_of", "stored_predictor"]


class StoredPredictor(BasePredictor):
    """What an evaluation says of its model; it can do nothing, for nothing is opened."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.name = str(identity["name"])
        self._identity = dict(identity)

    @property
    def identity(self) -> Mapping[str, Any]:
        """What the passport of the earlier evaluation said."""
        return self._identity


def stored_predictor(folder: Path) -> StoredPredictor | None:
    """Return the model of the evaluation in a folder, or None where there is none."""
    if not (folder / SCORES_FILE).is_file():
        return None
    return StoredPredictor(open_evaluation(folder).document["model"])


def name_of(spec: str | Path) -> str:
    """Return the name that a model has once it is opened, by its spec alone."""
    text = str(spec)
    if text.startswith("openai:"):
        return text.partition("#")[2].partition("?")[0]
    return Path(text).name if Path(text).is_dir() else text
