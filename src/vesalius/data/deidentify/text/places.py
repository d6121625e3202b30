"""Places in texts: hospitals, wards and rooms, streets, towns; by their form and by the user's dictionary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from vesalius.data.deidentify.text.spans import Span
from vesalius.data.deidentify.text.vocabulary import folded, words

__all__ = ["find_places"]

_UP = "A-ZÀ-ÖØ-Þ"
_WORD = rf"[{_UP}][\w'’.-]*\w"
_NAMED = (
    rf"(?:{_WORD}(?:[ \t]+(?:of|and|de|des|du|la|le|les|der|the|für|am|an|in|zu|&)[ \t]+(?:the[ \t]+)?|"
    rf"[ \t]+|,[ ](?=Dept)))"
)
_HOUSE = (
    r"(?:Hospitals?|Clinics?|Klinik(?:um|en)?|Krankenhaus|Spital|Infirmary|Sanatorium|Hospice|"
    r"(?:Medical|Health|Cancer|Heart|Imaging|Trauma|Surgery|Diagnostic|Radiology|Care)"
    r"[ \t](?:Cent(?:er|re)|System|Institute|Associates|Group|Partners|Clinic|Trust|Campus)|"
    r"Health(?:care)?(?=[\s,.;]|$)(?:[ \t](?:System|Network|Trust))?|"
    r"Nursing[ \t]Home|Care[ \t]Home|University|Universität|Medical[ \t]School|"
    r"NHS[ \t](?:Foundation[ \t])?Trust|Polyclinic|Hosp|Shipyards?|School|College|Factory|Ltd|Inc|"
    r"GmbH|Prison|Barracks|Imaging|Rehab(?:ilitation)?[ \t]Cent(?:er|re)|Praxis|MVZ)"
)
_PATTERNS = tuple(
    re.compile(form)
    for form in (
        (
            rf"(?<![\w])(?P<found>{_NAMED}{{1,6}}{_HOUSE}(?:[ \t]+(?:of|at|in|"
            rf"de)[ \t]+{_WORD}(?:[ \t]+{_WORD})?|[ \t]+(?!No\b|The\b|There\b){_WORD})?)(?!\w)"
        ),
        (
            rf"(?<![\w])(?P<found>(?:University|Universitäts|Uni|General|Royal|Community|Children'?s|County|"
            rf"City|District|Memorial|Veterans|St\.?)[ -]?(?:Hospital|Klinik(?:um)?|klinik(?:um)?|spital|"
            rf"Medical Cent(?:er|re)|Infirmary)(?:[ \t]+(?:of[ \t]+|de[ \t]+)?{_WORD})?)(?!\w)"
        ),
        (
            rf"(?<![\w])(?P<found>[{_UP}]\w*(?:klinik(?:um)?|krankenhaus|spital|"
            rf"hospital)(?:[ \t]+{_WORD}(?:[ \t]+{_WORD})?)?)(?!\w)"
        ),
        (
            rf"(?<![\w])(?P<found>(?:Klinik(?:um)?|Krankenhaus|Spital|Seniorenheim|Pflegeheim|Altenheim|"
            rf"Altersheim|Seniorenresidenz|Reha-?[Kk]linik|[Cc]abinet(?:[ \t]médical)?|"
            rf"[Mm]aison[ \t]de[ \t]retraite|EHPAD|Hôpital|Hopital|hôpital|[Cc]linique|CHU|CHRU|CHR|"
            rf"Centre[ \t]hospitalier(?:[ \t]\w+)?|Hospital|Institut)[ \t]+(?:(?:de|du|des|la|le|der|am|an der|"
            rf"zum|St\.|Saint|Sainte|régional|universitaire|privé)[ \t-]+)*{_WORD}(?:[ \t-]+(?:(?:de|du|"
            rf"la)[ \t]+)?{_WORD}){{0,2}})(?!\w)"
        ),
        (
            r"(?<![\w])(?P<found>(?:[Ww]ard|WARD|[Ff]lat|[Rr]oom|ROOM|[Rr]m\.?|[Bb]ed|BED|[Bb]ay|[Ff]loor|"
            r"Unit|UNIT|Station|STATION|Zimmer|Bett|Chambre|chambre|Salle|Lit|Suite|Apt\.?|Apartment|Bldg\.?|"
            r"Building|Pavilion|Wing|Étage|Abteilung)[ \t]*(?:[#:]|[Nn]o\.?|"
            r"[Nn]r\.?)?[ \t]*(?=[\w-]*\d)[A-Z]{0,3}-?\d{1,4}(?:[-/ ]?[A-Z0-9]{1,3})?)(?![\w]|[ \t]?(?:mm|cm))"
        ),
        (
            rf"(?<![\w])(?P<found>\d{{1,5}}[A-Za-z]?,?[ \t]+(?:[NSEW]\.?[ \t]+)?(?:{_WORD}[ \t]+){{1,3}}"
            rf"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Square|Sq|"
            rf"Terrace|Circle|Highway|Hwy|Parkway|Pkwy|Crescent|Close|Row|Gardens|Grove|Hill|Park|Mews|"
            rf"Walk)\b\.?(?:,[ \t]+{_WORD}(?:[ \t]+{_WORD})?)?)"
        ),
        (
            rf"(?<![\w])(?P<found>(?:{_WORD}[ -])?[{_UP}][\wäöüß]*-?(?:[Ss]traße|[Ss]trasse|[Ss]tr\.|[Gg]asse|"
            rf"[Aa]llee|[Pp]latz|[Ww]eg|[Rr]ing|[Uu]fer|[Dd]amm)[ \t]+\d{{1,4}}(?:[ ]?[a-z]\b)?(?:,[ \t]+"
            rf"(?:\d{{4,5}}[ \t]+)?{_WORD})?)(?!\w)"
        ),
        (
            rf"(?<![\w])(?P<found>(?:\d{{1,4}}(?:[ ]?(?:bis|ter))?,?[ \t]+)?(?:rue|avenue|av\.|boulevard|bd|"
            rf"place|chemin|impasse|quai|allée|route|cours)[ \t]+(?:(?:de|du|des|la|le|les|l['’]|"
            rf"d['’])[ \t]*)*{_WORD}(?:[ \t-]+(?:(?:de|du|la)[ \t]+)?{_WORD}){{0,3}})(?!\w)"
        ),
        rf"(?<![\w])(?P<found>(?:{_WORD}[ \t]+){{0,2}}{_WORD},[ \t]+[A-Z]{{2}}[ \t]+\d{{5}}(?:-\d{{4}})?)(?!\w)",
        (
            rf"(?<![\w])(?P<found>(?:D-|CH-|A-|F-|FR-)?\d{{4,5}}[ \t]+[{_UP}][{_UP}a-zà-ÿß-]{{3,}}(?:[ \t]"
            rf"(?:am|an der|im|bei|sur|en|les)[ \t]{_WORD})?)(?!\w)"
        ),
        rf"(?<![\w])(?P<found>(?:{_WORD},?[ \t]+){{0,2}}[A-Z]{{1,2}}\d[A-Z\d]?[ ]\d[A-Z]{{2}})(?!\w)",
        (
            rf"\b(?i:at|from|to|of|in)[ \t]+(?P<found>(?:{_WORD}[ \t]+){{1,2}}(?:General|Royal|Memorial|"
            rf"Infirmary|Mercy|Baptist|Methodist|Lutheran))(?!\w)"
        ),
        (
            rf"\b(?i:flew|comes?|came|drove|driven|emigrated|immigrated|originally|native|retired(?:[ \t]\w+)?|"
            rf"farmer|teacher|fell|at[ \t]home|welder|worker|engineer|student|nurse|driver|holiday|trip|"
            rf"travel)[ \t]+(?:\w+[ \t]+)?(?:in|from|of|to|at)[ \t]+(?:in[ \t]+|"
            rf"from[ \t]+)?(?P<found>{_WORD}(?:[ \t]+{_WORD}){{0,2}})"
        ),
        (
            rf"(?<![\w])(?:née?[ \t]+le[ \t]+[^\n]{{4,20}}?|geboren[ \t]+am[ \t]+[^\n]{{4,20}}?)[ \t](?:à|"
            rf"in)[ \t]+(?P<found>{_WORD}(?:[ \t-]+{_WORD}){{0,2}})"
        ),
        (
            rf"(?i:\b(?:works?|worked|working|employed|arbeitet|studies|studied|studying|teaches|taught|travaille|"
            rf"pupil|"
            rf"student|officer|engineer|manager|cleaner|clerk|lecturer)\b[^.,;\n]{{0,30}}?[ \t](?:for|at|bei|chez|"
            rf"in|with)"
            rf"(?:[ \t]der|[ \t]dem|[ \t]the)?)[ \t]+(?:Firma[ \t]+)?(?P<found>{_WORD}(?:[ \t]+{_WORD}){{0,3}})"
        ),
        (
            rf"(?<![\w])(?P<found>{_WORD}(?:[ \t]+{_WORD}){{0,2}}[ \t]+(?:House|Lodge|Court|Manor|Grange|Academy|"
            rf"Primary|"
            rf"Bakery|Farm|Surgery|Practice|Orthopaedics|Orthopedics|Cardiology|Logistics|Bank|Library|Church|Mosque|"
            rf"(?:Residential|Retirement|Nursing|Care|Rest)[ \t]Home|Hospice|Airport|Station|University))(?!\w)"
        ),
        (
            rf"(?i:\b(?:lebt|wohnt|habite|vit|verstorben|geboren)[ \t]+(?:in|bei|à|"
            rf"en)?[ \t]*)(?P<found>{_WORD}(?:[ \t-]+"
            rf"(?:(?:am|an der|sur|en|les)[ \t-]+)?{_WORD}){{0,2}})"
        ),
        r"(?<![\w])(?P<found>P\.?[ ]?O\.?[ ]?[Bb]ox[ \t]+\d+)",
        (
            r"\b(?:zip|ZIP|Zip|PLZ|postcode|Postcode|postal code|"
            r"code postal)(?:[ ]code)?[ \t]*[:#]?[ \t]*(?P<found>[A-Z0-9]{3,5}(?:[ -][A-Z0-9]{3,4})?)(?!\w)"
        ),
        (
            rf"\b(?i:lives?|living|residing|resides?|resident|born|raised|works?|working|visiting|travell?ed|"
            rf"moved|transferred|transfer|referred|admitted|arrived|flown|returned|seen|presented|imaged|"
            rf"performed|outside[ \t]\w+)[ \t]+(?:alone[ \t]+)?(?:in|from|of|to|at|"
            rf"near)[ \t]+(?:the[ \t]+)?(?P<found>{_WORD}(?:[ \t]+{_WORD}){{0,3}}(?:,[ \t]+{_WORD})?)"
        ),
        (
            rf"\b(?i:wohnhaft|wohnt|lebt|Sturz|Unfall|gestürzt|Praxis|geboren|gebürtig|verlegt|überwiesen|"
            rf"eingeliefert|zugewiesen)(?:[ \t]+\w+)?[ \t]+(?:in|aus|nach|von|vom|"
            rf"durch)[ \t]+(?P<found>{_WORD}(?:[ \t-]+(?:(?:am|an der)[ \t]+)?{_WORD}){{0,2}})"
        ),
        (
            rf"\b(?i:habite|habitant|demeurant|réside|résidant|domiciliée?|née?|adressée?|"
            rf"transférée?)[ \t]+(?:le[ \t]\S+[ \t])?(?:à|a|de|depuis|du|"
            rf"par)[ \t]+(?P<found>{_WORD}(?:[ \t-]+{_WORD}){{0,2}})"
        ),
        (
            rf"(?i:\b(?:address|adresse|anschrift|domicile|city|town|ville|stadt|wohnort|county|state|country|"
            rf"employer|institution|facility|hospital|location|site|clinic|department|arbeitgeber|einrichtung|"
            rf"établissement|klinik)\b)[ \t]*[:=][ \t]*(?P<found>{_WORD}(?:[ \t,]+(?:(?:of|and|de|du|des|"
            rf"la)[ \t]+)?{_WORD}){{0,5}}|\d{{1,5}}[ \t][^\n]{{3,60}})"
        ),
    )
)
_TOWN_AFTER = re.compile(rf"[ \t]+(?:in|à)[ \t]+(?P<found>{_WORD}(?:[ \t]+{_WORD})?)")
_BARE_HOUSE = re.compile(rf"^(?:the[ \t]+)?{_HOUSE}$")
_DIRECTIONS = {
    "outside",
    "the",
    "our",
    "this",
    "that",
    "from",
    "at",
    "in",
    "no",
    "new",
    "prior",
    "previous",
    "comparison",
}


def find_places(text: str, places: tuple[str, ...] = ()) -> Iterator[Span]:
    """Yield hospitals, wards, streets and towns, and every place of the dictionary."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span("found")
            start, end = _trimmed(text, start, end)
            if end > start and not _BARE_HOUSE.match(text[start:end]):
                yield Span(start, end, "PLACE")
                town = _TOWN_AFTER.match(text, end)
                if town is not None:
                    yield Span(*_trimmed(text, *town.span("found")), "PLACE")
    listed = _listed(places)
    if listed is not None:
        yield from (Span(match.start(), match.end(), "PLACE") for match in listed.finditer(text))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Cut clinical words off the ends of a place; one of clinical words alone is none."""
    found = [(start + match.start(), start + match.end()) for match in re.finditer(r"[^\s,]+", text[start:end])]
    while found and folded(text[slice(*found[0])]).strip(".") in _plain_words():
        found = found[1:]
    while found and folded(text[slice(*found[-1])]).strip(".") in _plain_words() - _HOUSES:
        found = found[:-1]
    return (found[0][0], found[-1][1]) if found else (start, start)


_HOUSES = frozenset(
    {"hospital", "clinic", "center", "unit", "ward", "room", "bed", "lane", "street", "park", "hill", "bridge"}
)


@lru_cache(maxsize=1)
def _plain_words() -> frozenset[str]:
    houses = frozenset({"ward", "room", "bed", "unit", "floor"})
    local = words("clinical") - houses
    return frozenset(local | _DIRECTIONS)


@lru_cache(maxsize=4)
def _listed(places: tuple[str, ...]) -> re.Pattern[str] | None:
    kept = sorted(
        {place.strip() for place in places if len(place.strip()) > 1}, key=lambda place: (-len(place), place)
    )
    if not kept:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(place) for place in kept)})(?:['’]?s)?(?!\w)", re.IGNORECASE)
