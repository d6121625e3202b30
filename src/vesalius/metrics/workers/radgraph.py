"""RadGraph (package ``radgraph``): entities and relations of a report.

Settings: ``model``, one of "radgraph", "radgraph-xl", "modern-radgraph-xl" as far as the installed version has it.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any


def load(settings: dict[str, Any]) -> tuple[str, str, Any]:
    """Load the model and return package, model and the function that answers."""
    from radgraph import RadGraph  # type: ignore[import-not-found]

    model = settings.get("model", "radgraph")
    network = RadGraph(model_type=model)

    def answer(item: dict[str, Any]) -> Any:
        return network([item["text"]])["0"]

    return f"radgraph {version('radgraph')}", model, answer
