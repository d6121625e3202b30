"""Arabic sentences from facts: agreement of adjectives and verbs, article and clitics, isolates round Latin runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.sentences import Draws
from vesalius.virtual.text.spans import arabic_count
from vesalius.virtual.text.terms import concept_term, known, terms
from vesalius.virtual.text.wellformed import isolated
from vesalius.virtual.text.wording import unsided

__all__ = ["NOTHING", "denial", "finished", "normal", "noun_phrase", "statement", "summary"]

_PREPOSITION = re.compile(r" (?=(?:في|تحت|فوق|داخل|حول|أثناء)\s)")
_VERBS = (("يوجد", "توجد"), ("يظهر", "تظهر"), ("يُلاحظ", "تُلاحظ"), ("لوحظ وجود", "لوحظ وجود"), ("يُشاهد", "تُشاهد"))
_HEDGED = {
    "consistent": ("المظهر متوافق مع {x}", "النتائج متوافقة مع {x}"), "likely": ("يُرجَّح وجود {x}", "الأرجح وجود {x}"),
    "suspicious": ("يُشتبه في {x}", "المظهر مشتبه به لوجود {x}"),
    "possible": ("يُحتمل وجود {x}", "من المحتمل وجود {x}"),
    "not_excluded": ("لا يمكن استبعاد {x}", "لا يُستبعد وجود {x}"),
}  # fmt: skip
_THEN = " مقارنة بالفحص السابق"
NOTHING = "لا يوجد تغير حاد."
"""Where a report states no fact."""
_CHANGES = {
    "stable": "دون تغير", "increased": "مع زيادة في الحجم", "slightly_increased": "مع زيادة طفيفة في الحجم",
    "decreased": "مع نقص في الحجم", "slightly_decreased": "مع نقص طفيف في الحجم", "worsened": "مع تفاقم",
    "slightly_worsened": "مع تفاقم طفيف", "improved": "مع تحسن", "slightly_improved": "مع تحسن طفيف",
}  # fmt: skip
_EASTERN = str.maketrans("0123456789%", "٠١٢٣٤٥٦٧٨٩٪")


def finished(text: str, *, eastern: bool) -> str:
    """Write numerals in one style and put isolates round Latin runs.

    Args:
        text: one or more sentences.
        eastern: ٠١٢٣ in place of 0123.
    """
    return isolated(text.translate(_EASTERN) if eastern else text)


def _feminine(fact: Fact) -> bool:
    return concept_term(fact.concept).gender == "f"


def _definite(adjective: str) -> str:
    if adjective.startswith("من "):
        return adjective
    if adjective.startswith("غير "):
        return f"غير ال{adjective.removeprefix('غير ')}"
    return f"ال{adjective}"


def _noun(fact: Fact) -> str:
    """Return the finding with its adjectives, which agree in gender and article and stand before a preposition."""
    name = concept_term(fact.concept).ar
    feminine = _feminine(fact)
    words = [known(terms().severities, fact.severity, "severities").ar[feminine]] if fact.severity else []
    if fact.change == "new":
        words.append("جديدة" if feminine else "جديد")
    head, *rest = _PREPOSITION.split(name, maxsplit=1)
    if " " in head and head.split(" ")[-1].startswith("ال"):
        words = [_definite(word) for word in words]
    return " ".join([head, *words, *rest])


def _place(fact: Fact) -> str:
    site = known(terms().sites, unsided(fact.anatomy), "sites") if unsided(fact.anatomy) else None
    side = terms().sides[fact.laterality] if fact.laterality not in ("", "midline") else None
    if site is None or site.ar in concept_term(fact.concept).ar:
        return side.place if side else ""
    if fact.laterality == "bilateral":
        return f"في {site.ar} من الجانبين"
    adjective = side.ar[site.gender == "f"] if side else ""
    return f"في {site.ar} {adjective}".strip()


def noun_phrase(fact: Fact) -> str:
    """Return the finding and its place."""
    return f"{_noun(fact)} {_place(fact)}".strip()


def statement(fact: Fact, draws: Draws) -> str:
    """Say a fact in one sentence."""
    feminine = _feminine(fact)
    if fact.change == "resolved":
        first = ("زالت" if feminine else "زال", "لم تعد تظهر" if feminine else "لم يعد يظهر")
        return f"{draws.pick(first)} {noun_phrase(fact)}{_THEN}."
    if fact.status == "absent":
        verb, new = ("لا توجد", "جديدة") if feminine else ("لا يوجد", "جديد")
        return f"{verb} {concept_term(fact.concept).ar} {new}."
    if fact.certainty:
        text = draws.pick(_HEDGED[fact.certainty]).replace("{x}", noun_phrase(fact))
    else:
        verb = _VERBS[int(draws.number() * len(_VERBS))][feminine]
        text = f"{verb} {noun_phrase(fact)}"
    if fact.size_mm is not None:
        text += draws.pick(("، بقياس {n} مم", "، بقطر {n} مم", "، بحجم يقارب {n} مم")).replace(
            "{n}", f"{fact.size_mm:.0f}"
        )
    return text + _change(fact) + "."


def _change(fact: Fact) -> str:
    if fact.change not in _CHANGES:
        return ""
    text = f"، {_CHANGES[fact.change]}"
    if fact.change_mm is not None and fact.change_percent is not None:
        text += f" بمقدار {abs(fact.change_mm):.0f} مم ({abs(fact.change_percent):.0f}%)"
    text += _THEN
    return text + (f" (سابقًا {fact.previous_mm:.0f} مم)" if fact.previous_mm is not None else "")


def denial(concepts: Sequence[str], draws: Draws) -> str:
    """Say in one sentence that findings are not there."""
    names = [concept_term(concept).ar for concept in concepts]
    if len(names) == 1:
        frame = draws.pick(("لا يوجد دليل على {a}.", "لا دليل على {a}.", "لا تظهر علامات {a}.", "عدم وجود {a}."))
        return frame.replace("{a}", names[0])
    both = draws.pick((" أو ", " ولا "))
    verb = "لا توجد" if concept_term(concepts[0]).gender == "f" else "لا يوجد"
    start = verb if both == " ولا " else draws.pick(("لا يوجد دليل على", "لا دليل على"))
    return f"{start} {both.join(names)}."


def normal(draws: Draws) -> str:
    """Say that nothing abnormal is seen."""
    return draws.pick(
        ("لا توجد تغيرات مرضية.", "الفحص ضمن الحدود الطبيعية.", "لا يوجد شذوذ واضح.", "النتيجة طبيعية.")
    )


def summary(
    age: int, sex: str, symptoms: Sequence[str], duration: str, view: str, found: Sequence[str] | None
) -> str:
    """Say who, complaints, since when and what was found (None: not told); و joins and glues to the next word."""
    person, suffers = ("مريضة عمرها", "تعاني") if sex == "F" else ("مريض عمره", "يعاني")
    years = arabic_count(age, "سنة", "سنتان", "سنوات", "سنة")
    seen = f"وجود {' و'.join(found)}" if found else "نتيجة طبيعية"
    result = f"مع إجراء {view}" if found is None else f"وفي {view} {seen}"
    return f"{person} {years}، {suffers} من {' و'.join(symptoms)} منذ {duration}، {result}."
