"""The questions and conversations that a corpus holds: options in a drawn order, earlier turns, reasons, regions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vesalius.data.conversations.corpus import Scene, Spot
from vesalius.data.conversations.records import Conversation, Located, mark
from vesalius.data.messages import Media, Message
from vesalius.data.records import Dialogue, Region, Study, Turn
from vesalius.data.releases.questions import IMAGE_TOKEN, matching
from vesalius.tasks.instructions.families.asked import Asked
from vesalius.tasks.instructions.templates import phrase

__all__ = ["Questions"]

_TEMPLATES = {
    "closed": "vqa_closed", "choice": "vqa_choice", "multi_choice": "vqa_multi_choice", "number": "vqa_number",
    "box": "vqa_box", "points": "vqa_points",
}  # fmt: skip
_SHORT = 6
"""Words of an answer up to which a short one is asked for."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NUMBER = r"\d{1,5}(?:\.\d{1,3})?"
_ROW = re.compile(rf"[\[(]?\s?{_NUMBER}(?:,\s?{_NUMBER}){{1,3}}\s?[\])]?")
_NEAR = 0.51
"""Pixels by which a number in a text may differ from the region that it was rounded from."""


@dataclass(frozen=True, kw_only=True)
class Questions(Asked):
    """The dialogues of a study as they are, worded for their kind of answer.

    A dialogue that shows no image is about the whole study: its first turn shows the images, the first few of them.
    Boxes and points that stand in a text as numbers become marks, where `Dialogue.evidence` names their region.
    Dialogues whose answer is a mask are left out.
    """

    name: str = "vqa"
    reason: Literal["none", "first", "after"] = "none"
    """Where the rationale stands in the answer of a dialogue that has one."""
    sources: tuple[str, ...] = ()
    """Of dialogues; all where none is given."""
    most_images: int = 4
    """Images of the study that are shown, at most, where a dialogue names none."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of the templates that it needs."""
        return (*_TEMPLATES.values(), "vqa_open")

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for every dialogue of the language that has an answer."""
        return [Spot(place) for place, one in enumerate(study.dialogues) if self._usable(study, one)]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Put a dialogue's turns, its last question in the words of its kind."""
        dialogue = scene.study.dialogues[spot.place]
        turns, kind = self._turns(scene.study, dialogue), _kind(dialogue)
        marks = _Marks(scene.study, dialogue, tuple(name for turn in turns for name in turn.images))
        options, answer = _options(dialogue, kind, scene)
        messages = []
        for number, turn in enumerate(turns, start=1):
            text = turn.text
            if number == len(turns):
                text = self._worded(text, kind, options, scene)
            messages.append(Message(role=turn.role, parts=_parts(marks.put(text), turn, scene)))
        if kind in ("box", "points"):
            answer = marks.put(answer, pointed=kind == "points")
        if dialogue.rationale and self.reason != "none":
            form = "reason_first" if self.reason == "first" else "answer_first"
            answer = phrase(form, self.language, reason=dialogue.rationale, answer=answer)
        messages.append(Message(role="assistant", parts=(answer,)))
        return self.finished(scene, tuple(messages), marks.objects)

    def _worded(self, question: str, kind: str, options: Sequence[str], scene: Scene) -> str:
        """Return a question in the words of its kind; a long free answer is asked for as the question stands."""
        if kind == "long":
            return "\n".join(part for part in (question, self.explained) if part)
        fields = {"question": question}
        if kind == "order":
            fields["question"] = f"{question}\n{phrase('join', self.language).join(options)}"
        elif options:
            fields["options"] = "\n".join(f"{_LETTERS[place]}. {option}" for place, option in enumerate(options))
        template = self.template(_TEMPLATES.get(kind, "vqa_open"))
        return template.instruction(scene.rng, explained=self.explained, **fields)

    def _usable(self, study: Study, dialogue: Dialogue) -> bool:
        if dialogue.language != self.language or not dialogue.answer.strip() or dialogue.answer_type == "mask":
            return False
        if self.sources and dialogue.source not in self.sources:
            return False
        kinds = {image.id: image.kind for image in study.images}
        turns = self._turns(study, dialogue)
        shown = [name for turn in turns for name in turn.images]
        return bool(turns) and turns[-1].role == "user" and all(kinds.get(name, "slide") != "slide" for name in shown)

    def _turns(self, study: Study, dialogue: Dialogue) -> tuple[Turn, ...]:
        """Return the turns up to the last question, with their images; some corpora repeat the answer as a turn."""
        turns = dialogue.turns
        turns = turns[:-1] if turns and turns[-1].role == "assistant" else turns
        first = next((place for place, turn in enumerate(turns) if turn.role == "user"), None)
        if first is None or any(turn.images for turn in turns):
            return turns
        shown = tuple(image.id for image in study.images if image.kind != "slide")[: self.most_images]
        return (*turns[:first], replace(turns[first], images=shown), *turns[first + 1 :])


