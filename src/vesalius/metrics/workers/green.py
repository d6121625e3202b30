"""GREEN (package ``green_score``): the model's analysis of a written report beside the true one, as text.

Settings: ``model``, a hub id in the cache or a folder (default "StanfordAIMI/GREEN-radllama2-7b"); ``cpu``, true
where there is no accelerator.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from typing import Any


def load(settings: dict[str, Any]) -> tuple[str, str, Any]:
    """Load the model and return package, model and the function that answers."""
    from green_score import GREEN  # type: ignore[import-not-found]

    model = settings.get("model", "StanfordAIMI/GREEN-radllama2-7b")
    folder = tempfile.mkdtemp()
    scorer = GREEN(model, output_dir=folder, cpu=bool(settings.get("cpu", False)), compute_summary_stats=False)

    def answer(item: dict[str, Any]) -> str:
        *_, table = scorer([item["reference"]], [item["written"]])
        return str(table["green_analysis"][0])

    return f"green_score {version('green_score')}", model, answer
