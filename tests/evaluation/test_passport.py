"""Passports: the same name for the same facts, on every machine and in every order."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.errors import DataError
from vesalius.evaluation.passport import (
    Passport,
    canonical,
    fingerprint,
    from_document,
    ids_fingerprint,
    prompts_of,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def passport(**changes: Any) -> Passport:
    facts: dict[str, Any] = {
        "dataset": {"name": "chest", "revision": "abc", "split": "test"},
        "task": {"name": "zero_shot", "prompts": prompts_of(["Pneumothorax.", "No pneumothorax."])},
        "scoring": {"metrics": "1", "resamples": 1000},
        "model": {"name": "a", "weights_sha256": "0" * 64},
        "preprocessing": {"image": {"size": 128}},
        "code": {"vesalius": "0.1.0"},
    }
    return Passport(**{**facts, **changes})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [1.5, None, True]}, '{"a":[1.5,null,true],"b":1}'),
        ((1, "é"), '[1,"\\u00e9"]'),
        ({"x": math.inf, "y": math.nan}, '{"x":"inf","y":"nan"}'),
        ({3, 1, 2}, "[1,2,3]"),
        (np.float32(0.5), "0.5"),
    ],
)
def test_canonical_json(value: Any, expected: str) -> None:
    assert canonical(value) == expected


def test_the_name_is_the_start_of_a_sha256() -> None:
    expected = hashlib.sha256(b'{"a":1}').hexdigest()[:12]
    assert fingerprint({"a": 1}) == expected


@given(st.dictionaries(st.text(), PLAIN, max_size=5), st.randoms())
def test_the_order_of_keys_does_not_matter(values: dict[str, Any], random: Any) -> None:
    keys = list(values)
    random.shuffle(keys)
    assert canonical({key: values[key] for key in keys}) == canonical(values)


@given(st.lists(st.text(min_size=1), unique=True, min_size=1), st.randoms())
def test_the_order_of_ids_does_not_matter_but_each_id_does(ids: list[str], random: Any) -> None:
    shuffled = ids.copy()
    random.shuffle(shuffled)
    assert ids_fingerprint(shuffled) == ids_fingerprint(ids)
    assert ids_fingerprint(ids[:-1]) != ids_fingerprint(ids)
    assert ids_fingerprint([*ids[:-1], ids[-1] + "'"]) != ids_fingerprint(ids)


def test_a_passport_survives_json() -> None:
    one = passport()
    again = from_document(one.document(), where="scores.json")
    assert again.id == one.id
    assert len(one.id) == 12


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"resampling_seed": 1},
        {"control": "untrained"},
        {"command": "vesalius evaluate"},
        {"preprocessing": {"image": {"size": 129}}},
        {"task": {"name": "zero_shot", "prompts": prompts_of(["Pneumothorax", "No pneumothorax."])}},
    ],
)
def test_every_fact_counts(change: dict[str, Any]) -> None:
    assert replace(passport(), **change).id != passport().id


def test_prompts_are_kept_word_for_word_unless_very_many() -> None:
    few = prompts_of(["A.", "B.", "A."])
    assert (few["count"], few["texts"]) == (2, ["A.", "B."])
    many = prompts_of([f"Text {number}." for number in range(500)])
    assert (many["count"], many["texts"]) == (500, [])
    assert many["sha256"] != prompts_of([f"Text {number}." for number in range(499)])["sha256"]


def test_a_strange_passport_is_refused() -> None:
    with pytest.raises(DataError, match=r"scores\.json: not a passport"):
        from_document({"dataset": {}}, where="scores.json")
