"""What a description comes to: the grade it closes with, or which of two pictures it holds to be the better one.

Read from the end: the last sentence that says it decides. A grade that is denied does not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vesalius.tasks.answers.reply import Parsed, empty, final_content, refusal

__all__ = ["parse_better_picture", "parse_grade"]

_SENTENCE = re.compile(r"(?:[.!?;](?=\s|$)|\n)+")
_BETTER = re.compile(
    r"\b(?:(?P<up>higher|better|superior|greater|preferable|best|highest)|(?P<down>lower|worse|inferior|poorer|worst|lowest))\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|no|neither|nor|equal(?:ly)?|n['’]t)\b[^,]{0,24}$", re.IGNORECASE)
_PICTURE = re.compile(
    r"\b(?:image|picture|scan|photo(?:graph)?)\s*\W?(?P<name>a|b|1|2|one|two)\b"
    r"|\b(?P<place>first|second|left|right|former|latter)\b",
    re.IGNORECASE,
)
_FIRST = ("a", "1", "one", "first", "left", "former")


def parse_grade(reply: str, grades: Sequence[str]) -> Parsed:
    """Read one of a few grades, such as good, usable and reject; forms like "rejected" count as "reject".

    The words "quality … is GRADE" decide, the last ones; else the last sentence that names a grade, if it names one.
    """
    nothing = empty(reply)
    if nothing:
        return nothing
    text = final_content(reply).text
    every = "|".join(re.escape(grade) for grade in grades)
    word = re.compile(rf"(?<!\bnot )(?<!['’]t )(?<![\w-])({every})(?:ed|able)?(?![\w-])", re.IGNORECASE)
    stated = re.compile(
        rf"\bquality\b[^.!?\n]{{0,40}}?\b(?:is|as|:)\W{{0,4}}({every})(?:ed)?(?![\w-])", re.IGNORECASE
    )
    closing = [found.group(1).lower() for found in stated.finditer(text)]
    if closing:
        return Parsed(status="answered", value=closing[-1], rule="quality is")
    for sentence in reversed(_SENTENCE.split(text)):
        named = {found.group(1).lower() for found in word.finditer(sentence)}
        if len(named) == 1:
            return Parsed(status="answered", value=named.pop(), rule="last sentence with a grade")
        if named:
            return Parsed(status="ambiguous", rule=f"grades {', '.join(sorted(named))} in one sentence")
    if refusal(text)[0]:
        return Parsed(status="refused", rule="refusal")
    return Parsed(status="unparsed", rule="no grade")


def parse_better_picture(reply: str) -> Parsed:
    """Read which of two pictures is the better one: "A" for the first, "B" for the second.

    In the last sentence with a word of comparison, that word is said of the picture named before it, else of the one
    after it; "worse" and its like turn it round. Equal pictures and denied comparisons are unparsed.
    """
    nothing = empty(reply)
    if nothing:
        return nothing
    text = final_content(reply).text
    for sentence in reversed(_SENTENCE.split(text)):
        compared = list(_BETTER.finditer(sentence))
        named = [(found.start(), _letter(found)) for found in _PICTURE.finditer(sentence)]
        if not compared or not named:
            continue
        word = compared[0]
        if _DENIED.search(sentence, 0, word.start()):
            return Parsed(status="unparsed", rule="a comparison that is denied")
        before = [letter for start, letter in named if start < word.start()]
        of_it = before[-1] if before else named[0][1]
        value = of_it if word["up"] else {"A": "B", "B": "A"}[of_it]
        return Parsed(status="answered", value=value, rule=f"{word.group().lower()} is said of picture {of_it}")
    if refusal(text)[0]:
        return Parsed(status="refused", rule="refusal")
    return Parsed(status="unparsed", rule="no comparison of the pictures")


def _letter(found: re.Match[str]) -> str:
    return "A" if (found["name"] or found["place"]).lower() in _FIRST else "B"
