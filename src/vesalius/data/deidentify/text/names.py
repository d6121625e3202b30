"""Names of people that nobody told before: by title, by signature, by given name and by the user's dictionary."""

# ruff: noqa: E501 - a pattern is easier to check in one piece
from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from vesalius.data.deidentify.text.spans import Span
from vesalius.data.deidentify.text.vocabulary import folded, is_ordinary, words

__all__ = ["find_listed", "find_names"]

_UP = "A-ZÀ-ÖØ-ÞŁŚŠŽČĆĐĞ"
_LOW = "a-zà-öø-ÿłśšžčćđğß"
_PARTICLE = r"(?:(?:van|von|vom|zu|zur|de|der|den|del|della|di|da|dos|du|la|le|el|al|bin|ibn|ter|ten|van der|van den|von der|de la)[ ]|[dDlL]['’]|al-|El-|Al-)"
_CAP = rf"(?:{_PARTICLE}){{0,3}}(?:O['’]|Mc|Mac|D['’])?[{_UP}][{_UP}{_LOW}]+(?:[-’'][{_UP}][{_UP}{_LOW}]+)*"
_INITIAL = rf"[{_UP}]\."
_SHORT = rf"[{_UP}](?=[ ][{_UP}])"
_FULL = rf"(?:(?:{_CAP}|{_INITIAL}|{_SHORT})(?:,[ \t]?|[ \t]+|(?<=\.))){{0,5}}?{_CAP}(?:[ \t]+{_CAP}|[ \t]+{_INITIAL}|[ ](?:Jr|Sr|II|III|IV)\b\.?){{0,3}}"
_TITLE = (
    r"(?:Dr|DR|Drs|Doctor|Doktor|Docteur|Prof|PROF|Professor|Professeur|Pr|Mr|MR|Mrs|MRS|Ms|MS|Miss|Mister|Herrn?|Frau|Fr|Hr|PD|Priv|Doz|OA|OÄ|CA|AA|"
    r"Physician|physician|Surgeon|surgeon|Radiologist|radiologist|[Pp]t\.|(?:Assistenz|Ober|Chef|Fach|Stations)?(?:arzt|ärztin)|(?:Assistenz|Ober|Chef|Fach|Stations)?(?:Arzt|Ärztin)|"
    r"Mme|MME|Mlle|M|Monsieur|Madame|Sir|Dame|Lord|Lady|Nurse|Sister|Schwester|Pfleger|Captain|Sgt|Rev|Father|Se[ñn]ora?|Sra?)"
)
_DEGREE = r"(?:M\.?[ ]?D\.?|D\.?O\.?|Ph\.?D\.?|MBBS|MBChB|FRCR|FRCPC?|FACR|FACS|R\.?N\.?|R\.?T\.?(?:\(R\))?|RDMS|P\.?A\.?-?C?|N\.?P\.?|DPM|DDS|MPH|BSc|MSc|FACC|FRCS|DO)"
_TITLED = re.compile(
    rf"(?<![\w.])(?:{_TITLE}\b\.?(?:[ \t]?(?:med|habil|dent|rer|nat|univ|h\.c|Dr|Prof|Priv|Doz|phil)\b\.?-?)*(?:[ \t]+|(?<=[DdPp][Rr]\.)|(?<=rof\.)))+(?P<found>{_FULL}|(?:{_INITIAL}[ ]?){{1,3}}(?!\w))"
)
_UPPER_TITLED = re.compile(
    r"(?<![\w.])(?:DR|PROF|MR|MRS|MS)\b\.?[ \t]+(?P<found>[A-Z][A-Z'’-]+(?:[ \t][A-Z][A-Z'’-]+)?)(?!\w)"
)
_LOWER_TITLED = re.compile(
    r"(?<![\w.])(?:dr|prof|mrs|mr)\.[ \t]*(?P<found>[a-z][\w'’-]+(?:[ \t](?!and|or|at|in|on|for|to|of|with|who|is|was|has|by|from|the|at|regarding)[a-z][\w'’-]+)?)"
)
_DEGREED = re.compile(rf"(?<![\w.])(?P<found>{_FULL}),?[ \t]+{_DEGREE}(?![\w])")
_ROLE = (
    r"(?:electronically[ \t]+(?:signed|verified|authenticated|approved)(?:[ \t]+by)?|(?:digitally[ \t]+)?signed(?:[ \t]+by)?|dictated(?:[ \t]+by)?|transcribed(?:[ \t]+by)?|"
    r"reported[ \t]+by|interpreted[ \t]+by|read[ \t]+by|reviewed(?:[ \t]+and[ \t]+\w+)?[ \t]+by|verified[ \t]+by|approved[ \t]+by|authenticated[ \t]+by|performed[ \t]+by|"
    r"ordered[ \t]+by|requested[ \t]+by|referred[ \t]+by|discussed[ \t]+with|communicated[ \t]+to|called[ \t]+to|notified|informed|paged|reported[ \t]+to|conveyed[ \t]+to|cc|"
    r"(?:patient(?:'s)?|full|last|first|family|given|maiden|middle|mother'?s?|father'?s?|guardian|spouse|contact|next[ \t]of[ \t]kin)[ \t]*name|name|"
    r"(?:attending|referring|ordering|requesting|reading|primary[ \t]care|consulting|performing|interpreting)[ \t]*(?:physician|doctor|provider|radiologist|md|clinician|surgeon)?|"
    r"patient|pt|radiologist|physician|technologist|tech|sonographer|surgeon|resident|fellow|nurse|author|provider|operator|clinician|witness|interpreter|consultant|registrar|pcp|"
    r"befunde(?:r|t(?:[ \t]+von)?)|unterschrift|unterzeichnet(?:[ \t]+von)?|gez\.?|gezeichnet|arzt|ärztin|oberarzt|oberärztin|chefarzt|chefärztin|radiologin|radiologe|zuweiser|überweiser|einsender|hausarzt|diktiert[ \t]+von|geschrieben[ \t]+von|freigegeben[ \t]+(?:von|durch)|"
    r"patientin|name[ \t]des[ \t]patienten|vorname|nachname|"
    r"sign[ée](?:[ \t]+(?:électroniquement[ \t]+)?par)?|dict[ée][ \t]+par|valid[ée][ \t]+par|r[ée]dig[ée][ \t]+par|m[ée]decin(?:[ \t]\w+)?|radiologue|prescripteur|op[ée]rateur|nom(?:[ \t]+du[ \t]+patient)?|pr[ée]nom)"
)
_SIGNED = re.compile(
    rf"(?i:(?<![\w]){_ROLE})[ \t]*(?:[:=]|[ \t]-[ \t]|\n[ \t]*|(?<=by)[ \t]|(?<=to)[ \t]|(?<=with)[ \t]|(?<=ed)[ \t]|(?<=von)[ \t]|(?<=durch)[ \t]|(?<=par)[ \t]|(?<=gez\.)[ \t])[ \t]*(?P<found>{_CAP},[ ]?{_CAP}(?:[ ]{_INITIAL})?|{_FULL}|[{_UP}][{_UP}{_LOW}-]+,[ ]?[{_UP}]\.?|(?:{_INITIAL}[ ]?){{2,3}})"
)
_LOWER_SIGNED = re.compile(
    rf"(?i:(?<![\w])(?:signed|dictated|transcribed|reported|read|verified|approved|name|radiologist|physician|cc)(?:[ \t]by)?)[ \t]*:[ \t]*(?P<found>[{_LOW}]+[ ][{_LOW}]+)(?=[ \t]*(?:[,.;\n]|$))"
)
_INITIALS_LINE = re.compile(r"(?m)^[ \t]*(?P<found>[A-Z]{2,3}[/:][a-zA-Z]{2,3})[ \t]*(?:\d|$)")
_RELATIVE = re.compile(
    rf"(?i:\b(?:wife|husband|daughter|son|mother|father|sister|brother|spouse|partner|guardian|niece|nephew|aunt|uncle|caregiver|ehefrau|ehemann|tochter|sohn|mutter|vater|schwester|bruder|épouse|mari|fille|fils|mère|père))(?:,|\()?[ \t]+(?P<found>{_CAP}(?:[ \t]+{_CAP})?)"
)
_CARET = re.compile(r"(?<![\w^])(?P<found>[\w'’-]{2,}\^[\w'’-]+(?:\^[\w'’.-]*)*)")
_GIVEN_PAIR = re.compile(
    rf"(?<![\w])(?P<first>[{_UP}][{_UP}{_LOW}]+(?:-[{_UP}][{_UP}{_LOW}]+)?)(?P<rest>(?:[ \t]+{_INITIAL})?[ \t]+{_CAP}(?:-{_CAP})?)?(?![\w])"
)
_COMMA_PAIR = re.compile(
    rf"(?<![\w])(?P<found>{_CAP},[ ]?(?P<first>[{_UP}][{_UP}{_LOW}]+)(?:[ ]{_INITIAL})?)(?![\w])"
)
_AFTER = re.compile(r"(?:['’]s)?[\s-]+([\w]+)")


