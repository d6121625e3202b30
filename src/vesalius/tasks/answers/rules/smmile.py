"""Letters as the inference scripts of SMMILE read them: four extractors that differ in what they look for and where.

Source: eth-medical-ai-lab/smmile at ab004d2, inference_and_evaluation/inference_*.py. Their false hits are kept: "I
choose B" is I, and "Correct letter: B." in the answer tag is C, though the prompt's own example has such words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vesalius.tasks.answers.reply import Parsed
from vesalius.tasks.answers.rules.base import ChoiceParser, Rule, chooses

__all__ = ["SMMILE", "SMMILE_MEDGEMMA", "SMMILE_MEDVLM_R1", "SMMILE_QWEN"]

_TAG = re.compile(r"<answer>(?:(.*?)</answer>|(.*?)(?:\Z|\n(?=\Z)|\n\n))", re.DOTALL)
_TAIL = r"(?:\.\s*\w+|\.|\s+|$)"
_STATED = (
    rf"\*\*Answer:\*\*\s*([A-Z]){_TAIL}",
    rf"\*\*Answer\*\*:\s*([A-Z]){_TAIL}",
    rf"\*Answer\*:\s*([A-Z]){_TAIL}",
    rf"Answer:\s*([A-Z]){_TAIL}",
    rf"The correct answer is\s*([A-Z]){_TAIL}",
    rf"The answer(?:\s+is)?:?\s*([A-Z]){_TAIL}",
    rf"The correct answer(?:\s+is)?:?\s*([A-Z]){_TAIL}",
    rf"answer\s*is\s*([A-Z]){_TAIL}",
    r"([A-Z])\s*is the (?:correct )?answer",
    r"option\s*([A-Z])\b",
    r"choice\s*([A-Z])\b",
    r"select\s*([A-Z])\b",
)
_LONG = (
    r"answer is:?\s*([A-Z])[.\s]",
    r"\banswer:?\s*([A-Z])[.\s]",
    *_STATED,
    r"chose\s*([A-Z])[.\s]",
    r"choose\s*([A-Z])[.\s]",
    r"final answer:?\s*([A-Z])",
    r"[*_]([A-Z])[*_]",
)
_ALONE = re.compile(r"\b([A-Z])\b")
_ALONE_TO_J = re.compile(r"\b([A-J])\b")
_LETTER_TAG = re.compile(r"<answer>([A-Z])</answer>", re.IGNORECASE)
_MODEL = ("ASSISTANT:", "Assistant:", "assistant:", "ASSISTANT ", "Assistant ", "assistant ")
_USER = ("USER:", "User:", "user:", "USER ", "User ", "user ")


def _answered(letter: str, rule: str) -> Parsed:
    return Parsed(status="answered", value=letter, rule=rule)


def _failed() -> Parsed:
    return Parsed(status="unparsed", rule="extraction failed")


def _stated(text: str, patterns: tuple[str, ...]) -> Parsed | None:
    for pattern in patterns:
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            return _answered(found.group(1).upper(), f"pattern {pattern}")
    return None


def _openai(reply: str, options: Mapping[str, str]) -> Parsed:
    tag = _TAG.search(reply)
    inside = (tag.group(1) if tag.group(1) is not None else tag.group(2)).strip() if tag else ""
    if inside:
        letter = re.search(r"[A-Z]", inside.upper())
        return _answered(letter.group() if letter else inside[0].upper(), "first letter in the tag")
    text = reply.strip()
    stated = _stated(text, _LONG)
    if stated:
        return stated
    alone = _ALONE.search(text)
    if alone:
        return _answered(alone.group(1), "first capital alone")
    for label, option in options.items():
        words = option.strip().lower()
        if words == text.lower() or (words and words in text.lower()):
            return _answered(label, "first option's text as a substring")
    return _failed()


def _qwen(reply: str, options: Mapping[str, str]) -> Parsed:
    start, mark = max((reply.rfind(mark), mark) for mark in _MODEL)
    if start < 0:
        return _openai(reply, {})
    text = reply[start + len(mark) :].strip()
    end = next((text.find(user) for user in _USER if user in text), len(text))
    return _openai(text[:end].strip(), options)


def _medgemma(reply: str, options: Mapping[str, str]) -> Parsed:
    text = reply.rpartition("assistant")[2]
    text = text.strip() if "assistant" in reply else text
    tag = _LETTER_TAG.search(text)
    if tag:
        return _answered(tag.group(1).upper(), "letter alone in the tag")
    return (_stated(text, _STATED) if reply.strip() else None) or _failed()


def _medvlm_r1(reply: str, options: Mapping[str, str]) -> Parsed:
    words, closed, _ = reply.partition("<answer>")[2].partition("</answer>")
    inside = words.strip()
    if closed and inside:
        return _answered(inside[0].upper(), "first sign in the tag")
    alone = _ALONE_TO_J.search(reply)
    return _answered(alone.group(1), "first capital A to J alone") if alone else _failed()


def _rule(does: str, parse: ChoiceParser) -> Rule:
    return Rule(does=f"choice: {does}.", choice=chooses(parse), parse=parse)


SMMILE = _rule(
    "first letter of the answer tag's text, else a list of patterns, else the first capital alone, else the first "
    "option's text as a substring",
    _openai,
)
SMMILE_QWEN = _rule(
    "as smmile, of what stands behind the reply's last word 'assistant' and before the next 'user'; options' texts "
    "count only where there was such a word",
    _qwen,
)
SMMILE_MEDGEMMA = _rule(
    "a letter alone in the answer tag, else patterns such as 'answer: X' and 'option X'; no letter that stands alone",
    _medgemma,
)
SMMILE_MEDVLM_R1 = _rule(
    "first sign of the closed answer tag's text, else the first capital A to J alone, be it an article", _medvlm_r1
)
