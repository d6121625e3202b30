"""Conversations in another language: what must not change, what goes to people, what is only for scores."""

from __future__ import annotations

import pytest

from vesalius.curation.translation import (
    TranslationSettings,
    changed,
    normal_arabic,
    script_of,
    translated,
)
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message

ARABIC = TranslationSettings(language="ar", script="Arab", kept_words=("heparin",))
TO_ARABIC = {
    "How large is the mass?": "ما حجم الكتلة؟",
    "It measures 12 mm; heparin was given.": "يبلغ ١٢ mm وأُعطي heparin.",
}
TO_ENGLISH = {arabic: english for english, arabic in TO_ARABIC.items()}


def row() -> Conversation:
    return Conversation(
        id="one",
        patient="p1",
        messages=(
            Message(role="user", parts=(Media(path="/a.png"), "How large is the mass?")),
            Message(role="assistant", parts=("It measures 12 mm; heparin was given.",)),
        ),
    )


@pytest.mark.evidence(
    "bimedix2", "L2", "a translation keeps turns, pictures, patient and the id that both languages share"
)
def test_a_faithful_translation_keeps_id_patient_media_and_turns() -> None:
    (found,) = translated([row()], TO_ARABIC.__getitem__, settings=ARABIC, back=TO_ENGLISH.__getitem__)
    assert found.reasons == ()
    assert found.conversation is not None
    assert (found.conversation.id, found.conversation.patient, found.conversation.language) == ("one", "p1", "ar")
    assert found.conversation.media == row().media
    assert [one.role for one in found.conversation.messages] == ["user", "assistant"]


@pytest.mark.evidence("bimedix2", "L2", "lost numbers, units and names of drugs go to people with the reason")
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("يبلغ ١٣ mm وأُعطي heparin.", "numbers: lost ['12'], added ['13']"),
        ("يبلغ ١٢ وأُعطي heparin.", "units: lost ['mm'], added []"),
        ("يبلغ ١٢ mm وأُعطي الدواء.", "words that stay: lost ['heparin']"),
        ("It measures 12 mm; heparin was given.", "written in Latn, expected Arab"),
    ],
)
def test_what_changed_goes_to_people_with_its_reason(said: str, reason: str) -> None:
    words = {**TO_ARABIC, "It measures 12 mm; heparin was given.": said}
    (found,) = translated([row()], words.__getitem__, settings=ARABIC)
    assert found.conversation is None
    assert f"turn 2: {reason}" in found.reasons


@pytest.mark.evidence("bimedix2", "L2", "what does not come back from the way back goes to people")
def test_words_that_do_not_come_back_are_told() -> None:
    back = dict.fromkeys(TO_ENGLISH, "something else entirely")
    (found,) = translated([row()], TO_ARABIC.__getitem__, settings=ARABIC, back=back.__getitem__)
    assert [reason.split(":")[0] for reason in found.reasons] == ["turn 1", "turn 2"]
    assert "0.00 of its words come back" in found.reasons[0]


def test_letters_of_options_and_regions_stay() -> None:
    old = "Which?\nA. effusion\nB. mass\nSee <objects:0>."
    assert changed(old, "أي؟\nA. انصباب\nB. كتلة\n<objects:0>.") == []
    assert changed(old, "أي؟\nأ. انصباب\nB. كتلة\n<objects:1>.") == [
        "numbers: lost ['0'], added ['1']",
        "options: lost ['a'], added []",
        "regions: lost ['<objects:0>'], added ['<objects:1>']",
    ]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Is it?", "Latn"),
        ("هل هو؟", "Arab"),
        ("是否有肺炎", "Hans"),
        ("क्या है", "Deva"),
        ("12 %", ""),
        ("يبلغ ١٢ mm", "Arab"),
    ],
)
def test_the_script_of_a_text(text: str, script: str) -> None:
    assert script_of(text) == script


@pytest.mark.evidence("bimedix2", "L2", "forms of Arabic letters are one in scores alone")
def test_arabic_is_compared_without_signs() -> None:
    assert normal_arabic("يُوجَدُ إنصِباب ١٢") == normal_arabic("يوجد انصباب 12")
