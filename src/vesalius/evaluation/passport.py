"""The passport of a score: everything that made the number, under a short name.

Two scores with the same passport were made from the same items, questions, model and settings. The name is
the first twelve hexadecimal digits of the SHA-256 of the canonical JSON, so it is the same on every machine.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from vesalius import __version__
from vesalius.errors import DataError

__all__ = ["Passport", "canonical", "fingerprint", "from_document", "ids_fingerprint", "prompts_of"]

_ID_LENGTH = 12
_LISTED_PROMPTS = 400


@dataclass(frozen=True, kw_only=True)
class Passport:
    """What made a score; each group is plain JSON values."""

    dataset: Mapping[str, Any]
    """name, revision (content hash of the corpus), split, n, n_patients, ids (their hash), texts, images."""
    task: Mapping[str, Any]
    """name, version, protocol and the exact prompts that were embedded."""
    scoring: Mapping[str, Any]
    """Version of the metrics, interval, unit of resampling, resamples."""
    model: Mapping[str, Any]
    """Kind, architecture, hash of the weights, pooling, decoding."""
    preprocessing: Mapping[str, Any]
    """What is done to pixels and words before the model sees them."""
    control: str = ""
    """Name of the control, or empty for the model itself."""
    seed: int = 0
    """Seed of draws inside the task, of the shuffle and of random weights."""
    resampling_seed: int = 0
    """Seed of the bootstrap."""
    code: Mapping[str, str] = field(default_factory=lambda: {"vesalius": __version__})
    command: str = ""

    @cached_property
    def id(self) -> str:
        """Short name of this passport."""
        return fingerprint(asdict(self))

    def document(self) -> dict[str, Any]:
        """Return the passport as plain JSON values."""
        plain: dict[str, Any] = json.loads(canonical(asdict(self)))
        return plain


def from_document(document: Mapping[str, Any], *, where: str) -> Passport:
    """Read a passport from its JSON form.

    Raises:
        DataError: a group is missing or unknown.
    """
    try:
        return Passport(**document)
    except TypeError as error:
        raise DataError(f"{where}: not a passport that this version can read ({error})") from None


def canonical(value: Any) -> str:
    """Return JSON that is the same for equal values: sorted keys, no spaces, infinite numbers as text."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def fingerprint(value: Any, *, length: int = _ID_LENGTH) -> str:
    """Return the first hexadecimal digits of the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def ids_fingerprint(ids: Iterable[str]) -> str:
    """Return a hash of a set of item ids; their order does not matter."""
    return fingerprint(sorted(ids))


def prompts_of(texts: Sequence[str]) -> dict[str, Any]:
    """Return what a passport says of the prompts: number, hash, and the words themselves unless very many.

    A repeated prompt is counted once; the order is that of first use.
    """
    unique = list(dict.fromkeys(texts))
    listed = unique if len(unique) <= _LISTED_PROMPTS else []
    return {"count": len(unique), "sha256": fingerprint(unique, length=64), "texts": listed}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if hasattr(value, "item"):
        return _plain(value.item())
    return str(value)
