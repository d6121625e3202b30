"""Questions about regions: where is it, what is here, how many are there, where are the landmarks.

A volume or clip is asked about in one slice or frame: the one where the largest region of the name lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vesalius.data.conversations.corpus import Scene, Spot
from vesalius.data.conversations.records import Conversation, Located, mark
from vesalius.data.messages import Media
from vesalius.data.records import Region, Study
from vesalius.tasks.instructions.families.asked import Asked, absent, named, visible
from vesalius.tasks.instructions.templates import phrase

__all__ = ["Counted", "Landmarks", "RegionToText", "TextToRegion", "Thing", "things"]


class Thing(NamedTuple):
    """What lies under one name on one image or slice."""

    name: str
    """Of the concept or structure, as in the record."""
    is_finding: bool
    image: str
    frame: int | None
    regions: tuple[Region, ...]
    """With boxes, or with single points."""

    def located(self, words: str, *, pointed: bool = False) -> Located:
        """Return boxes, or points: those that are marked, else the middles of boxes."""
        boxes = tuple(region.box for region in self.regions if region.box is not None)
        points = tuple((point[0], point[1]) for region in self.regions for point in region.points)
        if not pointed:
            return Located(name=words, boxes=boxes)
        middles = tuple(((box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2) for box in boxes)
        return Located(name=words, points=points or middles)


def things(study: Study, *, points: bool = False) -> list[Thing]:
    """Return what is marked by boxes (or by single points) under each name, on each image; volumes by their slice.

    Findings that are not visible are left out.
    """
    usable = {image.id for image in study.images if image.kind != "slide"}
    hidden = {finding.concept for finding in study.findings if finding.status == "present"} - set(visible(study))
    groups: dict[tuple[str, bool, str], list[Region]] = {}
    for region in study.regions:
        name = region.concept or region.anatomy
        marks = region.kind == "points" and len(region.points) == 1 if points else region.box is not None
        if name and region.image in usable and marks and region.concept not in hidden:
            groups.setdefault((name, bool(region.concept), region.image), []).append(region)
    found = []
    for (name, is_finding, image), regions in groups.items():
        frame = max(regions, key=_area).frame
        own = tuple(region for region in regions if region.frame == frame)
        if study.image(image).kind == "image" or frame is not None:
            found.append(Thing(name, is_finding, image, frame, own))
    return found


@dataclass(frozen=True, kw_only=True)
class TextToRegion(Asked):
    """Where is it: boxes or points of a named finding, with as many images that do not show it; and of structures."""

    name: str = "text2region"
    concepts: tuple[str, ...] = ()
    """Findings that are asked for, such as those that can be counted; all, and structures, where none is given."""

    @property
    def pointed(self) -> bool:
        """Whether points are asked for."""
        return self.name in ("pointing", "cnt_and_point")

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for every marked thing, and for every finding that is absent."""
        return [
            Spot(place, thing.name, "there" if thing.regions else "not there") if thing.is_finding else Spot(place)
            for place, thing in enumerate(self._asked_for(study))
        ]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for the regions of a name."""
        thing = self._asked_for(scene.study)[spot.place]
        words = named(thing.name, self.language) or thing.name
        media = [_shown(thing, scene)]
        found = thing.located(words, pointed=self.pointed)
        if not thing.regions:
            return self.exchange(scene, media, mark(), objects=[Located(name=words)], name=words)
        return self.exchange(scene, media, mark(0), objects=[found], name=words)

    def _asked_for(self, study: Study) -> list[Thing]:
        """Return what is marked, and the absent findings without regions on the main image."""
        found = _marked(study, self.language)
        if study.images and study.main_image.kind == "image":
            found += _missing(study, self.language)
        return [thing for thing in found if not self.concepts or thing.name in self.concepts]


@dataclass(frozen=True, kw_only=True)
class Counted(TextToRegion):
    """How many are there, alone or with points or boxes; of every finding as many images with none as with some.

    Of structures, those are counted that are marked one by one, such as cells.
    """

    name: str = "counting"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for every finding that is marked or absent, and for every structure marked one by one."""
        return [
            Spot(place, thing.name, "some" if thing.regions else "none") if thing.is_finding else Spot(place)
            for place, thing in enumerate(self._asked_for(study))
            if thing.is_finding or all(region.instance is not None for region in thing.regions)
        ]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for the number."""
        thing = self._asked_for(scene.study)[spot.place]
        words = named(thing.name, self.language) or thing.name
        found = thing.located(words, pointed=self.pointed)
        if not thing.regions or self.name == "counting":
            found = Located(name=words, number=len(thing.regions))
        return self.exchange(scene, [_shown(thing, scene)], mark(0), objects=[found], name=words)


@dataclass(frozen=True, kw_only=True)
class RegionToText(Asked):
    """What is here: the name of what a box holds."""

    name: str = "region2text"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for every marked thing."""
        return [Spot(place) for place, _ in enumerate(_marked(study, self.language))]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for the name of the regions; the question holds their mark without a name."""
        thing = _marked(scene.study, self.language)[spot.place]
        words = named(thing.name, self.language) or thing.name
        return self.exchange(scene, [_shown(thing, scene)], words, objects=[thing.located("")], region=mark(0))


@dataclass(frozen=True, kw_only=True)
class Landmarks(Asked):
    """Where are the named points of an image."""

    name: str = "landmark"

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return a spot for every image, or slice, with named points."""
        return [Spot(place) for place, _ in enumerate(self._pictures(study))]

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Ask for all named points of an image, in a drawn order."""
        found = list(self._pictures(scene.study).values())[spot.place]
        found = [found[place] for place in scene.rng.permutation(len(found))]
        objects = [thing.located(named(thing.name, self.language) or thing.name, pointed=True) for thing in found]
        names = phrase("join", self.language).join(one.name for one in objects)
        media = [_shown(found[0], scene)]
        return self.exchange(scene, media, mark(*range(len(objects))), objects=objects, names=names)

    def _pictures(self, study: Study) -> Mapping[tuple[str, int | None], list[Thing]]:
        pictures: dict[tuple[str, int | None], list[Thing]] = {}
        for thing in things(study, points=True):
            if named(thing.name, self.language):
                pictures.setdefault((thing.image, thing.frame), []).append(thing)
        return pictures


def _marked(study: Study, language: str) -> list[Thing]:
    """Return what is marked and has a name in the language."""
    return [thing for thing in things(study) if named(thing.name, language)]


def _missing(study: Study, language: str) -> Iterator[Thing]:
    for concept in absent(study):
        if named(concept, language):
            yield Thing(concept, True, study.main_image.id, None, ())


def _shown(thing: Thing, scene: Scene) -> Media:
    return scene.media(scene.study.image(thing.image), frame=thing.frame)


def _area(region: Region) -> float:
    if region.box is None:
        return 0.0
    return (region.box.x_max - region.box.x_min) * (region.box.y_max - region.box.y_min)
