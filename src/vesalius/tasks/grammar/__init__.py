"""One grammar for what stands in texts besides words: boxes, points, counts and calls of experts.

The same object writes the answers that a model learns, holds what it may write when it answers, and reads what it
wrote. A package and no task: the folder of tasks takes files only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vesalius.errors import ConfigError, did_you_mean
from vesalius.tasks.grammar.base import Coordinates, Grammar, Plane
from vesalius.tasks.grammar.calls import Call, Expert, call_pattern, format_call, neutralised, parse_call
from vesalius.tasks.grammar.landmarks import Landmarks
from vesalius.tasks.grammar.lists import JsonBlocks
from vesalius.tasks.grammar.statements import Statement, format_statements, parse_statements
from vesalius.tasks.grammar.tags import Tagged, Tags
from vesalius.tasks.grammar.writing import write

__all__ = [
    "GRAMMARS",
    "Call",
    "Expert",
    "Grammar",
    "Plane",
    "Statement",
    "call_pattern",
    "format_call",
    "format_statements",
    "grammar",
    "neutralised",
    "parse_call",
    "parse_statements",
    "write",
]

_SQUARE = Tags(
    name=("<ref>", "</ref>"), box=("<box>", "</box>"), point=("<point>", "</point>"), form="lists", separator=", "
)
_QWEN = Tags(
    name=("<|object_ref_start|>", "<|object_ref_end|>"), box=("<|box_start|>", "<|box_end|>"),
    point=("<|box_start|>", "<|box_end|>"), form="pairs", separator="",
)  # fmt: skip

GRAMMARS: Mapping[str, Grammar] = MappingProxyType(
    {
        one.name: one
        for one in (
            Tagged(
                name="medrega", coordinates=Coordinates(scale="999"), tags=_SQUARE,
                about="<ref>…</ref><box>[[x1, y1, x2, y2]]</box>, 0 to 999 of the sides (MedRegA, arXiv 2410.18387)",
            ),
            Tagged(
                name="qwen2-vl", coordinates=Coordinates(scale="thousand"), tags=_QWEN,
                about="special tokens around names and corners, 0 to 1000 of the sides (Qwen2-VL, arXiv 2409.12191)",
            ),
            JsonBlocks(
                name="qwen2.5-vl", coordinates=Coordinates(scale="pixel", of="shown"),
                about="fenced JSON, whole pixels of the picture as it is shown (Qwen2.5-VL, arXiv 2502.13923)",
            ),
            JsonBlocks(
                name="pointdetectcount", coordinates=Coordinates(scale="pixel", decimals=1),
                about="fenced JSON, pixels of the file with one decimal (PointDetectCount, arXiv 2505.16647)",
            ),
            Landmarks(
                name="umit", coordinates=Coordinates(scale="thousand"), tags=_QWEN,
                about="as qwen2-vl; landmarks as lines of name and (x, y), 0 to 1000 (UMIT, arXiv 2503.15892)",
            ),
        )
    }
)  # fmt: skip
"""Ways to write regions, by name."""


def grammar(name: str) -> Grammar:
    """Return a way to write regions by its name.

    Raises:
        ConfigError: no such one; offers the nearest.
    """
    if name not in GRAMMARS:
        raise ConfigError(f"no grammar of regions {name!r}{did_you_mean(name, GRAMMARS)}")
    return GRAMMARS[name]
