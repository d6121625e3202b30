"""Conversations from a corpus: families of tasks say what a study can be asked, the source draws and words it.

The families come from outside (`vesalius.tasks.instructions.families`), for their words belong to the tasks. A row is
made when it is asked for and depends on the seed, the epoch, the study and its place in the family, not on the order
of rows. Sixteen bytes a row are held.
Letters: N rows of all that could be asked, R rows of an epoch.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vesalius.data.conversations.base import Source
from vesalius.data.conversations.records import Conversation
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media
from vesalius.data.records import Image, Study
from vesalius.errors import DataError

__all__ = ["CorpusSource", "Family", "Scene", "Spot"]

_STUDIES_KEPT = 64

Ints = NDArray[np.int64]


class Spot(NamedTuple):
    """Something that a family can ask of a study."""

    place: int
    """Its number among all that the family finds in the study."""
    key: str = ""
    """What is asked, without the truth: the kinds of answer to one key are made equally frequent."""
    kind: str = ""
    """The answer as one of few kinds; empty where answers are texts or places, which are not balanced."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a family makes a conversation with, besides the study."""

    corpus: Corpus
    rng: np.random.Generator
    """Of this row and epoch alone."""
    study: Study
    name: str
    """Id of the conversation."""

    def earlier(self) -> tuple[Study, float] | None:
        """Return the latest earlier study of the patient that the view of the corpus holds, and how many days."""
        for prior in sorted(self.study.priors, key=lambda prior: prior.days_before):
            try:
                return self.corpus.study(prior.study), prior.days_before
            except DataError:
                # It lies outside the view, such as in a part of the corpus that is not trained on.
                continue
        return None

    def media(self, image: Image, *, frame: int | None = None) -> Media:
        """Return an image of the study, or of the prior, to be shown; `frame` is one slice or frame of it."""
        kind = "image" if image.kind == "slide" else image.kind
        place = image.frame if frame is None else frame
        return Media(path=str(self.corpus.path(image.path)), kind=kind, frame=place)


class Family(Protocol):
    """A kind of task: what it finds to ask in a study, and the conversation about one such spot."""

    @property
    def name(self) -> str:
        """Name of the family."""
        ...

    def spots(self, study: Study) -> Sequence[Spot]:
        """Return all that can be asked, always in the same order."""
        ...

    def conversation(self, spot: Spot, scene: Scene) -> Conversation:
        """Return the conversation about a spot of the scene's study."""
        ...


