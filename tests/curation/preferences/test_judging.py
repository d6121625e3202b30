"""Pairs from a judge: the paper's example, ties, cleaning, judges by rules, and both sides as single answers."""

from __future__ import annotations

import pytest

from vesalius.curation.base import Dropped
from vesalius.curation.preferences.base import EQUAL, NO_ANSWER, PairTally, counted, pair_of, singles
from vesalius.curation.preferences.judging import FEW, TIED, FactJudge, cleaned, judged_pair, ranked
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.data.records import Finding, Study
from vesalius.errors import DataError

REFERENCE = "There is a small left pleural effusion. No pneumothorax."


def asked(answer: str = REFERENCE, name: str = "c") -> Conversation:
    picture = Media(path="/pictures/a.png")
    turns = (Message(role="user", parts=(picture, "Report.")), Message(role="assistant", parts=(answer,)))
    return Conversation(id=name, messages=turns, patient="p")


def by_table(scores: dict[str, float]):
    return lambda candidate, reference, study: scores[candidate]


def test_four_scores_of_the_paper() -> None:
    """.2, .5, .5, .1: the first .5 is chosen and .1 rejected."""
    found = ranked([0.2, 0.5, 0.5, 0.1])
    assert found is not None
    assert (found.chosen, found.rejected, found.best, found.worst) == (1, 3, 0.5, 0.1)
    pair = judged_pair(asked(), ["A", "B", "C", "D"], by_table(dict(zip("abcd", (0.2, 0.5, 0.5, 0.1), strict=True))))
    assert isinstance(pair, Conversation)
    assert (pair.answers[-1], pair.rejected) == ("B", "D")
    assert pair.media == asked().media


def test_ties_are_dropped() -> None:
    assert ranked([0.3, 0.3, 0.3]) is None
    assert ranked([0.3, 0.3 + 9e-9]) is None
    assert ranked([0.3, 0.3 + 2e-8]) is not None
    tied = judged_pair(asked(), ["A", "B"], lambda candidate, reference, study: 0.5)
    assert tied == Dropped(TIED, "c")
    assert judged_pair(asked(), ["A"], lambda candidate, reference, study: 0.5) == Dropped(FEW, "c")


def test_a_judge_sees_cleaned_texts_and_the_pair_the_written_ones() -> None:
    assert cleaned(" **Lungs:**  Clear [see\timage]  today.\n No\n effusion ") == "lungs: clear today. no effusion"
    seen = []

    def judge(candidate: str, reference: str, study: Study | None) -> float:
        seen.append((candidate, reference))
        return float(len(candidate))

    pair = judged_pair(asked("**The** Reference."), ["**A  b**", "[x] LONGER one"], judge)
    assert seen == [("a b", "the reference."), ("longer one", "the reference.")]
    assert isinstance(pair, Conversation)
    assert (pair.answers[-1], pair.rejected) == ("[x] LONGER one", "**A  b**")


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="finite"):
        ranked([0.1, float("nan")])


def test_green_by_rules_worked() -> None:
    """Three matched and one error: .75; nothing matched: 0."""
    judge = FactJudge()
    reference = "There is a small left pleural effusion. There is cardiomegaly. No pneumothorax."
    written = f"{reference} There is pulmonary edema."
    assert judge(cleaned(written), cleaned(reference), None) == pytest.approx(0.75)
    assert judge("there is pulmonary edema.", cleaned(reference), None) == 0.0
    assert judge(cleaned(reference), cleaned(reference), None) == 1.0


def test_a_judge_against_the_record() -> None:
    findings = (
        Finding(concept="pleural_effusion", laterality="left"), Finding(concept="pneumothorax", status="absent"),
    )  # fmt: skip
    study = Study(id="s", patient="p", findings=findings)
    judge = FactJudge(against="record")
    # The side of the record is left: one match and the denial; a right one is an error of place beside the denial.
    assert judge("there is a left pleural effusion. no pneumothorax.", "", study) == 1.0
    assert judge("there is a right pleural effusion. no pneumothorax.", "", study) == pytest.approx(0.5)
    with pytest.raises(DataError, match="needs the study"):
        judge("no pneumothorax.", "", None)


def test_equal_sides_and_missing_answers_are_no_pairs() -> None:
    assert pair_of(asked(), rejected=REFERENCE) == Dropped(EQUAL, "c")
    assert pair_of(asked()) == Dropped(EQUAL, "c")
    assert pair_of(asked(), rejected_media=asked().media) == Dropped(EQUAL, "c")
    assert pair_of(asked(" ")) == Dropped(NO_ANSWER)
    question = Conversation(id="q", messages=asked().messages[:1])
    assert pair_of(question, rejected="x") == Dropped(NO_ANSWER)
    assert judged_pair(question, ["A", "B"], by_table({"a": 1, "b": 0})) == Dropped(NO_ANSWER, "q")


def test_counts_of_what_gave_no_pair() -> None:
    tally = PairTally()
    scores = iter((1.0, 0.0, 0.5, 0.5, 0.5, 0.5))
    outcomes = (judged_pair(asked(name=str(n)), ["A", "B"], lambda *_: next(scores)) for n in range(3))
    assert [pair.id for pair in counted(outcomes, tally)] == ["0"]
    assert tally.as_dict() == {"made": 1, "dropped": {TIED: 2}}


def test_both_sides_as_single_answers() -> None:
    other = Media(path="/pictures/b.png")
    pair = pair_of(asked(), rejected="No effusion.", rejected_media=(other,), weight=0.7)
    assert isinstance(pair, Conversation)
    (good, is_good), (bad, is_bad) = singles(pair)
    assert (is_good, is_bad) == (True, False)
    assert (good.answers[-1], bad.answers[-1]) == (REFERENCE, "No effusion.")
    assert (good.media[0].path, bad.media) == ("/pictures/a.png", (other,))
    assert (good.id, bad.id, bad.weight, bad.is_pair) == ("c:chosen", "c:rejected", 0.7, False)
