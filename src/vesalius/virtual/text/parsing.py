"""Patterns that undo phrases and frames: from the words of a region to what its sentences state."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from vesalius.data.records import Status
from vesalius.virtual.preset import finding_names
from vesalius.virtual.text.grammar import Fact, Words, american, common, grammar
from vesalius.virtual.text.vocabulary import sites_of, vocabulary
from vesalius.virtual.text.wording import SIZE, millimetres, said

__all__ = ["Frame", "canonical", "frames", "merged", "named", "noun_phrase", "options", "plain", "words_of"]

_SIDES = ("left", "right", "bilateral", "midline")
_OPEN = r"[\w./×%+=-]+(?:,? [\w./×%+=-]+){0,3}?"
"""One to four words."""
_DIGITS = re.compile(r"\d+")
_SHRUNK = ("decreased", "slightly_decreased")


@cache
def _long_forms(region: str) -> tuple[re.Pattern[str], dict[str, str]]:
    words = common()
    table = {**words.abbreviations, **grammar(region).abbreviations, **words.heavy}
    short = {form.lower(): whole.lower() for whole, form in table.items()}
    longest = sorted(short, key=lambda form: -len(form))
    return re.compile(rf"(?<![\w/])({'|'.join(re.escape(form) for form in longest)})(?![\w/])"), short


def plain(text: str, region: str) -> str:
    """Undo the institution's spelling and abbreviations, in lower case."""
    pattern, table = _long_forms(region)
    return american.__wrapped__(pattern.sub(lambda match: table[match[0]], text.lower()))


@dataclass(frozen=True)
class Template:
    """A noun phrase of a finding as a pattern."""

    concept: str
    phrase: str
    """As the grammar has it."""
    strict: re.Pattern[str]
    """Slots take the words that the finding is known to use."""
    loose: re.Pattern[str]
    """Slots take anything, or nothing."""
    chunk: str
    """Longest word of the fixed text, to look for first."""
    length: int
    """Letters of fixed text: the longer, the more specific."""


@dataclass(frozen=True)
class Frame:
    """A sentence round a noun phrase as a pattern."""

    kind: str
    pattern: re.Pattern[str]
    prefix: str
    suffix: str

    def undo(self, sentence: str) -> re.Match[str] | None:
        """Match a sentence in plain spelling."""
        if not (sentence.startswith(self.prefix) and sentence.endswith(self.suffix)):
            return None
        return self.pattern.fullmatch(sentence)

    def fact(self, concept: str, match: re.Match[str]) -> Fact:
        """Return what the frame says of a finding."""
        if self.kind == "resolved":
            return Fact(concept, "absent", change="resolved")
        certainty = "" if self.kind not in common().certainty or self.kind == "plain" else self.kind
        status: Status = "uncertain" if certainty not in ("", "consistent") else "present"
        base = self.kind.removesuffix("_by").removesuffix("_from")
        change = "" if self.kind in (*common().certainty, "terse", "first") else base
        numbers = match.groupdict()
        sign = -1 if base in _SHRUNK else 1
        return Fact(
            concept, status, certainty=certainty, change=change,
            change_mm=sign * millimetres(numbers["d"]) if numbers.get("d") else None,
            change_percent=sign * float(numbers["p"]) if numbers.get("p") else None,
            previous_mm=millimetres(numbers["old"]) if numbers.get("old") else None,
        )  # fmt: skip


_PARTS = {
    "is": "(?:is|are)", "has": "(?:has|have)", "x": "(?P<x>.+)", "b": "(?P<x>.+)", "n": "(?P<x>.+)", "m": "(?P<m>.+)",
    "d": f"(?P<d>{SIZE})", "p": r"(?P<p>\d+)", "old": f"(?P<old>{SIZE})",
}  # fmt: skip


@cache
def frames(region: str) -> tuple[Frame, ...]:
    """All frames, the most specific first."""
    made = []
    for kind, texts in common().frames.items():
        for text in texts:
            pieces = re.split(r"{(\w+)}", plain(text, region))
            fixed, slots = pieces[::2], pieces[1::2]
            pattern = "".join(
                re.escape(piece) + (_PARTS[slot] if slot else "")
                for piece, slot in zip(fixed, [*slots, ""], strict=True)
            )
            suffix = fixed[-1]
            made.append((sum(map(len, fixed)), Frame(kind, re.compile(pattern), fixed[0], suffix)))
    return tuple(frame for _, frame in sorted(made, key=lambda pair: -pair[0]))


