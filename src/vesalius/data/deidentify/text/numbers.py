"""Numbers that stand for a person: records, telephones, addresses of mail and machines, plates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vesalius.data.deidentify.text.spans import Kind, Span

__all__ = ["find_numbers"]

_CUE = (
    r"(?:MRN|MRI?#|med(?:ical)?\.?[ \t]*rec(?:ord)?s?|record|patient(?:en)?[ \t-]*(?:id|identifier|"
    r"number|no|nr|nummer)|pat\.?[ \t-]*(?:id|nr|no)|pid|"
    r"accession|acc|case|chart|visit|encounter|account|acct|episode|ssn|social[ \t]security|nhs|nino|"
    r"insurance|policy|member|"
    r"beneficiary|medicare|medicaid|health[ \t]plan|hicn|licen[cs]e|dea|npi|serial|s/n|device|order|"
    r"exam(?:ination)?|study|"
    r"requisition|request|specimen|sample|barcode|report|fin|csn|har|hospital|unit|admission|"
    r"fallnummer|fall[ \t-]*(?:nr|id)|versicherten(?:nummer|-?nr)|versicherungsnummer|"
    r"aufnahme(?:nummer|-?nr)|untersuchungsnummer|auftragsnummer|"
    r"dossier|ipp|nir|iep|ins|num[ée]ro(?:[ \t]de[ \t](?:dossier|patient|"
    r"s[ée]curit[ée][ \t]sociale))?|identifiant|s[ée]curit[ée][ \t]sociale|"
    r"identity[ \t]card|passport|reisepass|ausweis(?:nummer)?|driver'?s?[ \t]licen[cs]e|vin|vehicle|certificate|"
    r"plate|licen[cs]e[ \t]plate|registration|kennzeichen|immatriculation|fingerprint|iban|ID)"
)
_JOINT = (
    r"(?:[ \t]*(?:id|no|nr|num|number|code|identifier|record)\b)?[ \t]*\.?[ \t]*(?:[:#=№]|n°|is\b|"
    r"-[ \t])?[ \t]*(?:[:#][ \t]*)?"
)
_TOKEN = r"(?P<found>(?=[A-Z0-9/_.-]*\d)[A-Z0-9](?:[A-Z0-9]|[/_.-](?=[A-Z0-9]))*(?:[ ]\d[\d-]+)*)"
_WORDS = (
    r"(?:\d{1,2}/\d{1,2}$|\d{1,3}(?:st|nd|rd|th|[ -]?mm|[ -]?cm|yo|y)?$|"
    r"[TLCS]\d{1,2}(?:[-/][TLCS]?\d{1,2})?$|\d+\.\d+$)"
)
_UNITS = (
    r"(?![ \t]?(?:mm|cm|ml|mg|µg|mcg|kg|g|hu|mgy|gy|msv|mbq|bq|kbq|kv|kvp|ma|mas|ms|s|hz|mhz|bpm|iu|u|"
    r"units?|cells|copies|slices|images|%|"
    r"platelets|/)\b)"
)
_PLAIN: tuple[tuple[str, Kind], ...] = (
    (r"(?P<found>[\w.+-]+[ \t]?(?:@|\(at\)|\[at\])[ \t]?[\w-]+(?:\.[\w-]+)+)", "EMAIL"),
    (r"(?P<found>(?:https?|ftp|sftp|dicom|wado)://[^\s<>\"')\]]+|\bwww\.[^\s<>\"')\]]+)", "URL"),
    ((r"(?<![\w@.])(?P<found>(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|info|de|fr|ch|at|uk|eu|io|health|"
      r"hospital)(?:/[^\s<>\"')\]]*)?)(?![\w.]\w)"), "URL"),
    (r"(?<![\d.])(?P<found>(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))(?![\d.]*\d)", "ID"),
    (r"(?<![\w:])(?P<found>(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4})(?![\w:])", "ID"),
    (r"(?<![\w.])(?P<found>[0-2](?:\.(?:0|[1-9]\d*)){4,})(?![\w])", "ID"),
    (r"(?<![\w.])(?P<found>[0-2]\.\d+(?:\.\d+)+)(?![\w])(?<=\d{10})", "ID"),
    (r"(?<![\w-])(?P<found>\d{3}[- ]\d{2}[- ]\d{4})(?![\w-])", "ID"),
    (r"(?<![\w.])(?P<found>\d{2}[ ]?\d{6}[ ]?[A-Z][ ]?\d{3})(?!\w)", "ID"),
    (r"(?<![\w.])(?P<found>[12][ ]\d{2}[ ]\d{2}[ ]\d{2}[ ]\d{3}[ ]\d{3}(?:[ ]\d{2})?)(?!\w)", "ID"),
    (r"(?<!\w)(?P<found>[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){3,7}(?:[ ]?[A-Z0-9]{1,3})?)(?!\w)", "ID"),
    (r"(?<![\w.])(?P<found>(?:\+|00)\d{1,3}[ ./-]?(?:\(0?\d{1,4}\)[ ./-]?)?\d[\d ./-]{5,13}\d)(?!\w)", "PHONE"),
    (r"(?<![\w.])(?P<found>(?:1[ .-])?\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}(?:[ ,]*(?:x|ext)\.?[ ]?\d+)?)(?!\w)", "PHONE"),
    (r"(?<![\w.])(?P<found>(?:1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4}(?:[ ,]*(?:x|ext)\.?[ ]?\d+)?)(?!\w)", "PHONE"),
    (r"(?<![\w.])(?P<found>0\d{1,5}[ ]?[/-][ ]?\d{3,}(?:[ -]?\d+)*)(?!\w)", "PHONE"),
    (r"(?<![\w.])(?P<found>0\d(?:[ .]\d{2}){4})(?!\w)", "PHONE"),
    (r"(?<![\w.])(?P<found>0\d{2,4}[ ]\d{3,4}[ ]?\d{3,5})(?!\w)", "PHONE"),
    (r"(?<![\w.])(?P<found>[2-9]\d{2}-\d{4})(?![\w-])", "PHONE"),
    ((r"\b(?:tel(?:ephone)?|phone|ph|fax|mobile|cell|pager|beeper|contact|call(?:back)?|telefon|handy|"
       r"téléphone|portable|durchwahl|ext(?:ension)?)\.?(?:[ \t]*(?:number|no|nr|nummer))?"
     r"[ \t]*\.?[ \t]*[:#]?[ \t]*(?:at[ \t]|is[ \t])?(?P<found>[+(]?\d[\d ()./x-]{1,20}\d)(?!\w)"), "PHONE"),
    ((r"\b(?:ext(?:ension)?|bleep|pager|beeper|durchwahl|"
      r"poste)\.?[ \t]*[:#]?[ \t]*-?(?P<found>\d{3,6})(?!\w|[.,]\d)"), "PHONE"),
    ((r"(?i:\b(?:serial|insurance|policy|member|s/n|versicher\w*|polic[ey]n?|assurance|passport|"
      r"lot)\b[ \t]*(?:number|num|no|nr|id|n°)?)[ \t]*[.:#]*[ \t]*(?P<found>[A-Z]{2,5}[ ][A-Z0-9]*\d{3,}"
      r"(?:[ ][A-Z0-9]{1,3}\b)?)(?!\w)"), "ID"),
    (r"(?<![\w-])(?P<found>[A-ZÄÖÜ]{1,3}-[A-ZÄÖÜ]{1,2} ?\d{2,4}[EH]?)(?!\w)", "ID"),
    (r"(?<![\w-])(?P<found>[A-Z]{2}-\d{3}-[A-Z]{2})(?![\w-])", "ID"),
    (r"(?<![\w-])(?P<found>[A-HJ-NPR-Z0-9]{17})(?<=\d{4})(?!\w)", "ID"),
    (r"(?<![\w.,/-])(?P<found>\d{6,})(?![\w]|[.,]\d)" + _UNITS, "ID"),
    (r"(?<![\w.-])(?P<found>\d{2,}(?:-\d{2,})+)(?![\w-]|\.\d)(?<=\d{3})" + _UNITS, "ID"),
    (r"(?<![\w-])(?P<found>[A-Z]{1,6}[-_]?\d{5,}(?:[-_][A-Z0-9]+)*)(?!\w)", "ID"),
    (r"(?<![\w-])(?P<found>[A-Z]{2,6}[-_](?:19|20)?\d{2,4}[-_]\d{3,})(?!\w)", "ID"),
    (r"(?<![\w-])(?P<found>[A-Z]\d{2}-\d{3,6})(?!\w)", "ID"),
    (r"(?<![\w-])(?P<found>[A-Z]{1,3}\d{2,3}[A-Z]{1,3}\d{2,}[A-Z]?)(?!\w)", "ID"),
    (r"#[ ]?(?P<found>\d{4,})(?!\w)", "ID"),
    (r"(?<![\w-])(?P<found>[A-Z]{2}\d{2}[ ]?[A-Z]{3})(?![\w-])", "ID"),
    (r"\b[Rr]eg\.?[ \t]*[:#]?[ \t]*(?P<found>(?=[A-Z ]*\d)[A-Z0-9]{2,4}(?:[ ][A-Z0-9]{2,4})?)(?!\w)", "ID"),
    (r"(?<![\w-])(?P<found>[A-Z]{3,5}[ ]?\d{6}[ ]?[A-Z0-9]{2,5})(?![\w-])", "ID"),
    (r"(?<![\w-])(?P<found>[A-Z]{1,3}\d{2,}-\d{3,})(?!\w)", "ID"),
    (r"(?<![\w.-])(?P<found>(?=(?:[A-Z]*\d){3})(?=\d*[A-Z])(?:[A-Z0-9]){7,16})(?![\w-])", "ID"),
    ((r"(?i:\b(?:lot|batch|member|policy|serial|passport|visa|card|driver|licen[cs]e|medicaid|medicare)\b)[ \t]*"
      r"(?i:(?:number|num|no|nr|id|"
      r"n°)\b)?[ \t]*[.:#(]*[ \t]*(?P<found>(?=[A-Z0-9 ]*\d{2})[A-Z0-9]{2,}(?:[ ](?=[A-Z0-9]*\d|"
      r"[A-Z]\b)[A-Z0-9]{1,6}){0,3})"
      r"(?![\w-])"), "ID"),
    ((r"\b(?:plate|registration|kennzeichen|immatriculation)s?[ \t]*[:#]?[ \t]*"
      r"(?P<found>[A-ZÄÖÜ0-9]{1,4}(?:[ -][A-ZÄÖÜ0-9]{1,4}){0,2})(?!\w)"), "ID"),
)  # fmt: skip
_INSENSITIVE = {"EMAIL", "URL", "PHONE"}
_PATTERNS = tuple(
    (re.compile(form, re.IGNORECASE if kind in _INSENSITIVE or "plate" in form or "0-9a-f" in form else 0), kind)
    for form, kind in _PLAIN
)
_CUED = re.compile(rf"(?<![A-Za-z]){_CUE}(?:s|'s)?{_JOINT}{_TOKEN}(?!\w)", re.IGNORECASE)
_HARMLESS = re.compile(_WORDS, re.IGNORECASE)
_STRONG = re.compile(r"MRN|record|patient|pat\b|ssn|accession|[:#]", re.IGNORECASE)


def find_numbers(text: str) -> Iterator[Span]:
    """Yield numbers after a word that announces them, and those whose form tells what they are."""
    for pattern, kind in _PATTERNS:
        yield from (Span(*match.span("found"), kind) for match in pattern.finditer(text))
    for match in _CUED.finditer(text):
        announced = bool(_STRONG.search(match.string[match.start() : match.start("found")]))
        number = match["found"]
        if _HARMLESS.match(number) and not (announced and number.isdigit() and len(number) >= 3):
            continue
        if sum(character.isdigit() for character in number) >= (2 if announced else 4):
            yield Span(*match.span("found"), "ID")
