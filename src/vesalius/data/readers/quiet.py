"""Silence of decoders: their warnings may quote a patient's values. What matters comes back as an error."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]

_LOGGERS = [
    logging.getLogger(name)
    for name in ("pydicom", "openjpeg", "pylibjpeg", "tifffile", "nibabel", "PIL", "highdicom")
]
_NOWHERE = logging.NullHandler()


class _Silence:
    """Silence shared by threads: the first to enter makes it, the last to leave ends it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._saved: warnings.catch_warnings[None] | None = None

    def enter(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.simplefilter("ignore")
                for logger in _LOGGERS:
                    logger.addHandler(_NOWHERE)
                    logger.propagate = False
            self._depth += 1

    def leave(self) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._saved is not None:
                self._saved.__exit__(None, None, None)
                for logger in _LOGGERS:
                    logger.removeHandler(_NOWHERE)
                    logger.propagate = True


_SILENCE = _Silence()


@contextmanager
def quiet() -> Iterator[None]:
    """Drop warnings and log lines of the decoders inside the block; safe among threads."""
    _SILENCE.enter()
    try:
        yield
    finally:
        _SILENCE.leave()
