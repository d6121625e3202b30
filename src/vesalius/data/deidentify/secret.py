"""The key that every replacement is made from: the same key gives the same replacements, no key gives no way back."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from vesalius.errors import DataError

__all__ = ["Secret"]

_FORMAT = "vesalius deidentify secret"
_KEY_BYTES = 32
_LONGEST_SHIFT_DAYS = 3650
_OPEN_TO_OTHERS = 0o077


@dataclass(frozen=True)
class Secret:
    """A key of 256 bits and what is derived from it by HMAC-SHA256."""

    key: bytes = field(repr=False)

    @classmethod
    def create(cls, path: str | Path) -> Secret:
        """Draw a new key and store it in a file that only its owner may read.

        Raises:
            DataError: the file is there already; a key is never written over.
        """
        path = Path(path)
        secret = cls(secrets.token_bytes(_KEY_BYTES))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise DataError(f"{path}: there is a file already; a secret is never written over") from None
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"format": _FORMAT, "version": 1, "key": secret.key.hex()}, file)
            file.write("\n")
        return secret

    @classmethod
    def open(cls, path: str | Path) -> Secret:
        """Read a key.

        Raises:
            DataError: no such file, others may read it, or it holds no key.
        """
        path = Path(path)
        try:
            mode = path.stat().st_mode
            document = json.loads(path.read_text(encoding="utf-8"))
            key = bytes.fromhex(document["key"]) if document["format"] == _FORMAT else b""
        except FileNotFoundError:
            raise DataError(f"{path}: no such secret file") from None
        except (ValueError, KeyError, TypeError, OSError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise DataError(f"{path}: not a secret file; expected the JSON that `vesalius deidentify` has written")
        if mode & _OPEN_TO_OTHERS:
            raise DataError(f"{path}: others may read this secret (mode {mode & 0o777:o}); run chmod 600 on it")
        return cls(key)

    def digest(self, kind: str, value: str) -> bytes:
        """Return 32 bytes that stand for a value of a kind; other kinds give other bytes."""
        return hmac.new(
            self.key, kind.encode() + b"\0" + value.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).digest()

    def pseudonym(self, kind: str, value: str, *, prefix: str = "") -> str:
        """Return `prefix` and upper-case hexadecimal digits, 16 characters in all."""
        return (prefix + self.digest(kind, value).hex().upper())[:16]

    def uid(self, value: str) -> str:
        """Return the UID that stands for another: 2.25 and a UUID as a decimal number, PS3.5 B.2."""
        return f"2.25.{uuid.UUID(bytes=self.digest('uid', value)[:16], version=4).int}"

    def number(self, kind: str, value: str, below: int) -> int:
        """Return a whole number from 0 to `below` - 1."""
        return int.from_bytes(self.digest(kind, value)[:8], "big") % below

    def shift_days(self, patient: str, *, whole_weeks: bool = False) -> int:
        """Return the patient's number of days, from -3650 to 3650 and never 0."""
        step = 7 if whole_weeks else 1
        most = _LONGEST_SHIFT_DAYS // step
        drawn = self.number("days", patient, 2 * most)
        return step * (drawn - most if drawn < most else drawn - most + 1)
