"""Conversations in which a model calls an expert and goes on with what the expert says.

Source of the forms: VILA-M3 (arXiv 2411.12915): a list of experts before the question, one tag as the answer, the
expert's result with the question again, then the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vesalius.data.messages import Media, Message
from vesalius.errors import DataError
from vesalius.tasks.grammar.calls import Call, Expert, format_call, neutralised

__all__ = ["ExpertCard", "cards_text", "classified", "guided", "legend", "result_text"]


@dataclass(frozen=True, kw_only=True)
class ExpertCard:
    """What a model is told of an expert before it may call it."""

    expert: Expert
    modality: str
    task: str
    overview: str
    accuracy: str

    def text(self) -> str:
        """Return the card as it stands in a prompt."""
        arguments = ", ".join(f"'{one}'" for one in self.expert.arguments)
        valid = f" Valid args: {arguments}." if arguments else ""
        call = f"<{self.expert.name}({'args' if self.expert.arguments else ''})>"
        return (
            f"{call} Modality: {self.modality}. Task: {self.task}. Overview: {self.overview}. "
            f"Accuracy: {self.accuracy}.{valid}"
        )


def cards_text(cards: Sequence[ExpertCard]) -> str:
    """Return the list of experts that begins a conversation."""
    listed = "\n".join(f"{number}. {card.text()}" for number, card in enumerate(cards, start=1))
    return f"Here is a list of available expert models:\n{listed}\nGive the model tag when you use one of them.\n"


def classified(scores: Mapping[str, float]) -> str:
    """Return what a classifier says: a line for each label in alphabetical order, yes above one half."""
    lines = (
        f"{label.lower().replace('_', ' ')}: {'yes' if score > 0.5 else 'no'}"
        for label, score in sorted(scores.items())
    )
    return "\n".join(lines)


def legend(colours: Mapping[str, str]) -> str:
    """Return what an overlay's colours mean: colour to name, of what the slice shows."""
    return ", ".join(f"{colour}: {name}" for colour, name in colours.items())


def result_text(result: str, question: str) -> str:
    """Return the turn that gives an expert's result and asks again."""
    return f"{result}\nUse this result to respond to this prompt:\n{question}"


def guided(
    question: str, media: Sequence[Media], *, cards: Sequence[ExpertCard], call: Call, result: str, answer: str,
    shown: Sequence[Media] = (), modality: str = "",
) -> tuple[Message, ...]:  # fmt: skip
    """Return the four turns of a conversation with one call.

    Args:
        question: of the user; tags in it are neutralised, so that it calls nothing.
        media: that the question is about, shown first.
        cards: of all experts.
        call: what is called, of one of them.
        result: what the expert says, in words.
        answer: given the result.
        shown: what the expert draws, such as an overlay.
        modality: a line about the media; none where empty.

    Raises:
        DataError: no medium. ConfigError: a call of no listed expert.
    """
    if not media:
        raise DataError("a guided conversation shows at least one medium")
    asked = neutralised(question)
    line = f"This is a {modality} image.\n" if modality else ""
    tag = format_call(call, [card.expert for card in cards])
    return (
        Message(role="user", parts=(*media, f"\n{cards_text(cards)}{line}{asked}")),
        Message(role="assistant", parts=(tag,)),
        Message(role="user", parts=(*shown, result_text(result, asked))),
        Message(role="assistant", parts=(answer,)),
    )
