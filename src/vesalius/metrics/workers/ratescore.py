"""RaTEScore (package ``RaTEScore``): the score of a written report beside the true one.

Settings: ``gpu``, true where there is one.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any


def load(settings: dict[str, Any]) -> tuple[str, str, Any]:
    """Load the models and return package, model and the function that answers."""
    from RaTEScore import RaTEScore  # type: ignore[import-not-found]

    scorer = RaTEScore(use_gpu=bool(settings.get("gpu", False)))

    def answer(item: dict[str, Any]) -> float:
        return float(scorer.compute_score([item["written"]], [item["reference"]])[0])

    return f"RaTEScore {version('RaTEScore')}", "RaTE-NER-Deberta, BioLORD-2023-C, long weights", answer
