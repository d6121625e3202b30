"""Instructions: how a task is put in words, in each language, and which families of tasks a corpus gives.

A package and no task: the folder of tasks takes files only. Templates are data, in ``templates.yaml``; a paper's own
pools are read from a file of its own by `Templates.read`.
"""

from __future__ import annotations

from vesalius.tasks.instructions.labels import format_labels, parse_labels
from vesalius.tasks.instructions.templates import (
    BUILT_IN,
    OUTPUTS,
    Template,
    Templates,
    Wording,
    phrase,
    templates,
    worded,
)

__all__ = [
    "BUILT_IN", "OUTPUTS", "Template", "Templates", "Wording", "format_labels", "parse_labels", "phrase",
    "templates", "worded",
]  # fmt: skip
