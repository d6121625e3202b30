"""Find things by name: a folder is scanned, the file stem is the name, the import waits until asked for.

A paper that trains something of its own beforehand keeps it in the same file as a part: ``pa_llava.plip``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from vesalius.errors import ConfigError, did_you_mean

__all__ = ["load", "name_of", "names", "part"]

_NOT_ENTRIES = {"__init__", "base", "conversing"}
"""Files that hold what the entries of a folder share."""


def names(package: str) -> tuple[str, ...]:
    """Return the sorted names in ``package``, such as ``"vesalius.methods"``, without importing them."""
    return tuple(
        sorted(
            path.stem
            for path in _folder(package).glob("*.py")
            if path.stem not in _NOT_ENTRIES and not path.stem.startswith("_")
        )
    )


def load(package: str, name: str) -> ModuleType:
    """Import and return the module that holds ``name``; ``ag-kd`` and ``ag_kd`` are the same name.

    ``pa_llava.plip`` is the part ``plip`` of the file's PARTS.

    Raises:
        ConfigError: no such file or part; offers the nearest names. An error inside a found file is let through.
    """
    stem, _, inside = name.replace("-", "_").partition(".")
    room, known = package.rsplit(".", 1)[-1], names(package)
    if stem not in known:
        raise ConfigError(f"unknown name {name!r} in {room}{did_you_mean(stem, known)}")
    module = import_module(f"{package}.{stem}")
    if not inside:
        return module
    parts: dict[str, ModuleType] = getattr(module, "PARTS", {})
    if inside not in parts:
        raise ConfigError(
            f"unknown name {name!r} in {room}: {stem} has no part {inside!r}{did_you_mean(inside, parts)}"
        )
    return parts[inside]


def part(**values: Any) -> ModuleType:
    """Make an entry that stands inside the file of another one, with what entries of its folder hold."""
    made = ModuleType("part")
    made.__dict__.update(values)
    return made


def name_of(kind: type) -> str:
    """Return the name by which the entry of a class is loaded: its file's, and its `part` where it names one."""
    stem = kind.__module__.rsplit(".", 1)[-1]
    inside = getattr(kind, "part", "")
    return f"{stem}.{inside}" if inside else stem


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{package} is not a package that can hold names")
    return Path(next(iter(spec.submodule_search_locations)))
