from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from vesalius.errors import EndpointError
from vesalius.inference.pace import Budget, Rate, Usage, full_jitter, retry_after


def budget(most_tokens: int = 0) -> Budget:
    return Budget(most_tokens=most_tokens, most_cost=0.0, price_in=0.0, price_out=0.0)


def test_the_wait_is_below_a_bound_that_doubles_up_to_a_minute() -> None:
    for attempt, bound in ((0, 0.5), (1, 1.0), (4, 8.0), (30, 60.0)):
        drawn = [full_jitter(attempt, base_s=0.5) for _ in range(400)]
        assert min(drawn) >= 0
        # The chance that none of 400 uniform draws passes 0.9 of the bound is 0.9^400, below 1e-18.
        assert 0.9 * bound < max(drawn) <= bound


@pytest.mark.parametrize(
    ("value", "seconds"), [("", 0.0), ("2", 2.0), ("0.5", 0.5), ("-3", 0.0), ("soon", 0.0), ("nan", 0.0)]
)
def test_retry_after_in_seconds(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 28 < retry_after({"retry-after": later}) <= 30


def test_units_wait_for_those_before_them_and_what_was_not_used_is_given_back() -> None:
    async def passed() -> tuple[float, float]:
        rate = Rate(60_000)  # One unit a millisecond.
        start = time.monotonic()
        await rate.take(200)
        first = time.monotonic() - start
        rate.give_back(150)
        await rate.take(1)
        return first, time.monotonic() - start

    first, second = asyncio.run(passed())
    assert first < 0.02
    assert 0.045 <= second < 0.15


def test_a_request_waits_while_it_does_not_fit_beside_those_under_way() -> None:
    async def order() -> list[str]:
        limited, told = budget(100), []
        await limited.hold(Usage(50, 20))

        async def second() -> None:
            await limited.hold(Usage(40, 0))
            told.append("second")

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.01)
        told.append("first is settled")
        await limited.settle(Usage(50, 20), Usage(5, 5))
        await waiting
        return told

    assert asyncio.run(order()) == ["first is settled", "second"]


def test_the_limit_is_never_passed() -> None:
    async def spent() -> None:
        limited = budget(100)
        for _ in range(3):
            await limited.hold(Usage(20, 10))
            await limited.settle(Usage(20, 10), Usage(20, 10))
        # 90 are spent, and 30 more would be 120.
        with pytest.raises(EndpointError, match="most_tokens=100"):
            await limited.hold(Usage(20, 10))

    asyncio.run(spent())


def test_without_a_limit_nothing_waits() -> None:
    async def many() -> None:
        free = budget()
        for _ in range(100):
            await free.hold(Usage(10**9, 10**9))

    asyncio.run(many())
