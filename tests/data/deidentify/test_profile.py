"""The table of the profile: its size, every action, the options, repeating groups."""

from __future__ import annotations

from collections import Counter

import pytest

from vesalius.data.deidentify.options import Options, options_from
from vesalius.data.deidentify.profile import action_of, profile
from vesalius.errors import ConfigError


def test_the_table_is_that_of_the_edition() -> None:
    # Counted in PS3.15 2024b, Table E.1-1.
    assert len(profile()) == 621
    assert Counter(rule.basic for rule in profile().values()) == {
        "X": 384, "D": 92, "U": 54, "Z": 42, "X/D": 22, "X/Z": 11, "X/Z/D": 8, "Z/D": 6, "X/Z/U*": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "vr", "options", "action"),
    [
        ((0x0010, 0x0010), "PN", {}, "empty"),  # Z
        ((0x0010, 0x0020), "LO", {}, "dummy"),  # Z/D
        ((0x0008, 0x0080), "LO", {}, "dummy"),  # X/Z/D
        ((0x0008, 0x0022), "DA", {}, "empty"),  # X/Z
        ((0x0008, 0x0021), "DA", {}, "dummy"),  # X/D
        ((0x0010, 0x1040), "LO", {}, "remove"),  # X
        ((0x0008, 0x0018), "UI", {}, "map"),  # U
        ((0x0008, 0x1140), "SQ", {}, "map"),  # X/Z/U*
        ((0x0040, 0xA730), "SQ", {}, "dummy"),  # D
        ((0x0008, 0x0018), "UI", {"uids": True}, "keep"),
        ((0x0008, 0x0020), "DA", {"full_dates": True}, "keep"),
        ((0x0008, 0x0020), "DA", {"modified_dates": True}, "clean"),
        ((0x0010, 0x0030), "DA", {"full_dates": True}, "empty"),  # no option keeps a birthday
        ((0x0010, 0x0040), "CS", {"patient_characteristics": True}, "keep"),
        ((0x0018, 0x1000), "LO", {"device": True}, "keep"),
        ((0x0018, 0x700C), "DA", {"device": True}, "dummy"),  # a date needs an option for dates
        ((0x0008, 0x0080), "LO", {"institution": True}, "keep"),
        ((0x0008, 0x1030), "LO", {"descriptors": True}, "clean"),
        ((0x0040, 0xA730), "SQ", {"structured_content": True}, "clean"),
        ((0x6002, 0x3000), "OW", {}, "remove"),
        ((0x6002, 0x3000), "OW", {"graphics": True}, "clean"),
        ((0x5004, 0x3000), "OW", {"graphics": True}, "remove"),  # curves cannot be cleaned
        ((0x0028, 0x0010), "US", {}, "unlisted"),
    ],
)
def test_actions(tag: tuple[int, int], vr: str, options: dict[str, bool], action: str) -> None:
    assert action_of(*tag, vr, Options(**options)) == action


def test_options_by_name() -> None:
    found = options_from(retain="modified-dates, device", clean="descriptors", pixels="drop")
    assert (found.modified_dates, found.device, found.descriptors, found.pixels) == (True, True, True, "drop")
    with pytest.raises(ConfigError, match="did you mean 'modified-dates'"):
        options_from(retain="modifed-dates")


@pytest.mark.parametrize(
    "wrong", [{"full_dates": True, "modified_dates": True}, {"keep_weekdays": True}, {"coarse_times": True}]
)
def test_options_that_contradict_or_have_no_effect(wrong: dict[str, bool]) -> None:
    with pytest.raises(ConfigError):
        Options(**wrong)
