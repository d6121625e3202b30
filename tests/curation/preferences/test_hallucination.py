"""Plausible wrong answers: each error on a sentence, truth that is never touched, lengths, short answers, reports."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.curation.base import Dropped
from vesalius.curation.preferences.base import NO_ANSWER, PairTally, counted
from vesalius.curation.preferences.hallucination import (
    NOTHING,
    HallucinationConfig,
    hallucinated,
    hallucinated_pair,
    most_hallucinated,
)
from vesalius.curation.preferences.rewriting import ERRORS, Scene, rewrites
from vesalius.data.conversations.records import Conversation
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Message
from vesalius.data.records import Finding, Study
from vesalius.errors import ConfigError
from vesalius.metrics.report_facts import fact_counts, read_facts, recorded_facts
from vesalius.virtual.text.grammar import Fact

EFFUSION = Fact("pleural_effusion", "present", "left", severity="small")
NODULE = Fact("lung_nodule", "present", "right", size_mm=8.0)


def scene(*facts: Fact) -> Scene:
    return Scene(region="chest", facts=facts)


def made(sentence: str, *facts: Fact) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in rewrites(sentence, scene(*facts)):
        found.setdefault(one.error, []).append(one.text)
    return found


def asked(answer: str, name: str = "c") -> Conversation:
    turns = (Message(role="user", parts=("Report.",)), Message(role="assistant", parts=(answer,)))
    return Conversation(id=name, messages=turns, patient="p")


def test_errors_of_a_stated_finding() -> None:
    found = made("There is a small left pleural effusion.", EFFUSION)
    assert found["side"] == ["There is a small right pleural effusion."]
    assert "There is a large left pleural effusion." in found["size"]
    assert "There is no pleural effusion." in found["denied"]
    assert "There is a small left pneumothorax." in found["finding"]
    assert "invented" not in found


def test_errors_of_a_denial() -> None:
    found = made("No pneumothorax.", EFFUSION)
    assert set(found) == {"invented"}
    assert "There is a left pneumothorax." in found["invented"]


def test_another_size_in_the_same_unit() -> None:
    found = made("There is an 8 mm nodule in the right upper lobe.", NODULE)
    assert {
        "There is a 16 mm nodule in the right upper lobe.",
        "There is a 4 mm nodule in the right upper lobe.",
    } <= (set(found["size"]))


def test_the_other_side_is_no_error_where_both_are_true() -> None:
    right = Fact("pleural_effusion", "present", "right", severity="small")
    assert "side" not in made("There is a small left pleural effusion.", EFFUSION, right)


def test_nothing_true_is_invented() -> None:
    for facts in ((EFFUSION,), (EFFUSION, Fact("cardiomegaly", "present"))):
        here = scene(*facts)
        for one in rewrites("The bones are intact.", here):
            assert all(fact.concept not in here.there for fact in one.facts)


@pytest.fixture(scope="module")
def reports(chest: Corpus) -> list[tuple[Study, Conversation]]:
    return [(study, asked(study.text("findings"), study.id)) for study in chest if study.text("findings")]


def test_reports_of_virtual_patients(reports: list[tuple[Study, Conversation]]) -> None:
    """Every pair's worse side states something untrue that the better one does not, and is about as long."""
    tally = PairTally()
    outcomes = (hallucinated_pair(row, study=study, seed=1) for study, row in reports)
    pairs = list(counted(outcomes, tally))
    assert tally.made >= 14
    by_id = {study.id: study for study, _ in reports}
    for pair in pairs:
        truth = recorded_facts(by_id[pair.id].findings)
        right, wrong = (fact_counts(text, truth) for text in (pair.answers[-1], pair.rejected))
        before, after = (
            count.hallucinated + count.omitted + count.contradicted for count in (right, wrong)
        )  # fmt: skip
        # Another size is no contradiction of a record, which has none.
        assert after > before or read_facts(pair.rejected).facts != read_facts(pair.answers[-1]).facts
        assert abs(len(pair.rejected) - len(pair.answers[-1])) <= 0.15 * len(pair.answers[-1])
    ratios = [len(pair.rejected) / len(pair.answers[-1]) for pair in pairs]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.04)


