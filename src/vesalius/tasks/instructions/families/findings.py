"""Questions about findings: is it there, and which of a list are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vesalius.data.conversations.corpus import Scene, Spot
from vesalius.data.conversations.records import Conversation
from vesalius.data.records import Study
from vesalius.tasks.instructions.families.asked import Asked, absent, named, visible
from vesalius.tasks.instructions.families.regions import things
from vesalius.tasks.instructions.labels import format_labels
from vesalius.tasks.instructions.templates import phrase

__all__ = ["Classification", "Presence"]


@dataclass(frozen=True, kw_only=True)
class Presence(Asked):
    """Is a finding there: as many yes as no for every finding.

    The conversation holds where it is marked, which no text of it names.
    """

    name: str = "presence"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for every finding that is stated to be present (and visible) or absent."""
        return [Spot(place, concept, kind) for place, (concept, kind) in enumerate(_stated(study, self.language))]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask whether the finding is there."""
        shown = scene.study.main_image
        name = named(spot.key, self.language) or spot.key
        marked = [
            thing.located(name)
            for thing in things(scene.study)
            if thing.is_finding and (thing.name, thing.image) == (spot.key, shown.id) and shown.kind == "image"
        ]
        return self.exchange(scene, [scene.media(shown)], phrase(spot.kind, self.language), objects=marked, name=name)


@dataclass(frozen=True, kw_only=True)
class Classification(Asked):
    """Which of a list of findings does the image show; as many images that show some as images that show none."""

    name: str = "classification"
    candidates: int = 8
    """Names in the list, at most; those that are present are among them, as far as there is room."""

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return one spot for a study that states at least one finding to be absent."""
        kinds = [kind for _, kind in _stated(study, self.language)]
        return [Spot(0, "", "some" if "yes" in kinds else "none")] if "no" in kinds else []

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for the names out of a list in a drawn order."""
        stated = _stated(scene.study, self.language)
        here = [concept for concept, kind in stated if kind == "yes"][: self.candidates]
        other = [concept for concept, kind in stated if kind == "no"]
        spare = scene.rng.permutation(len(other))[: self.candidates - len(here)]
        listed = [*here, *(other[place] for place in spare)]
        listed = [listed[place] for place in scene.rng.permutation(len(listed))]
        names = {concept: named(concept, self.language) or concept for concept in listed}
        answer = format_labels([names[concept] for concept in listed if concept in here], self.language)
        candidates = phrase("join", self.language).join(names[concept] for concept in listed)
        return self.exchange(scene, [scene.media(scene.study.main_image)], answer, candidates=candidates)


def _stated(study: Study, language: str) -> list[tuple[str, str]]:
    """Return the findings that the language has names for, with "yes" or "no"; nothing for a study without images."""
    if not study.images or study.main_image.kind == "slide":
        return []
    stated = [(concept, "yes") for concept in visible(study)] + [(concept, "no") for concept in absent(study)]
    return [(concept, kind) for concept, kind in stated if named(concept, language)]
