"""Durations in words: numbers agree with their nouns in each language."""

from __future__ import annotations

__all__ = ["span"]

_CHINESE = {"day": "天", "week": "周", "month": "个月", "year": "年"}
_HINDI = {"day": ("din", "din"), "week": ("hafta", "hafte"), "month": ("mahina", "mahine"), "year": ("saal", "saal")}
_ARABIC = {
    "day": ("يوم", "يومين", "أيام", "يومًا"),
    "week": ("أسبوع", "أسبوعين", "أسابيع", "أسبوعًا"),
    "month": ("شهر", "شهرين", "أشهر", "شهرًا"),
    "year": ("سنة", "سنتين", "سنوات", "سنة"),
}
"""One, two (in the genitive, as after منذ), three to ten, eleven and more."""


def span(count: int, unit: str, language: str) -> str:
    """Return a duration such as "3 weeks"; Arabic duals stand in the genitive.

    Args:
        count: at least 1.
        unit: day, week, month or year.
        language: en, zh, ar or hi-Latn.
    """
    if language == "zh":
        return f"{count}{_CHINESE[unit]}"
    if language == "hi-Latn":
        return f"{count} {_HINDI[unit][count > 1]}"
    if language == "ar":
        return arabic_count(count, *_ARABIC[unit])
    return f"{count} {unit}{'s' if count > 1 else ''}"


def arabic_count(count: int, one: str, two: str, few: str, many: str) -> str:
    """Return a counted Arabic noun: the noun alone for one and two, plural to ten, singular from eleven."""
    if count <= 2:
        return one if count == 1 else two
    rest = count % 100
    return f"{count} {few if 3 <= rest <= 10 else many if rest >= 11 else one}"
