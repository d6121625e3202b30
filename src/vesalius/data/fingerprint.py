"""Hashes of files, studies and corpora: they depend on content, never on where or in which order it lies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["ContentHash", "digests_of", "file_sha256", "folder_sha256", "record_digest", "study_key"]

_MODULUS = 1 << 256
_CHUNK = 1 << 20


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            hasher.update(piece)
    return hasher.hexdigest()


def folder_sha256(files: Mapping[str, str]) -> str:
    """Return the hash of a folder: of the names of its files, relative to it, with their SHA-256."""
    return hashlib.sha256(json.dumps(sorted(files.items())).encode("utf-8")).hexdigest()


def study_key(study_id: str) -> int:
    """Return a signed 64-bit key of a study id, small enough to hold one for each of 10^8 studies."""
    return int.from_bytes(hashlib.sha256(study_id.encode("utf-8")).digest()[:8], "little", signed=True)


def record_digest(row: Mapping[str, Any], media: Mapping[str, str]) -> bytes:
    """Hash the record columns of a study together with its files.

    A path is replaced by the SHA-256 of its file where `media` (path to SHA-256) or the image knows it, so
    that moving or renaming a file leaves the digest as it is, and changing one pixel does not.
    """
    plain = dict(row)
    plain["images"] = [_without_path(image, "path", media) for image in row["images"]]
    plain["regions"] = [_without_path(region, "mask", media) for region in row["regions"]]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).digest()


def _without_path(record: Mapping[str, Any], field: str, media: Mapping[str, str]) -> dict[str, Any]:
    known = media.get(record[field]) or record.get("sha256", "")
    return {**record, field: "", "sha256": known} if known else dict(record)


class ContentHash:
    """Hash of a set of digests: the sum of the digests modulo 2^256, hashed once more with their number.

    A sum needs no order and no memory, so shards may come in any order from any number of workers.
    """

    def __init__(self) -> None:
        self._sum = 0
        self._count = 0

    def add(self, digests: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        """Add digests, (n, 32) bytes, little endian."""
        lanes = np.ascontiguousarray(digests).view("<u4").astype(np.uint64).sum(axis=0)
        self._sum = (self._sum + sum(int(lane) << (32 * place) for place, lane in enumerate(lanes))) % _MODULUS
        self._count += len(digests)

    def hexdigest(self) -> str:
        """Return the hash as 64 hexadecimal digits."""
        return hashlib.sha256(self._sum.to_bytes(32, "little") + self._count.to_bytes(8, "little")).hexdigest()


def digests_of(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a column of 32-byte digests as (n, 32) bytes."""
    pieces = [b"".join(chunk.to_pylist()) for chunk in column.chunks]
    return np.frombuffer(b"".join(pieces), dtype=np.uint8).reshape(-1, 32)
