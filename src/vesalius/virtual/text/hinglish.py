"""Hindi-English sentences from facts: Hindi grammar in Latin letters, English nouns, spellings of daily life."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.history import lay_words
from vesalius.virtual.text.sentences import Draws
from vesalius.virtual.text.terms import concept_term, known, terms
from vesalius.virtual.text.wording import unsided

__all__ = ["NOTHING", "denial", "normal", "noun_phrase", "oblique", "respelt", "statement", "summary"]

_FEMININE = {
    "gaanth", "bimari", "sujan", "pathri", "rukawat", "thaili", "haddi", "nali", "nas", "jhilli", "rasauli", "charbi",
    "kharabi", "kami", "tilli", "raftaar", "thailiyan", "hawa", "gas", "bleeding", "cavity", "nasein",
}  # fmt: skip
_OBLIQUE = {
    "hissa": "hisse",
    "parda": "parde",
    "gurda": "gurde",
    "phephde": "phephdon",
    "pasliyan": "pasliyon",
    "seena": "seene",
    "chehra": "chehre",
}
"""Last words of places before a particle; ka, wala and nichla bend anywhere."""
_BENDING = {"ka": "ke", "wala": "wale", "nichla": "nichle"}
_MASCULINE = re.compile(r"\b(chhot|bad|halk|khisk|hu|wal|k|sukh|geel|mot|patl)a\b")
_HEDGED = {
    "consistent": ("{x} jaisa hi lag raha hai",), "likely": ("lagta hai ki {x} hai", "{x} hone ke chance zyada hai"),
    "suspicious": ("{x} ka shak hai",), "possible": ("shayad {x} ho sakta hai", "{x} ho sakta hai"),
    "not_excluded": ("{x} se inkaar nahi kar sakte",),
}  # fmt: skip
NOTHING = "Koi nayi gadbad nahi dikh rahi."
"""Where a report states no fact."""
_CHANGES = {
    "stable": "pehle jaisa hi hai", "increased": "pehle se bada hai", "slightly_increased": "pehle se thoda bada hai",
    "decreased": "pehle se chhota hai", "slightly_decreased": "pehle se thoda chhota hai",
    "worsened": "pehle se badh gaya hai", "slightly_worsened": "pehle se thoda badh gaya hai",
    "improved": "pehle se theek hai", "slightly_improved": "pehle se thoda theek hai", "new": "yeh naya hai",
}  # fmt: skip
_SIDES = {"left": "baayein", "right": "daayein", "bilateral": "dono"}


def _feminine(concept: str) -> bool:
    words = re.sub(r"\(.*?\)", "", concept_term(concept).hi).split()
    return words[-1] in _FEMININE


def _place(fact: Fact) -> str:
    """Return the place with its particle, in the oblique case: "daayein upar wale lobe mein"."""
    site = known(terms().sites, unsided(fact.anatomy), "sites").hi if unsided(fact.anatomy) else ""
    side = _SIDES.get(fact.laterality, "")
    if not site:
        return f"{side} taraf" if side else ""
    bent = oblique(site)
    if bent in concept_term(fact.concept).hi:
        return f"{side} taraf" if side else ""
    post = "" if bent.endswith((" neeche", " peeche", " paas", " upar")) else " mein"
    return f"{side} {bent}{post}".strip()


def oblique(words: str) -> str:
    """Bend a noun for the particle that follows: "chest ka X-ray" gives "chest ke X-ray"."""
    *first, last = (_BENDING.get(word, word) for word in words.split())
    return " ".join([*first, _OBLIQUE.get(last, last)])


def noun_phrase(fact: Fact) -> str:
    """Return place and finding."""
    return f"{_place(fact)} {concept_term(fact.concept).hi}".strip()


def _seen(concept: str, *, negated: bool = False) -> str:
    seen = "dikh rahi" if _feminine(concept) else "dikh raha"
    return f"nahi {seen}" if negated else f"{seen} hai"


def statement(fact: Fact, draws: Draws) -> str:
    """Say a fact in one sentence."""
    if fact.change == "resolved":
        return _capital(f"{noun_phrase(fact)} ab {_seen(fact.concept, negated=True)} hai.")
    if fact.status == "absent":
        return _capital(f"koi nayi {concept_term(fact.concept).hi} nahi hai." if _feminine(fact.concept)
                        else f"koi naya {concept_term(fact.concept).hi} nahi hai.")  # fmt: skip
    if fact.certainty:
        text = draws.pick(_HEDGED[fact.certainty]).replace("{x}", noun_phrase(fact))
    else:
        text = draws.pick(("{x} {v}", "{x} hai", "{x} mila hai")).replace("{v}", _seen(fact.concept))
        text = text.replace("{x}", noun_phrase(fact))
        if _feminine(fact.concept):
            text = text.replace(" mila hai", " mili hai")
    if fact.severity:
        grade = known(terms().severities, fact.severity, "severities").hi
        text += ", " + (_MASCULINE.sub(r"\1i", grade) if _feminine(fact.concept) else grade)
    if fact.size_mm is not None:
        text += draws.pick((", size lagbhag {n} mm", ", kareeb {n} mm ka", ", size {n} mm")).replace(
            "{n}", f"{fact.size_mm:.0f}"
        )
    return _capital(text + _change(fact) + ".")


def _change(fact: Fact) -> str:
    text = ", " + _CHANGES[fact.change] if fact.change in _CHANGES else ""
    if fact.change_mm is not None and fact.change_percent is not None:
        text += f" ({abs(fact.change_mm):.0f} mm, {abs(fact.change_percent):.0f}%)"
    return text + (f" (pehle {fact.previous_mm:.0f} mm)" if fact.previous_mm is not None else "")


def denial(concepts: Sequence[str], draws: Draws) -> str:
    """Say in one sentence that findings are not there."""
    names = " ya ".join(concept_term(concept).hi for concept in concepts)
    frame = draws.pick(("{a} {v}.", "{a} {v} hai.", "{a} nahi hai.", "koi {a} nahi hai."))
    return _capital(frame.replace("{a}", names).replace("{v}", _seen(concepts[-1], negated=True)))


def normal(draws: Draws) -> str:
    """Say that nothing abnormal is seen."""
    return draws.pick(("Sab normal hai.", "Koi gadbad nahi dikh rahi.", "Report normal hai.", "Sab theek hai."))


def summary(
    age: int, sex: str, symptoms: Sequence[str], duration: str, view: str, found: Sequence[str] | None
) -> str:
    """Say who, complaints, since when and what was found (None: not told), in one sentence."""
    person = "mahila" if sex == "F" else "purush"
    view = oblique(view) if found else view
    result = f"mein {' aur '.join(found)} mila hai" if found else "normal hai" if found is not None else "ho gaya hai"
    return f"{age} saal ke {person} patient ko {duration} se {' aur '.join(symptoms)} hai, {view} {result}."


def respelt(text: str, draws: Draws) -> str:
    """Spell as one person types: for each word one of its spellings, the same through the text."""
    for word, spellings in lay_words().spellings.items():
        chosen = draws.pick(spellings)
        text = re.sub(rf"\b{word}\b", chosen, text)
        text = re.sub(rf"\b{word.capitalize()}\b", chosen.capitalize(), text)
    return text


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
