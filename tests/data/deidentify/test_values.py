"""Dates, ages, keys: arithmetic by hand."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from vesalius.data.deidentify import Secret, values
from vesalius.errors import DataError


@pytest.mark.parametrize(
    ("date", "days", "expected"),
    [
        ("20200228", 1, "20200229"),  # leap year
        ("20210228", 1, "20210301"),
        ("20000229", 365, "20010228"),
        ("19991231", 1, "20000101"),
        ("20200301", -1, "20200229"),
        ("2020.03.01", -1, "20200229"),  # form of ACR-NEMA
        ("20200230", 1, ""),
        ("2020", 1, ""),
        ("20200101-20200131", 1, ""),
        ("99991231", 1, "99991230"),
    ],
)
def test_shifted_date(date: str, days: int, expected: str) -> None:
    assert values.shifted_date(date, days) == expected


@pytest.mark.parametrize(
    ("value", "hours", "expected"),
    [
        ("20200228235959.5+0100", False, "20200229235959.5+0100"),
        ("20200228235959.5+0100", True, "20200229230000+0100"),
        ("20200228", False, "20200229"),
        ("202002", False, ""),
    ],
)
def test_shifted_datetime(value: str, hours: bool, expected: str) -> None:
    assert values.shifted_datetime(value, 1, whole_hours=hours) == expected


@pytest.mark.parametrize(
    ("age", "expected"),
    # 90 years and more become 90; three digits of months, weeks and days end below that.
    [
        ("045Y", "045Y"),
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("101Y", "090Y"),
        ("999M", "999M"),
        ("012W", "012W"),
        ("old", ""),
    ],
)
def test_ages(age: str, expected: str) -> None:
    assert values.aged(age) == expected


def test_times_are_cut_to_hours() -> None:
    assert [values.coarse(time) for time in ("103522.5", "10:35", "x")] == ["100000", "100000", ""]


def test_a_secret_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.secret"
    secret = Secret.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Secret.open(path) == secret
    assert secret.key.hex() not in repr(secret)
    with pytest.raises(DataError, match="never written over"):
        Secret.create(path)
    path.chmod(0o644)
    with pytest.raises(DataError, match="chmod 600"):
        Secret.open(path)


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", json.dumps({"format": "vesalius deidentify secret", "key": "abc"})]
)
def test_what_is_no_secret(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.secret"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(DataError, match="not a secret file"):
        Secret.open(path)


def test_replacements_depend_on_secret_kind_and_value() -> None:
    one, two = Secret(b"1" * 32), Secret(b"2" * 32)
    assert one.uid("1.2.3") == one.uid("1.2.3") != two.uid("1.2.3")
    assert one.uid("1.2.3") != one.uid("1.2.4")
    assert one.pseudonym("patient", "7", prefix="P") != one.pseudonym("accession", "7", prefix="P")
    assert len(one.pseudonym("patient", "7", prefix="P")) == 16


def test_uids_are_valid() -> None:
    from pydicom.uid import UID

    found = [Secret(b"1" * 32).uid(str(number)) for number in range(200)]
    assert all(UID(uid).is_valid and len(uid) <= 44 and uid.startswith("2.25.") for uid in found)
    assert len(set(found)) == 200


def test_shifts_are_never_zero_and_on_both_sides() -> None:
    secret = Secret(b"1" * 32)
    found = [secret.shift_days(str(number)) for number in range(500)]
    assert all(0 < abs(days) <= 3650 for days in found)
    assert min(found) < -1000 < 1000 < max(found)
    weeks = [secret.shift_days(str(number), whole_weeks=True) for number in range(200)]
    assert all(days % 7 == 0 and days for days in weeks)


def test_the_form_of_a_uid() -> None:
    assert values.is_uid("1.2.840.10008.1.1")
    assert values.is_uid("1" * 64)
    for value in ("", "1" * 65, "1..2", "1.2.", ".1", "1.2\n", "../1", "1.2a", "\u0661"):
        assert not values.is_uid(value)
