"""Values of DICOM elements: dummies that say nothing, dates moved by days, ages without the oldest."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

__all__ = ["REMOVED", "aged", "coarse", "dummy", "is_uid", "shifted_date", "shifted_datetime"]

REMOVED = "REMOVED"
_OLDEST = 89
"""Ages above are told as 90 by the Safe Harbor method (45 CFR 164.514)."""
_DUMMIES: dict[str, Any] = {
    "AE": REMOVED, "AS": "000Y", "CS": REMOVED, "DA": "19000101", "DS": "0", "DT": "19000101000000", "IS": "0",
    "LO": REMOVED, "LT": REMOVED, "PN": REMOVED, "SH": REMOVED, "ST": REMOVED, "TM": "000000", "UC": REMOVED,
    "UI": "2.25.0", "UR": "urn:removed", "UT": REMOVED, "FD": 0.0, "FL": 0.0, "SL": 0, "SS": 0, "UL": 0, "US": 0,
    "SV": 0, "UV": 0, "AT": 0,
}  # fmt: skip
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_DATETIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})?")
_TIME = re.compile(r"(\d{2})(?::?\d{2}){0,2}(?:\.\d{1,6})?")
_AGE = re.compile(r"(\d{3})([DWMY])")
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_LONGEST_UID = 64
_DAYS_OF = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}


def dummy(vr: str) -> Any:
    """Return a value of this representation that tells nothing; bytes for binary ones."""
    return _DUMMIES.get(vr, b"\0\0")


def is_uid(value: str) -> bool:
    """Say whether a value has the form of a UID (PS3.5 9.1), so that it can hold no name and no path."""
    return len(value) <= _LONGEST_UID and _UID.fullmatch(value) is not None


def moved(day: date, days: int) -> date:
    """Move a day; at the ends of the calendar it comes from the other side, as date arithmetic ends there."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return day - timedelta(days=days)


def shifted_date(value: str, days: int) -> str:
    """Move a DA by days; what is not a whole date becomes empty, ranges included."""
    match = _DATE.fullmatch(value.strip())
    if match is None:
        return ""
    try:
        day = date(*(int(part) for part in match.groups()))
    except ValueError:
        return ""
    return moved(day, days).strftime("%Y%m%d").zfill(8)


def shifted_datetime(value: str, days: int, *, whole_hours: bool = False) -> str:
    """Move a DT by days; one without a day is cut to nothing, a time zone stays."""
    match = _DATETIME.fullmatch(value.strip())
    if match is None or not match[3]:
        return ""
    day = shifted_date("".join(match.groups()[:3]), days)
    if not day:
        return ""
    rest = "".join(part or "" for part in match.groups()[3:6])
    if whole_hours and rest:
        return day + rest[:2] + "0000" + (match[8] or "")
    return day + rest + (f".{match[7]}" if match[7] else "") + (match[8] or "")


def coarse(value: str) -> str:
    """Cut a TM to its hour; empty where it is not a time."""
    match = _TIME.fullmatch(value.strip())
    return f"{match[1]}0000" if match else ""


def aged(value: str) -> str:
    """Return an AS, with 090Y for every age above 89 years; empty where it is not an age."""
    match = _AGE.fullmatch(value.strip())
    if match is None:
        return ""
    years = int(match[1]) * _DAYS_OF[match[2]] / _DAYS_OF["Y"]
    return "090Y" if years >= _OLDEST + 1 else value.strip()
