"""Find things by name: a folder is scanned, the file stem is the name, the import waits until asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from vesalius.errors import ConfigError, did_you_mean

__all__ = ["load", "names"]

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

    Raises:
        ConfigError: no such file; offers the nearest names. An error inside a found file is let through.
    """
    stem = name.replace("-", "_")
    known = names(package)
    if stem not in known:
        room = package.rsplit(".", 1)[-1]
        raise ConfigError(f"unknown name {name!r} in {room}{did_you_mean(stem, known)}")
    return import_module(f"{package}.{stem}")


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{package} is not a package that can hold names")
    return Path(next(iter(spec.submodule_search_locations)))
