"""What the second scan looks for: the identifying values of the source, and no word that tells nothing."""

from __future__ import annotations

from pathlib import Path

from vesalius.data.deidentify import Options
from vesalius.data.deidentify.originals import originals_of_table
from vesalius.data.deidentify.tables import TableColumns


def test_a_country_alone_is_not_searched_and_a_town_is(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(
        'patient,where\np1,Taiwan\np2,South Korea\np3,Taichung\np4,"Viborg, Denmark"\n', encoding="utf-8"
    )
    found = originals_of_table(table, TableColumns(patient="patient", places=("where",)), Options())
    assert {value for kind, value in found if kind == "place"} == {"Taichung", "Viborg, Denmark"}
