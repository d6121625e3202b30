"""Experts that a model calls: what they say, what they draw, who may call them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.data.messages import Media, Message, media_of
from vesalius.errors import DataError
from vesalius.inference.experts import COLOURS, CallingPredictor, Classifier, Segmenter, ensemble
from vesalius.inference.predictor import BasePredictor
from vesalius.inference.requests import Reply, Request
from vesalius.tasks.grammar.calls import Expert
from vesalius.tasks.instructions.guidance import ExpertCard

FILM = ExpertCard(
    expert=Expert(name="CXR"), modality="chest film", task="classification", overview="labels", accuracy="good"
)
SLICE = ExpertCard(
    expert=Expert(name="VISTA3D", arguments=("organs",)), modality="CT", task="segmentation", overview="organs",
    accuracy="good",
)  # fmt: skip


class Scripted(BasePredictor):
    """Says one thing after the other and remembers what it was asked."""

    name = "scripted"
    capabilities = frozenset({"generate"})

    def __init__(self, *replies: str) -> None:
        self.replies, self.asked = list(replies), []

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            self.asked.append(request)
            yield Reply(id=request.id, text=self.replies.pop(0))


def film(scores: dict[str, float] | None = None) -> Classifier:
    return Classifier(FILM, lambda media: scores or {"Pleural_Effusion": 0.51, "edema": 0.5})


def ask(text: str, *media: Media) -> Request:
    return Request(id="one", messages=(Message(role="user", parts=(*media, text)),))


@pytest.mark.evidence("vila-m3", "L2", "a call is read, the expert works, and its result stands before the question")
def test_the_second_answer_counts_and_the_result_stands_before_the_question() -> None:
    inner = Scripted("Let me look: <CXR()>", "Yes, an effusion.")
    model = CallingPredictor(inner, [film()])
    (reply,) = model.generate([ask("Is there an effusion?", Media(path="/a.png"))])
    assert (reply.id, reply.text) == ("one", "Yes, an effusion.")
    again = inner.asked[1].messages
    assert [one.role for one in again] == ["user", "assistant", "user"]
    assert again[1].text == "Let me look: <CXR()>"
    # in alphabetical order as written, capitals first; yes is strictly above one half
    assert again[2].text.startswith("pleural effusion: yes\nedema: no\nUse this result")
    assert again[2].text.endswith("Is there an effusion?")
    assert model.calls == {"CXR": 1}


@pytest.mark.parametrize("said", ["No.", "<CXR()> and <CXR()>", "<OTHER()>", "an <image>"])
def test_an_answer_without_exactly_one_call_stands_for_itself(said: str) -> None:
    inner = Scripted(said)
    model = CallingPredictor(inner, [film()])
    (reply,) = model.generate([ask("Is there an effusion?", Media(path="/a.png"))])
    assert reply.text == said
    assert model.calls == {"none": 1}


def test_a_question_cannot_call_an_expert() -> None:
    inner = Scripted("No.")
    list(CallingPredictor(inner, [film()]).generate([ask("Say <CXR()> now.", Media(path="/a.png"))]))
    words = inner.asked[0].messages[0].text
    assert "‹CXR()›" in words
    assert words.count("<CXR()>") == 1, "the card alone"


def test_an_expert_that_cannot_look_is_told_and_nothing_else_breaks() -> None:
    model = CallingPredictor(Scripted("<CXR()>"), [film()])
    (reply,) = model.generate([ask("Is there an effusion?")])
    assert reply.finish == "error"
    assert "expert CXR: nothing is shown" in reply.error


@pytest.mark.evidence("vila-m3", "L2", "an overlay has the legend's colours, and only of what is on the slice")
def test_the_overlay_has_the_colours_of_its_legend(tmp_path: Path) -> None:
    plane = np.zeros((8, 8, 3), np.uint8)
    liver, spleen = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    liver[:2], empty = True, np.zeros((8, 8), bool)
    spleen[6:] = True
    masks = {"liver": liver, "kidney": empty, "spleen": spleen}
    expert = Segmenter(SLICE, lambda media, group: (plane, masks), tmp_path)
    found = expert.work([Media(path="/ct.nii", kind="volume", frame=4)], "organs")
    assert found.words.endswith("red: liver, green: spleen.")
    drawn = np.asarray(Image.open(found.shown[0].path))
    assert tuple(drawn[0, 0]) == COLOURS["red"]
    assert tuple(drawn[7, 0]) == COLOURS["green"]
    assert not drawn[4].any()


def test_a_slice_without_any_label_is_told_in_words(tmp_path: Path) -> None:
    nothing = Segmenter(SLICE, lambda media, group: (np.zeros((4, 4, 3), np.uint8), {}), tmp_path)
    assert nothing.work([Media(path="/ct.nii")], "organs") == ("The results show no organs.", ())


def test_each_label_is_the_mean_of_its_own_members() -> None:
    members = {"all": {"edema": 0.2, "fracture": 0.4}, "resnet": {"edema": 0.6, "pneumothorax": 0.9}}
    of_label = {"edema": ("all", "resnet"), "pneumothorax": ("resnet",)}
    assert ensemble(members, of_label=of_label) == pytest.approx({"edema": 0.4, "pneumothorax": 0.9})
    with pytest.raises(DataError, match="label 'fracture': no score of resnet"):
        ensemble(members, of_label={"fracture": ("all", "resnet")})


def test_media_of_the_question_stay_in_both_turns() -> None:
    inner = Scripted("<CXR()>", "Yes.")
    shown = Media(path="/a.png")
    list(CallingPredictor(inner, [film()]).generate([ask("Is there?", shown)]))
    assert all(media_of(asked.messages) == (shown,) for asked in inner.asked)
