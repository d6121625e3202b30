"""Paths that a release states: below its folder, or refused."""

from __future__ import annotations

from pathlib import Path

from vesalius.data.media import inside

__all__ = ["below", "first_of", "relative"]


def below(root: Path, name: str) -> Path:
    """Return ``root / name``; links are followed for the check alone.

    Raises:
        DataError: the path leaves the root.
    """
    inside(root, name)
    return root / name


def first_of(root: Path, *names: str) -> Path:
    """Return the first of several places that is there, or the first of all, for the message that names it."""
    return next((root / name for name in names if (root / name).exists()), root / names[0])


def relative(path: str | Path, root: Path) -> str:
    """Return a path below the release with forward slashes."""
    return Path(path).relative_to(root).as_posix()
