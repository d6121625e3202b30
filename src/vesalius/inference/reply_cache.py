"""Replies kept on disk under a digest of all that was sent, so that nothing is asked or paid twice."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from vesalius.errors import ConfigError
from vesalius.inference.requests import Reply

__all__ = ["ReplyCache"]

_FORM = "1"
"""Counts up when what is made of an answer changes."""


class ReplyCache:
    """One file a reply, written whole and then moved into place: any number of processes may share a folder.

    The files hold what the model said of records: the folder is made readable by its owner alone. Failures are never
    kept. Whether a request may be kept at all is for the caller to say: an answer drawn by chance must not be.
    """

    def __init__(self, folder: Path) -> None:
        """Hold the folder, made where it is not there.

        Raises:
            ConfigError: it cannot be made or is a file.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cache={folder}: {error.strerror}; name a folder that can be written") from None
        self._folder = folder

    @staticmethod
    def key(address: str, body: bytes, *, read_as: str) -> str:
        """Return SHA-256 of address, body as sent (model, messages, pixels, decoding) and how the answer is read."""
        digest = hashlib.sha256()
        for part in (_FORM.encode(), address.encode(), read_as.encode(), body):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def get(self, key: str, *, request: str) -> Reply | None:
        """Return what is kept, as the reply to the request of this id; None where nothing can be read."""
        try:
            document = json.loads(self._path(key).read_bytes())
            return replace(Reply.of(document), id=request, cached=True)
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; a failure is not kept."""
        if reply.finish == "error":
            return
        path = self._path(key)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        content = json.dumps(replace(reply, id="").document(), ensure_ascii=False).encode()
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        os.replace(file.name, path)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"
