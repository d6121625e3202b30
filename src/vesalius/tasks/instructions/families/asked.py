"""What every family shares: its words in a language, and names of findings and structures in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from vesalius.data.conversations.corpus import Scene, Spot
from vesalius.data.conversations.records import Conversation, Located
from vesalius.data.messages import Media, Message
from vesalius.data.records import Study
from vesalius.tasks.instructions.templates import BUILT_IN, Template, Wording, worded
from vesalius.tasks.prompts import concept_name
from vesalius.virtual.questions.languages import said

__all__ = ["HIDDEN", "Asked", "absent", "named", "visible"]

HIDDEN = "hardly visible"
"""Visibility of a virtual finding that no reader could be asked for."""


@dataclass(frozen=True, kw_only=True)
class Asked(ABC):
    """A family that puts one question, worded by the template of its name."""

    name: str
    language: str = "en"
    explained: str = ""
    """A line after every question, such as on the convention of coordinates."""

    wording: Wording = BUILT_IN

    def __post_init__(self) -> None:
        for task in self.tasks:
            self.template(task)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of the templates that it needs."""
        return (self.name,)

    def template(self, task: str) -> Template:
        """Return how a task is asked in the family's language and wording."""
        return worded(self.wording).get(task, self.language)

    @abstractmethod
    def spots(self, study: Study) -> Sequence[Spot]:
        """Return all that can be asked."""

    @abstractmethod
    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Return the conversation about a spot."""

    def exchange(
        self, scene: Scene, media: Sequence[Media], answer: str, *, objects: Sequence[Located] = (),
        before: str = "", **fields: str,
    ) -> Conversation:  # fmt: skip
        """Return one question, media first, with its answer.

        Args:
            scene: of the study.
            media: shown.
            answer: with marks where objects stand.
            objects: that the marks name.
            before: a text between the media and the question.
            fields: places of the template.
        """
        words = self.template(self.name).instruction(scene.rng, explained=self.explained, **fields)
        text = "\n".join(part for part in (before, words) if part)
        messages = (
            Message(role="user", parts=(*media, f"\n{text}" if media else text)),
            Message(role="assistant", parts=(answer,)),
        )
        return self.finished(scene, messages, objects)

    def finished(self, scene: Scene, messages: tuple[Message, ...], objects: Sequence[Located] = ()) -> Conversation:
        """Return the record of a conversation."""
        return Conversation(
            id=scene.name, patient=scene.study.patient, messages=messages, task=self.name, language=self.language,
            source=scene.study.provenance.source or scene.corpus.name, objects=tuple(objects),
        )  # fmt: skip


def named(name: str, language: str) -> str | None:
    """Return a finding or structure in words of a language; None where the language has no name for it."""
    return concept_name(name) if language == "en" else said(name.replace("_", " "), language)


def visible(study: Study) -> tuple[str, ...]:
    """Return the concepts that are present and can be seen, each once, in the order of the findings."""
    return tuple(
        dict.fromkeys(
            finding.concept
            for finding in study.findings
            if finding.status == "present"
            and finding.concept != "no_finding"
            and dict(finding.attributes).get("visibility") != HIDDEN
        )
    )


def absent(study: Study) -> tuple[str, ...]:
    """Return the concepts that are stated to be absent, without "no finding"."""
    return tuple(
        finding.concept
        for finding in study.findings
        if finding.status == "absent"
        and finding.concept != "no_finding"
        and study.status(finding.concept) == "absent"
    )
