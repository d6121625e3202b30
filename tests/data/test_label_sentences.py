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
    spans = np.array([[[4, 6], [8, 9]], [[2, 4], [-1, -1]]])
    lengths = np.array([12, 6])
    moved = spans_elsewhere(spans, lengths, texts=["one", "other"])
    np.testing.assert_array_equal(moved, spans_elsewhere(spans, lengths, texts=["one", "other"]))
    np.testing.assert_array_equal((moved[..., 1] - moved[..., 0]), (spans[..., 1] - spans[..., 0]))
    np.testing.assert_array_equal(moved[1, 1], [-1, -1])
    places = [spans_elsewhere(spans, lengths, texts=[str(n), "x"])[0] for n in range(200)]
    assert min(place.min() for place in places) == 1, "the first token is special"
    assert max(place.max() for place in places) == 11, "and the last"
    # of tokens 1 to 10, spans hold 4, 5 and 8: two in a row are free from 1, 2, 6 and 9 on
    assert {int(place[0, 0]) for place in places} == {1, 2, 6, 9}
    assert {int(place[1, 0]) for place in places} == {1, 2, 3, 6, 7, 9, 10}


def test_spans_move_to_where_no_span_is() -> None:
    spans = np.array([[[2, 4], [6, 7], [9, 12]]])
    own = {2, 3, 6, 9, 10, 11}
    for number in range(100):
        moved = spans_elsewhere(spans, np.array([30]), texts=[str(number)])[0]
        assert not own & {place for first, last in moved for place in range(first, last)}


def test_a_span_moves_onto_spans_where_there_is_no_other_room() -> None:
    moved = spans_elsewhere(np.array([[[2, 4]]]), np.array([6]), texts=["other"])
    assert 1 <= moved[0, 0, 0] <= 3


def test_a_span_as_long_as_its_text_stays() -> None:
    spans = np.array([[[1, 5]]])
    assert spans_elsewhere(spans, np.array([6]), texts=["x"]).tolist() == [[[1, 5]]]
