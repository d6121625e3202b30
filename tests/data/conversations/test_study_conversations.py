"""Questions of several families about one study in one conversation: order, balance, media, marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from vesalius.data.conversations.corpus import Scene, Spot
from vesalius.data.conversations.records import Conversation, Located, mark
from vesalius.data.conversations.studies import StudyConversations, joined
from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.messages import Media, Message
from vesalius.data.records import Box, Image, Study
from vesalius.errors import DataError


@dataclass(frozen=True)
class Sexes:
    """Asks for the sex; as many of each as of the rarest."""

    name: str = "sexes"

    def spots(self, study: Study) -> Sequence[Spot]:
        return [Spot(0, "sex", study.sex)]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        return said(scene, "Which sex?", spot.kind)


@dataclass(frozen=True)
class Places:
    """Asks twice for a box, of every study."""

    name: str = "places"

    def spots(self, study: Study) -> Sequence[Spot]:
        return [Spot(0), Spot(1)]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        box = Located(name=f"thing {spot.place}", boxes=(Box(0, 0, spot.place + 1, 1),))
        return said(scene, f"Where is thing {spot.place}?", mark(0), box)


def said(scene: Scene, question: str, answer: str, *objects: Located) -> Conversation:
    user = Message(role="user", parts=(scene.media(scene.study.images[0]), f"\n{question}"))
    messages = (user, Message(role="assistant", parts=(answer,)))
    return Conversation(id=scene.name, patient=scene.study.patient, messages=messages, objects=objects)


def corpus(root: Path, sexes: str) -> Corpus:
    (root / "film.png").write_bytes(b"film")
    studies = [
        Study(
            id=f"s{number}", patient=f"p{number}", sex=sex,  # type: ignore[arg-type]
            images=(Image(id="a", path="media/film.png", modality="DX"),),
        )
        for number, sex in enumerate(sexes)
    ]  # fmt: skip
    return from_studies(studies, root / "corpus", name="hand", media={"media/film.png": root / "film.png"})


def test_a_study_is_one_conversation_that_shows_its_picture_once(tmp_path: Path) -> None:
    source = StudyConversations(corpus(tmp_path, "FM"), [Sexes(), Places()], mean=12)
    assert len(source) == 2
    row = source.conversation(0)
    assert (row.id, row.patient, len(row.media)) == ("s0/together", "p0", 1)
    questions = [message for message in row.messages if message.role == "user"]
    assert questions[0].text == "\nWhich sex?"
    assert sorted(message.text for message in questions[1:]) == ["Where is thing 0?", "Where is thing 1?"]
    for question, answer in zip(questions[1:], row.messages[3::2], strict=True):
        number = int(answer.text.removeprefix("<objects:").removesuffix(">"))
        assert row.objects[number].name in question.text


def test_families_stay_in_order_and_an_epoch_draws_anew(tmp_path: Path) -> None:
    source = StudyConversations(corpus(tmp_path, "FM"), [Places(), Sexes()], mean=2)

    def drawn(epoch: int) -> tuple[str, ...]:
        return tuple(message.text for message in source.conversation(0, epoch=epoch).messages[::2])

    found = [drawn(epoch) for epoch in range(300)]
    assert found == [drawn(epoch) for epoch in range(300)]
    # Each of the three is asked with a chance of 2/3, and one is asked where none was drawn (in 1 of 27):
    # 2 + 1/27 in the mean, with an error of 0.05.
    assert sum(map(len, found)) / 300 == pytest.approx(2.04, abs=0.15)
    assert {len(texts) for texts in found} == {1, 2, 3}
    assert all("sex" not in text.lower() for texts in found for text in texts[:-1])


def test_balance_over_studies_is_kept(tmp_path: Path) -> None:
    source = StudyConversations(corpus(tmp_path, "FFFFFM"), [Sexes(), Places()], mean=12)
    # One man: of the five women one is asked in an epoch.
    told = Counter(answer for row in source for answer in row.answers if answer in "FM")
    assert told == {"F": 1, "M": 1}
    assert len(source) == 6


def test_other_media_are_shown_and_the_first_ones_again_after_them() -> None:
    def part(path: str, *objects: Located) -> Conversation:
        user = Message(role="user", parts=(Media(path=path), f"\nand {path}?"))
        return Conversation(id=path, messages=(user, Message(role="assistant", parts=("yes",))), objects=objects)

    thing = Located(name="thing", boxes=(Box(0, 0, 1, 1),))
    whole = joined([part("a", thing), part("a", thing), part("b", thing), part("a", thing)], id="all")
    assert [media.path for media in whole.media] == ["a", "b", "a"]
    assert [one.medium for one in whole.objects] == [0, 0, 1, 2]


def test_a_source_in_which_every_question_may_fail_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="add a family that asks of every study, such as report"):
        StudyConversations(corpus(tmp_path, "FM"), [Sexes()], mean=12)
