"""Calls of experts: ``<VISTA3D(hepatic tumor)>`` in an answer, one at most.

The grammar of VILA-M3 (arXiv 2411.12915): a call without argument means all; any other number of calls than one is
none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vesalius.errors import ConfigError, did_you_mean
from vesalius.tasks.answers.reply import Parsed, empty, without_reasoning

__all__ = ["EVERYTHING", "Call", "Expert", "call_pattern", "format_call", "neutralised", "parse_call"]

EVERYTHING = "everything"
"""Argument that stands for all groups of an expert, and is meant where none is given."""
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9_.-]{0,39})\s{0,3}(?:\(([^()<>]{0,80})\))?>")
_MEDIA = frozenset({"image", "volume", "video"})


@dataclass(frozen=True, kw_only=True)
class Expert:
    """A model that may be called, by its name."""

    name: str
    arguments: tuple[str, ...] = ()
    """Groups that it can be asked for, besides everything; empty where it takes no argument."""


class Call(NamedTuple):
    """What is called, and for what."""

    expert: str
    argument: str = EVERYTHING


def format_call(call: Call, experts: Sequence[Expert]) -> str:
    """Return the tag of a call.

    Raises:
        ConfigError: no such expert, or it has no such group.
    """
    known = {expert.name: expert for expert in experts}
    if call.expert not in known:
        raise ConfigError(f"no expert {call.expert!r}{did_you_mean(call.expert, known)}")
    groups = known[call.expert].arguments
    if call.argument != EVERYTHING and call.argument not in groups:
        raise ConfigError(f"expert {call.expert} has no group {call.argument!r}{did_you_mean(call.argument, groups)}")
    return f"<{call.expert}({call.argument if groups else ''})>"


def parse_call(reply: str, experts: Sequence[Expert]) -> Parsed:
    """Read the call of an answer; the value is None, and the answer stands for itself, where there is none.

    Placeholders of media are no tags. Two tags, or one of an unknown expert, are no call; a group that the expert
    does not have is unparsed, and the rule names it.
    """
    nothing = empty(reply)
    if nothing:
        return nothing
    tags = [tag for tag in _TAG.findall(without_reasoning(reply)) if tag[0].lower() not in _MEDIA]
    if len(tags) != 1:
        return Parsed(status="answered", rule=f"{len(tags)} tags: no call")
    known: Mapping[str, Expert] = {expert.name.casefold(): expert for expert in experts}
    name, argument = tags[0][0], tags[0][1].strip() or EVERYTHING
    expert = known.get(name.casefold())
    if expert is None:
        return Parsed(status="answered", rule=f"no expert {name!r}: no call")
    groups = {group.casefold(): group for group in (EVERYTHING, *expert.arguments)}
    if argument.casefold() not in groups:
        known_groups = ", ".join(groups.values())
        return Parsed(status="unparsed", rule=f"{expert.name} has no group {argument!r}; it has {known_groups}")
    return Parsed(status="answered", value=Call(expert.name, groups[argument.casefold()]), rule="call")


def call_pattern(experts: Sequence[Expert]) -> str:
    """Return a regular expression of every tag that `format_call` writes."""
    every = []
    for expert in experts:
        groups = "|".join(map(re.escape, (EVERYTHING, *expert.arguments))) if expert.arguments else ""
        every.append(rf"{re.escape(expert.name)}\((?:{groups})\)")
    return f"<(?:{'|'.join(every)})>"


def neutralised(text: str) -> str:
    """Return a text of a user or a record in which nothing can be taken for a call: its tags stand in ‹ ›."""
    return _TAG.sub(lambda tag: tag[0] if tag[1].lower() in _MEDIA else f"‹{tag[0][1:-1]}›", text)
