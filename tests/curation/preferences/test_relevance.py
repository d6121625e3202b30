"""Clinical weights: raters that settle, five rounds at most, a tool's belief, and the rescaling to 0.75 to 1.25."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.curation.preferences.relevance import UrgencyRater, consensus, normalised, visual_relevance
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Message
from vesalius.errors import DataError


def pair(chosen: str = "No pneumothorax.", rejected: str = "There is a pneumothorax.") -> Conversation:
    turns = (Message(role="user", parts=("Report.",)), Message(role="assistant", parts=(chosen,)))
    return Conversation(id="c", messages=turns, rejected=rejected)


def stubborn(score: float):
    return lambda pair, before: score


def follower(pair: Conversation, before: float | None) -> float:
    return 0.5 if before is None else before


def test_a_round_of_equal_scores_is_a_consensus() -> None:
    found = consensus(pair(), [stubborn(0.8), follower, follower])
    assert (found.score, found.rounds, found.agreed) == (0.8, 1, True)
    assert found.given == (0.8, 0.8, 0.8)


def test_raters_who_come_round_in_the_second_round() -> None:
    # The first gives .2 and then adopts; the second always .6; the third adopts.
    told = []

    def first(pair: Conversation, before: float | None) -> float:
        told.append(before)
        return 0.2 if before is None else before

    found = consensus(pair(), [first, stubborn(0.6), follower])
    assert (found.score, found.rounds, found.agreed) == (0.6, 2, True)
    assert found.given == (0.2, 0.6, 0.6, 0.6, 0.6, 0.6)
    assert told == [None, 0.6]


def test_after_five_rounds_the_mean_of_all_scores_counts() -> None:
    # .1, .4, .7 five times: 15 scores with the mean .4
    found = consensus(pair(), [stubborn(0.1), stubborn(0.4), stubborn(0.7)])
    assert found.score == pytest.approx(0.4)
    assert (found.rounds, found.agreed, len(found.given)) == (5, False, 15)


def test_raters_outside_the_scale_and_no_rater_are_refused() -> None:
    with pytest.raises(DataError, match=r"rater 1 gave 1\.2 to the pair 'c'"):
        consensus(pair(), [stubborn(0.2), stubborn(1.2)])
    with pytest.raises(DataError, match="at least one rater"):
        consensus(pair(), [])


def test_a_rater_by_urgency() -> None:
    # Pneumothorax has the urgency 9 of 9, cardiomegaly 3 of 9; equal facts differ in nothing.
    assert UrgencyRater()(pair(), None) == 1.0
    heart = pair("There is cardiomegaly.", "The heart size is normal.")
    assert UrgencyRater()(heart, None) == 0.3
    assert UrgencyRater(strictness=0.4)(heart, None) == 0.7
    assert UrgencyRater()(heart, 0.5) == 0.3
    assert UrgencyRater(tolerance=0.2)(heart, 0.5) == 0.5
    assert UrgencyRater()(pair("Fine.", "All is well."), None) == 0.0
    mixed = [UrgencyRater(), UrgencyRater(strictness=0.2, tolerance=0.1), UrgencyRater(tolerance=0.3)]
    # .3, .5, .5, then .3, .5, .5 again, and so on: no consensus, mean of .3, .5, .5.
    assert consensus(heart, mixed).score == pytest.approx((0.3 + 0.5 + 0.5) / 3)


def test_belief_of_a_tool() -> None:
    # Logits 0 and ln 3: 3/4.
    assert visual_relevance([0.0, np.log(3)]) == pytest.approx(0.75)
    assert visual_relevance([[0.0, 0.0], [900.0, -900.0]]).tolist() == pytest.approx([0.5, 0.0])
    with pytest.raises(DataError, match="expected two"):
        visual_relevance([[1.0, 2.0, 3.0]])


def test_rescaled_weights_by_hand() -> None:
    # Mean .5, SD .1: .4 and .6 are -1 and 1 SD; SD √.1 = .316: 1 ± .316, cut to .75 and 1.25.
    assert normalised([0.4, 0.6]).tolist() == [0.75, 1.25]
    # Without the cut the mean is 1 and the variance .1.
    wide = normalised([0.1, 0.3, 0.9, 0.5], bounds=(-9, 9))
    assert (wide.mean(), wide.var()) == (pytest.approx(1.0), pytest.approx(0.1))
    assert normalised([0.7, 0.7, 0.7]).tolist() == [1.0, 1.0, 1.0]
    assert np.all(np.diff(normalised([0.1, 0.5, 0.52, 0.9])) >= 0)
    with pytest.raises(DataError, match="finite"):
        normalised([0.1, float("nan")])
