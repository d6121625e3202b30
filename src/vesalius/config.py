"""Typed settings from YAML and the command line: every fault is reported at once, before the heavy work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from vesalius.errors import ConfigError, did_you_mean

__all__ = ["Config", "merge", "overrides", "read_yaml", "validate"]

T = TypeVar("T")


class Config:
    """Base of every settings dataclass: unknown keys and wrong types are errors."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=False)


def validate(kind: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """Build the dataclass ``kind`` from plain values.

    Raises:
        ConfigError: lists every fault, one a line, each with its dotted key and the nearest known name.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        faults = [f"{where}: {_explain(kind, fault)}" for fault in error.errors()]
        raise ConfigError("\n".join(faults)) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping safely; ``base: other.yaml``, relative to the file, is merged below it."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"recipe {path} does not exist") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"recipe {path} is not readable YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"recipe {path} holds {type(values).__name__}, expected keys and values")
    base = values.pop("base", None)
    return merge(read_yaml(path.parent / str(base)), values) if base else values


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``above`` over ``below``: mappings are merged key by key, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``["model.width=128", "--optimisation.epochs", "3"]`` into nested values; values are read as YAML.

    Raises:
        ConfigError: an item is neither ``key=value`` nor ``--key value``.
    """
    nested: dict[str, Any] = {}
    for key, text in _pairs(list(assignments)):
        inner: Any = yaml.safe_load(text)
        for part in reversed(key.split(".")):
            inner = {part: inner}
        nested = merge(nested, inner)
    return nested


def _pairs(items: list[str]) -> Iterable[tuple[str, str]]:
    while items:
        item = items.pop(0)
        if item.startswith("--") and "=" not in item and items:
            yield item[2:], items.pop(0)
        elif "=" in item:
            key, _, text = item.removeprefix("--").partition("=")
            yield key, text
        else:
            raise ConfigError(f"cannot read the setting {item!r}; expected key=value or --key value")


def _explain(kind: type, fault: Any) -> str:
    location = [str(part) for part in fault["loc"]]
    key = ".".join(location)
    if fault["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        parent = ".".join(location[:-1]) or "the top level"
        nearest = did_you_mean(location[-1], _keys(kind, location[:-1]))
        return f"unknown key {location[-1]!r} in {parent}{nearest}"
    if fault["type"] in ("missing", "missing_argument"):
        return f"key {key!r} is missing"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"key {key!r}: {message}, got {fault['input']!r}"


def _keys(kind: type, path: list[str]) -> list[str]:
    """Names of the settings at the dotted ``path`` inside the dataclass ``kind``."""
    for part in path:
        hint = get_type_hints(kind).get(part)
        nested = [option for option in (hint, *get_args(hint)) if is_dataclass(option)]
        if not nested:
            return []
        kind = nested[0]  # type: ignore[assignment]
    return [field.name for field in fields(kind)] if is_dataclass(kind) else []
