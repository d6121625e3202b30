"""CheXbert (package ``f1chexbert``): the state of fourteen labels of a report, by name.

Settings: ``device``, such as "cpu" (default) or "cuda". The package's order of labels is CheXbert's, No Finding last.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

NAMES = (
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
    "No Finding",
)  # fmt: skip
STATES = {"1": "present", "0": "absent", "-1": "uncertain"}


def load(settings: dict[str, Any]) -> tuple[str, str, Any]:
    """Load the model and return package, model and the function that answers."""
    from f1chexbert import F1CheXbert  # type: ignore[import-not-found]

    scorer = F1CheXbert(device=settings.get("device", "cpu"))

    def answer(item: dict[str, Any]) -> dict[str, str]:
        states = scorer.get_label(item["text"], mode="classification")
        return {name: STATES[str(state)] for name, state in zip(NAMES, states, strict=True) if str(state) in STATES}

    return f"f1chexbert {version('f1chexbert')}", "chexbert", answer
