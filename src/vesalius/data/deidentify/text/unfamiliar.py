"""Words with a capital inside a running sentence that no list knows: names, employers, towns that nothing announces.

For English and French, which write few words so; a sentence with German words of every day is left to the other
rules, as every noun has a capital there. Eponyms, makers, drugs, organisms, sections of a report and words with
the endings of learned words are known. At the beginning of a sentence only what does as people do is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from vesalius.data.deidentify.text.names import CAP
from vesalius.data.deidentify.text.spans import Kind, Span
from vesalius.data.deidentify.text.vocabulary import folded, words

__all__ = ["find_unfamiliar"]

_SENTENCE = re.compile(
    r"(?:[^.!?\n]|[.!?](?![ \t\n]|$)|(?<=\b[A-Z])\.|(?<=\b(?:Dr|Mr|Ms|St|cc|vs|no|ca))\.|(?<=\bMrs)\.)+"
)
_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_GERMAN = re.compile(
    r"(?<!\w)(?:der|das|und|mit|ist|wurde|wird|im|vom|zur|zum|bei|nicht|ein|eine|einer|eines|dem|den|auf|nach|kein|"
    r"keine|wir|sich|als|aus|durch|für|über|unter|bis|ohne|links|rechts|sowie|beidseits)(?!\w)",
)
_ENGLISH_OR_FRENCH = re.compile(
    r"(?<!\w)(?:the|a|of|and|is|was|were|has|had|with|to|at|for|from|by|on|near|into|over|her|his|he|she|we|you|your|my|our|as|i|"
    r"who|"
    r"this|that|no|not|it|any|some|all|or|but|when|since|before|after|does|did|have|be|been|are|there|which|than|then|"
    r"too|very|more|still|again|well|le|la|les|des|du|de|et|est|sa|son|avec|chez|pour|il|elle|une?|vu|par|à|au)(?!\w)",
    re.IGNORECASE,
)
_CHAIN = re.compile(rf"(?<!\w){CAP}(?:[ \t]+(?:(?:de|du|des|la|le)[ \t]+)?{CAP}|-(?:on|upon|sur|en|le|la)-{CAP})*")
_PLACED = re.compile(
    r"(?i:\b(?:in|at|from|near|to|towards|for|with|à|chez|de|au|habite|of)[ \t]+(?:the[ \t]+|la[ \t]+|le[ \t]+)?)$"
)
_PERSON = re.compile(r"(?i:\b(?:for|with|by|to|avec|par)[ \t]+)$")
_DOES = re.compile(
    r"(?:,[ \t]|[ \t]+)(?:and[ \t]+\S+[ \t]+)?(?:did|does|do|also|now|still|never|always|attended|attends|denies|"
    r"denied|"
    r"declined|declines|reports|reported|states|stated|says|said|tells|told|feels|felt|wants|wanted|wishes|agrees|"
    r"agreed|"
    r"consented|lives|lived|works|worked|smokes|drinks|drank|phoned|rang|called|came|went|walks|walked|refused|"
    r"refuses|"
    r"complains|complained|assisted|scrubbed|helped|visited|visits|explained|thinks|thought|likes|prefers|"
    r"returned|asked|"
    r"asks|takes|took|eats|ate|sleeps|slept|knows|knew|noticed|remembers|became|wrote|wore|will[ \t]+(?:need|"
    r"be[ \t]+(?:seen|"
    r"discharged|reviewed))|was[ \t]+(?:admitted|discharged|extubated|intubated|counselled|born|referred|transferred|"
    r"delighted|pleased|able|unable|brought|keen|worried|anxious|well|happy|sad|due[ \t]+to[ \t]+(?:attend|see))|"
    r"has[ \t]+(?:had|"
    r"been[ \t]+(?:seen|well|feeling|taking|complaining))|had[ \t]+(?:a|an|his|her|no)|is[ \t]+(?:doing|well|keen|"
    r"worried|"
    r"happy|feeling|taking|due|now|aware)|(?:was|is)[ \t]+(?:seen|reviewed)[ \t]+(?:in[ \t]+(?:the|our)[ \t]+\w*[ ]?"
    r"clinic|by|with|today|at[ \t]+home))(?!\w)"
)
_LEARNED = re.compile(
    r"(?:tion|sion|ment|ness|ability|ical|ular|eous|ality|icity|pathy|aemia|iasis|ectasis|genic|lytic|trophic|"
    r"plastic|cele|"
    r"cephalus|megaly|penia|aemic|oedema|edema|trauma|rrhage|rrhoea|rrhea|sclerosis|stenosis|thorax|peritoneum|"
    r"cocc(?:us|i)|bacter(?:ium|ia)?|virus|bacill(?:us|i)|monas|myces|plasma|iella|onella|ichia|ibrio|"
    r"pril|mab|nib|mycin|cillin|azole|statin|sartan|parin|xaban|olol|dipine|formin|caine|oxacin|gliptin|profen|"
    r"codone|"
    r"azepam|setron|triptan|cycline|dronate|thiazide|semide|platin|taxel|rubicin|darone|hexol|midol|promide|terol|"
    r"butamol|"
    r"phylline|solone|sone|opril|zepine|zosin|vastatin|fibrate|ridone|apine|oxetine|pramide|axone)s?$"
)
_SHORTEST, _LEAST_SMALL = 3, 0.4


def find_unfamiliar(text: str) -> Iterator[Span]:
    """Yield unfamiliar words with a capital; places after "in", "at" or "from", names elsewhere."""
    for sentence in _SENTENCE.finditer(text):
        start, whole = sentence.start(), sentence.group()
        if not _runs(whole):
            continue
        for match in _CHAIN.finditer(whole):
            first, last = match.span()
            if not _WORD.search(whole[:first]) and not _is_subject(whole[last:]):
                first = _second_word(match)
            before = whole[:first]
            if first == last or before.rstrip().endswith((":", "#", "-")) or not _tells(whole, first, last):
                continue
            yield Span(start + first, start + last, _kind(before))


def _second_word(match: re.Match[str]) -> int:
    """Return where the second word of a chain begins, its end where there is none."""
    space = re.search(r"[ \t]+", match.group())
    return match.end() if space is None else match.start() + space.end()


def _runs(sentence: str) -> bool:
    """Say whether a sentence is English or French, and runs: many of its words after the first are in lower case."""
    if _GERMAN.search(sentence) or not _ENGLISH_OR_FRENCH.search(sentence):
        return False
    rest = [word for word in _WORD.findall(sentence)[1:] if word[0].isalpha()]
    small: int = sum(word[0].islower() for word in rest)
    return small > 0 and small >= _LEAST_SMALL * len(rest)


def _is_subject(rest: str) -> bool:
    """Say whether a sentence goes on as one about somebody, or about what belongs to him."""
    if _DOES.match(rest):
        return True
    return bool(re.match(r"['’]s[ \t]+[a-z]", rest)) and not _thing_follows(rest)


def _tells(sentence: str, first: int, last: int) -> bool:
    """Say whether a chain of words holds one that no list knows, and names no thing."""
    found = _WORD.findall(sentence[first:last])
    parts = [part for word in found for part in re.split(r"[-'’]", word)]
    if _thing_follows(sentence[last:]) or any(folded(part) in words("eponyms") for part in parts):
        return False
    return any(_is_unfamiliar(word) for word in found)


def _is_unfamiliar(word: str) -> bool:
    bare = re.sub(r"['’]s$", "", word)
    plain = folded(bare)
    if plain in words("given"):
        return True
    if len(plain) < _SHORTEST or not any(letter.islower() for letter in bare) or not bare.replace("-", "").isalpha():
        return False
    if any(_is_abbreviation(part) for part in bare.split("-")):
        return False
    familiar = all(part in _known() or len(part) < _SHORTEST for part in plain.split("-"))
    return not familiar and not _LEARNED.search(plain)


def _is_abbreviation(word: str) -> bool:
    """Say whether capitals stand inside a word, as in PaCO or GGOs; McDonald and MacLeod are names."""
    rest = re.sub(r"^(?:Mc|Mac|De|Di|La|Le|Van|Fitz)(?=[A-Z])", "", word)
    return any(letter.isupper() for letter in rest[1:])


def _thing_follows(rest: str) -> bool:
    following = re.match(r"(?:['’]s)?[\s-]+(\w+)", rest)
    return following is not None and folded(following[1]) in words("after_eponym")


def _kind(before: str) -> Kind:
    return "PLACE" if _PLACED.search(before) and not _PERSON.search(before) else "NAME"


@cache
def _known() -> frozenset[str]:
    kinds = ("eponyms", "clinical", "after_eponym", "capitalised", "surnames", "calendar")
    return frozenset(word for kind in kinds for word in words(kind))
