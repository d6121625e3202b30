"""Choice of a letter in VLMEvalKit, for OmniMedVQA, GMAI-MMBench, MedXpertQA and others, without its judge.

Source: open-compass/VLMEvalKit, revision e8e78f0, in its mode of exact matching: what is not resolved is wrong.
Beyond that it asks a language model, and draws an option at random where that fails three times; neither is done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vesalius.tasks.answers.reply import Parsed, ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule

__all__ = ["VLMEVALKIT"]

_STATED = re.compile(r"(?i)(?:correct\s+)?answer\s+is\s+\**([ABCD])\**")
_MARKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_FAILED = "Failed to obtain answer via API"
_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_LAST = 4
"""A letter counts where its first appearance is among so many last words."""


def _parse(reply: str, options: Mapping[str, str]) -> Parsed:
    """Read a letter; "Z" of the release, its mark of a refusal, is a refusal here."""
    if _FAILED not in reply:
        if any(phrase in reply for phrase in _REFUSALS):
            return Parsed(status="refused", rule="fixed sentence")
        words = reply.translate(_MARKS).split()
        named = [label for label in options if label in words]
        if len(named) == 1 and words.index(named[0]) > len(words) - _LAST - 1:
            return Parsed(status="answered", value=named[0], rule="only letter, among the last words")
        if not named and "Z" in words:
            return Parsed(status="refused", rule="Z")
        stated = _STATED.search(reply)
        if stated and stated.group(1).upper() in options:
            return Parsed(status="answered", value=stated.group(1).upper(), rule="answer is")
    return _by_text(reply.lower(), options)


def _by_text(reply: str, options: Mapping[str, str]) -> Parsed:
    """Read the only option whose text is a substring, where the reply is not twice as long as all of them."""
    if len(reply) > 2 * sum(len(text) for text in options.values()):
        return Parsed(status="unparsed", rule="longer than twice the options")
    found = [label for label, text in options.items() if text.lower() in reply]
    if len(found) == 1:
        return Parsed(status="answered", value=found[0], rule="option's text as a substring")
    return Parsed(status="unparsed", rule=f"{len(found)} options' texts")


def _choice(gold: str, reply: str, options: Mapping[str, str]) -> ScoredAnswer:
    parsed = _parse(reply, options)
    return ScoredAnswer(correct=float(parsed.value == gold), parsed=parsed)


VLMEVALKIT = Rule(
    does="choice: the only option letter among the words if it first stands among the last four, else 'answer is X', "
    "else the only option whose text is a substring of a reply that is not too long; no judge.",
    choice=_choice,
    parse=_parse,
)
