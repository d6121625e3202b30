"""Numbers in a reply, with their units.

A number without a unit is taken in the unit that is asked for. One with a unit of the same dimension is converted.
Where a reply has only numbers of another dimension (seconds for millimetres) it is unparsed, and where several
different ones would do it is ambiguous. Sources of the two other modes: the cards of DeepTumorVQA (first number) and
MedVision (last).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from vesalius.errors import ConfigError, did_you_mean
from vesalius.tasks.answers.reply import Parsed, empty, final_content, refusal, without_blocks

__all__ = ["UNITS", "Quantity", "first_number", "last_numbers", "parse_number_text", "quantities"]


class Quantity(NamedTuple):
    """A number of a reply, as it stands there."""

    value: float
    unit: str
    """Key of ``UNITS``; "" where none is given or known."""
    start: int
    end: int


UNITS: Mapping[str, tuple[str, float, tuple[str, ...]]] = {
    "um": ("length", 1e-3, ("µm", "μm", "micron", "microns", "micrometer", "micrometre", "micrometers",
                             "micrometres")),
    "mm": ("length", 1.0, ("millimeter", "millimetre", "millimeters", "millimetres", "毫米")),
    "cm": ("length", 10.0, ("centimeter", "centimetre", "centimeters", "centimetres", "厘米")),
    "m": ("length", 1000.0, ("meter", "metre", "meters", "metres")),
    "in": ("length", 25.4, ("inch", "inches")),
    "mm2": ("area", 1.0, ("mm²", "mm^2", "sq mm", "square millimeters", "square millimetres")),
    "cm2": ("area", 100.0, ("cm²", "cm^2", "sq cm", "square centimeters", "square centimetres")),
    "mm3": ("volume", 1e-3, ("mm³", "mm^3", "cubic millimeters", "cubic millimetres")),
    "ml": ("volume", 1.0, ("cm3", "cm³", "cm^3", "cc", "milliliter", "millilitre", "milliliters", "millilitres",
                           "cubic centimeters", "cubic centimetres")),
    "l": ("volume", 1000.0, ("liter", "litre", "liters", "litres")),
    "hu": ("attenuation", 1.0, ("hounsfield units", "hounsfield unit", "hounsfield")),
    "%": ("share", 1.0, ("percent", "per cent", "pct", "％")),
    "deg": ("angle", 1.0, ("°", "degree", "degrees", "º")),
    "rad": ("angle", 57.29577951308232, ("radian", "radians")),
    "ms": ("time", 1e-3, ("millisecond", "milliseconds")),
    "s": ("time", 1.0, ("sec", "second", "seconds")),
    "min": ("time", 60.0, ("minute", "minutes")),
    "bpm": ("rate", 1.0, ("beats per minute",)),
    "mmhg": ("pressure", 1.0, ("mm hg",)),
    "g": ("mass", 1.0, ("gram", "grams")),
    "kg": ("mass", 1000.0, ("kilogram", "kilograms")),
    "years": ("age", 1.0, ("year", "yrs", "yr", "years old", "year old", "岁")),
}  # fmt: skip
"""Unit to its dimension, its size in that dimension's first unit, and its other spellings, in small letters."""

_SPELLINGS = {spelling: unit for unit, (_, _, more) in UNITS.items() for spelling in (unit, *more)}
_NUMBER = r"[-−–+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d+[.,]\d+|\d+|\.\d+)(?:[eE][-+]?\d{1,3})?"
_UNIT = "|".join(re.escape(one) for one in sorted(_SPELLINGS, key=len, reverse=True))
_QUANTITY = re.compile(
    rf"(?<![\w.,])(?P<number>{_NUMBER})(?!\d)"
    rf"(?:\s{{0,3}}-?(?P<unit>{_UNIT})(?![\w²³^]))?"
    r"(?P<glued>(?:st|nd|rd|th)\b|[a-zA-Z])?",
    re.IGNORECASE,
)
_ITEM = re.compile(r"(?m)^\s{0,8}\d{1,2}[.)]\s+(?=\S)")
_CLAIM = re.compile(
    r"\b(?:answer|value|result|total|measures?|equals?|is|are|approximately|about|=|:)\W{0,4}$", re.IGNORECASE
)
_SHARED = re.compile(r"\s{0,4}(?:[-−–x×/,]|to|by|and|or)\s{0,4}", re.IGNORECASE)
_PLUS_MINUS = re.compile(r"\s*(?:±|\+/-|\+-)\s*$")
_COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_WORDS = {word: number for number, word in enumerate(_COUNTED.split())}
_SPELT = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_PLAIN = re.compile(r"-?\d+\.?\d*")