class CorpusSource(Source):
    """Conversations about the studies of a corpus or of a view of it, such as one part of its split."""

    def __init__(self, corpus: Corpus, families: Sequence[Family], *, name: str = "", seed: int = 0) -> None:
        """Ask all families what they find in every study: one pass over the records, no pixels.

        Of each key of a family, as many rows of every kind are kept as the rarest has; which ones is drawn anew in
        every epoch. A key with one kind alone is left out, for it would teach that answer.

        Raises:
            DataError: no family finds anything to ask.
        """
        self.name = name or corpus.name
        self.corpus = corpus
        self._families, self._seed = tuple(families), seed
        names = [family.name for family in families]
        if len(set(names)) < len(names):
            raise DataError(f"source {self.name!r}: a family is given twice: {', '.join(names)}")
        self._spots, self._words = _found(corpus, self._families)
        self._fixed, self._balanced = _groups(self._spots, self._words)
        self._length = len(self._fixed) + sum(len(kinds) * min(map(len, kinds)) for kinds in self._balanced)
        if not self._length:
            raise DataError(f"{corpus!r}: nothing to ask for {', '.join(names) or 'no family'}")
        self._plans: dict[int, Ints] = {}
        self._studies: dict[int, Study] = {}

    def __len__(self) -> int:
        return self._length

    def conversation(self, row: int, *, epoch: int = 0) -> Conversation:
        """Return a row of an epoch.

        Raises:
            DataError: names the study that a conversation cannot be made of.
        """
        _, number, place, key, kind = (int(one) for one in self._spots[self._plan(epoch)[row]])
        study, family = self.study(row, epoch=epoch), self._families[number]
        spot = Spot(place, self._words[key], self._words[kind])
        seeds = [self._seed, epoch, zlib.crc32(study.id.encode()), zlib.crc32(family.name.encode()), place]
        scene = Scene(
            corpus=self.corpus, rng=np.random.default_rng(seeds), study=study,
            name=f"{study.id}/{family.name}/{place}",
        )  # fmt: skip
        return family.conversation(spot, scene)

    def study(self, row: int, *, epoch: int = 0) -> Study:
        """Return the study that a row of an epoch is about."""
        return self._study(int(self._spots[self._plan(epoch)[row], 0]))

    def counts(self) -> dict[str, int]:
        """Return how many rows of an epoch each family has."""
        found = np.bincount(self._spots[self._plan(0), 1], minlength=len(self._families))
        return {family.name: int(count) for family, count in zip(self._families, found, strict=True)}

    def places(self, *, epoch: int = 0) -> Ints:
        """Return the number of the study and of the family of each row of an epoch, (R, 2), studies rising."""
        found: Ints = self._spots[self._plan(epoch), :2].astype(np.int64)
        return found

    def always_asked(self) -> Ints:
        """Return the numbers of the studies of which something is asked in every epoch."""
        return np.unique(self._spots[self._fixed, 0]).astype(np.int64)

    def _plan(self, epoch: int) -> Ints:
        """Return which spot each row of an epoch is, (R,), in the order of the studies."""
        if epoch not in self._plans:
            rng = np.random.default_rng([self._seed, epoch])
            drawn = [self._fixed]
            for kinds in self._balanced:
                fewest = min(map(len, kinds))
                drawn += [rng.permutation(rows)[:fewest] for rows in kinds]
            while len(self._plans) > 1:
                self._plans.pop(next(iter(self._plans)))
            self._plans[epoch] = np.sort(np.concatenate(drawn))
        return self._plans[epoch]

    def _study(self, row: int) -> Study:
        if row not in self._studies:
            while len(self._studies) >= _STUDIES_KEPT:
                self._studies.pop(next(iter(self._studies)))
            self._studies[row] = self.corpus[row]
        return self._studies[row]


def _found(corpus: Corpus, families: Sequence[Family]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return all spots, (N, 5): study, family, place, key and kind, the last two as places in the words beside."""
    words: dict[str, int] = {"": 0}

    def rows() -> Iterator[tuple[int, int, int, int, int]]:
        for row, study in enumerate(corpus):
            for number, family in enumerate(families):
                for place, key, kind in family.spots(study):
                    yield row, number, place, words.setdefault(key, len(words)), words.setdefault(kind, len(words))

    found = np.fromiter((number for row in rows() for number in row), dtype=np.int32)
    return found.reshape(-1, 5), tuple(words)


def _groups(spots: NDArray[np.int32], words: tuple[str, ...]) -> tuple[Ints, list[list[Ints]]]:
    """Return the spots that are always asked, and for each key of a family the spots of each kind of answer."""
    fixed = np.flatnonzero(spots[:, 4] == 0)
    groups: dict[tuple[int, int], dict[int, list[int]]] = {}
    for row in np.flatnonzero(spots[:, 4] != 0).tolist():
        family, key, kind = int(spots[row, 1]), int(spots[row, 3]), int(spots[row, 4])
        groups.setdefault((family, key), {}).setdefault(kind, []).append(row)
    several = [kinds for _, kinds in sorted(groups.items()) if len(kinds) > 1]
    # Words are numbered as they are met; by name the draw does not depend on the order of studies' findings.
    return fixed, [[np.array(kinds[kind]) for kind in sorted(kinds, key=lambda one: words[one])] for kinds in several]
