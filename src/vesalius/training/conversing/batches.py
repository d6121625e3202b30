"""Conversations drawn from a mixture, read, packed into rows, and put into batches of rows.

What comes in which batch depends on the seed alone, so that a run that goes on after a stop sees what it would have
seen. Words are read once, where packs are made; media are decoded by the workers that make batches.

Legend: R rows of a batch, L tokens of a row, S samples (conversations) of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from math import nan
from typing import Any, NamedTuple

import numpy as np
import torch

from vesalius.data.conversations.base import Source
from vesalius.data.conversations.records import Conversation
from vesalius.data.mixture import Draw, Mixture
from vesalius.data.packing import Stream, TooLong
from vesalius.errors import DataError
from vesalius.models.vlm.packed import positions_in
from vesalius.models.vlm.reading import IGNORED, ConversationReader, Row, Words

__all__ = ["Chosen", "ConversationSet", "PackedBatches", "Read", "as_tensors", "collated"]

Rewrite = Callable[[Conversation, np.random.Generator], Conversation | None]

_SHOWN = 5


class Chosen(NamedTuple):
    """A draw in its epoch."""

    draw: Draw
    epoch: int


@dataclass(frozen=True, eq=False)
class Read:
    """A draw whose words are read, and whose pixels are not yet."""

    chosen: Chosen
    sides: tuple[Words, ...]
    """Both of a pair, the chosen one first."""

    @property
    def length(self) -> int:
        """Tokens of all sides together."""
        return sum(len(side.input_ids) for side in self.sides)

    def __repr__(self) -> str:
        return f"{self.chosen.draw.source}[{self.chosen.draw.row}]"


class ConversationSet:
    """All sources of a stage, read for one model."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        reader: ConversationReader,
        *,
        rewrite: Rewrite,
        seed: int,
        unreadable_share: float,
        sides: int = 1,
        references: Mapping[Draw, tuple[float, ...]] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """Hold the sources.

        Args:
            sources: by name.
            reader: of the model.
            rewrite: of the method.
            seed: of what is drawn within a conversation.
            unreadable_share: share of the conversations tried beyond which `DataError` is raised.
            sides: 2 where conversations are preference pairs, whose sides stand behind each other; 3 where their
                question stands behind them once more, with the answer of the pair that comes next in the source.
            references: log-probabilities by a reference of the sides of each row, where they are written down.
            weights: by source, what the weights of its conversations are multiplied by; 1 where it is not named.
        """
        self.sources, self.reader = dict(sources), reader
        self.unreadable: dict[str, str] = {}
        self.left_out = 0
        """Conversations that the method left out."""
        self.count = sides
        self.references = references
        self._rewrite, self._seed = rewrite, seed
        self._share = unreadable_share
        self._weights = dict(weights or {})
        self._tried = 0
        self._numbers = {name: number for number, name in enumerate(self.sources)}

    def sides(self, chosen: Chosen) -> list[Conversation]:
        """Return the conversation of a draw as the method wants it, both sides of a pair, or none where left out."""
        (name, row), epoch = chosen
        conversation = self.sources[name].conversation(row, epoch=epoch)
        rng = np.random.default_rng([self._seed, epoch, self._numbers[name], row])
        rewritten = self._rewrite(conversation, rng)
        if rewritten is None:
            return []
        rewritten = replace(rewritten, weight=rewritten.weight * self._weights.get(name, 1.0))
        if self.count == 1:
            return [rewritten.side("chosen")]
        if not rewritten.is_pair:
            raise DataError(
                f"conversation {rewritten.id!r} is no preference pair: it has no rejected side; give its row "
                "rejected_response or rejected_images, or learn it in a stage of supervised=true"
            )
        both = [rewritten.side("chosen"), rewritten.side("rejected")]
        return both if self.count == 2 else [*both, self._mismatched(both[0], chosen)]

    def _mismatched(self, own: Conversation, chosen: Chosen) -> Conversation:
        """Return a conversation with the last answer of the next one of its source."""
        (name, row), epoch = chosen
        source = self.sources[name]
        other = source.conversation((row + 1) % len(source), epoch=epoch)
        last = replace(own.messages[-1], parts=other.messages[-1].parts)
        return replace(own, messages=(*own.messages[:-1], last))

    def read(self, chosen: Chosen) -> Read | None:
        """Read the words of a draw; None where it is left out or cannot be read."""
        self._tried += 1
        try:
            sides = self.sides(chosen)
            self.left_out += not sides
            return Read(chosen, tuple(self.reader.words(side) for side in sides)) if sides else None
        except DataError as error:
            self._unreadable(f"{chosen.draw.source}[{chosen.draw.row}]", str(error))
            return None

    def length(self, chosen: Chosen) -> int:
        """Return the tokens of a draw, both sides together; 0 where it is left out or cannot be read."""
        read = self.read(chosen)
        return 0 if read is None else read.length

    def __getitem__(self, pack: tuple[Read, ...]) -> list[Row]:
        """Read the pixels of a pack; a conversation whose pixels cannot be read is left out of it."""
        rows: list[Row] = []
        for read in pack:
            try:
                rows += self._rows(read)
            except DataError as error:
                self._unreadable(repr(read), str(error))
        return rows

    def _rows(self, read: Read) -> list[Row]:
        rows = [self.reader.seen(side) for side in read.sides]
        if self.references is None:
            return rows
        held = self.references.get(read.chosen.draw, ())
        return [replace(row, reference=value) for row, value in zip(rows, held or (nan,) * len(rows), strict=True)]

    def _unreadable(self, where: str, why: str) -> None:
        self.unreadable[where] = why
        bad = len(self.unreadable)
        if bad > max(1, self._share * max(self._tried, 50)):
            listed = "\n".join(f"{name}: {reason}" for name, reason in islice(self.unreadable.items(), _SHOWN))
            raise DataError(
                f"{bad} of {self._tried} conversations cannot be read, more than data.unreadable_share "
                f"{self._share:g} allows; the first ones:\n{listed}"
            )


