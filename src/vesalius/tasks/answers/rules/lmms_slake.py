"""Scoring of SLAKE in lmms-eval: equality of normal forms, in English and Chinese.

Source: EvolvingLMMs-Lab/lmms-eval, revision 75571cf, task slake. Chinese normal and abnormal are yes and no there.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from vesalius.tasks.answers.reply import ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule, read_as

__all__ = ["LMMS_SLAKE", "normalise"]

_CJK = "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～、，。；：《》？【】（）"
_MARKS = str.maketrans(dict.fromkeys(string.punctuation + _CJK, " "))
_SPACES = re.compile(r"\s+")
_YES = {"yes", "yeah", "yep", "true", "是", "是的", "有", "包含", "可以", "能", "会", "正常"}
_NO = {"no", "nope", "false", "否", "不是", "没有", "无", "不包含", "不能", "不会", "不可以", "不正常", "异常"}


def normalise(text: str) -> str:
    """Return a text in small letters without brackets and what they hold, marks or extra spaces; synonyms are one."""
    plain = text.strip().lower()
    for opening, closing in (("(", ")"), ("（", "）")):
        plain = _without(plain, opening, closing)
    plain = _SPACES.sub(" ", plain.translate(_MARKS)).strip()
    if plain in ("x ray", "xray"):
        return "xray"
    if plain in _YES:
        return "yes"
    return "no" if plain in _NO else plain


def _without(text: str, opening: str, closing: str) -> str:
    """Put a space in the place of each bracket and what stands up to the next closing one."""
    parts, place = [], 0
    start = text.find(opening)
    while start >= 0:
        end = text.find(closing, start)
        if end < 0:
            break
        parts.append(text[place:start])
        place = end + 1
        start = text.find(opening, place)
    return " ".join([*parts, text[place:]])


def _score(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    said = normalise(reply)
    return ScoredAnswer(correct=float(said == normalise(gold)), parsed=read_as(said, "equality of normal forms"))


LMMS_SLAKE = Rule(
    does="equality of the whole reply with the gold, both in small letters without marks and brackets; true is yes.",
    closed=_score,
    open=_score,
)
