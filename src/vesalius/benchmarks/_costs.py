"""What replies cost: words in and out, and time, as an endpoint reports them.

The time of an endpoint is that of network, queue and model together and says nothing of the model alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from vesalius.inference.requests import Reply

__all__ = ["Times", "cost_values", "times"]

_NOT_KNOWN = float("nan")


def cost_values(reply: Reply) -> dict[str, float]:
    """Return tokens in and out and seconds of a reply; NaN where nobody counted, seconds also of a cached one."""
    return {
        "tokens_in": float(reply.tokens_in) or _NOT_KNOWN,
        "tokens_out": float(reply.tokens_out) or _NOT_KNOWN,
        "seconds": _NOT_KNOWN if reply.cached else reply.seconds or _NOT_KNOWN,
    }


class Times(NamedTuple):
    """Time and words of the replies of one model; NaN where none was timed."""

    timed: int
    median_s: float
    ninetieth_s: float
    """90th percentile, between neighbours."""
    tokens_in: int
    tokens_out: int
    failed: int
    """Replies that failed: their time is in no other number."""


def times(replies: Iterable[Reply], *, warm_up: int = 1) -> Times:
    """Summarise replies in the order in which they were asked for.

    Args:
        replies: of one model; cached ones have no time of their own.
        warm_up: replies at the start whose time is left out.
    """
    given = list(replies)
    whole = [reply for reply in given if reply.finish != "error"]
    seconds = [reply.seconds for reply in whole[warm_up:] if not reply.cached and reply.seconds]
    middle, late = np.quantile(seconds, (0.5, 0.9)).tolist() if seconds else (_NOT_KNOWN, _NOT_KNOWN)
    return Times(
        timed=len(seconds), median_s=middle, ninetieth_s=late, tokens_in=sum(reply.tokens_in for reply in whole),
        tokens_out=sum(reply.tokens_out for reply in whole), failed=len(given) - len(whole),
    )  # fmt: skip
