"""A function over many items, here, in several processes or on Ray, with the results in the order of the items."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal, TypeVar, get_args

from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["Backend", "cluster", "ordered_map"]

Backend = Literal["local", "processes", "ray"]
T = TypeVar("T")
R = TypeVar("R")
_CHUNK = 16
_AHEAD = 4
"""Chunks a process may be ahead of what was taken."""
_WINDOW = 256
"""Chunks that Ray Data holds at once."""


def ordered_map(
    function: Callable[[T], R], items: Iterable[T], *, backend: Backend = "local", workers: int = 2
) -> Iterator[R]:
    """Yield function(item) for every item in order; only a few chunks of items are held at once.

    Args:
        function: can be pickled where another process is to run it.
        items: any number.
        backend: "local"; "processes"; or "ray", with Ray Data on the cluster that is running or a local one.
        workers: processes of "processes" and of a cluster that "ray" starts.

    Raises:
        DataError: an unknown backend, or a worker died.
    """
    if backend not in get_args(Backend):
        raise DataError(f"unknown backend {backend!r}; known: {', '.join(get_args(Backend))}")
    if backend == "local":
        return map(function, items)
    spread = _in_processes if backend == "processes" else _on_ray
    return (result for chunk in spread(function, _chunks(items), workers) for result in chunk)


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def _each(function: Callable[[T], R], chunk: list[T]) -> list[R]:
    return [function(item) for item in chunk]


_FUNCTION: list[Callable[[Any], Any]] = []
"""Of a worker process; sent once, as what it carries may be large."""


def _start(function: Callable[[Any], Any]) -> None:
    _FUNCTION[:] = [function]


def _each_here(chunk: list[Any]) -> list[Any]:
    return _each(_FUNCTION[0], chunk)


def _in_processes(function: Callable[[T], R], chunks: Iterator[list[T]], workers: int) -> Iterator[list[R]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(function,)) as pool:
        waiting = deque(pool.submit(_each_here, chunk) for chunk in islice(chunks, _AHEAD * workers))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(_each_here, chunk) for chunk in islice(chunks, 1))
                yield result
        except BrokenProcessPool:
            raise DataError("a worker died, mostly because memory ran out: run the same with fewer workers") from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _on_ray(function: Callable[[T], R], chunks: Iterator[list[T]], workers: int) -> Iterator[list[R]]:
    with cluster(workers) as ray:
        shared = ray.put(function)
        while window := list(islice(chunks, _WINDOW)):
            places = [{"place": place} for place in range(len(window))]
            held = ray.put(window)

            def done(row: dict[str, Any], held: Any = held) -> dict[str, Any]:
                return {"place": row["place"], "made": _each(ray.get(shared), ray.get(held)[row["place"]])}

            rows = ray.data.from_items(places, override_num_blocks=len(places)).map(done).iter_rows()
            yield from (row["made"] for row in sorted(rows, key=lambda row: int(row["place"])))


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """Give Ray, joined to the cluster that is running, or to a local one of its own for the block.

    Ray's reports of use to its makers are switched off.
    """
    ray = require("ray", "ray.data", purpose="working on a Ray cluster")
    require("ray.data", purpose="working on a Ray cluster")
    started = not ray.is_initialized()
    if started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        yield ray
    finally:
        if started:
            ray.shutdown()