@cache
def named(region: str) -> dict[str, str]:
    """Findings by each of their names in plain spelling."""
    return {
        plain(name, region): concept for concept, entry in grammar(region).findings.items() for name in entry.names
    }


@cache
def _templates(region: str) -> tuple[Template, ...]:
    made = [
        _template(concept, phrase, region)
        for concept, entry in grammar(region).findings.items()
        for phrase in dict.fromkeys(_phrases(entry))
    ]
    return tuple(sorted(made, key=lambda template: -template.length))


def _phrases(entry: Words) -> list[str]:
    return [*entry.phrases, *entry.both, *entry.one, *entry.lobar]


def _template(concept: str, phrase: str, region: str) -> Template:
    pieces = re.split(r"{(\w+)}", re.sub(r"^(?:an?|the) ", "", plain(phrase, region)))
    fixed, slots = pieces[::2], pieces[1::2]
    strict, loose, seen = "", "", set()
    for piece, slot in zip(fixed, [*slots, ""], strict=True):
        text = re.sub(r"\b(an?)\\ ", r"an?\\ ", re.escape(piece))
        strict, loose = strict + text, loose + text.replace("\\ ", r"\s*")
        if slot:
            known = options(slot, words_of(concept, slot, region), region)
            strict += f"(?P={slot})" if slot in seen else f"(?P<{slot}>{known})"
            known = known if slot in ("size", "side") else f"{known}|{_OPEN}"
            loose += f"(?P={slot})" if slot in seen else f"(?P<{slot}>(?:{known})?)"
            seen.add(slot)
    chunk = max(re.findall(r"[\w-]{3,}", " ".join(fixed)), key=len, default="")
    return Template(concept, phrase, re.compile(strict), re.compile(loose), chunk, sum(map(len, fixed)))


def words_of(concept: str, slot: str, region: str) -> frozenset[str]:
    """Return the words that a slot of a finding is known to take."""
    own = vocabulary(concept).get(slot, frozenset()) if concept in finding_names() else frozenset()
    return own | sites_of(region) if slot == "site" else own


def options(slot: str, words: frozenset[str], region: str) -> str:
    """Return the pattern of the words that a slot takes; any number stands for any other."""
    if slot == "side":
        return "|".join(_SIDES)
    if slot == "size" or not words:
        return SIZE if slot == "size" else f"{SIZE}|{_OPEN}"
    longest = sorted({plain(word, region) for word in words}, key=lambda word: (-len(word), word))
    return "|".join(dict.fromkeys(re.sub(r"\d+", r"\\d+", re.escape(word)) for word in longest))


@lru_cache(maxsize=50_000)
def noun_phrase(text: str, region: str, *, strict: bool = True) -> Fact | None:
    """Read a noun phrase in plain spelling: what it says of a finding.

    Args:
        text: with or without its article.
        region: whose words are read.
        strict: slots hold only words that the finding is known to use.
    """
    text = re.sub(r"^(?:an?|the) ", "", text)
    for template in _templates(region):
        if template.chunk not in text:
            continue
        match = (template.strict if strict else template.loose).fullmatch(text)
        if match is not None:
            slots = {name: canonical(template.concept, name, word, region) for name, word in
                     match.groupdict().items()}  # fmt: skip
            return said(template.phrase, slots, Fact(template.concept, "present"))
    return None


def merged(fact: Fact, look: Fact) -> Fact:
    """Lay what the noun phrase says over what the frame says."""
    return replace(
        fact, laterality=look.laterality, anatomy=look.anatomy, severity=look.severity, size_mm=look.size_mm,
        attributes=look.attributes,
    )  # fmt: skip


@lru_cache(maxsize=20_000)
def canonical(concept: str, slot: str, word: str, region: str) -> str:
    """Return a word as the finding spells it; numbers may differ from those that are known."""
    known = words_of(concept, slot, region)
    for own in sorted(known):
        if plain(own, region) == word:
            return own
    for own in sorted(known):
        if _DIGITS.sub("0", plain(own, region)) == _DIGITS.sub("0", word):
            return _renumbered(own, _DIGITS.findall(word))
    return word


def _renumbered(text: str, numbers: list[str]) -> str:
    """Put other numbers into a text, in order."""
    left = iter(numbers)
    return _DIGITS.sub(lambda match: next(left), text)
