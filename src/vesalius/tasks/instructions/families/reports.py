"""Texts of a study: captions, findings, impressions and reports, and reports whose sentences carry their regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vesalius.data.conversations.corpus import Scene, Spot
from vesalius.data.conversations.records import Conversation, Located, mark
from vesalius.data.messages import Media
from vesalius.data.records import Image, Study, Text, TextRole
from vesalius.data.sentences import sentences
from vesalius.knowledge.mentions import named_concepts
from vesalius.tasks.instructions.families.asked import Asked, named
from vesalius.tasks.instructions.families.regions import Thing, things
from vesalius.tasks.instructions.templates import phrase

__all__ = ["GroundedReport", "Written"]

_ROLES: dict[str, tuple[TextRole, ...]] = {
    "caption": ("caption",), "findings": ("findings",), "impression": ("impression",),
    "report": ("report", "findings", "impression"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Written(Asked):
    """Write a caption, the findings, the impression or the report, with the indication and an earlier study."""

    name: str = "report"
    most_images: int = 4
    """Images of the study that are shown, at most; the first ones."""
    indication: bool = True
    """Whether the indication stands before the question, where there is one."""
    prior: bool = False
    """Whether the main image and the report of the latest earlier study are shown first, where there is one."""

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for every caption, or one for the study's report."""
        if not _pictures(study):
            return []
        texts = _texts(study, self.name, self.language)
        return [Spot(place) for place in range(len(texts) if self.name == "caption" else bool(texts))]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for the text."""
        study = scene.study
        texts = _texts(study, self.name, self.language)
        text = texts[spot.place]
        answer = text.text if self.name == "caption" else _joined(texts, self.name)
        shown = [image for image in _pictures(study) if not text.images or image.id in text.images]
        media = [scene.media(image) for image in (shown or _pictures(study))[: self.most_images]]
        first, told = self._earlier(scene) if self.prior else ([], "")
        indication = study.text("indication", language=self.language) if self.indication else ""
        asked_why = phrase("indication", self.language, text=indication) if indication else ""
        before = "\n".join(part for part in (told, asked_why) if part)
        return self.exchange(scene, [*first, *media], answer, before=before)

    def _earlier(self, scene: Scene) -> tuple[list[Media], str]:
        """Return the main image of the latest earlier study, and what is said of it."""
        found = scene.earlier()
        if found is None or not _pictures(found[0]):
            return [], ""
        earlier, days = found
        texts = _texts(earlier, "report", self.language)
        told = {"text": _joined(texts, "report")} if texts else {}
        line = phrase("prior" if told else "prior_image", self.language, days=f"{days:.0f}", **told)
        return [scene.media(_pictures(earlier)[0])], line


@dataclass(frozen=True, kw_only=True)
class GroundedReport(Asked):
    """Write the findings line by line, the regions of what a sentence names before it.

    A sentence gets the boxes of every marked finding or structure that it names; others stand alone.
    """

    name: str = "grounded_report"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for a study whose main image has a text and a region that it names."""
        if not _pictures(study) or _pictures(study)[0].kind != "image":
            return []
        return [Spot(0)] if any(found for found, _ in self._statements(study)) else []

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for the grounded report of the main image."""
        objects: list[Located] = []
        lines = []
        for found, sentence in self._statements(scene.study):
            numbers = range(len(objects), len(objects) + len(found))
            objects += [thing.located(named(thing.name, self.language) or thing.name) for thing in found]
            lines.append(f"{mark(*numbers)}: {sentence}" if found else sentence)
        media = [scene.media(_pictures(scene.study)[0])]
        return self.exchange(scene, media, "\n".join(lines), objects=objects)

    def _statements(self, study: Study) -> list[tuple[list[Thing], str]]:
        """Return sentences with what they name that is marked on the main image."""
        main = _pictures(study)[0].id
        marked = {thing.name: thing for thing in things(study) if thing.image == main}
        text = _joined(_texts(study, "findings", self.language) or _texts(study, "report", self.language), "report")
        return [(self._named_in(sentence, marked), sentence) for sentence in sentences(text)]

    def _named_in(self, sentence: str, marked: dict[str, Thing]) -> list[Thing]:
        if self.language == "en":
            names = dict.fromkeys(mention.concept for mention in named_concepts(sentence))
            return [marked[name] for name in names if name in marked]
        words = {name: named(name, self.language) for name in marked}
        return [thing for name, thing in marked.items() if (word := words[name]) and word in sentence]


def _pictures(study: Study) -> list[Image]:
    """Return the images that can be shown, the main one first."""
    if not study.images:
        return []
    main = study.main_image
    ordered = [main, *(image for image in study.images if image.id != main.id)]
    return [image for image in ordered if image.kind != "slide"]


def _texts(study: Study, task: str, language: str) -> list[Text]:
    """Return the texts of a task's roles; a whole report stands for its parts."""
    found = [text for text in study.texts if text.role in _ROLES[task] and text.language == language and text.text]
    whole = [text for text in found if text.role == "report"]
    return whole if task == "report" and whole else found


def _joined(texts: Sequence[Text], task: str) -> str:
    return ("\n" if task == "report" else " ").join(text.text for text in texts)
