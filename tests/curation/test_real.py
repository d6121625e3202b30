"""Copies among real chest radiographs of a public collection."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from vesalius.curation.pictures import grey
from vesalius.curation.seen import Seen, look_at, near_pictures
from vesalius.data import readers
from vesalius.metrics.proportions import clopper_pearson

pytestmark = pytest.mark.real


def test_one_case_published_twice_is_found_among_real_films(real_data: Path) -> None:
    """Four films of one case stand in the collection twice, from two sources and under two patients' numbers."""
    files = sorted((real_data / "cxr-covid" / "images").glob("*"))
    assert len(files) > 250
    looks = [look_at(grey(readers.read(path))) for path in files]
    seen = Seen(of=[(path.stem, "i") for path in files], looks=looks)
    found = near_pictures(seen)
    pairs = {frozenset((files[pair.one].stem, files[pair.other].stem)) for pair in found}
    days = ("admission", "day-1", "day-2", "day-3")
    name = "covid-19-rapidly-progressive-acute-respiratory-distress-syndrome-ards-{}"
    twice = {frozenset((name.format(day), f"16660_{number}_1")) for number, day in enumerate(days, start=2)}
    assert pairs == twice, "these four pairs and no other"
    assert min(pair.agreement for pair in found) > 0.99
    # No film of the others is called a copy: at most 1.2 % of films would be, with 95 % confidence.
    assert clopper_pearson(0, len(files) - 8).high < 0.013
    assert len(list(combinations(files, 2))) > 40_000