@dataclass
class PackedBatches:
    """Batches of packs for a given number of steps, whatever epochs they run through."""

    conversations: ConversationSet
    mixture: Mixture
    batch: int
    """Rows of a batch of this process."""
    batches: int
    """How many batches there are."""
    budget: int
    """Tokens of a row."""
    together: int
    """Conversations that are looked at together."""
    pack: bool
    too_long: TooLong
    rank: int = 0
    world: int = 1
    skipped: int = field(default=0, init=False)
    """Conversations longer than a row that were left out."""

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[tuple[Read, ...]]]:
        packs = self._packs()
        for _ in range(self.batches):
            yield list(islice(packs, self.batch))

    def _packs(self) -> Iterator[tuple[Read, ...]]:
        """Endless packs, one epoch after the other."""
        for epoch in count():
            seen = False
            if self.pack:
                stream = Stream(
                    self._measured(epoch), budget=self.budget, window=self.together, too_long=self.too_long
                )
                for pack in stream:
                    seen = True
                    yield pack.keys
                self.skipped += stream.skipped
            else:
                for read, length in self._measured(epoch):
                    if length > self.budget and self.too_long == "skip":
                        self.skipped += 1
                        continue
                    seen = True
                    yield (read,)
            if not seen:
                raise DataError("no conversation of an epoch can be trained on: all were left out or too long")

    def _measured(self, epoch: int) -> Iterator[tuple[Read, int]]:
        for draw in self.mixture.epoch(epoch).shard(self.rank, self.world):
            read = self.conversations.read(Chosen(draw, epoch))
            if read is not None:
                yield read, read.length


def collated(
    packs: Sequence[Sequence[Row]], *, padding: int, length: int = 0, sides: int = 1, apart: bool = False
) -> dict[str, Any]:
    """Put packs into the tensors of a batch, see `vesalius.methods.conversing.ConversationBatch`.

    Args:
        packs: rows of each pack, in their order.
        padding: number of the padding token.
        length: L; the longest pack where not given.
        sides: conversations that belong together, such as both of a pair.
        apart: each conversation has a row of its own, for models that cannot keep those of one row apart.

    Returns:
        The fields of a ConversationBatch; ``ids``, of each conversation; and ``index``, their numbers (S,).
    """
    if apart:
        packs = [[row] for pack in packs for row in pack]
    longest = max(length, *(sum(len(row.input_ids) for row in pack) for pack in packs))
    rows = [row for pack in packs for row in pack]
    return {
        **_tokens(packs, longest, padding),
        "views": tuple(as_tensors(view) for row in rows for view in row.views),
        "layouts": tuple(layout for row in rows for layout in row.layouts),
        "ids": tuple(row.id for row in rows),
        "index": torch.arange(len(rows)),
        "sides": sides,
        **_references(rows),
    }


def _tokens(packs: Sequence[Sequence[Row]], longest: int, padding: int) -> dict[str, torch.Tensor]:
    """Return what a batch holds of each token, (R, L)."""
    shape = (len(packs), longest)
    input_ids = np.full(shape, padding, dtype=np.int64)
    labels = np.full(shape, IGNORED, dtype=np.int64)
    segments = np.zeros(shape, dtype=np.int64)
    weights = np.zeros(shape, dtype=np.float32)
    for number, pack in enumerate(packs):
        start = 0
        for place, row in enumerate(pack):
            span = slice(start, start + len(row.input_ids))
            input_ids[number, span], labels[number, span] = row.input_ids, row.labels
            segments[number, span], weights[number, span] = place + 1, row.weight
            start = span.stop
    numbered = torch.from_numpy(segments)
    return {
        "input_ids": torch.from_numpy(input_ids),
        "labels": torch.from_numpy(labels),
        "segments": numbered,
        "positions": positions_in(numbered),
        "weights": torch.from_numpy(weights),
    }


def _references(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what a reference gives to each conversation, (S,), where any row knows it."""
    values = [row.reference for row in rows]
    return {} if all(value is None for value in values) else {"reference": torch.tensor(values, dtype=torch.float32)}


def as_tensors(view: Any) -> Any:
    """Return the arrays of a medium, one or several by name, as tensors."""
    if isinstance(view, Mapping):
        return {name: as_tensors(part) for name, part in view.items()}
    return torch.from_numpy(np.ascontiguousarray(view))
