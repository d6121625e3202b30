"""How fast and how much an endpoint is asked: rates a minute, a budget of tokens and money, waits between tries."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from vesalius.errors import EndpointError

__all__ = ["Budget", "Rate", "Usage", "full_jitter", "retry_after"]

_LONGEST_WAIT_S = 60.0


class Rate:
    """So many units a minute, evenly spread: each taking is put off until those before it have had their share."""

    def __init__(self, per_minute: int) -> None:
        """Hold the rate; 0 for none."""
        self._seconds_each = 60.0 / per_minute if per_minute else 0.0
        self._free_at = 0.0

    async def take(self, units: int) -> None:
        """Wait for the turn of `units`, such as one request or the tokens of one."""
        now = time.monotonic()
        start = max(now, self._free_at)
        self._free_at = start + units * self._seconds_each
        if start > now:
            await asyncio.sleep(start - now)

    def give_back(self, units: int) -> None:
        """Let those that come next have units that were taken and not used."""
        self._free_at -= units * self._seconds_each


@dataclass(frozen=True)
class Usage:
    """Tokens of question and answer."""

    tokens_in: int
    tokens_out: int


class Budget:
    """What may be spent. A request is sent only where its greatest price fits beside those in flight."""

    def __init__(self, *, most_tokens: int, most_cost: float, price_in: float, price_out: float) -> None:
        """Hold the limits, 0 for none; prices are of a million tokens, in the unit of `most_cost`."""
        self._limits = (float(most_tokens) or float("inf"), most_cost or float("inf"))
        self._price = (price_in / 1e6, price_out / 1e6)
        self._spent = (0.0, 0.0)
        self._held = (0.0, 0.0)
        self._in_flight = 0
        self._answers = 0
        self._changed = asyncio.Condition()

    async def hold(self, usage: Usage) -> None:
        """Set aside what a request may take at most; waits for those in flight where it does not fit beside them.

        Raises:
            EndpointError: it would not fit even if all of them turned out free.
        """
        wanted = self._cost(usage)
        async with self._changed:
            while not self._fits(wanted, beside_held=True):
                if not self._fits(wanted, beside_held=False) or not self._in_flight:
                    raise self._spent_error()
                await self._changed.wait()
            self._held = _sum(self._held, wanted)
            self._in_flight += 1

    async def settle(self, held: Usage, used: Usage) -> None:
        """Put what a request took in the place of what was set aside for it."""
        async with self._changed:
            self._held = _sum(self._held, self._cost(held), sign=-1.0)
            self._spent = _sum(self._spent, self._cost(used))
            self._in_flight -= 1
            self._answers += 1
            self._changed.notify_all()

    def _cost(self, usage: Usage) -> tuple[float, float]:
        money = usage.tokens_in * self._price[0] + usage.tokens_out * self._price[1]
        return float(usage.tokens_in + usage.tokens_out), money

    def _fits(self, wanted: tuple[float, float], *, beside_held: bool) -> bool:
        total = _sum(self._spent, wanted)
        if beside_held:
            total = _sum(total, self._held)
        return all(value <= limit for value, limit in zip(total, self._limits, strict=True))

    def _spent_error(self) -> EndpointError:
        tokens, money = self._spent
        limits = [f"most_tokens={self._limits[0]:.0f}"] if self._limits[0] < float("inf") else []
        limits += [f"most_cost={self._limits[1]:g}"] if self._limits[1] < float("inf") else []
        return EndpointError(
            f"stopped before {' or '.join(limits)} could be passed: {self._answers} requests took {tokens:.0f} "
            f"tokens and cost {money:.4g}. Their answers are kept; raise the limit and ask what is left"
        )


def full_jitter(attempt: int, *, base_s: float) -> float:
    """Draw the seconds before try `attempt` + 1, from 0: uniform below a bound that doubles up to a minute.

    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, "full jitter".
    """
    return random.uniform(0.0, min(_LONGEST_WAIT_S, base_s * 2.0**attempt))


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After header, a number or a date (RFC 9110, 10.2.3); 0 where there is none."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value)) if value else 0.0
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _sum(left: tuple[float, float], right: tuple[float, float], *, sign: float = 1.0) -> tuple[float, float]:
    return left[0] + sign * right[0], left[1] + sign * right[1]