def find_names(text: str) -> Iterator[Span]:
    """Yield names after a title or a word such as "signed by", before a degree, and given names with what follows."""
    for pattern in (_TITLED, _UPPER_TITLED, _LOWER_TITLED, _DEGREED, _RELATIVE):
        for match in pattern.finditer(text):
            yield from _trimmed(text, *match.span("found"))
    for pattern in (_SIGNED, _LOWER_SIGNED):
        for match in pattern.finditer(text):
            yield from _trimmed(text, *match.span("found"), strict=True)
    for pattern in (_CARET, _INITIALS_LINE):
        yield from (Span(*match.span("found"), "NAME") for match in pattern.finditer(text))
    yield from _given_names(text)


def _trimmed(text: str, start: int, end: int, *, strict: bool = False) -> Iterator[Span]:
    """Cut clinical words off the ends of a name; with `strict`, a name of clinical words alone is none.

    After a title, a single word is a name whatever else it means.
    """
    found = list(re.finditer(r"[^\s,]+", text[start:end]))
    bare = [re.sub(r"['’]s$", "", match.group()).strip(".,") for match in found]
    while len(found) > 1 and _is_plain_word(bare[-1]):
        found, bare = found[:-1], bare[:-1]
    while strict and found and _is_plain_word(bare[0]):
        found, bare = found[1:], bare[1:]
    if found:
        yield Span(start + found[0].start(), start + found[-1].end(), "NAME")


