"""Conversations about whole studies: questions of several families, one behind the other, the pictures shown once.

All questions about one picture stand in one conversation, as in LLaVA-1.5 (Liu et al., 2023, arXiv 2310.03744, data):
the picture is encoded once for all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vesalius.data.conversations.base import Source
from vesalius.data.conversations.corpus import CorpusSource, Family
from vesalius.data.conversations.records import MARK, Conversation, Located, mark
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, Message
from vesalius.errors import DataError

__all__ = ["StudyConversations", "joined"]


class StudyConversations(Source):
    """A row is a study; each epoch draws anew which of its questions are asked.

    They come in the order of the families, so that long texts may stand last, and in a drawn order within a family.
    What `CorpusSource` balances stays balanced over the studies.
    """

    def __init__(
        self, corpus: Corpus, families: Sequence[Family], *, mean: float, name: str = "", seed: int = 0
    ) -> None:
        """Ask all families what they find in every study.

        Args:
            corpus: or a view of it.
            families: in the order in which they are asked.
            mean: questions of a conversation in the mean. Every question has the same chance, so that studies of
                which much can be asked are asked more: a bound for each would take more from these, among whose
                answers "yes" is more frequent.
            name: of the source.
            seed: of what is drawn.

        Raises:
            DataError: no family has a question that is always asked, such as for the report.
        """
        self._asked = CorpusSource(corpus, families, name=name, seed=seed)
        self.name, self._seed = self._asked.name, seed
        self._studies = self._asked.always_asked()
        if not len(self._studies):
            raise DataError(
                f"source {self.name!r}: every question may be left out of an epoch by the balance of answers; add a "
                "family that asks of every study, such as report"
            )
        self._share = min(1.0, mean * len(self._studies) / len(self._asked))

    def __len__(self) -> int:
        return len(self._studies)

    def conversation(self, row: int, *, epoch: int = 0) -> Conversation:
        """Return what a study is asked in an epoch.

        Raises:
            DataError: names the study that a conversation cannot be made of.
        """
        places = self._asked.places(epoch=epoch)
        study = int(self._studies[row])
        first, last = np.searchsorted(places[:, 0], [study, study + 1])
        name = self._asked.study(int(first), epoch=epoch).id
        rng = np.random.default_rng([self._seed, epoch, zlib.crc32(name.encode())])
        lots = rng.random(last - first)
        rows = rng.permutation(last - first)
        drawn = first + (rows[lots[rows] < self._share] if lots.min() < self._share else rows[:1])
        ordered = sorted(drawn.tolist(), key=lambda one: int(places[one, 1]))
        return joined([self._asked.conversation(one, epoch=epoch) for one in ordered], id=f"{name}/together")


def joined(parts: Sequence[Conversation], *, id: str) -> Conversation:
    """Put conversations behind each other; media that have just been shown are not shown again.

    Args:
        parts: of one patient and language.
        id: of the whole.
    """
    shown: list[Media] = []
    last: tuple[Media, ...] = ()
    messages: list[Message] = []
    objects: list[Located] = []
    for part in parts:
        again = bool(last) and part.media == last
        first = len(shown) - len(last) if again else len(shown)
        if not again:
            shown += part.media
            last = part.media
        messages += [_continued(message, objects=len(objects), silent=again) for message in part.messages]
        objects += [replace(one, medium=one.medium + first) for one in part.objects]
    tasks = {part.task for part in parts}
    return replace(
        parts[0], id=id, messages=tuple(messages), objects=tuple(objects), task=tasks.pop() if len(tasks) == 1 else ""
    )


def _continued(message: Message, *, objects: int, silent: bool) -> Message:
    """Return a message with its marks counted on from so many objects, and without media where they are silent."""
    kept = [part for part in message.parts if not (silent and isinstance(part, Media))]
    parts: list[str | Media] = []
    for part in kept:
        if isinstance(part, str):
            text = MARK.sub(
                lambda found: mark(*(int(number) + objects for number in found[1].split(",") if number)), part
            )
            part = text.removeprefix("\n") if silent and not parts else text
        parts.append(part)
    return replace(message, parts=tuple(parts))
