"""Comparisons on several data sets together: only where no two share a patient."""

from __future__ import annotations

from typing import Any

import pytest

from vesalius.evaluation.summary import comparison_words
from vesalius.evaluation.together import together, together_words

PATIENTS = {name: frozenset({f"{name}-1", f"{name}-2"}) for name in ("a", "b", "c")}


def rows(differences: list[float], **changes: Any) -> list[dict[str, Any]]:
    base = {"first": "one", "second": "two", "metric": "accuracy", "primary": True, "error": 0.02, "verdict": "win"}
    return [
        {**base, "task": task, "difference": gap, **changes} for task, gap in zip("abc", differences, strict=True)
    ]


def test_three_data_sets() -> None:
    """Equal errors: plain mean .02 with error .02/sqrt 3; three wins of three: p .25."""
    (found,) = together(rows([0.01, 0.02, 0.03]), PATIENTS)
    assert (found["mean"], found["p_sign"]) == (pytest.approx(0.02), 0.25)
    assert found["low"] == pytest.approx(0.02 - 1.959964 * 0.02 / 3**0.5)
    assert (found["least"], found["most"]) == (pytest.approx(0.015), pytest.approx(0.025))
    words = together_words(found)
    assert words.startswith("one against two over 3 data sets in accuracy: mean +0.020 [-0.003, +0.043]")
    assert "turns" not in words
    assert comparison_words({"tally": [], "together": [found]}) == [words]


def test_a_smaller_value_may_be_better() -> None:
    (found,) = together(rows([-0.1, -0.1, 0.5], metric="brier", verdict="undecided"), PATIENTS)
    assert found["mean"] < 0
    assert found["decisive"] == "c"
    assert "Without c the sign turns." in together_words(found)


def test_what_is_no_independent_evidence_gives_nothing() -> None:
    shared = {**PATIENTS, "c": PATIENTS["a"]}
    assert together(rows([0.01, 0.02, 0.03]), shared) == []
    assert together(rows([0.01, 0.02, 0.03])[:2], PATIENTS) == []
    assert together(rows([0.01, 0.02, 0.03], primary=False), PATIENTS) == []
    assert together(rows([0.01, 0.02, 0.03], error=0.0), PATIENTS) == []
