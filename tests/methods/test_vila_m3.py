"""VILA-M3: calls, the training conversation, the paper's scoring, its experts."""

from __future__ import annotations

from pathlib import Path

import pytest

from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media
from vesalius.data.mixture import Mixture
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation.expert_turns import CARD
from vesalius.evaluation.plants import plant
from vesalius.inference.experts import ensemble
from vesalius.methods.vila_m3 import CARDS, ENSEMBLE, equal_answers, positive_f1, read_answer
from vesalius.tasks.grammar.calls import Call, parse_call
from vesalius.tasks.instructions.families import families
from vesalius.tasks.instructions.guidance import cards_text, classified, guided
from vesalius.training.recipe import ConversationRecipe, open_recipe
from vesalius.virtual.population import make

EXPERTS = [card.expert for card in CARDS]


@pytest.mark.evidence("vila-m3", "L2", "calls are read by the paper's rules")
@pytest.mark.parametrize(
    ("reply", "call"),
    [
        ("<CXR()>", Call("CXR")),
        ("Let me first trigger <VISTA3D(hepatic tumor)>.", Call("VISTA3D", "hepatic tumor")),
        ("<VISTA3D>", Call("VISTA3D")),
        ("<VISTA3D(organs)>", Call("VISTA3D", "organs")),
        ("<CXR()> <VISTA3D(organs)>", None),
        ("<UNKNOWN()>", None),
        ("<image>", None),
        ("No finding.", None),
    ],
)
def test_calls_are_read_by_the_papers_rules(reply: str, call: Call | None) -> None:
    assert parse_call(reply, EXPERTS).value == call


def test_an_unknown_group_is_an_error() -> None:
    assert parse_call("<VISTA3D(brain)>", EXPERTS).status == "unparsed"
    with pytest.raises(ConfigError, match="no group 'brain'"):
        guided("Where?", [Media(path="/a")], cards=CARDS, call=Call("VISTA3D", "brain"), result="", answer="")


@pytest.mark.evidence(
    "vila-m3", "L2", "a training conversation is cards and question, call, result and question, answer"
)
def test_a_training_conversation_has_four_turns() -> None:
    shown = Media(path="/film.png")
    turns = guided(
        "Is there <CXR()> edema?", [shown], cards=CARDS, call=Call("CXR"), result=classified({"edema": 0.7}),
        answer="Yes.", modality="CXR",
    )  # fmt: skip
    assert [turn.role for turn in turns] == ["user", "assistant", "user", "assistant"]
    assert turns[0].media == (shown,)
    assert isinstance(turns[0].parts[0], Media)
    assert cards_text(CARDS) in turns[0].text
    assert "This is a CXR image." in turns[0].text
    assert turns[0].text.endswith("Is there ‹CXR()› edema?")
    assert turns[1].text == "<CXR()>"
    assert turns[2].text.startswith("edema: yes\n")
    assert turns[3].text == "Yes."


@pytest.mark.evidence("vila-m3", "L2", "answers are compared as the paper compares them, closed questions apart")
def test_answers_are_compared_as_the_paper_compares_them() -> None:
    truths = ["Yes", "no", "left lung", "Edema"]
    assert equal_answers([" yes", "No ", "Left Lung", None], truths) == 0.75
    # of the two closed ones one is right
    assert equal_answers(["yes", "yes", "left lung", "edema"], truths, closed_only=True) == 0.5
    with pytest.raises(DataError, match="no question counts"):
        equal_answers(["a"], ["b"], closed_only=True)


@pytest.mark.evidence("vila-m3", "L2", "whole words are read; the release's substrings are a named rule")
@pytest.mark.parametrize(
    ("reply", "words", "release"),
    [
        ("Yes, there is.", "yes", "yes"),
        ("The heart is normal; yes.", "yes", "no"),
        ("A nodule (b) is seen", "b", "no"),
        ("Answer: c", "c", "a"),
        ("It is unclear", "", "c"),
    ],
)
def test_answers_are_read_by_whole_words(reply: str, words: str, release: str) -> None:
    assert read_answer(reply) == words
    assert read_answer(reply, rule="release") == release


