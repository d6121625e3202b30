"""Questions of a corpus with their reasons, and trees of questions whose options stand in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vesalius.data.conversations.corpus import Scene, Spot
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Message
from vesalius.data.records import Dialogue, Study
from vesalius.data.releases.questions import IMAGE_TOKEN
from vesalius.tasks.instructions.families.questions import Questions

__all__ = ["OPTIONS", "SEPARATOR", "SEVERAL", "Reasoned", "Stepwise"]

OPTIONS, SEVERAL = "Options: ", "Options (several may hold): "
"""Before the options of a question, on a line of their own."""
SEPARATOR = "; "
"""Between options, and between the answers of a question that has several."""
_YES_NO = ("yes", "no")


@dataclass(frozen=True, kw_only=True)
class Reasoned(Questions):
    """The same questions, each answer with its reason behind it where the corpus has one."""

    name: str = "reasoned"
    reason: Literal["none", "first", "after"] = "after"


@dataclass(frozen=True, kw_only=True)
class Stepwise(Questions):
    """Questions with few answers, after the questions and answers that lead to them, their options always in order.

    The turns before tell how deep a question lies: first whether there is anything, then what, then its attributes.
    """

    name: str = "stepwise"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for every dialogue whose answers are all among its options."""
        return [Spot(spot.place) for spot in super().spots(study) if _answers(study.dialogues[spot.place])]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Put a dialogue's turns, the options behind its last question."""
        dialogue = scene.study.dialogues[spot.place]
        turns = self._turns(scene.study, dialogue)
        messages = []
        for number, turn in enumerate(turns, start=1):
            text = turn.text.replace(IMAGE_TOKEN, "").strip()
            if number == len(turns):
                text = f"{text}\n{_lead(dialogue)}{SEPARATOR.join(_listed(dialogue))}"
            media = [scene.media(scene.study.image(name)) for name in turn.images]
            messages.append(Message(role=turn.role, parts=(*media, text)))
        messages.append(Message(role="assistant", parts=(SEPARATOR.join(_answers(dialogue)),)))
        return self.finished(scene, tuple(messages))


def _lead(dialogue: Dialogue) -> str:
    return SEVERAL if dialogue.answer_type == "multi_choice" else OPTIONS


def _listed(dialogue: Dialogue) -> tuple[str, ...]:
    """Return the options in an order of their own, whatever order the corpus drew."""
    if dialogue.answer_type == "closed" or set(dialogue.options) == set(_YES_NO):
        return _YES_NO
    return tuple(sorted(dialogue.options))


def _answers(dialogue: Dialogue) -> tuple[str, ...]:
    """Return the answers in the order of the options; nothing where one of them is no option."""
    options = _listed(dialogue)
    if dialogue.answer_type not in ("closed", "choice", "multi_choice"):
        return ()
    said = [part.strip() for part in dialogue.answer.split(SEPARATOR.strip())]
    return tuple(option for option in options if option in said) if set(said) <= set(options) else ()
