"""Dates and times of day in texts: found in many forms, moved by days in the form in which they stand.

English, German and French. What looks like a date and is a measure is left: "3/4", "T12/L1", "2/6 systolic".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from vesalius.data.deidentify.text.spans import Span
from vesalius.data.deidentify.values import moved

__all__ = ["find_dates", "shifted"]

_MONTHS = (
    ("january", "jan", "januar", "jänner", "janvier", "janv"),
    ("february", "feb", "febr", "februar", "février", "fevrier", "févr", "fevr", "fév"),
    ("march", "mar", "märz", "maerz", "mrz", "mär", "mars"),
    ("april", "apr", "avril", "avr"),
    ("may", "mai"),
    ("june", "jun", "juni", "juin"),
    ("july", "jul", "juli", "juillet", "juil"),
    ("august", "aug", "août", "aout"),
    ("september", "sept", "sep", "septembre"),
    ("october", "oct", "oktober", "okt", "octobre"),
    ("november", "nov", "novembre"),
    ("december", "dec", "dezember", "dez", "décembre", "decembre", "déc"),
)
_NUMBER_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_ENDING = r"(?:[ \t]*(?:st|nd|rd|th|er|\.))?"
_MONTH = r"(?P<month>" + "|".join(sorted(_NUMBER_OF, key=len, reverse=True)) + r")(?![^\W\d_])\.?"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?P<year>(?:19|20)\d{2}|['’]?\d{2}(?!\d|[.:,]\d|[ \t]*(?:%|mm|cm|ml|mg|HU|kg|years?|y/?o)\b))"
_YEAR4 = r"(?P<year>(?:19|20)\d{2})"
_UNIT = (
    r"(?![ \t]*(?:%|mm|cm|ml|cc|mg|mcg|kg|g|m|HU|mGy|Gy|mSv|kV|kVp|mA|mAs|ms|s|Hz|mmHg|bpm|IU|U|"
    r"units?|slices?|images?|cGy)\b)"
)
_T = (
    r"(?P<time>[ T,]{0,2}(?:at[ \t])?[0-2]?\d:[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
    r"(?:[ \t]?[AaPp]\.?[Mm]\b\.?)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
_FORMS = {
    "iso": (rf"(?<![\d.-])(?P<year>(?:19|20)\d{{2}})(?P<a>[-/.])(?P<month>0?[1-9]|"
            rf"1[0-2])(?P=a){_DAY}(?![\d])(?!\.\d){_T}"),
    "plain": (r"(?<![\w.-])(?P<year>(?:19|20)\d{2})(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|"
              r"3[01])(?:(?:[0-2]\d[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?)|T[0-2]\d[0-5]\d\d*)?(?![\w])"),
    "numbers": (rf"(?<![\w./-])(?P<first>\d{{1,2}})(?P<a>[ \t]?[-/.][ \t]?)(?P<second>\d{{1,2}})(?P=a){_YEAR}"
                rf"(?![\d])(?!{'['}/.-]\d)(?:(?<=[-/.][ ][12]\d{{3}})|(?<=[-/.][12]\d{{3}})|{_UNIT}){_T}"),
    "day_name": (rf"(?<![\w.-]){_DAY}{_ENDING}(?:[ \t]+of)?(?P<a>[ \t]*[-/ \t,.]?[ \t]*){_MONTH}"
                 rf"(?:[ \t]*[-/,.]?[ \t]*{_YEAR})?(?![\w])"),
    "name_day": (rf"(?<![\w]){_MONTH}(?P<a>[ \t]*[-/ \t.]?[ \t]*)(?:the[ \t]+)?{_DAY}{_ENDING}(?![\d])"
                 rf"(?:[ \t]*[-/,.]?[ \t]*{_YEAR})?(?![\w])"),
    "name_year": rf"(?<![\w]){_MONTH}(?:[ \t]+of)?(?P<a>[ \t]*[-/,. '’]?[ \t]*){_YEAR4}(?![\w])",
    "year_name": rf"(?<![\w]){_YEAR4}(?P<a>[-/ ,]){_MONTH}(?:(?P<b>[-/ ]){_DAY}(?!\d))?(?![\w])",
}  # fmt: skip
_WHOLE = {name: re.compile(form, re.IGNORECASE) for name, form in _FORMS.items()}
_CUE = (
    r"(?:\b(?:on|from|dated?|since|of|until|till|before|after|by|prior|compared (?:to|with)|"
    r"comparison|study|exam|film|"
    r"ct|mri|mr|radiograph|x-?ray|scan|und|am|vom|seit|bis|zum|ab|le|du|depuis|au|jusqu'au|and|through|to|between|"
    r"dob|d\.o\.b\.|born|geb|né|née|lmp|admitted|discharged|date|next|appointment|appt|scheduled|"
    r"booked|due|review|rdv|termin|"
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?)\.?[ \t]*:?[ \t]*)"
)
_PARTIAL = (
    re.compile(rf"{_CUE}(?P<found>(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01]))(?![\d/]|[ \t]*(?:systolic|"
               rf"diastolic|of\b|"
               r"strength|pitting|murmur))", re.IGNORECASE),
    re.compile(rf"{_CUE}(?P<found>(?:0?[1-9]|[12]\d|3[01])[./](?:0?[1-9]|1[0-2])\.?)(?!\d|\.\d|/\d|[ \t]*(?:cm|mm|%|"
               r"systolic|diastolic|of\b|strength|pitting|murmur|x\b|×|mg|ml|kg|l\b))", re.IGNORECASE),
    re.compile(r"(?<![\w.])(?P<found>(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.)(?!\d)"),
    re.compile(r"(?<![\w./-])(?P<found>(?:0?[1-9]|1[0-2])[/.-](?:19|20)\d{2})(?![\w/-]|\.\d)" + _UNIT),
    re.compile(rf"\bthe[ \t]+(?P<found>{_DAY}(?:st|nd|rd|th)[ \t]+of[ \t]+(?:this|last|the)[ \t]+month)\b",
               re.IGNORECASE),
    re.compile(rf"(?<![\w.,/:#-])(?P<found>(?:19|20)\d{{2}})(?![\w/:-]|[.,]\d){_UNIT}"),
    re.compile(r"\b(?i:in|since|until|by|last|next|this|early|late|mid|im|seit|bis|en|depuis|fin|"
               r"début)[ \t-]+(?P<found>" + "|".join(
        name.capitalize() for names in _MONTHS for name in names if len(name) > 3) + r")(?!\w|[ \t]+[Ff]racture)"),
    re.compile(r"(?<![\w])['’](?P<found>\d{2})(?=[\s,.;)])"),
    re.compile(r"(?<![\w])(?P<found>(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|"
               r"sun)(?:day)?[,.]?[ \t]+(?:the[ \t]+)?"
               rf"{_DAY}(?:st|nd|rd|th))\b", re.IGNORECASE),
)  # fmt: skip
# Days told in words.
_FEAST = (
    r"(?:christmas|easter|new[ ]year['’]?s?|thanksgiving|boxing|good[ ]friday|palm[ ]sunday|ash[ ]wednesday|"
    r"whit(?:sun)?|"
    r"pentecost|halloween|hallowe['’]en|bonfire[ ]night|labou?r[ ]day|independence[ ]day|memorial[ ]day|"
    r"bank[ ]holiday|"
    r"veterans[ ]day|mother['’]?s[ ]day|father['’]?s[ ]day|valentine['’]?s|st[ ]patrick['’]?s[ ]day|ramadan|eid|"
    r"diwali|"
    r"hanukkah|passover|yom[ ]kippur|rosh[ ]hashanah|epiphany|"
    r"oster(?:n|montag|sonntag)|pfingst(?:en|montag|sonntag)|weihnachten|heilig(?:abend|er[ ]abend)|silvester|"
    r"neujahr|"
    r"karfreitag|himmelfahrt|fronleichnam|allerheiligen|noël|pâques|pentecôte|toussaint|réveillon|ascension)"
)
_TENTH = r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ONES = r"one|two|three|four|five|six|seven|eight|nine"
_SPOKEN_DAY = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|"
    r"fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth|(?:twenty|thirty)[- ](?:first|second|"
    r"third|fourth|fifth|sixth|seventh|eighth|ninth))"
)
_SPOKEN_YEAR = (
    rf"(?:(?:nineteen|twenty)[ -](?:hundred|oh?[ -](?:{_ONES})|ten|eleven|twelve|\w{{3,5}}teen|"
    rf"(?:{_TENTH})(?:[- ](?:{_ONES}))?)|"
    rf"two[ ]thousand(?:[ ](?:and[ ])?\w+)?)"
)
_SAID_OR_WRITTEN = rf"(?:[, ]+(?:of[ ])?(?:{_SPOKEN_YEAR}|(?:19|20)\d{{2}}))?"
_PARTS, _SEASON = r"(?:early|mid|late)[- ]", r"(?:spring|summer|autumn|winter|fall)"
_OF_FEAST = r"(?:[ ](?:day|eve|morning|night|monday|sunday|week(?:end)?))*"
_DAY_NAME, _OF_DAY = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day",
    r"(?:week|last|next|night|morning|afternoon|evening)",
)
_SPOKEN = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\b(?P<found>(?:the[ ])?{_SPOKEN_DAY}[ ](?:of[ ])?{_MONTH}{_SAID_OR_WRITTEN})(?!\w)",
        rf"\b(?P<found>{_MONTH}[ ](?:the[ ])?{_SPOKEN_DAY}{_SAID_OR_WRITTEN})(?!\w)",
        rf"\b(?P<found>(?:the[ ])?(?:{_PARTS})?{_SEASON}(?:[ ]of)?[ ](?:19|20)\d{{2}})(?!\w)",
        rf"\b(?P<found>{_FEAST}{_OF_FEAST}(?:[ ](?:19|20)\d{{2}})?)(?!\w)",
        rf"\b(?P<found>(?:next|last|this|coming|past)[ ]{_DAY_NAME}|{_DAY_NAME}[ ]{_OF_DAY})(?!\w)",
        r"\b(?P<found>(?:wk|week)[ ](?:of|beginning|commencing|ending)[ ](?:the[ ])?\d{1,2}[/.]\d{1,2})(?![\d/])",
        rf"\b(?P<found>{_PARTS}{_MONTH})(?!\w)",
    )
)
_TIME = re.compile(
    r"(?<![\w.:/-])(?P<found>(?:[01]?\d|2[0-3])(?::[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
    r"(?:[ \t]?[ap]\.?m\b\.?)?|[ \t]?[ap]\.?m\b\.?|"
    r"[ \t]?h[ \t]?[0-5]\d\b|[:.][0-5]\d[ \t]?uhr\b|[ \t]?uhr\b|[0-5]\d[ \t](?:hours|hrs)\b))"
    r"(?![\d:/]|[ \t]*(?:o['’]?[ \t]?clock|position|-?uhr-?position|dilution|titer|titre|ratio))",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(
    r"(?<!\w)(?P<found>(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?|(?:mon|diens|"
    r"donners|frei|sams|sonn)tag|mittwoch|sonnabend|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)[,.]?[ \t]+(?:the[ \t]+|den[ \t]+|le[ \t]+)?$",
    re.IGNORECASE,
)
_LONGEST_WEEKDAY = 20
_RATIO = re.compile(r"\d:\d{2}")


def find_dates(text: str) -> Iterator[Span]:
    """Yield every date, part of a date and time of day."""
    for pattern in _WHOLE.values():
        for match in pattern.finditer(text):
            if _is_possible(match):
                yield Span(match.start(), match.end(), "DATE")
                yield from _weekday(text, match.start())
    for pattern in (*_PARTIAL, *_SPOKEN):
        for match in pattern.finditer(text):
            yield Span(*match.span("found"), "DATE")
            yield from _weekday(text, match.start("found"))
    for match in _TIME.finditer(text):
        if not _RATIO.fullmatch(match["found"]) or int(match["found"][0]) > 0:
            yield Span(*match.span("found"), "TIME")


def _weekday(text: str, end: int) -> Iterator[Span]:
    """Yield the day of the week that stands before a date."""
    match = _WEEKDAY.search(text[max(0, end - _LONGEST_WEEKDAY) : end])
    if match is not None:
        start = max(0, end - _LONGEST_WEEKDAY)
        yield Span(start + match.start("found"), start + match.end("found"), "DATE")


def shifted(text: str, days: int, *, day_first: bool) -> str | None:
    """Move one whole date by days and write it in the same form; None where it is not whole.

    Args:
        text: of one span of `find_dates`.
        days: to add.
        day_first: 03/04/2020 is the third of April; a form with full stops always is.
    """
    for name, pattern in _WHOLE.items():
        match = pattern.fullmatch(text)
        if match is None:
            continue
        parts = match.groupdict()
        order = _order(parts, day_first=day_first) if name == "numbers" else ("day", "month")
        day = _day_of(parts, order)
        return None if day is None else _written(match, name, order, moved(day, days))
    return None


def _is_possible(match: re.Match[str]) -> bool:
    """Say whether numbers can be a day and a month, in either order; other forms always are."""
    parts = match.groupdict()
    if "first" not in parts:
        return True
    first, second = int(parts["first"]), int(parts["second"])
    return 1 <= min(first, second) <= 12 and max(first, second) <= 31


def _order(parts: dict[str, str | None], *, day_first: bool) -> tuple[str, str]:
    first, second = int(parts["first"] or 0), int(parts["second"] or 0)
    if first > 12 or "." in (parts["a"] or "") or (day_first and second <= 12):
        return "day", "month"
    return "month", "day"


def _day_of(parts: dict[str, str | None], order: tuple[str, str]) -> date | None:
    if "first" in parts:
        parts = {**parts, order[0]: parts["first"], order[1]: parts["second"]}
    year, month, day = (parts.get(name) for name in ("year", "month", "day"))
    if not year or not month or not day:
        return None
    year = year.lstrip("'’")
    full = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 50 else 1900)
    number = int(month) if month.isdigit() else _NUMBER_OF[month.lower()]
    try:
        return date(full, number, int(day))
    except ValueError:
        return None


def _written(match: re.Match[str], name: str, order: tuple[str, str], day: date) -> str:
    """Put the numbers of another day where those of the first stood, as wide as they were."""
    if name == "numbers":
        fields = {"first": getattr(day, order[0]), "second": getattr(day, order[1]), "year": day.year}
    else:
        fields = {"day": day.day, "month": day.month, "year": day.year}
    # "March 5" and "5 March" have no zero before the day, "05-Mar" and "05MAR" have one.
    padded = name in ("numbers", "iso", "plain") or " " not in (match["a"] or "") or match[0].startswith("0")
    pieces, at = [], match.start()
    for field, value in sorted(fields.items(), key=lambda item: match.start(item[0])):
        old = match[field]
        pieces.append(match.string[at : match.start(field)])
        pieces.append(_field(field, old, value, padded=padded))
        at = match.end(field)
    tail = match.string[at : match.end()]
    if ("time" in match.groupdict() and match["time"]) or name == "plain":
        tail = ""
    return "".join(pieces) + tail


def _field(field: str, old: str, value: int, *, padded: bool) -> str:
    if field == "year":
        return str(value) if len(old) == 4 else old[:-2] + f"{value % 100:02d}"
    if not old.isdigit():
        names = _MONTHS[value - 1]
        index = next(names.index(old.lower()) for names in _MONTHS if old.lower() in names)
        short = len(old) <= 4 and index > 0
        found = _language(old, value) or (names[min(1, len(names) - 1)] if short else names[0])
        return found.upper() if old.isupper() else found.capitalize() if old[0].isupper() else found
    return f"{value:02d}" if len(old) == 2 and padded else str(value)


_GERMAN = (
    "januar", "februar", "märz", "april", "mai", "juni", "juli",
    "august", "september", "oktober", "november", "dezember",
)  # fmt: skip
_FRENCH = ("janvier", "février", "mars", "avril", "mai", "juin", "juillet",
           "août", "septembre", "octobre", "novembre",
           "décembre")  # fmt: skip
_ENGLISH_ONLY = ("may",)


def _language(old: str, value: int) -> str:
    """Return the month in the language of the old one where that is told by it."""
    lower = old.lower()
    english = lower in {names[0] for names in _MONTHS} or lower in _ENGLISH_ONLY
    if lower in _GERMAN and not english:
        return _GERMAN[value - 1]
    if lower in _FRENCH and not english:
        return _FRENCH[value - 1]
    return ""