class _Marks:
    """Numbers of a dialogue's regions in its texts, as marks, and the objects that they name."""

    def __init__(self, study: Study, dialogue: Dialogue, shown: tuple[str, ...]) -> None:
        self.objects: list[Located] = []
        self._shown = shown
        self._regions = [study.regions[place] for place in dialogue.evidence]

    def put(self, text: str, *, pointed: bool = False) -> str:
        """Return a text with a mark for every row of numbers that is a box (or the middle of one, or a point)."""
        return _ROW.sub(lambda found: self._mark(found[0], pointed), text)

    def _mark(self, text: str, pointed: bool) -> str:
        values = [float(value) for value in re.findall(_NUMBER, text)]
        for region in self._regions:
            rows = _middles(region) if pointed else [tuple(region.box)] if region.box is not None else []
            near = [row for row in rows if len(row) == len(values) and _apart(row, values) < _NEAR]
            if near and region.image in self._shown:
                return self._object(region, near[0])
        return text

    def _object(self, region: Region, row: Sequence[float]) -> str:
        """Return the mark of a region; its name is left to the words around it."""
        points = ((float(row[0]), float(row[1])),) if len(row) == 2 else ()
        boxes = (region.box,) if len(row) == 4 and region.box is not None else ()
        medium = self._shown.index(region.image)
        self.objects.append(Located(name="", medium=medium, boxes=boxes, points=points))
        return mark(len(self.objects) - 1)


def _kind(dialogue: Dialogue) -> str:
    """Return the kind of answer; a choice without its answer among the options is a free answer."""
    kind = dialogue.answer_type
    if kind == "choice" and matching(dialogue.answer, dialogue.options) not in dialogue.options:
        kind = "open"
    if kind in ("choice", "multi_choice") and not 1 < len(dialogue.options) <= len(_LETTERS):
        kind = "open"
    if kind == "multi_choice" and not _several(dialogue):
        kind = "open"
    return "long" if kind not in _TEMPLATES and len(dialogue.answer.split()) > _SHORT else kind


def _several(dialogue: Dialogue) -> tuple[str, ...]:
    """Return the options that the answer lists; nothing where it names another."""
    said = [matching(part.strip(), dialogue.options) for part in re.split(r"[,;]", dialogue.answer)]
    return tuple(said) if all(part in dialogue.options for part in said) else ()


def _options(dialogue: Dialogue, kind: str, scene: Scene) -> tuple[list[str], str]:
    """Return options in a drawn order and the answer by its letter; other kinds have the answer as it is."""
    if kind not in ("choice", "multi_choice", "order"):
        return [], dialogue.answer
    options = [dialogue.options[place] for place in scene.rng.permutation(len(dialogue.options))]
    if kind == "order":
        return options, dialogue.answer
    right = _several(dialogue) if kind == "multi_choice" else (matching(dialogue.answer, dialogue.options),)
    return options, ", ".join(sorted(_LETTERS[options.index(one)] for one in right))


def _parts(text: str, turn: Turn, scene: Scene) -> tuple[str | Media, ...]:
    """Put the images of a turn where their tokens stand, else before the text."""
    media = [scene.media(scene.study.image(name)) for name in turn.images]
    if text.count(IMAGE_TOKEN) != len(media) or not media:
        return (*media, f"\n{text}" if media else text)
    parts: list[str | Media] = []
    for place, piece in enumerate(text.split(IMAGE_TOKEN)):
        parts += [piece] if piece else []
        parts += media[place : place + 1]
    return tuple(parts)


def _middles(region: Region) -> list[tuple[float, ...]]:
    points = [tuple(point[:2]) for point in region.points]
    if region.box is not None:
        box = region.box
        points.append(((box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2))
    return points


def _apart(row: Sequence[float], values: Sequence[float]) -> float:
    return max(abs(one - other) for one, other in zip(row, values, strict=True))
