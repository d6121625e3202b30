from __future__ import annotations

import numpy as np

from vesalius.virtual.seeds import identifier, stream


def test_same_purpose_same_numbers_other_purpose_others() -> None:
    first = stream(3, "a", "noise").random(1000)
    assert np.array_equal(first, stream(3, "a", "noise").random(1000))
    for other in (
        stream(4, "a", "noise"),
        stream(3, "b", "noise"),
        stream(3, "a", "noise", 0),
        stream(3, "an", "oise"),
    ):
        # Independent numbers: |r| of 1000 pairs stays below 4 / sqrt(1000) = 0.13.
        assert abs(np.corrcoef(first, other.random(1000))[0, 1]) < 0.13


def test_known_value_holds_on_every_machine() -> None:
    assert identifier(0, "patient", 0) == "236d84d643a8"
    assert stream(0, "known").integers(0, 2**32, 3).tolist() == [3746550614, 2291823381, 1026074032]
