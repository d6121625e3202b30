"""Names of people that nobody told before: by title, by signature, by given name and by the user's dictionary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from vesalius.data.deidentify.text.spans import Span
from vesalius.data.deidentify.text.vocabulary import folded, is_ordinary, words

__all__ = ["CAP", "find_listed", "find_names"]

_EXTENDED = "".join(map(chr, range(0x100, 0x250)))
_UP = "A-ZÀ-ÖØ-Þ" + "".join(letter for letter in _EXTENDED if letter.isupper())
_LOW = "a-zà-öø-ÿß" + "".join(letter for letter in _EXTENDED if letter.islower())
_PARTICLE = (
    r"(?:(?:van|von|vom|zu|zur|de|der|den|del|della|di|da|dos|du|la|le|el|al|bin|ibn|ter|ten|van der|"
    r"van den|von der|de la)[ ]|[dDlL]['’]|al-|El-|Al-)"
)
CAP = rf"(?:{_PARTICLE}){{0,3}}(?:O['’]|Mc|Mac|D['’])?[{_UP}][{_UP}{_LOW}]+(?:[-’'][{_UP}][{_UP}{_LOW}]+)*"
_INITIAL = rf"[{_UP}]\."
_SHORT = rf"[{_UP}](?=[ ][{_UP}])"
_FULL = (
    rf"(?:(?:{CAP}|{_INITIAL}|{_SHORT})(?:,[ \t]?|[ \t]+|(?<=\.))){{0,5}}?{CAP}(?:[ \t]+{CAP}|"
    rf"[ \t]+{_INITIAL}|[ ](?:Jr|Sr|II|III|IV)\b\.?){{0,3}}"
)
_TITLE = (
    r"(?:Dr|DR|Drs|Dres|Doctor|Doktor|Docteur|Prof|PROF|Professor|Professeur|Pr|Mr|MR|Mrs|MRS|Ms|MS|"
    r"Miss|Mister|Herrn?|Frau|Fr|Hr|PD|Priv|Doz|OA|OÄ|CA|AA|"
    r"Physician|physician|Surgeon|surgeon|Radiologist|radiologist|[Pp]t\.|(?:Assistenz|Ober|Chef|Fach|"
    r"Stations)?(?:arzt|ärztin)|(?:Assistenz|Ober|Chef|Fach|Stations)?(?:Arzt|Ärztin)|"
    r"Mme|MME|Mlle|M|Monsieur|Madame|Sir|Dame|Lord|Lady|Nurse|Sister|Schwester|Pfleger|Captain|Sgt|"
    r"Rev|Father|Se[ñn]ora?|Sra?)"
)
_DEGREE = (
    r"(?:M\.?[ ]?D\.?|D\.?O\.?|Ph\.?D\.?|MBBS|MBChB|FRCR|FRCPC?|FACR|FACS|R\.?N\.?|R\.?T\.?(?:\(R\))?|"
    r"RDMS|P\.?A\.?-?C?|N\.?P\.?|DPM|DDS|MPH|BSc|MSc|FACC|FRCS|DO)"
)
_TITLED = re.compile(
    rf"(?<![\w.])(?:{_TITLE}\b\.?(?:[ \t]?(?:med|habil|dent|rer|nat|univ|h\.c|Dr|Prof|Priv|Doz|"
    rf"phil)\b\.?-?)*(?:[ \t]+|(?<=[DdPp][Rr]\.)|(?<=rof\.)))+(?P<found>{_FULL}|"
    rf"(?:{_INITIAL}[ ]?){{1,3}}(?!\w))"
)
_UPPER_TITLED = re.compile(
    r"(?<![\w.])(?:DR|PROF|MR|MRS|MS)\b\.?[ \t]+(?P<found>[A-Z][A-Z'’-]+(?:[ \t][A-Z][A-Z'’-]+)?)(?!\w)"
)
_LOWER_TITLED = re.compile(
    r"(?<![\w.])(?:dr|prof|mrs|mr)\.[ \t]*(?P<found>[a-z][\w'’-]+(?:[ \t](?!and|or|at|in|on|for|to|of|"
    r"with|who|is|was|has|by|from|the|at|regarding)[a-z][\w'’-]+)?)"
)
_DEGREED = re.compile(rf"(?<![\w.])(?P<found>{_FULL}),?[ \t]+{_DEGREE}(?![\w])")
_ROLE = (
    r"(?:electronically[ \t]+(?:signed|verified|authenticated|approved)(?:[ \t]+by)?|"
    r"(?:digitally[ \t]+)?signed(?:[ \t]+by)?|dictated(?:[ \t]+by)?|transcribed(?:[ \t]+by)?|"
    r"reported[ \t]+by|interpreted[ \t]+by|read[ \t]+by|reviewed(?:[ \t]+and[ \t]+\w+)?[ \t]+by|"
    r"verified[ \t]+by|approved[ \t]+by|authenticated[ \t]+by|performed[ \t]+by|"
    r"ordered[ \t]+by|requested[ \t]+by|referred[ \t]+by|discussed[ \t]+with|communicated[ \t]+to|"
    r"called[ \t]+to|notified|informed|paged|reported[ \t]+to|conveyed[ \t]+to|cc|"
    r"(?:patient(?:'s)?|full|last|first|family|given|maiden|middle|mother'?s?|father'?s?|guardian|"
    r"spouse|contact|next[ \t]of[ \t]kin)[ \t]*name|name|"
    r"(?:attending|referring|ordering|requesting|reading|primary[ \t]care|consulting|performing|"
    r"interpreting)[ \t]*(?:physician|doctor|provider|radiologist|md|clinician|surgeon)?|"
    r"patient|pt|radiologist|physician|technologist|tech|sonographer|surgeon|resident|fellow|nurse|"
    r"author|provider|operator|coordinator|prelim(?:inary)?(?:[ \t]read)?|final(?:[ \t]read)?|assistant|"
    r"anaesthetist|anesthesiologist|performed|clinician|witness|"
    r"interpreter|consultant|registrar|pcp|"
    r"befunde(?:r|t(?:[ \t]+von)?)|unterschrift|unterzeichnet(?:[ \t]+von)?|gez\.?|gezeichnet|arzt|"
    r"ärztin|oberarzt|oberärztin|chefarzt|chefärztin|radiologin|radiologe|zuweiser|überweiser|"
    r"einsender|hausarzt|diktiert[ \t]+von|geschrieben[ \t]+von|freigegeben[ \t]+(?:von|durch)|"
    r"patientin|name[ \t]des[ \t]patienten|vorname|nachname|"
    r"sign[ée](?:[ \t]+(?:électroniquement[ \t]+)?par)?|dict[ée][ \t]+par|valid[ée][ \t]+par|"
    r"r[ée]dig[ée][ \t]+par|m[ée]decin(?:[ \t]\w+)?|radiologue|prescripteur|op[ée]rateur|"
    r"nom(?:[ \t]+du[ \t]+patient)?|pr[ée]nom)"
)
_SIGNED = re.compile(
    rf"(?i:(?<![\w]){_ROLE})[ \t]*(?:[:=]|[ \t]-[ \t]|\n[ \t]*|(?<=by)[ \t]|(?<=to)[ \t]|"
    rf"(?<=with)[ \t]|(?<=ed)[ \t]|(?<=von)[ \t]|(?<=durch)[ \t]|(?<=par)[ \t]|"
    rf"(?<=gez\.)[ \t])[ \t]*(?P<found>{CAP},[ ]?{CAP}(?:[ ]{_INITIAL})?|{_FULL}|"
    rf"[{_UP}][{_UP}{_LOW}-]+,[ ]?[{_UP}]\.?|(?:{_INITIAL}[ ]?){{2,3}})"
)
_LOWER_SIGNED = re.compile(
    rf"(?i:(?<![\w])(?:signed|dictated|transcribed|reported|read|verified|approved|name|radiologist|"
    rf"physician|cc)(?:[ \t]by)?)[ \t]*:[ \t]*(?P<found>[{_LOW}]+[ ][{_LOW}]+)(?=[ \t]*(?:[,.;\n]|$))"
)
_INITIALS_LINE = re.compile(r"(?m)^[ \t]*(?P<found>[A-Z]{2,3}[/:][a-zA-Z]{2,3})[ \t]*(?:\d|$)")
_RELATIVE = re.compile(
    rf"(?i:\b(?:wife|husband|daughter|son|mother|father|sister|brother|spouse|partner|guardian|niece|"
    rf"nephew|aunt|uncle|caregiver|carer|neighbou?r|friend|boyfriend|girlfriend|fianc[ée]e?|grandson|"
    rf"granddaughter|grandmother|grandfather|grandchild|cousin|(?:step|foster|half-)[ -]?(?:mother|father|son|"
    rf"daughter|brother|sister)|parents?|daughters|sons|sisters|brothers|children|twins?|mum|mom|dad|nan|landlord|"
    rf"rabbi|imam|priest|vicar|pastor|teacher|coach|boss|solicitor|lawyer|ex-wife|ex-husband|baby|ehefrau|ehemann|"
    rf"tochter|sohn|mutter|vater|"
    rf"schwester|bruder|épouse|mari|fille|fils|mère|père))(?:,[ \t]+|[ \t]+\([ \t]*|[ \t]*:[ \t]*|"
    rf"[ \t]+)(?:Mrs?\.?[ ]|Ms\.?[ ])?(?P<found>{CAP}(?:[ \t]+{CAP}){{0,2}})"
)
_ROLED = re.compile(
    rf"(?<![\w.])(?i:nurse|midwife|registrar|consultant|interpreter|GP|RN|PA|NP|CRNA|technologist|"
    rf"technician|sonographer|physiotherapist|secretary|radiographer|fellow|resident|colleague|"
    rf"chaplain|pharmacist|tech|attending|coordinator|officer|prelim|final|read|docteur|doctor|therapist|"
    rf"social[ \t]worker|case[ \t]manager|hebamme|pflegekraft|kolleg(?:e|"
    rf"in|en)|infirmi[eè]re?|secr[ée]taire|conf?r[èe]re)[ \t]+(?P<found>{_FULL})"
)
_ADDRESSED = re.compile(
    rf"(?<![\w])(?i:see(?:ing|n)?|saw|meet(?:ing)?|met|call(?:ed)?|paged?|contact(?:ed)?|ask(?:ed)?|"
    rf"thank(?:s|ed)?|spoke(?:n)?[ \t](?:to|with)|talked[ \t](?:to|with)|discussed[ \t]with|"
    rf"(?:reviewed|seen|assessed|examined|treated|performed|dictated)[ \t](?:by|with)|"
    rf"next[ \t]of[ \t]kin|agreed[ \t]with|"
    rf"cop(?:y|ies)[ \t]to|attn\.?|attention|dear|hello|regards|sincerely|faithfully|thank[ \t]you|"
    rf"cheers|wishes|labell?ed(?:[ \t]as)?|follow-?[ ]?up[ \t]with|f/u[ \t]with|appointment[ \t]with|"
    rf"accompanied[ \t]by|assisted[ \t]by|"
    rf"supervised[ \t]by|typed[ \t]by|done[ \t]by|known[ \t]to|care[ \t]of|c/o|remind|inform|notify|"
    rf"message[ \t]from|thanks[ \t]to|handover[ \t]from|handed[ \t]over[ \t]to|left[ \t]for|"
    rf"(?:known|called|addressed)[ \t]as|(?:be|is|was)[ \t]called|(?:name|coordinator|contact|interpreter|surgeon|"
    rf"consultant|GP|nurse)(?:[ \t](?:is|was)|['’]s)|(?:wife|husband|partner|daughter|son|mother|"
    rf"father)['’]s[ \t]name(?:[ "
    rf"\t]is)?|avec|"
    rf"reassured|grüßen|grüssen|confraternellement|cordialement|"
    rf"salutations)[:,]?[ \t]*\n?[ \t]*[\"“'(]?(?P<found>{CAP},[ ]?{CAP}|{_FULL})"
)
_BRACKETED = re.compile(
    rf"(?i:secretary|wife|husband|carer|neighbou?r|nurse|doctor|physician|surgeon|lawyer|solicitor|"
    rf"teacher|employer|coordinator|interpreter|manager|worker)[ \t]+\((?P<found>{_FULL})"
)
_SUBJECT = re.compile(
    rf"(?m)(?:^|(?<=[.!?][ \n]))[ \t]*(?P<found>{CAP}(?:[ \t]+(?:{CAP}|"
    rf"{_INITIAL})){{0,2}})[ \t]+(?:is|was|presents|ist|est)[ \t]+(?:as[ \t])?(?:an?|eine?|"
    rf"une?)[ \t]+(?:\d+|pleasant|delightful|retired|\w+-year)"
)
_INITIALLED = re.compile(
    rf"(?m)(?:^|(?<=[,:;/&(])|(?<=\b(?:by|to|cc))|(?<=\b(?:and|von|par|und|per))|(?<=\b(?:with|"
    rf"from)))[ \t]*(?P<found>(?:{_INITIAL}[ -]?){{1,3}}[ ]?{CAP})"
)
_HEADED = re.compile(
    r"(?m)^[ \t]*(?P<found>[A-Z][A-Z'’-]+,[ ]?[A-Z][A-Z'’-]+(?:[ ][A-Z]\b\.?)?)(?=[ \t]*(?:$|[\d(]|DOB|MRN|[MF]\b|"
    r"(?:is|was|has|had|presents?|attended|returned)\b))"
)
_TYPED_BY = re.compile(
    r"(?i:\b(?:dictated|transcribed|typed|signed|verified|approved|checked|geschrieben|saisi|"
    r"tapé)(?:[ \t](?:by|von|par))?[ \t]*:?[ \t]+)(?!by\b|the\b|and\b|at\b|on\b|in\b|to\b|as\b|via\b|"
    r"off\b|out\b|von\b|par\b|le\b|am\b|for\b|not\b|but\b|is\b|was\b|"
    r"by:)(?P<found>[a-z]{2,3})(?=[ \t]*(?:[,.;/\n]|$|on\b|am\b|le\b))"
)
_LISTED_AFTER = re.compile(
    r"(?i:(?<![\w])(?:cc|copy[ \t]to|copies[ \t]to|kopie[ \t]an|copie[ \t]à))[ \t]*:?[ \t]*(?P<list>[^\n]{2,200})"
)
_JOINED_NAME = re.compile(rf"(?:[ ]\([^()\n]{{1,30}}\))?[ \t]*(?:[ \t](?:and|und|et)[ \t]|&|/)[ \t]*(?P<found>{CAP})")
_CARET = re.compile(r"(?<![\w^])(?P<found>[\w'’-]{2,}\^[\w'’-]+(?:\^[\w'’.-]*)*)")
_GIVEN_PAIR = re.compile(
    rf"(?<![\w])(?P<first>[{_UP}][{_UP}{_LOW}]+(?:-[{_UP}][{_UP}{_LOW}]+)?)(?P<rest>"
    rf"(?:[ \t]+{_INITIAL})?[ \t]+{CAP}(?:-{CAP})?)?(?![\w])"
)
_COMMA_PAIR = re.compile(rf"(?<![\w])(?P<found>{CAP},[ ]?(?P<first>[{_UP}][{_UP}{_LOW}]+)(?:[ ]{_INITIAL})?)(?![\w])")
_TERM = re.compile(
    r"(?:ologists?|ologen?|ologin|ologues?|icians?|surgeons?|chirurg(?:ien)?|ology|ologie|opath(?:y|"
    r"ie)|itis|osis|oses|ectomy|ectomie|"
    r"graph(?:y|ie|er)|scop(?:y|ie)|grams?|oma|omas|emia|uria|plasty|plastie|tomy|therap(?:y|ie)|"
    r"^(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"^(?:january|february|march|september|october|november|december|july|montag|dienstag|mittwoch|"
    r"donnerstag|freitag|samstag|sonntag|"
    r"januar|februar|marz|juni|juli|oktober|dezember))$"
)
"""Ends of words for specialties, illnesses and procedures, and days and months: no names."""
_LONGEST_ABBREVIATION = 5
_AFTER = re.compile(r"(?:['’]s)?[\s-]+([\w]+)")


def find_names(text: str) -> Iterator[Span]:
    """Yield names after a title or a word such as "signed by", before a degree, and given names with what follows."""
    for pattern in (_TITLED, _UPPER_TITLED, _LOWER_TITLED, _RELATIVE):
        for match in pattern.finditer(text):
            for span in _trimmed(text, *match.span("found")):
                yield span
                yield from _partner(text, span.end)
    for pattern in (_SIGNED, _LOWER_SIGNED, _DEGREED):
        for match in pattern.finditer(text):
            yield from _trimmed(text, *match.span("found"), strict=True)
    for pattern in (_ROLED, _ADDRESSED, _BRACKETED, _SUBJECT, _INITIALLED, _HEADED):
        for match in pattern.finditer(text):
            yield from _people(text, *match.span("found"))
    for match in _LISTED_AFTER.finditer(text):
        for item in re.finditer(rf"{_FULL}|(?:{_INITIAL}[ ]?)+{CAP}", match["list"]):
            yield from _people(text, match.start("list") + item.start(), match.start("list") + item.end())
    for pattern in (_CARET, _INITIALS_LINE, _TYPED_BY):
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


def _people(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield a name that only its neighbourhood tells, and its partner; abbreviations and clinical words are none."""
    for span in _trimmed(text, start, end, strict=True):
        bare = text[span.start : span.end].strip(".,")
        alone = not re.search(r"[\s,.]", bare)
        abbreviated = bare.isupper() and len(bare) <= _LONGEST_ABBREVIATION and folded(bare) not in words("given")
        if alone and (abbreviated or _is_plain_word(bare) or _names_a_thing(text, span.end)):
            continue
        yield span
        yield from _partner(text, span.end)


def _partner(text: str, end: int) -> Iterator[Span]:
    """Yield the name that "and" joins to one that ends here."""
    match = _JOINED_NAME.match(text, end)
    if match is not None and not _is_plain_word(match["found"]) and not match["found"].isupper():
        yield Span(*match.span("found"), "NAME")


def _is_plain_word(word: str) -> bool:
    plain = folded(word)
    if plain in words("given"):
        return False
    return (plain in words("clinical") - words("eponyms")) or _TERM.search(plain) is not None


def _given_names(text: str) -> Iterator[Span]:
    given = words("given")
    for match in _pairs(text):
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


def _pairs(text: str) -> Iterator[re.Match[str]]:
    """Yield every capitalised word with what follows it, also where another word that could begin a name precedes."""
    at = 0
    while (match := _GIVEN_PAIR.search(text, at)) is not None:
        yield match
        at = match.end("first")


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
