"""Instructions: how a task is put in words, in each language, and which families of tasks a corpus gives.

A package and no task: the folder of tasks takes files only. Templates are data, in ``templates.yaml``; a paper's own
pools are read from a file of its own by `Templates.read`.
"""

from __future__ import annotations

from vesalius.tasks.instructions.labels import format_labels, parse_labels
from vesalius.tasks.instructions.templates import OUTPUTS, Template, Templates, phrase, templates

__all__ = ["OUTPUTS", "Template", "Templates", "format_labels", "parse_labels", "phrase", "templates"]
