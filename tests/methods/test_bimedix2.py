"""BiMediX2: its judged score, the language of answers, both languages in one mixture, pictures in mind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.models.vlm.talking import built, conversation, picture

from vesalius.data.messages import Message
from vesalius.errors import DataError
from vesalius.methods.bimedix2 import Rated, follow_rate, relative_scores
from vesalius.training.recipe import ConversationRecipe, open_recipe

ENGLISH, ARABIC = {"language": "en", "type": "conversation"}, {"language": "ar", "type": "description"}


@pytest.mark.evidence("bimedix2", "L2", "the judged score of BiMed-MBench is that of the worked example")
def test_the_judged_score_is_relative_to_the_reference() -> None:
    # 100 · (6 + 7.5) / (8 + 9) = 79.41; alone 75 and 83.33
    rated = [
        Rated(reference=8, candidate=6, groups=ENGLISH),
        Rated(reference=9, candidate=7.5, groups=ARABIC),
    ]
    found = relative_scores(rated)
    assert found["all"] == pytest.approx(79.41, abs=0.01)
    assert found["language=en"] == pytest.approx(75.0)
    assert found["type=description"] == pytest.approx(83.33, abs=0.01)
    assert set(found) == {"all", "language=en", "language=ar", "type=conversation", "type=description"}


def test_ratings_out_of_range_are_named() -> None:
    with pytest.raises(DataError, match=r"answer 1: ratings 8 and 0"):
        relative_scores([Rated(reference=8, candidate=6, groups={}), Rated(reference=8, candidate=0, groups={})])
    with pytest.raises(DataError, match="no rated answer"):
        relative_scores([])


@pytest.mark.evidence("bimedix2", "L2", "answers in the script of their question are counted")
def test_answers_follow_the_language_of_their_question() -> None:
    questions = ["Is it large?", "هل هو كبير؟", "هل هو كبير؟", "How many?"]
    assert follow_rate(questions, ["Yes", "نعم", "Yes", "12"]) == 0.75
    with pytest.raises(DataError, match="1 answers to 2 questions"):
        follow_rate(["a", "b"], ["a"])


@pytest.mark.evidence("bimedix2", "L2", "a later turn of words alone keeps the picture of the first")
def test_a_second_turn_keeps_the_picture_of_the_first(tmp_path: Path) -> None:
    _, reader = built()
    first = conversation(picture(tmp_path))
    two = replace(first, messages=(*first.messages, *conversation(question="On the left?", answer="Yes.").messages))
    row = reader.row(two)
    assert len(row.views) == 1
    seen = int((row.input_ids == reader.tokenizer.convert_tokens_to_ids("<|image|>")).sum())
    assert seen == 4
    assert reader.tokenizer.decode(row.labels[row.labels != -100]).endswith("Yes.<|end|>")


def test_both_languages_stand_in_the_recipe() -> None:
    recipe = open_recipe("bimedix2/tiny")
    assert isinstance(recipe, ConversationRecipe)
    assert {source.language for source in recipe.data.sources.values()} == {"en", "ar"}
    assert set(recipe.stages["instruction"].mixture) == {"english", "arabic"}
    assert recipe.stages["alignment"].learns == ("connector",)


def test_an_arabic_turn_is_read_as_it_was_written() -> None:
    _, reader = built()
    asked = conversation(question="هل يوجد انصباب؟", answer="نعم")
    row = reader.row(asked)
    assert reader.tokenizer.decode(row.labels[row.labels != -100]) == "نعم<|end|>"
    assert Message(role="user", parts=("هل يوجد انصباب؟",)) == asked.messages[0]
