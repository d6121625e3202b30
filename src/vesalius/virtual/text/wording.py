"""Fill slots of phrases and frames, and say what a filled phrase states. Writing and reading share these rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from vesalius.data.records import Laterality
from vesalius.virtual.text.grammar import Fact

__all__ = ["articled", "bare", "fill", "framed", "is_plural", "millimetres", "said", "side_in", "slots_of", "unsided"]

SIZE = r"\d+(?:\.\d)? (?:mm|cm)"
"""A size as it is written: whole millimetres or tenths of a centimetre."""
_SLOT = re.compile(r"{(\w+)}")
_BOTH = re.compile(r"\b(both|bilateral|bibasilar)\b")
_SIDE = re.compile(r"\b(left|right|bilateral|both|midline)\b")
_ARTICLE = re.compile(r"^(?:an?|the) ")
_A = re.compile(r"\b(a) (?=[aeioAEIO]|8|1[18]\b(?!\.)|u(?!ni|re|te|se)|[FHLMNRSX][A-Z&])")
_AN = re.compile(r"\b(a)n (?=[b-df-hj-np-tv-z79]|[2-6]|1(?![18]\b)|1[18]\.|u(?:ni|re|te|se))")
_HEAD_ENDS = re.compile(
    r" (?:in|of|at|on|from|with|without|within|over|behind|measuring|projecting|along|near|around|under|above|below|"
    r"involving|to|through|by|containing|causing|between|beneath|for|as|across|up)\b.*|,.*"
)
_PLURALS = {
    "diverticula", "bullae", "nuclei", "drusen", "nevi", "naevi", "emboli", "thrombi", "foci", "calculi", "vertebrae",
    "septa", "atypia cells", "papillae", "lacunae", "plaques", "bacteria",
}  # fmt: skip
_SINGULARS = {"ascites", "pancreas", "diabetes", "lens", "gas", "series", "hydrops", "pus", "sequelae"}
_KNOWN = frozenset({"severity", "side", "site", "lobe", "size"})


@lru_cache(maxsize=10_000)
def slots_of(phrase: str) -> tuple[str, ...]:
    """Names of the slots of a phrase, in order."""
    return tuple(_SLOT.findall(phrase))


def fill(phrase: str, slots: Mapping[str, str]) -> str:
    """Put the words into a phrase and mend articles and blanks."""
    text = phrase.format_map(slots)
    if "  " in text or text[0] == " ":
        text = re.sub(r"\s+", " ", text).strip()
    return articled(text)


def articled(text: str) -> str:
    """Write a or an as the next word wants it; a capital A stands for itself, as in "grade A"."""
    return _AN.sub(r"\1 ", _A.sub(r"\1n ", text))


def said(phrase: str, slots: Mapping[str, str], fact: Fact, *, more: Sequence[str] = ()) -> Fact:
    """Return `fact` with all that a phrase states when its slots are filled so, and nothing else.

    Args:
        phrase: with slots.
        slots: the words in them.
        fact: whose finding, status and change stay.
        more: slots whose words are told beside the phrase.
    """
    used = [name for name in (*slots_of(phrase), *more) if slots.get(name)]
    site = next((slots[name] for name in used if name in ("site", "lobe")), "")
    size = slots["size"] if "size" in used else ""
    look = sorted({(name, _plain(slots[name])) for name in used if name not in _KNOWN})
    return Fact(
        fact.concept, fact.status, _laterality(phrase, slots, used), site,
        slots["severity"] if "severity" in used else "", millimetres(size) if size else None, fact.certainty,
        fact.change, fact.change_mm, fact.change_percent, fact.previous_mm, tuple(look),
    )  # fmt: skip


def _laterality(phrase: str, slots: Mapping[str, str], used: Sequence[str]) -> Laterality:
    if _BOTH.search(phrase):
        return "bilateral"
    for name in ("side", "site", "lobe"):
        if name in used and (side := side_in(slots[name])):
            return side
    return ""


@lru_cache(maxsize=10_000)
def side_in(words: str) -> Laterality:
    """Return the side that a site names, if any."""
    found = _SIDE.search(words)
    if found is None:
        return ""
    return "bilateral" if found[0] == "both" else found[0]  # type: ignore[return-value]


@lru_cache(maxsize=10_000)
def unsided(site: str) -> str:
    """Return a site without its side."""
    return re.sub(r"\s+", " ", _SIDE.sub("", site)).strip()


def millimetres(size: str) -> float:
    """Read a written size; half tenths do not occur, so that both units give whole millimetres."""
    number, unit = size.split(" ")
    return float(round(float(number) * (10 if unit == "cm" else 1)))


def _plain(word: str) -> str:
    """A size among the attributes, in mm whatever the site's unit."""
    return f"{millimetres(word):.0f} mm" if re.fullmatch(SIZE, word) else word


def bare(phrase: str) -> str:
    """Return a noun phrase without its article."""
    return _ARTICLE.sub("", phrase)


@lru_cache(maxsize=10_000)
def is_plural(phrase: str) -> bool:
    """Say whether the head of a noun phrase is plural: its last word before any preposition."""
    words = re.sub(r"[{}]", "", _HEAD_ENDS.sub("", phrase)).split()
    head = words[-1] if words else ""
    if head in _PLURALS or head in _SINGULARS:
        return head in _PLURALS
    return head.endswith("s") and not head.endswith(("ss", "us", "is"))


def framed(frame: str, phrase: str, *, plural: bool = False, numbers: Mapping[str, str] | None = None) -> str:
    """Put a noun phrase, or the name of a finding, into a sentence.

    Args:
        frame: a sentence of `Common.frames`.
        phrase: with its article.
        plural: verbs agree with it.
        numbers: the slots ``d``, ``p`` and ``old`` of changes.
    """
    short = bare(phrase)
    words = {"x": phrase, "b": short, "X": short[0].upper() + short[1:], "is": "are" if plural else "is",
             "has": "have" if plural else "has"}  # fmt: skip
    words["n"], words["N"] = words["x"], words["X"]
    return frame.format_map({**words, **(numbers or {})})
