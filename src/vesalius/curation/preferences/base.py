"""What makers of pairs share: a pair or the reason why there is none, and the counts of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from vesalius.curation.base import Dropped
from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media

__all__ = ["EQUAL", "NO_ANSWER", "Outcome", "PairTally", "counted", "pair_of", "singles"]

Outcome = Conversation | Dropped
"""A pair, or why a conversation gives none."""
EQUAL = "both sides are equal"
NO_ANSWER = "no answer to compare with"


@dataclass(kw_only=True)
class PairTally:
    """Counts of a maker."""

    made: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Conversations by the reason for which they give no pair."""

    def as_dict(self) -> dict[str, object]:
        """Return plain values, reasons in order of their names."""
        return {"made": self.made, "dropped": dict(sorted(self.dropped.items()))}


def counted(outcomes: Iterable[Outcome], tally: PairTally) -> Iterator[Conversation]:
    """Yield the pairs, and count them and what gave none.

    Args:
        outcomes: of any maker.
        tally: is counted up.
    """
    for outcome in outcomes:
        if isinstance(outcome, Dropped):
            tally.dropped[outcome.reason] += 1
        else:
            tally.made += 1
            yield outcome


def pair_of(
    conversation: Conversation, *, chosen: str = "", rejected: str = "", rejected_media: tuple[Media, ...] = (),
    weight: float | None = None,
) -> Outcome:  # fmt: skip
    """Return a conversation as a pair; equal sides and a missing answer are dropped by name.

    Args:
        conversation: whose last message is the assistant's.
        chosen: the better answer; the one that stands there where not given.
        rejected: the worse one; the same where not given.
        rejected_media: in place of all media, for the worse side.
        weight: of the pair; the conversation's where not given.
    """
    if not conversation.messages or conversation.messages[-1].role != "assistant":
        return Dropped(NO_ANSWER)
    better = chosen or conversation.messages[-1].text
    worse = rejected or better
    if not better.strip() or not worse.strip():
        return Dropped(NO_ANSWER)
    if better == worse and (rejected_media or conversation.media) == conversation.media:
        return Dropped(EQUAL, conversation.id)
    last = replace(conversation.messages[-1], parts=(better,))
    return replace(
        conversation, messages=(*conversation.messages[:-1], last), rejected="" if better == worse else worse,
        rejected_media=rejected_media, weight=conversation.weight if weight is None else weight,
    )  # fmt: skip


def singles(pair: Conversation) -> tuple[tuple[Conversation, bool], tuple[Conversation, bool]]:
    """Return both sides of a pair as conversations of their own, each with whether it is the good one."""
    sides = (replace(pair.side(name), id=f"{pair.id}:{name}") for name in ("chosen", "rejected"))
    chosen, rejected = sides
    return (chosen, True), (rejected, False)
