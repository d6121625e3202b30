"""Fields that are kept of studies: what comes back, in which order, and what is refused."""

from __future__ import annotations

import pytest

from vesalius.data import kept
from vesalius.data.kept import KeptFields
from vesalius.data.records import Finding, Study, Text
from vesalius.errors import ConfigError


def study(number: int) -> Study:
    return Study(
        id=f"s{number}",
        patient="p",
        texts=(Text(text="Some words.", role="findings"),),
        findings=(Finding(concept=f"concept_{number}", status="absent", anatomy="lung"),),
    )


@pytest.mark.parametrize("rows_at_once", [2, 100])
def test_fields_come_back_in_the_order_that_is_wanted(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_ROWS_AT_ONCE", rows_at_once)
    fields = KeptFields(frozenset({"findings"}))
    for number in range(5):
        fields.add(study(number))
    fields.order([4, 0, 1, 2, 3])
    for row, number in enumerate([4, 0, 1, 2, 3]):
        found = fields[row]
        assert found is not None
        assert (found.id, found.findings, found.texts) == (f"s{number}", study(number).findings, ())


def test_nothing_kept_costs_nothing() -> None:
    fields = KeptFields(frozenset())
    fields.add(study(0))
    fields.order([0])
    assert fields[0] is None


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no field 'finding' to keep.*findings"):
        KeptFields(frozenset({"finding"}))
