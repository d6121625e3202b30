"""Words of change: the worked pair, the empty sides, whole words only."""

from __future__ import annotations

import pytest

from vesalius.metrics.temporal import WORDS, temporal_f1, temporal_words


@pytest.mark.parametrize(
    ("written", "reference", "expected"),
    [
        ("Stable effusion.", "Stable effusion, improved edema.", 0.666666667),  # P 1, R 1/2
        ("Effusion.", "Edema.", 1.0),
        ("New effusion.", "Effusion.", 1e-10),
        ("Effusion.", "New effusion.", 0.0),
        ("new_effusion", "NEW effusion", 1.0),
        ("Well-unchanged heart", "Unchanged heart", 1.0),
    ],
)
def test_worked_pairs(written, reference, expected):
    assert temporal_f1(written, reference) == pytest.approx(expected, abs=2e-9)


def test_only_whole_words_count():
    assert temporal_words("Newer changes, restabilised; worse---better\nstable") == {"worse", "stable"}
    assert len(WORDS) == 44


def test_each_word_counts_once():
    assert temporal_f1("new new new", "new") == pytest.approx(1.0)
