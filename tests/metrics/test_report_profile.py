"""What stands beside scores of reports, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import DataError
from vesalius.metrics.report_profile import normal_reports, profile, profile_table

REFERENCES = ["Lungs are clear. No effusion.", "Small effusion.", "Edema. No pneumothorax."]
WRITTEN = ["No effusion. No pneumothorax.", "New effusion.", "Edema is unchanged."]


def test_counts_by_hand():
    found = profile(profile_table(WRITTEN, REFERENCES).sum(axis=0))
    assert found.normal == pytest.approx(1 / 3)
    assert found.denials == pytest.approx(2 / 4)  # two denials of four labels spoken of
    assert found.denials_in_references == pytest.approx(2 / 4)
    assert found.length == pytest.approx(9 / 10)
    assert found.invented_comparisons == pytest.approx(2 / 3)


def test_normal_ones_are_picked():
    assert normal_reports([*REFERENCES, ""]).tolist() == [True, False, False, True]


def test_shares_of_nothing():
    found = profile(np.zeros((2, 9)))
    assert np.isnan(found.normal).all()
    with pytest.raises(DataError, match="1 reports and 2 references"):
        profile_table(["a"], ["a", "b"])
