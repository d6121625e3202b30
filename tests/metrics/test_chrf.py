"""chrF and chrF++ against sacreBLEU's numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vesalius.metrics import chrf as module
from vesalius.metrics.chrf import chrf, chrf_counts

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lexical.json").read_text(encoding="utf-8"))
SAID = [
    "Heart size is normal. There is no pneumothorax or pleural effusion.",
    "There is a small left pleural effusion.",
    "No acute cardiopulmonary process.",
]
TRUTHS = [
    ["The heart size is normal. No pleural effusion or pneumothorax."],
    ["Small left pleural effusion, unchanged."],
    ["No acute cardiopulmonary process."],
]


def test_three_segments() -> None:
    counts = chrf_counts(SAID, TRUTHS)
    np.testing.assert_allclose(chrf(counts), [75.602020686, 65.687041260, 100], atol=1e-8)
    assert float(chrf(counts.sum(axis=0))) == pytest.approx(78.712497668, abs=1e-8)
    assert float(chrf(counts.sum(axis=0), each_order=True)) == pytest.approx(78.712488942, abs=1e-8)
    words = chrf_counts(SAID, TRUTHS, word_orders=2)
    assert float(chrf(words.sum(axis=0))) == pytest.approx(74.105497485, abs=1e-8)
    lower = chrf_counts([text.lower() for text in SAID], [[truth.lower() for truth in given] for given in TRUTHS])
    assert float(chrf(lower.sum(axis=0))) == pytest.approx(80.808833563, abs=1e-8)


def test_hand_case() -> None:
    counts = chrf_counts(["no acute disease"], [["no acute cardiopulmonary disease"]])
    assert float(chrf(counts)[0]) == pytest.approx(37.456714938, abs=1e-8)


def test_several_references_against_the_package() -> None:
    for name, word_orders in (("chrf", 0), ("chrf_pp", 2)):
        counts = chrf_counts(GOLDEN["said"], GOLDEN["truths"], word_orders=word_orders)
        assert float(chrf(counts.sum(axis=0))) == pytest.approx(GOLDEN[name], abs=1e-10)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = chrf_counts(SAID, TRUTHS)
    monkeypatch.setattr(module, "_BLOCK_CHARACTERS", 1)
    np.testing.assert_array_equal(chrf_counts(SAID, TRUTHS), whole)


def test_any_script_and_nothing() -> None:
    assert float(chrf(chrf_counts(["左肺正常"], [["左肺正常"]]))[0]) == pytest.approx(100)
    assert 0 < float(chrf(chrf_counts(["左肺正常"], [["右肺正常"]]))[0]) < 100
    assert float(chrf(chrf_counts([""], [["left"]]))[0]) == 0
    assert chrf_counts([], []).shape == (0, 18)
