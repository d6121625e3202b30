"""Words of English text as NLTK's ``word_tokenize`` cuts them, and METEOR over them as NLTK computes it.

Written from the behaviour of NLTK 3.10. Two things of NLTK are data and not code, and are not here: sentences end by
the rules of Punkt without its list of abbreviations, and METEOR matches equal words and equal Porter stems, and
synonyms where a `vesalius.metrics.wordnet.WordNet` is given.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from vesalius.metrics.stems import porter

__all__ = ["nltk_meteor", "treebank_words"]

_END = re.compile(r"[.?!](?:[\"')\]}]+(?:\s+|$)|\s+)")
"""Where a sentence may end, with the closing marks that belong to it."""
_NUMBER = re.compile(r"-?[.,]?\d[\d,.-]*\.")
_INITIAL = re.compile(r"[^\W\d_]\.")
_MARKS = frozenset(";:,.!?")
_RULES = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"([«“‘„]|[`]+)", r" \1 "),
        (r"^\"", "``"),
        (r"(``)", r" \1 "),
        (r"([ (\[{<])(\"|'{2})", r"\1 `` "),
        (r"(?i)(?<!\w)(')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)", r"\1 "),
        (r"([^.])(\.)([\])}>\"'»”’ ]*+)\s*$", r"\1 \2 \3 "),
        (r"([:,])([^\d])", r" \1 \2"),
        (r"([:,])$", r" \1 "),
        (r"\.{2,}", r" \g<0> "),
        (r"[;@#$%&]", r" \g<0> "),
        (r"[\u2012-\u2015]", r" \g<0> "),
        (r"([^.])(\.)([\])}>\"']*)\s*$", r"\1 \2\3 "),
        (r"[?!]", r" \g<0> "),
        (r"([^'])' ", r"\1 ' "),
        (r"[*]", r" \g<0> "),
        (r"[\]\[(){}<>]", r" \g<0> "),
        (r"--", " -- "),
    )
)
_LATER = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"([»”’])", r" \1 "),
        (r"''", " '' "),
        (r"\"", " '' "),
        (r"\s+", " "),
        (r"([^' ])('[sS]|'[mM]|'[dD]|') ", r"\1 \2 "),
        (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
        (r"(?i)\b(can)(not)\b", r" \1 \2 "),
        (r"(?i)\b(d)('ye)\b", r" \1 \2 "),
        (r"(?i)\b(gim)(me)\b", r" \1 \2 "),
        (r"(?i)\b(gon)(na)\b", r" \1 \2 "),
        (r"(?i)\b(got)(ta)\b", r" \1 \2 "),
        (r"(?i)\b(lem)(me)\b", r" \1 \2 "),
        (r"(?i)\b(more)('n)\b", r" \1 \2 "),
        (r"(?i)\b(wan)(na)(?=\s)", r" \1 \2 "),
        (r"(?i) ('t)(is)\b", r" \1 \2 "),
        (r"(?i) ('t)(was)\b", r" \1 \2 "),
    )
)
"""After a space was put at both ends."""
_ALPHA, _BETA, _GAMMA = 0.9, 3.0, 0.5


def treebank_words(text: str) -> list[str]:
    """Cut a text into words and marks, a sentence at a time: the last point of a sentence is a word of its own."""
    return [word for sentence in _sentences(text) for word in _words(sentence)]


def nltk_meteor(
    said: Sequence[str], truth: Sequence[str], *, synonyms: Callable[[str], Collection[str]] | None = None
) -> float:
    """Return METEOR of words against those of one reference, by equal words, equal stems, and synonyms.

    A word takes the last free one that it fits; F = PR / (0.9 P + 0.1 R), less 0.5 (chunks / matches)³ of it.

    Args:
        said: words of the text.
        truth: words of the reference.
        synonyms: of a word; no stage of synonyms where None. As in NLTK they are looked up for the stem, and a stem
            of the reference must be among them, so that "enlarged", whose stem "enlarg" is no word, has none.
    """
    ours, theirs = list(enumerate(map(str.lower, said))), list(enumerate(map(str.lower, truth)))
    matches: list[tuple[int, int]] = []
    for form in (_same, porter):
        found = _matched(ours, theirs, form)
        matches += found
        taken, gone = {one for one, _ in found}, {other for _, other in found}
        ours = [pair for pair in ours if pair[0] not in taken]
        theirs = [pair for pair in theirs if pair[0] not in gone]
    if synonyms is not None:
        matches += _synonymous(
            [(n, porter(word)) for n, word in ours], [(n, porter(word)) for n, word in theirs], synonyms
        )
    if not matches:
        return 0.0
    precision, recall = len(matches) / len(said), len(matches) / len(truth)
    mean = precision * recall / (_ALPHA * precision + (1 - _ALPHA) * recall)
    penalty: float = _GAMMA * (_chunks(sorted(matches)) / len(matches)) ** _BETA
    return mean * (1 - penalty)


def _same(word: str) -> str:
    return word


def _matched(
    ours: Sequence[tuple[int, str]], theirs: Sequence[tuple[int, str]], form: Callable[[str], str]
) -> list[tuple[int, int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, word in theirs:
        places[form(word)].append(place)
    found = []
    for place, word in reversed(ours):
        free = places.get(form(word))
        if free:
            found.append((place, free.pop()))
    return found


def _synonymous(
    ours: Sequence[tuple[int, str]], theirs: Sequence[tuple[int, str]], synonyms: Callable[[str], Collection[str]]
) -> list[tuple[int, int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, stem in theirs:
        places[stem].append(place)
    found = []
    for place, stem in reversed(ours):
        free = [word for word in synonyms(stem) if places.get(word)]
        if free:
            found.append((place, places[max(free, key=lambda word: places[word][-1])].pop()))
    return found


def _chunks(matches: Sequence[tuple[int, int]]) -> int:
    """Count runs of matches that stand next to each other on both sides."""
    return 1 + sum(one[0] + 1 != other[0] or one[1] + 1 != other[1] for one, other in pairwise(matches))


def _sentences(text: str) -> list[str]:
    """Cut where a sentence ends: not behind a number or a single letter before a small letter, nor in an ellipsis."""
    parts, begin = [], 0
    for found in _END.finditer(text):
        if found.end() < len(text) and _ends(text, found.start(), found.end()):
            parts.append(text[begin : found.end()].rstrip())
            begin = found.end()
    return [*parts, text[begin:]]


def _ends(text: str, place: int, behind: int) -> bool:
    if text[place] != ".":
        return True
    start = max(text.rfind(blank, 0, place) for blank in " \n\t") + 1
    word, following = text[start : place + 1], text[behind]
    if word.endswith(".."):
        return False
    if not text[place + 1].isspace():
        return True
    if _INITIAL.fullmatch(word):
        return not following.isalpha() and following not in _MARKS
    return not (_NUMBER.fullmatch(word) and (following.islower() or following in _MARKS))


def _words(sentence: str) -> list[str]:
    for pattern, new in _RULES:
        sentence = pattern.sub(new, sentence)
    sentence = f" {sentence} "
    for pattern, new in _LATER:
        sentence = pattern.sub(new, sentence)
    return sentence.split()
