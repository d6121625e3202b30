from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vesalius.data.keys as keys_module
from vesalius.data.keys import KeySet

KEYS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(KEYS, max_size=30), KEYS)
def test_it_is_a_set(added: list[int], asked: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys_module, "_MOST_FRESH", 3)  # so that keys are sorted in several times
        keys = KeySet()
        for key in added:
            keys.add(key)
    assert all(key in keys for key in added)
    assert (asked in keys) == (asked in added)
