"""What every verb shares: one JSON document or plain text on stdout, progress with an estimate on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["Advance", "emit", "json_ready", "progress", "say"]

Advance = Callable[[int], None]


def emit(document: Mapping[str, Any] | Sequence[Any], as_json: bool, text: str | Callable[[], str]) -> None:
    """Print the result of a verb: `document` as the only thing on stdout, or the text for people."""
    if as_json:
        print(json.dumps(json_ready(document), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(text() if callable(text) else text)


def json_ready(value: Any) -> Any:
    """Return plain JSON values: paths as text, tuples as lists, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_ready(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item"):
        return json_ready(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def say(message: str) -> None:
    """Tell people something on stderr, where it disturbs no script."""
    print(message, file=sys.stderr)


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """Show a bar with an estimate of the time left on stderr while the block runs; silent without a terminal.

    A total of 0 is one that nobody knows.

    Yields:
        A function that counts further items as done.
    """
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total or None)
        yield lambda count: bar.advance(task, count)
