"""Sentences of labels, and spans at other places."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.data.label_sentences import label_sentence
from vesalius.data.records import Finding
from vesalius.data.words import spans_elsewhere


def findings(*present: str, absent: tuple[str, ...] = ()) -> list[Finding]:
    return [Finding(concept=one) for one in present] + [Finding(concept=one, status="absent") for one in absent]


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (findings("edema"), "Film showing edema."),
        (findings("pleural_effusion", "edema"), "Film showing edema and pleural effusion."),
        (findings("c", "a", "b", absent=("d",)), "Film showing a, b and c."),
        (findings(absent=("edema",)), "Film showing no abnormal finding."),
        (findings("no_finding"), "Film showing no abnormal finding."),
        (findings("edema", "edema"), "Film showing edema."),
        ([], ""),
    ],
)
def test_sentence_of_labels(stated: list[Finding], said: str) -> None:
    assert label_sentence(stated, "Film showing {}.") == said


def test_spans_move_within_their_text_and_always_alike() -> None:
    spans = np.array([[[1, 3], [5, 6]], [[2, 4], [-1, -1]]])
    lengths = np.array([12, 6])
    moved = spans_elsewhere(spans, lengths, texts=["one", "other"])
    np.testing.assert_array_equal(moved, spans_elsewhere(spans, lengths, texts=["one", "other"]))
    np.testing.assert_array_equal((moved[..., 1] - moved[..., 0]), (spans[..., 1] - spans[..., 0]))
    np.testing.assert_array_equal(moved[1, 1], [-1, -1])
    places = [spans_elsewhere(spans, lengths, texts=[str(n), "x"])[0] for n in range(200)]
    assert min(place.min() for place in places) == 1, "the first token is special"
    assert max(place.max() for place in places) == 11, "and the last"
    assert len({place[0, 0] for place in places}) == 9


def test_a_span_as_long_as_its_text_stays() -> None:
    spans = np.array([[[1, 5]]])
    assert spans_elsewhere(spans, np.array([6]), texts=["x"]).tolist() == [[[1, 5]]]