def _is_plain_word(word: str) -> bool:
    return folded(word) in words("clinical") - words("eponyms") and folded(word) not in words("given")


def _given_names(text: str) -> Iterator[Span]:
    given = words("given")
    for match in _GIVEN_PAIR.finditer(text):
        first = folded(match["first"])
        if not all(part in given for part in first.split("-")):
            continue
        rest = (match["rest"] or "").split()
        single = not rest or _is_plain_word(rest[-1])
        if (first in words("eponyms") or single) and _names_a_thing(text, match.end("first")):
            continue
        if single and first in words("eponyms"):
            continue
        yield Span(match.start(), match.end("first") if single else match.end(), "NAME")
    for match in _COMMA_PAIR.finditer(text):
        family = match["found"].split(",")[0]
        if folded(match["first"]) in given and not _is_plain_word(family):
            yield Span(*match.span("found"), "NAME")


def _names_a_thing(text: str, end: int) -> bool:
    following = _AFTER.match(text[end:])
    return following is not None and folded(following[1]) in words("after_eponym")


def find_listed(text: str, names: tuple[str, ...]) -> Iterator[Span]:
    """Yield names of the user's dictionary; one that is an ordinary word too counts where it is capitalised."""
    pattern = _listed(names)
    if pattern is None:
        return
    for match in pattern.finditer(text):
        word = match.group()
        if is_ordinary(word) and (word[0].islower() or _names_a_thing(text, match.end())):
            continue
        yield Span(match.start(), match.end(), "NAME")


@lru_cache(maxsize=4)
def _listed(names: tuple[str, ...]) -> re.Pattern[str] | None:
    kept = sorted({name.strip() for name in names if len(name.strip()) > 1}, key=lambda name: (-len(name), name))
    if not kept:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(name) for name in kept)})(?:['’]?s)?(?!\w)", re.IGNORECASE)