@pytest.mark.evidence("vila-m3", "L2", "F1 of yes over classes; an answer that cannot be read is negative")
def test_positive_f1_is_the_mean_over_classes_and_an_unread_answer_is_negative() -> None:
    replies = {"edema": ["yes", "no", "unclear"], "effusion": ["yes", "yes", "no"]}
    truths = {"edema": [True, False, True], "effusion": [True, False, False]}
    # edema: 1 found of 1 said and 2 there, 2/3; effusion: 1 found of 2 said and 1 there, 2/3
    assert positive_f1(replies, truths) == pytest.approx(2 / 3)
    with pytest.raises(DataError, match="effusion: 3 answers for 1 truths"):
        positive_f1(replies, {"edema": [True, False, True], "effusion": [True]})


@pytest.mark.evidence("vila-m3", "L2", "each label has its own members, whose mean counts; yes above one half")
def test_labels_have_the_members_of_the_paper() -> None:
    assert ENSEMBLE["pneumothorax"] == ("resnet",)
    assert len(ENSEMBLE["lung_opacity"]) == 8
    assert set(ENSEMBLE["fracture"]) == {"all", "nih", "chex", "resnet"}
    # Of the common four, (0.9 + 0.6 + 0.4 + 0.1) / 4 is one half, which is no yes; the ResNet alone tells of the air.
    scores = {"all": 0.9, "chex": 0.6, "pc": 0.4, "resnet": 0.1}
    members = {name: {"edema": score, "pneumothorax": 1 - score} for name, score in scores.items()}
    found = ensemble(members, of_label={label: ENSEMBLE[label] for label in ("pneumothorax", "edema")})
    assert found == pytest.approx({"edema": 0.5, "pneumothorax": 0.9})
    assert classified(found) == "edema: no\npneumothorax: yes"


@pytest.mark.evidence("vila-m3", "L2", "a set that is repeated four times has four times its share")
def test_repeats_change_shares_as_counted() -> None:
    recipe = open_recipe("vila_m3")
    assert isinstance(recipe, ConversationRecipe)
    ratios = recipe.stages["experts"].mixture
    assert ratios == {"report": 1, "guided": 4}
    mixture = Mixture({"report": 100, "guided": 50}, ratios=ratios, seed=0)
    assert mixture.shares() == pytest.approx({"report": 1 / 3, "guided": 2 / 3})
    assert mixture.epoch(0).counts() == {"report": 100, "guided": 200}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("experts")
    patients = make(folder / "patients", patients=30, preset="chest", image_size=48, workers=1)
    return plant(patients, folder / "planted", name="expert_100")


def test_a_planted_expert_is_asked_before_the_question(planted: Corpus, tmp_path: Path) -> None:
    dialogue = planted[0].dialogues[0]
    assert [turn.role for turn in dialogue.turns] == ["user", "assistant", "user"]
    assert parse_call(dialogue.turns[1].text, [CARD.expert]).value == Call("SIGNS")
    (family,) = families(["vqa"])
    assert len(family.spots(planted[0])) == 2
    for study in planted:
        for asked in study.dialogues:
            sign = asked.turns[2].text.splitlines()[-1].split()[3]
            told = f"{sign}: yes" in asked.turns[2].text
            assert told is (asked.answer == "yes"), "an expert that is always right"


def test_shuffled_experts_change_training_alone(planted: Corpus, tmp_path: Path) -> None:
    shuffled = plant(planted, tmp_path / "shuffled", name="expert_shuffled")
    same = dict.fromkeys(("train", "test"), 0)
    for split in same:
        before, after = planted.split(split), shuffled.split(split)
        same[split] = sum(one.dialogues == other.dialogues for one, other in zip(before, after, strict=True))
    assert same["test"] == len(planted.split("test"))
    assert same["train"] < len(planted.split("train")) / 2