def quantities(text: str) -> list[Quantity]:
    """Return the numbers of a text with their units; ordinals and numbers in words ("T2", "3rd") are none.

    A comma before three digits groups them (1,000), any other is a decimal one (3,5). The second of a range (3-5) is
    not negative, and its first has the unit of both. The spread behind ± is no number, nor is that of a list's item.
    """
    found = []
    items = {one.start() + len(one.group()) - len(one.group().lstrip()) for one in _ITEM.finditer(text)}
    for one in _QUANTITY.finditer(text):
        glued = one["glued"] and not one["unit"]
        if glued or one.start("number") in items or _PLUS_MINUS.search(text[max(0, one.start() - 8) : one.start()]):
            continue
        unit = _SPELLINGS.get((one["unit"] or "").casefold(), "")
        found.append(Quantity(_number(one["number"]), unit, one.start("number"), one.end("number")))
    for place in range(len(found) - 2, -1, -1):
        one_of_two, after = found[place], found[place + 1]
        if not one_of_two.unit and _SHARED.fullmatch(text, one_of_two.end, after.start):
            found[place] = one_of_two._replace(unit=after.unit)
    return found


def parse_number_text(reply: str, *, unit: str | None) -> Parsed:
    """Read one number by our rule, in `unit` where one is asked for.

    Raises:
        ConfigError: the unit is not known.
    """
    target = None if unit is None else known_unit(unit)
    nothing = empty(reply)
    if nothing:
        return nothing
    content = final_content(reply)
    found = quantities(content.text)
    if not found:
        return _spelt(content.text)
    fitting = [one for one in found if target is None or not one.unit or _same(one.unit, target)]
    if not fitting:
        return Parsed(status="unparsed", rule=f"units {', '.join(sorted({one.unit for one in found}))} for {unit}")
    named = [one for one in fitting if one.unit] if target else []
    values = {_converted(one, target) for one in named or fitting}
    rule = "unit converted" if any(one.unit != target for one in named) else "number with unit" if named else "number"
    if len(values) == 1:
        return Parsed(status="answered", value=values.pop(), rule=f"{content.mark}: {rule}")
    claimed = {_converted(one, target) for one in named or fitting if _CLAIM.search(content.text[: one.start][-24:])}
    if len(claimed) == 1 and content.mark == "whole":
        return Parsed(status="answered", value=claimed.pop(), rule=f"claim: {rule}")
    return Parsed(status="ambiguous", rule=f"{len(values)} different numbers")


def known_unit(unit: str) -> str:
    """Return the key of a unit by any of its spellings.

    Raises:
        ConfigError: no such unit; offers the nearest.
    """
    found = _SPELLINGS.get(unit.casefold())
    if found is None:
        raise ConfigError(f"unknown unit {unit!r}{did_you_mean(unit.casefold(), _SPELLINGS)}")
    return found


def first_number(reply: str) -> Parsed:
    """Read the first number of a reply without its reasoning, as DeepTumorVQA does."""
    found = _PLAIN.search(without_blocks(reply))
    if not found:
        return Parsed(status="unparsed", rule="no number")
    return Parsed(status="answered", value=float(found.group()), rule="first number")


def last_numbers(reply: str, count: int) -> Parsed:
    """Read the last `count` numbers of a reply as a tuple, as MedVision does; "3-5" gives -5 and "1e-3" gives -3."""
    found = _PLAIN.findall(reply)
    if len(found) < count:
        return Parsed(status="unparsed", rule=f"{len(found)} numbers where {count} are asked for")
    return Parsed(status="answered", value=tuple(float(one) for one in found[-count:]), rule=f"last {count} numbers")


def _number(text: str) -> float:
    digits = text.replace("−", "-").replace("–", "-")
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?:[eE].*)?", digits):
        digits = digits.replace(",", "")
    elif re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+", digits):
        digits = digits.replace(".", "")
    return float(digits.replace(",", "."))


def _same(unit: str, target: str) -> bool:
    return UNITS[unit][0] == UNITS[target][0]


def _converted(found: Quantity, target: str | None) -> float:
    if target is None or not found.unit or found.unit == target:
        return found.value
    return float(f"{found.value * UNITS[found.unit][1] / UNITS[target][1]:.12g}")


def _spelt(text: str) -> Parsed:
    """Read a number that is written as a word, up to twenty."""
    found = {_WORDS[one.group().casefold()] for one in _SPELT.finditer(text)}
    if len(found) == 1:
        return Parsed(status="answered", value=float(found.pop()), rule="number word")
    if found:
        return Parsed(status="ambiguous", rule=f"{len(found)} different number words")
    declined, _ = refusal(text)
    return Parsed(status="refused", rule="refusal") if declined else Parsed(status="unparsed", rule="no number")
