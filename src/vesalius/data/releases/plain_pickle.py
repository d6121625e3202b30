"""Lists, dicts, texts and numbers of a pickle, without running anything that it says.

A pickle is a program; releases use it for plain tables. Here its instructions are read one by one and only those that
build plain values are followed: one that names a class or calls something is refused.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vesalius.errors import DataError

__all__ = ["dump_plain", "load_plain"]

_LARGEST = 1 << 29
"""Bytes of a file that is read."""
_VALUES = {
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING",
}  # fmt: skip
_FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_PUT, _GET = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_PASSED_OVER = {"PROTO", "FRAME"}


class _Mark:
    """Where the parts of a list or dict begin on the stack."""


class _Builder:
    """A stack on which plain values are built."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def since_mark(self) -> list[Any]:
        place = max(index for index, value in enumerate(self.stack) if isinstance(value, _Mark))
        found = self.stack[place + 1 :]
        del self.stack[place:]
        return found

    def follow(self, name: str, argument: Any) -> bool:
        """Follow an instruction; False for one that builds no plain value."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _FIXED:
            self.stack.append(_FIXED[name])
        elif name in _PUT:
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in _GET:
            self.stack.append(self.memo[argument])
        elif name in _STEPS:
            _STEPS[name](self)
        else:
            return name in _PASSED_OVER
        return True


def _append(builder: _Builder) -> None:
    value = builder.stack.pop()
    builder.stack[-1].append(value)


def _appends(builder: _Builder) -> None:
    values = builder.since_mark()
    builder.stack[-1].extend(values)


def _set(builder: _Builder) -> None:
    value, key = builder.stack.pop(), builder.stack.pop()
    builder.stack[-1].update(_pairs([key, value]))


def _sets(builder: _Builder) -> None:
    values = builder.since_mark()
    builder.stack[-1].update(_pairs(values))


def _pairs(values: list[Any]) -> dict[Any, Any]:
    if not all(isinstance(key, str | int) for key in values[::2]):
        raise ValueError("a key that is neither text nor number")
    return dict(zip(values[::2], values[1::2], strict=True))


_STEPS: dict[str, Callable[[_Builder], None]] = {
    "MARK": lambda builder: builder.stack.append(_Mark()),
    "EMPTY_LIST": lambda builder: builder.stack.append([]),
    "EMPTY_DICT": lambda builder: builder.stack.append({}),
    "LIST": lambda builder: builder.stack.append(builder.since_mark()),
    "DICT": lambda builder: builder.stack.append(_pairs(builder.since_mark())),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set,
    "SETITEMS": _sets,
}


def load_plain(path: Path) -> Any:
    """Return the plain value of a pickle of at most 512 MiB.

    Raises:
        DataError: it would run code, or it is no whole pickle.
    """
    if path.stat().st_size > _LARGEST:
        raise DataError(f"{path}: larger than {_LARGEST >> 20} MiB; expected a table of questions")
    content = path.read_bytes()
    builder = _Builder()
    try:
        for instruction, argument, place in pickletools.genops(content):
            if instruction.name == "STOP":
                return builder.stack.pop()
            if not builder.follow(instruction.name, argument):
                raise DataError(
                    f"{path}, byte {place}: the pickle wants {instruction.name}, which could run code; only lists, "
                    "dicts, texts and numbers are read"
                )
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, OverflowError) as error:
        raise DataError(f"{path}: no whole pickle of plain values: {error}; download it again") from None
    raise DataError(f"{path}: the pickle does not end; it is cut short, download it again")


def dump_plain(value: Any) -> bytes:
    """Return the pickle (protocol 2) of lists, dicts, texts and whole numbers of 32 bits."""
    return b"\x80\x02" + _dumped(value) + b"."


def _dumped(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        return b"X" + struct.pack("<I", len(text)) + text
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(_dumped, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_dumped(part) for pair in value.items() for part in pair) + b"u"
    raise DataError(f"a value of type {type(value).__name__} is not plain; expected list, dict, text or number")
