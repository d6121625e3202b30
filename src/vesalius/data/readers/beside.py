"""The data file that a detached header names: it lies beside the header or below, never elsewhere."""

from __future__ import annotations

from pathlib import Path

from vesalius.errors import DataError

__all__ = ["beside"]


def beside(header: Path, name: str) -> Path:
    """Return the path of a data file named by a header.

    Raises:
        DataError: several files are named, the name leaves the header's folder, or there is no such file.
    """
    if name.split()[:1] == ["LIST"] or "%" in name:
        raise DataError(f"{header}: its samples are in several files; save the volume as one file")
    folder = header.parent.resolve()
    try:
        path = (folder / name).resolve()
        found = path.is_file()
    except (OSError, ValueError):
        raise DataError(f"{header}: names a data file that is no usable path") from None
    if not path.is_relative_to(folder):
        raise DataError(f"{header}: names the data file {name!r} outside its own folder; refused, put it beside it")
    if not found:
        raise DataError(f"{header}: its data file {name!r} is not there; copy both files, or save the volume as one")
    return path
