"""Scoring of LLaVA-Med and its heirs: substrings for yes/no, share of the gold words for open items.

Source: the evaluation scripts released with LLaVA-Med (Li et al. 2023, arXiv 2306.00890), before and after the change
of December 2023 that gives a reply with yes or no but without the gold answer 0 instead of dropping it; the script
for PathVQA still drops it. The normaliser is that of the VQA v2 challenge with two slips of its own, which are kept
here: its look-behind is mistyped, and no more than 32 points are taken away. SURE-VQA (arXiv 2411.19688) uses the
same words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from vesalius.tasks.answers.reply import ScoredAnswer
from vesalius.tasks.answers.rules.base import Rule, read_as, sentence_bleu_1

__all__ = ["BEFORE_FIX", "LLAVA_MED", "normalise", "token_scores"]

_MARKS = (";", "/", "[", "]", '"', "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!")
_DIGIT_COMMA = re.compile(r"\d,\d")
_POINT = re.compile(r"\.(?!\d)")
_POINTS = 32
"""The release hands a flag, whose value is 32, to where the number of replacements belongs."""
_NUMBERS = "zero one two three four five six seven eight nine ten"
_WORDS = {"none": "0"} | {word: str(number) for number, word in enumerate(_NUMBERS.split())}
_ARTICLES = {"a", "an", "the"}
_SINGLE = """
'twas ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's
isn't it'd it'll ma'am might've mightn't must've mustn't needn't not've o'clock oughtn't shan't should've shouldn't
somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd there're there's they'd
they'll they're they've wasn't we've weren't what'll what're what's what've when's where'd where's where've who'd
who'll who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've
"""
_SEVERAL = """
couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've something'd've
there'd've they'd've we'd've who'd've wouldn't've y'all'll y'all'd've you'd've 'ow's'at
"""


def _contractions() -> dict[str, str]:
    """Map forms that lack their apostrophe, or one of several, to the full ones."""
    table = {word.replace("'", ""): word for word in _SINGLE.split()} | {"somebody'd": "somebodyd"}
    for word in _SEVERAL.split():
        for place, mark in enumerate(word):
            if mark == "'":
                table[word[:place] + word[place + 1 :]] = word
    return table


_CONTRACTIONS = _contractions()


def normalise(text: str) -> str:
    """Return a text in the release's normal form.

    A mark goes where the text has it beside a space, or has a digit, comma, digit anywhere; else it becomes a space.
    """
    kept = text
    grouped = _DIGIT_COMMA.search(text) is not None
    for mark in _MARKS:
        beside = f"{mark} " in text or f" {mark}" in text
        kept = kept.replace(mark, "" if beside or grouped else " ")
    words = [_WORDS.get(word, word) for word in _POINT.sub("", kept, count=_POINTS).lower().split()]
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES).replace(",", "")


def token_scores(gold: str, reply: str) -> dict[str, float]:
    """Return recall, precision, F1, "exact match" and BLEU-1 of two normal forms, as the release counts them.

    A word that both have counts as often as the *reply* has it; its "exact match" is the number of distinct gold
    words that are found, over the length of the reply.
    """
    again = [normalise(text) for text in (reply, gold)]
    said, truth = (Counter(text.split()) for text in again)
    shared = sum(count for word, count in said.items() if word in truth)
    missing = sum(count for word, count in truth.items() if word not in said)
    length = said.total()
    scores = dict.fromkeys(("recall", "precision", "f1"), 0.0)
    if shared:
        precision, recall = shared / length, shared / (shared + missing)
        scores = {"recall": recall, "precision": precision, "f1": 2 * precision * recall / (precision + recall)}
    found = sum(word in said for word in truth)
    scores["exact_match"] = found / length if length else 0.0
    return scores | {"bleu_1": sentence_bleu_1(reply.split(), gold.split())}


def nearest(reply: str, candidates: Sequence[str]) -> str:
    """Return the normal form of the first candidate with the greatest share of its words found in a normal form."""
    said = Counter(normalise(reply).split())
    forms = [normalise(candidate) for candidate in candidates]
    words = [Counter(form.split()) for form in forms]
    shares = [sum(word in one for word in said) / len(one) if one else 0.0 for one in words]
    return forms[shares.index(max(shares))]


def _closed(gold: str, reply: str, *, dropped: float) -> ScoredAnswer:
    truth, said = normalise(gold.lower()), normalise(reply.lower())
    if "yes" not in said and "no" not in said:
        return ScoredAnswer(correct=0.0, parsed=read_as(said, "neither yes nor no as a substring"))
    right = truth in said
    return ScoredAnswer(correct=1.0 if right else dropped, parsed=read_as(said, "gold is a substring or not"))


def _open(gold: str, reply: str, candidates: Sequence[str]) -> ScoredAnswer:
    truth, said = normalise(gold.lower()), normalise(reply.lower())
    values = token_scores(truth, said)
    if candidates:
        values["open_accuracy"] = float(nearest(said, candidates) == normalise(truth))
    return ScoredAnswer(correct=values["recall"], parsed=read_as(said, "recall of the gold words"), values=values)


LLAVA_MED = Rule(
    does="yes/no: the normal form of the reply holds yes or no, and the gold; open: share of the gold words found.",
    closed=lambda gold, reply, candidates: _closed(gold, reply, dropped=0.0),
    open=_open,
)
BEFORE_FIX = Rule(
    does="as llava_med before December 2023: a reply that holds yes or no but not the gold leaves the denominator.",
    closed=lambda gold, reply, candidates: _closed(gold, reply, dropped=float("nan")),
    open=_open,
)
