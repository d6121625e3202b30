"""Letters of options in a reply: where each is named, claimed or ruled out.

"A" is also an English article and "I" a pronoun: they count only alone, in brackets, before ``.``, ``:`` or ``)``, in
a list with other letters, or behind words such as "answer" and "option". A letter behind a noun that takes one
("hepatitis B", "grade C") is no option, nor is a genus ("E. coli").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Letters", "find_letters", "lone_letter", "read_letters"]

_TAKING = "hepatitis vitamin type grade stage group class category zone segment panel figure influenza hemophilia"
_NOUNS = "".join(rf"(?i:(?<!\b{noun} ))" for noun in _TAKING.split())
_SPECIES = (
    r"(?!\.?\s*(?:coli|difficile|diff|albicans|aureus|pneumoniae|tuberculosis|f(?:a)?ecalis|jejuni|perfringens)\b)"
)
_END = r"(?![\w'’])"
_JOIN = r"(?:\s*(?:,|/|&|;|\band\b|\bor\b|\bnor\b|\bvs\.?|和|或|、)\s*)"
_CAUSE = (
    r"(?:because|as|since|with|due|based|and|or|which|for|given|if|though|although|but|is|are|seems|would|in|from|by|"
    r"rather|instead|not|over|than)"
)
_GOOD = (
    r"(?:correct|right|best|most\s+likely|likeliest|most\s+appropriate|true|the\s+answer|my\s+answer|answer|fits|it)"
)
_BAD = r"(?:wrong|incorrect|not|false|unlikely|less\s+likely|excluded|ruled\s+out|eliminated|out)"


class Letters(NamedTuple):
    """What a reply says of the letters of options, each in order of appearance."""

    concluded: list[str]
    """Behind "so", "therefore" and the like, or as the final answer."""
    claimed: list[str]
    """Behind "answer", "choose" and the like, or before "is correct"."""
    named: list[str]
    ruled_out: list[str]


class _Patterns(NamedTuple):
    lone: re.Pattern[str]
    lead: re.Pattern[str]
    concluded: re.Pattern[str]
    claimed: re.Pattern[str]
    option: re.Pattern[str]
    judged: re.Pattern[str]
    named: re.Pattern[str]
    out: re.Pattern[str]
    dismissed: re.Pattern[str]


_CONCLUDED = (
    r"\b(?i:so|therefore|thus|hence|consequently|accordingly|in\s+conclusion|final\s+answer)[\s,:]{1,4}"
    r"(?i:(?:i\s+(?:choose|pick|select|think|go\s+with)|it\s+is|it['’]s|this\s+is|that\s+is|is)\s+)?"
    r"(?i:(?:the\s+)?(?:final\s+|correct\s+|best\s+|right\s+)?(?:answer|option|choice|letter)\s*)?"
    r"(?i:(?:is|would\s+be|must\s+be)\s+)?:?\s{0,3}FREE"
)
_CLAIMED = (
    r"(?:\b(?i:answer|selection|choose|chose|choosing|select|selected|pick|picked|response|letter|"
    r"go\s+with|going\s+with|opt\s+for|favou?r|vote\s+for)|答案|选择?|故选)"
    r"\s{0,4}(?i:(?:is|are|was|would\s+be|should\s+be|must\s+be|to\s+be|为|是)\b|为|是)?\s{0,4}[:：=]?\s{0,4}"
    r"(?i:(?:option|choice|letter)\s+)?FREE"
)
_JUDGED = (
    r"(?<![\w'’-])\(?(EVERY)[).]?\s+(?i:is|seems|appears|looks|would\s+be)\s+"
    rf"(?i:(?:clearly|probably|likely|therefore|the|a|an)\s+){{0,2}}(?i:{_GOOD})\b"
)
_OUT = (
    r"(?<![\w'’-])\(?(EVERY)[).]?\s+(?i:(?:is|are|was|can\s+be|may\s+be|seems|could\s+be)\s+"
    rf"(?:clearly\s+|also\s+|definitely\s+)?{_BAD}\b|(?:is|does|can|would|could)(?:n['’]t|\s+not|not)\b)"
)
_DISMISSED = (
    r"\b(?i:not|rather\s+than|instead\s+of|exclud(?:e|es|ed|ing)|eliminat(?:e|es|ed|ing)|rul(?:e|es|ed|ing)\s+out|"
    rf"over|than|unlike|against)\s+(?i:(?:option|choice|answer)\s+)?\(?(EVERY)\)?{_END}"
)
_OPTION = rf"\b(?i:option|choice|选项)\s{{0,4}}[:：]?\s{{0,4}}\(?(EVERY)\)?{_END}"
_LONE = r"^\W*(?:(?:the\s+)?(?:correct\s+)?(?:option|choice|answer|letter)\b)?\W*(EITHER)\W*$"
_LEAD = r"^[\s\"'“‘(\[]*(EVERY)(?:\s*[)\].:,]|\s*\n|\s+[-–—]\s|\s+(?:because|since|due|based)\b|\s*$)" + _SPECIES


@lru_cache(maxsize=64)
def _patterns(labels: tuple[str, ...]) -> _Patterns:
    """Build the expressions for some labels, single letters or digits."""
    every = "[" + "".join(re.escape(label) for label in labels) + "]"
    either = every if any(label.isdigit() for label in labels) else every[:-1] + every[1:-1].lower() + "]"
    plain = "".join(re.escape(label) for label in labels if label not in "AI")
    words = "".join(re.escape(label) for label in labels if label in "AI")
    alone = [rf"\(?(?:({every})\)"]
    alone += [rf"([{plain}]){_END}"] if plain else []
    alone += [rf"([{words}]){_END}(?:(?=\s*(?:[^\w\s]|$))|(?=\s+{_CAUSE}\b))"] if words else []
    bare = [rf"[(\[{{<]\s*({every})\s*[)\]}}>]", rf"(?:^|(?<=[\s(])){_NOUNS}({every})[):](?!\w)"]
    bare += [rf"(?<![\w'’-]){_NOUNS}([{plain}]){_END}(?!-\w){_SPECIES}"] if plain else []
    bare += [rf"(?<![\w'’.-]){_NOUNS}([{words}])(?:\.(?!\w){_SPECIES}|\s*$)"] if words else []

    def built(template: str) -> re.Pattern[str]:
        letters = template.replace("EVERY", every).replace("EITHER", either)
        return re.compile(letters.replace("FREE", "|".join(alone) + ")"), re.IGNORECASE if template == _LONE else 0)

    return _Patterns(
        lone=built(_LONE),
        lead=built(_LEAD),
        concluded=built(_CONCLUDED),
        claimed=built(_CLAIMED),
        option=built(_OPTION),
        judged=built(_JUDGED),
        named=re.compile("|".join(bare)),
        out=built(_OUT),
        dismissed=built(_DISMISSED),
    )


def lone_letter(text: str, labels: Sequence[str]) -> str | None:
    """Return the letter where the text is no more than one, in either case, with marks or "option" around it."""
    found = _patterns(tuple(labels)).lone.match(text) if len(text) < 80 else None
    if not found:
        return None
    letter = found.group(1)
    return letter if letter in labels else letter.upper()


def find_letters(text: str, labels: Sequence[str]) -> Letters:
    """Return where a text concludes, claims, names and rules out letters."""
    patterns = _patterns(tuple(labels))
    out = {place for place, _ in (*_found(patterns.out, text), *_found(patterns.dismissed, text))}
    ruled = [letter for place, letter in sorted((*_found(patterns.out, text), *_found(patterns.dismissed, text)))]
    kept = []
    for kinds in ((patterns.concluded,), (patterns.claimed, patterns.judged)):
        places = sorted({one for pattern in kinds for one in _found(pattern, text)})
        kept.append([letter for place, letter in places if place not in out])
    named = sorted({*_found(patterns.named, text), *_found(patterns.option, text), *_listed(text, labels)})
    return Letters(kept[0], kept[1], [letter for place, letter in named if place not in out], ruled)


def read_letters(text: str, labels: Sequence[str]) -> tuple[list[str], str]:
    """Return the letters that a text settles on, one where it is clear, and how they were found."""
    lone = lone_letter(text, labels)
    if lone:
        return [lone], "letter alone"
    found = find_letters(text, labels)
    lead = _patterns(tuple(labels)).lead.match(text)
    if lead and not set(found.named + found.claimed + found.concluded) - {lead.group(1)}:
        return [lead.group(1)], "letter first"
    if found.concluded:
        return found.concluded[-1:], "conclusion"
    for letters, rule in ((found.claimed, "claim"), (found.named, "letter")):
        if letters:
            return sorted(set(letters)), rule
    return [], "no letter"


def _found(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    """Yield where each letter stands and which it is."""
    for one in pattern.finditer(text):
        group = next(number for number in range(1, pattern.groups + 1) if one.group(number))
        yield one.start(group), one.group(group)


def _listed(text: str, labels: Sequence[str]) -> set[tuple[int, str]]:
    """Return the letters of lists such as "A or B" and "A, C and D", also those that are words alone."""
    every = "[" + "".join(re.escape(label) for label in labels) + "]"
    pair = re.compile(rf"(?<![\w'’-])({every})(?![\w'’]){_JOIN}({every})(?![\w'’-])")
    found: set[tuple[int, str]] = set()
    one = pair.search(text)
    while one:
        found |= {(one.start(group), one.group(group)) for group in (1, 2)}
        one = pair.search(text, one.start(2))
    return found