def test_the_choice_depends_on_seed_and_id_alone(reports: list[tuple[Study, Conversation]]) -> None:
    study, row = reports[0]
    first = hallucinated_pair(row, study=study, seed=3)
    assert hallucinated_pair(row, study=study, seed=3) == first
    others = {str(hallucinated_pair(row, study=study, seed=seed)) for seed in range(8)}
    assert len(others) > 3


def test_several_changes() -> None:
    text = "There is a small left pleural effusion. There is cardiomegaly. No pneumothorax."
    settings = HallucinationConfig(changes=3, length_tolerance=0.5)
    here = scene(*read_facts(text).facts)
    found = hallucinated(text, here, settings=settings, rng=np.random.default_rng(0))
    assert found is not None
    assert len(set(found.errors)) == 3
    assert len(found.text.split(". ")) == 3
    assert not set(text.split(". ")) & set(found.text.split(". "))


def test_only_the_errors_that_are_asked_for() -> None:
    text = "There is a small left pleural effusion. There is cardiomegaly. No pneumothorax."
    for error in ERRORS:
        settings = HallucinationConfig(errors=(error,), length_tolerance=0.5)
        found = hallucinated(text, scene(*read_facts(text).facts), settings=settings, rng=np.random.default_rng(0))
        assert found is not None
        assert found.errors == (error,)


def test_no_room_for_another_length() -> None:
    """Sides are of other lengths: with no room at all only an error of exactly the same length is left."""
    settings = HallucinationConfig(errors=("side",), length_tolerance=0.0)
    found = hallucinated_pair(asked("There is a small left pleural effusion, seen before today."), settings=settings)
    assert found == Dropped(NOTHING, "c")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Yes", {"No"}), ("no.", {"yes."}), ("left", {"right"}),
        ("Right lung", {"Left lung"}), ("Lower Left Lung", {"Lower Right Lung"}),
        ("12 mm", {"6 mm", "24 mm"}), ("1.2 cm", {"0.6 cm", "2.4 cm"}), ("absent", {"present"}),
    ],
)  # fmt: skip
def test_short_answers(answer: str, expected: set[str]) -> None:
    found = {
        outcome.rejected
        for seed in range(12)
        if isinstance(outcome := hallucinated_pair(asked(answer), seed=seed), Conversation)
    }
    assert found == expected


def test_a_finding_as_an_answer_becomes_one_that_is_not_there() -> None:
    study = Study(id="s", patient="p", findings=(Finding(concept="pleural_effusion"), Finding(concept="edema")))
    found = {
        outcome.rejected
        for seed in range(40)
        if isinstance(outcome := hallucinated_pair(asked("Pleural effusion"), study=study, seed=seed), Conversation)
    }
    assert len(found) > 5
    assert not found & {"Pleural effusion", "Pulmonary edema"}
    assert all(name[0].isupper() for name in found)


def test_what_rules_cannot_turn_is_dropped_by_name() -> None:
    assert hallucinated_pair(asked("Because the patient fell.")) == Dropped(NOTHING, "c")
    assert hallucinated_pair(asked(" ")) == Dropped(NO_ANSWER, "c")


def test_both_sides_exchanged_are_still_right() -> None:
    assert hallucinated_pair(asked("Left Lung, Right Lung")) == Dropped(NOTHING, "c")


def test_the_worst_of_what_a_model_wrote() -> None:
    here = scene(EFFUSION)
    right = "There is a small left pleural effusion."
    one, two = "There is a small right pleural effusion.", "There is a pneumothorax. There is cardiomegaly."
    assert most_hallucinated([right, one, two], here) == two
    assert most_hallucinated([right], here) is None
    assert most_hallucinated([], here) is None
    pair = hallucinated_pair(asked(right), candidates=[right, one])
    assert isinstance(pair, Conversation)
    assert pair.rejected == one


def test_settings_that_are_refused() -> None:
    from vesalius.config import validate

    with pytest.raises(ConfigError, match="changes 0"):
        validate(HallucinationConfig, {"changes": 0}, where="x")
    with pytest.raises(ConfigError, match="errors"):
        validate(HallucinationConfig, {"errors": []}, where="x")
