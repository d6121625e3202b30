"""Private elements that the user has declared safe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vesalius.errors import ConfigError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.tag import BaseTag

__all__ = ["check_safe_private", "keeps_private"]

_ELEMENT = re.compile(r"[0-9a-f]{4}xx[0-9a-f]{2}")


def check_safe_private(entries: tuple[str, ...]) -> None:
    """Refuse an entry that is neither a creator nor "CREATOR:ggggxxee".

    Raises:
        ConfigError: names the entry.
    """
    for entry in entries:
        creator, _, element = entry.rpartition(":")
        if not entry.strip() or (creator and not _ELEMENT.fullmatch(element.lower())):
            raise ConfigError(
                f"safe private {entry!r}: expected a creator, or CREATOR:ggggxxee such as GEMS_PARM_01:0043xx39"
            )


def keeps_private(dataset: Dataset, tag: BaseTag, entries: tuple[str, ...]) -> bool:
    """Say whether a private element, or the creator of a block, is on the list."""
    if not entries:
        return False
    if tag.is_private_creator:
        creator = str(dataset[tag].value).strip()
        return any(entry.rpartition(":")[0] == creator or entry == creator for entry in entries)
    block = dataset.get((tag.group, tag.element >> 8))
    creator = "" if block is None else str(block.value).strip()
    short = f"{creator}:{tag.group:04x}xx{tag.element & 0xFF:02x}"
    return bool(creator) and any(entry in (creator, short) or entry.lower() == short.lower() for entry in entries)
